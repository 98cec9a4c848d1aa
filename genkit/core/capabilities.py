"""What a family can do beyond training and drawing: abstract interfaces, written against by everything else.

A family inherits the capabilities that it implements.  What holds for an instance may be narrower (a VAE
whose likelihood does not fit the data has no bound to offer): `GenerativeModule.capabilities()` says so.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor

from genkit.core.batch import Batch
from genkit.core.noise import Noise
from genkit.core.observation import Observation
from genkit.core.options import Options
from genkit.system.errors import ConfigError


@dataclass(frozen=True)
class LikelihoodKind:
    """What a log-likelihood is worth, and of what.

    Attributes:
        kind: "exact", "bound" (a lower one), "estimate", or "none" on this data.
        note: why, in a few words.
        of: "probability" (of the levels or tokens themselves, so that no example has more than 0 nats) or
            "density" (of points in a continuum, whose value depends on the unit of length).  Numbers of the
            two never stand in one column, and neither stands beside what is "unsaid".
        fixed: whether a bound is one number, which no importance samples make tighter.

    Raises:
        ValueError: another kind, or of something else.
    """

    kind: Literal["exact", "bound", "estimate", "none"]
    note: str = ""
    of: Literal["probability", "density", "unsaid"] = "unsaid"
    fixed: bool = False

    def __post_init__(self) -> None:
        if self.kind not in ("exact", "bound", "estimate", "none"):
            raise ValueError(f"a likelihood is exact, a bound, an estimate or none, not {self.kind!r}")
        if self.of not in ("probability", "density", "unsaid"):
            raise ValueError(f"a likelihood is of a probability or a density, or unsaid, not {self.of!r}")

    @property
    def absent(self) -> bool:
        """Whether there is no likelihood of this data."""
        return self.kind == "none"

    @property
    def final(self) -> bool:
        """Whether more importance samples make nothing tighter, the number being what it is."""
        return self.kind == "exact" or self.fixed

    @property
    def tightens(self) -> bool:
        """Whether more importance samples bring the number nearer to the likelihood."""
        return self.kind == "bound" and not self.fixed

    @property
    def certain_at_zero(self) -> bool:
        """Whether no example can have more than 0 nats, so that a uniform model is a ceiling."""
        return self.of == "probability"

    def __str__(self) -> str:
        return f"{self.kind} ({self.note})" if self.note else self.kind


class Likelihood(ABC):
    """Scores given examples."""

    @abstractmethod
    def likelihood_kind(self) -> LikelihoodKind:
        """Whether `log_likelihood` is exact, a lower bound, an estimate, or none on this data."""

    @abstractmethod
    def log_likelihood(self, batch: Batch, noise: Noise, *, importance_samples: int = 1) -> Tensor:
        """Natural log-likelihood of each whole example (nats), (B,).

        Args:
            importance_samples: where the number is a bound, more of them make it tighter.
        """


class TokenLikelihood(ABC):
    """Scores each token of a sequence given those before it."""

    @property
    @abstractmethod
    def context(self) -> int:
        """Tokens that it reads at most."""

    @abstractmethod
    def token_log_likelihood(self, tokens: Tensor, segments: Tensor | None = None) -> Tensor:
        """Natural log-probability of every token but the first, (B, T) of int64 (B, T + 1).

        T is at most `context`.  -1 stands beyond the end of a row, and its log-probability is 0.

        Args:
            segments: of which of several examples each input is, (B, T), as `genkit.core.batch.Packing` has
                it; given for data whose examples are kept apart alone.
        """

    def token_chances(self, batch: Batch) -> Tensor:
        """The probability of each token of whole arrays given those before it and the label, (B, T, V).

        Raises:
            ConfigError: this network has no such thing.
        """
        raise ConfigError(f"{type(self).__name__} says no chance of tokens but those that come")

    def token_features(self, tokens: Tensor) -> Tensor:
        """What the network makes of each token and those before it, (B, T, D) of int64 (B, T).

        Raises:
            ConfigError: this network has no such thing.
        """
        raise ConfigError(f"{type(self).__name__} has no features of tokens; leave featuriser=own out.")


class LatentSpace(ABC):
    """Draws by decoding a latent vector with a known prior."""

    latent_size: int

    @abstractmethod
    def prior(self, noise: Noise) -> Tensor:
        """Latents from the prior, one a noise row, (B, latent_size)."""

    @abstractmethod
    def decode(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents (B, latent_size) to data space, floats in [0, 1], (B, C, *sizes).

        Args:
            labels: int64 (B,), of a model that is conditional on them.
        """


class Encoder(ABC):
    """Maps data to its place in a latent space, whether or not that has a known prior."""

    latent_size: int

    @abstractmethod
    def encode(self, data: Tensor, labels: Tensor | None = None) -> Tensor:
        """Data (B, C, *sizes) in [0, 1] to the mean of its latent distribution, (B, latent_size)."""


class Reconstruction(ABC):
    """Passes data through the model and back."""

    @abstractmethod
    def reconstruct(self, data: Tensor, labels: Tensor | None = None) -> Tensor:
        """Data (B, C, *sizes) in [0, 1] to its reconstruction, same shape and range."""


class Tokenizer(ABC):
    """Examples as a few codes each, and back; a run of one can be the codec of others' data.

    Attributes:
        grid: codes along each axis of the data.
        codes: how many different ones there are, 0 … codes - 1.
    """

    grid: tuple[int, ...]
    codes: int

    @abstractmethod
    def tokenize(self, data: Tensor) -> Tensor:
        """Data (B, C, *sizes) in [0, 1] to its codes, int64 (B, *grid)."""

    @abstractmethod
    def detokenize(self, codes: Tensor) -> Tensor:
        """Codes int64 (B, *grid) to data space, floats in [0, 1], (B, C, *sizes): the mean of p(x | codes)
        where the decoder is a probability."""

    @abstractmethod
    def coded_kind(self) -> LikelihoodKind:
        """What p(x | codes) is: "exact" where the decoder is a probability of the data's levels, else "none",
        with the reason."""

    def coded_log_likelihood(self, data: Tensor, codes: Tensor) -> Tensor:
        """log p(x | codes) of each example (nats), (B,).

        Args:
            data: (B, C, *sizes) in [0, 1].
            codes: int64 (B, *grid).

        Raises:
            ConfigError: the decoder is no probability.
        """
        raise ConfigError(f"{type(self).__name__} has no probability of data given codes")


class Completion(ABC):
    """Draws examples that agree with an observation, from the model's own distribution.

    (A family with a latent space needs no method for it: `genkit.inference.verbs` finds latents that explain
    what is known.)
    """

    @abstractmethod
    def refusal(self, observation: Observation) -> str | None:
        """Why observations of this kind cannot be answered; None where they can."""

    @abstractmethod
    def complete(
        self, observation: Observation, measured: Tensor, labels: Tensor | None, noise: Noise
    ) -> Tensor:
        """One example (B, C, *sizes) in [0, 1] for each row, drawn from p(example | measured).

        Args:
            labels: int64 (B,), of a model that is conditional on them; of one that reads captions, their ids
                (B, L).
        """


class Conditional(ABC):
    """Draws given something: a prompt, a label.

    Attributes:
        by: the options of sampling that say what is given; an instance without them is not conditional.
    """

    by: ClassVar[tuple[str, ...]] = ("prompt", "label")

    @abstractmethod
    def conditions(self, options: Options) -> Sequence[Any]:
        """The conditions that these sampling options ask for; each gets n samples.

        Raises:
            ConfigError: a condition that this instance cannot take.
        """

    def captions(self, condition: Sequence[Any], noise: Noise) -> Sequence[str]:
        """What each row that is drawn from this noise is asked to be, in a word or two; () where there is
        nothing to be said."""
        return ()


CAPABILITIES: tuple[type, ...] = (
    Likelihood,
    TokenLikelihood,
    LatentSpace,
    Encoder,
    Reconstruction,
    Tokenizer,
    Completion,
    Conditional,
)
