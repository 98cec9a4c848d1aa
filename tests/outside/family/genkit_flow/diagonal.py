"""Independent Gaussian entries: x = mean + scale · z, the simplest normalising flow there is.

It shows what a family is: what it optimises, how it scores and how it draws, what is wrong with a training of
it, and what it can do beyond (a likelihood).

Legend: B batch, D numbers of an example.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from genkit.core.batch import Batch
from genkit.core.capabilities import Likelihood, LikelihoodKind
from genkit.core.module import GenerativeModule
from genkit.core.noise import Noise
from genkit.core.options import Options
from genkit.core.phase import LossTerms, Phase, StepNoise
from genkit.core.rule import WARNING, Rule
from genkit.core.spec import ArraySpec


class Diagonal(GenerativeModule[ArraySpec], Likelihood):
    """Each entry has a mean and a standard deviation.

    Args:
        spec: of the arrays.
        min_scale: the least standard deviation.
    """

    units = {"nll": "nats"}
    rules = (
        Rule(
            code="scales_at_floor",
            severity=WARNING,
            measure="at_floor",
            above=0.5,
            advice="Most entries are as narrow as model.min_scale lets them be: lower it.",
        ),
    )

    def __init__(self, spec: ArraySpec, *, min_scale: float = 0.01) -> None:
        super().__init__(spec)
        self.min_scale = min_scale
        self.flow = nn.ParameterDict({"mean": torch.zeros(spec.size), "raw_scale": torch.zeros(spec.size)})

    @property
    def scale(self) -> Tensor:
        """(D,)."""
        return nn.functional.softplus(self.flow["raw_scale"]) + self.min_scale

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("likelihood", (self.flow,), self._loss, ema=True),)

    def _loss(self, batch: Batch, noise: StepNoise) -> LossTerms:
        nll = self.score_batch(batch, noise)["nll"].mean()
        return LossTerms(nll, {"nll": nll.detach()})

    def score_batch(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """-log p(x) = Σ z²/2 + log(2π)/2 + log scale, in nats."""
        z = (batch.data.flatten(1) - self.flow["mean"]) / self.scale  # (B, D)
        return {"nll": (0.5 * z.square() + 0.5 * math.log(2 * math.pi) + self.scale.log()).sum(1)}

    def draw(self, noise: Noise, condition: Sequence[None], options: Options) -> Tensor:
        x = self.flow["mean"] + self.scale * noise.normal("entries", self.spec.size)
        return x.clamp(0, 1).view(-1, *self.spec.shape)

    def likelihood_kind(self) -> LikelihoodKind:
        return LikelihoodKind("exact", of="density")

    def log_likelihood(self, batch: Batch, noise: Noise, *, importance_samples: int = 1) -> Tensor:
        return -self.score_batch(batch, noise)["nll"]

    def health(self, batch: Batch, noise: Noise) -> dict[str, float | list[float]]:
        """The share of entries whose scale is within a tenth of the least."""
        return {"at_floor": float((self.scale < 1.1 * self.min_scale).float().mean())}
