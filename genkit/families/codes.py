"""Codes: a convolutional autoencoder whose latent is a grid of codes (van den Oord et al. 2017, VQ-VAE).

An encoder puts a vector at each place of a small grid, a quantiser makes it one of K codes, a decoder makes
the example of them.  A run of it is a codec: `model=gpt data.codec=RUN` learns which codes follow which.  The
loss is -log p(x | codes), or a distance where nobody asks for probabilities.

Legend: B batch, C channels, S… sizes of the axes, G… sizes of the grid, d coordinates at a place, K codes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from genkit.core.batch import Batch
from genkit.core.capabilities import Encoder, LikelihoodKind, Reconstruction, Tokenizer
from genkit.core.module import GenerativeModule
from genkit.core.noise import Noise
from genkit.core.options import Options
from genkit.core.phase import LossTerms, Phase, StepNoise
from genkit.core.rule import ERROR, WARNING, Rule
from genkit.core.spec import ArraySpec
from genkit.nn.adversarial import GAMES
from genkit.nn.axes import SizeError
from genkit.nn.companding import WAVEFORMS, centred
from genkit.nn.grids import grid_pair, strides
from genkit.nn.likelihoods import LIKELIHOODS, EntryLikelihood
from genkit.nn.patch_discriminator import PatchDiscriminator, balance
from genkit.nn.precision import widened
from genkit.nn.quantisers import Codebook, Coded, CodeUse, FiniteScalars, Quantised, Quantiser, perplexity
from genkit.nn.random_features import RandomFeatures
from genkit.nn.spectra import spectral_distance
from genkit.system.errors import ConfigError

MOST_LEVELS = 256  # of which each has a number of its own; more would fill the memory
MOST_CODES = 65_536
GAME = GAMES["hinge"]


class Codes(GenerativeModule[ArraySpec], Encoder, Reconstruction, Tokenizer):
    """One phase, the autoencoder's, and before it that of a discriminator of patches, where one is asked for
    (Esser et al. 2021, VQGAN).

    Args:
        spec: of the arrays.
        stride: places of the data along an axis that share one code, powers of two; one for all axes or one
            for each; None: see `genkit.nn.grids.strides`.
        quantiser: "fsq" or "vq", see `genkit.nn.quantisers`.
        code_levels: of each coordinate of "fsq".
        codes, code_size, commitment, decay, dead: of "vq": K, d, the weight of the commitment in the loss,
            and how the codebook follows.
        width, depth: of the networks, see `genkit.nn.grids.grid_pair`.
        reconstruction: "likelihood" of the data's levels, or "l1".
        likelihood: "bernoulli", "categorical" or "discretised_logistic".
        spectral_weight: with "l1", of the distance of sounds by spectra at several resolutions.
        feature_weight: with "l1", of the distance of pictures by features, see `genkit.nn.random_features`.
        adversarial: the gradient of the discriminator's opinion as a share of that of the reconstruction,
            where they meet; 0: there is no discriminator.
        adversarial_after: steps before the codec listens to it; it learns from the first on.
        discriminator_width: channels next to the data.
    """

    units = {
        "reconstruction": "nats",
        "absolute_error": "of the range",
        "squared_error": "of the range, squared",
        "spectral": "distance",
        "features": "distance",
    }

    samples_note = (
        "codes were drawn each by itself, as often as the data has them, and make no whole: for samples train"
        " model=gpt data.codec=RUN on them"
    )

    def __init__(
        self,
        spec: ArraySpec,
        *,
        stride: int | Sequence[int] | None = None,
        quantiser: str = "fsq",
        code_levels: Sequence[int] = (8, 5, 5, 5),
        codes: int = 512,
        code_size: int = 32,
        commitment: float = 0.25,
        decay: float = 0.99,
        dead: float = 0.05,
        width: int = 32,
        depth: int = 2,
        reconstruction: str = "likelihood",
        likelihood: str = "discretised_logistic",
        spectral_weight: float = 0.0,
        feature_weight: float = 0.0,
        adversarial: float = 0.0,
        adversarial_after: int = 0,
        discriminator_width: int = 32,
    ) -> None:
        super().__init__(spec)
        self.likelihood: EntryLikelihood | None = None
        if reconstruction == "likelihood":
            if spec.levels > MOST_LEVELS and likelihood != "discretised_logistic":
                raise ConfigError(
                    f"model.likelihood={likelihood} is of {MOST_LEVELS} levels at most, and {spec.said()}"
                    f" have {spec.levels}: set model.likelihood=discretised_logistic, or data.view=mu_law."
                )
            self.likelihood = LIKELIHOODS[likelihood](spec.levels)
        if spectral_weight and self._waveform is None:
            raise ConfigError(
                f"model.spectral_weight={spectral_weight:g} compares sounds over time, and the model reads"
                f" {spec.said()}: set data.view=waveform or mu_law of sounds, or model.spectral_weight=0."
            )
        if feature_weight and len(spec.sizes) != 2:
            raise ConfigError(
                f"model.feature_weight={feature_weight:g} compares pictures, and the model reads"
                f" {spec.said()}: leave it out."
            )
        self.spectral_weight, self.feature_weight = spectral_weight, feature_weight
        self.features = RandomFeatures(spec.channels) if feature_weight else None
        chosen = () if stride is None else (stride,) if isinstance(stride, int) else tuple(stride)
        try:
            factors = strides(spec.sizes, chosen)
        except SizeError as error:
            raise ConfigError(f"model.stride={stride} {error}: leave it out, or give another.") from error
        self.grid = tuple(size // factor for size, factor in zip(spec.sizes, factors, strict=True))
        if quantiser == "fsq" and (count := prod(code_levels)) > MOST_CODES:
            raise ConfigError(
                f"model.code_levels={list(code_levels)} are {count:,} codes: give {MOST_CODES:,} at most."
            )
        self.quantiser: Quantiser = (
            FiniteScalars(code_levels) if quantiser == "fsq" else Codebook(codes, code_size, decay, dead)
        )
        self.commitment = commitment
        self.codes, self.latent_size = self.quantiser.codes, self.quantiser.width * prod(self.grid)
        outputs = spec.channels * (1 if self.likelihood is None else self.likelihood.outputs)
        self.encoder, self.decoder = grid_pair(
            spec.channels, outputs, factors, self.quantiser.width, width, depth
        )
        self.use = CodeUse(self.codes)
        self.adversarial, self.adversarial_after = adversarial, adversarial_after
        self.discriminator = (
            PatchDiscriminator(spec.channels, spec.sizes, discriminator_width) if adversarial else None
        )

    # ------------------------------------------------------------------ training

    def phases(self) -> tuple[Phase, ...]:
        parts = [self.encoder, self.quantiser, self.decoder, self.use]
        if self.likelihood is not None:
            parts.append(self.likelihood)
        codec = Phase("codec", tuple(parts), self._codec_loss, ema=True)
        if self.discriminator is None:
            return (codec,)
        return Phase("discriminator", (self.discriminator,), self._discriminator_loss), codec

    def schedules(self) -> dict[str, int]:
        return {"model.adversarial_after": self.adversarial_after if self.discriminator else 0}

    def _discriminator_loss(self, batch: Batch, noise: StepNoise) -> LossTerms:
        assert self.discriminator is not None
        made = self._unit(self._coded(batch, noise).output).detach()
        real, fake = self.discriminator(centred(batch.data)), self.discriminator(centred(made))
        terms = {"loss": GAME.discriminator(real, fake), "real": real.mean(), "fake": fake.mean()}
        if (accuracy := GAME.accuracy(real, fake)) is not None:
            terms["accuracy"] = accuracy
        return LossTerms(terms["loss"], {name: value.detach() for name, value in terms.items()})

    def _codec_loss(self, batch: Batch, noise: StepNoise) -> LossTerms:
        vectors, found, output = self._coded(batch, noise)
        terms = self._terms(output, batch.data)
        # Of an entry each, so that the weights of what stands beside mean the same for any size.
        cost = terms["reconstruction"] / self.spec.size if self.likelihood else terms["absolute_error"]
        if self.spectral_weight:
            cost = cost + self.spectral_weight * terms["spectral"]
        if self.features is not None:
            cost = cost + self.feature_weight * terms["features"]
        total = cost
        if self.discriminator is not None:
            terms["adversarial"] = -self.discriminator(centred(self._unit(output))).mean(1)
            if noise.step >= self.adversarial_after:
                weight = balance(cost, terms["adversarial"], output, self.adversarial)
                total = total + weight * terms["adversarial"]
        if isinstance(self.quantiser, Codebook):
            terms["commitment"] = found.commitment
            total = total.mean() + self.commitment * found.commitment.mean()
        self._follow(found, vectors.detach(), batch, noise)
        return LossTerms(total.mean(), {name: value.detach().mean() for name, value in terms.items()})

    def _coded(self, batch: Batch, noise: StepNoise) -> Coded:
        """A batch through the codec, once for both players: neither has moved it in between."""

        def make() -> Coded:
            vectors = self._vectors(batch.data)
            found = self.quantiser(vectors)
            return Coded(vectors, found, self.decoder(self._placed(found.vectors, len(batch))))

        return noise.once("coded", make)

    def _vectors(self, data: Tensor) -> Tensor:
        """What the encoder says at each place, (B · places, d)."""
        vectors: Tensor = self.encoder(centred(data))  # (B, d, G…)
        return widened(vectors.movedim(1, -1).flatten(0, -2))

    def _placed(self, vectors: Tensor, count: int) -> Tensor:
        """Vectors (B · places, d) as the decoder takes them, (B, d, G…)."""
        return vectors.view(count, *self.grid, -1).movedim(-1, 1)

    def _unit(self, output: Tensor) -> Tensor:
        """What the decoder puts out as data, the mean of p(x | codes) where it is one."""
        return self.likelihood.mean(widened(output)) if self.likelihood else widened(output) + 0.5

    def _terms(self, output: Tensor, data: Tensor) -> dict[str, Tensor]:
        """How far what is decoded is from the data, (B,) each."""
        made = self._unit(output)
        apart = (made - data).flatten(1)
        terms = {"absolute_error": apart.abs().mean(1), "squared_error": apart.square().mean(1)}
        if self.likelihood:
            terms = {"reconstruction": self.likelihood.nll(output, data), **terms}
        if self.spectral_weight:
            waveform = self._waveform
            assert waveform is not None
            heard, truth = (waveform(unit, self.spec.levels) for unit in (made, data))
            terms["spectral"] = spectral_distance(heard, truth)
        if self.features is not None:
            terms["features"] = self.features.distance(made, data)
        return terms

    @property
    def _waveform(self) -> Callable[[Tensor, int], Tensor] | None:
        """What makes samples from -1 to 1 of floats in [0, 1]; None of what is no sound over time."""
        stands = self.spec.representation
        return WAVEFORMS.get(stands.name if stands else "") if self.spec.names == ("time",) else None

    def _follow(self, found: Quantised, vectors: Tensor, batch: Batch, noise: StepNoise) -> None:
        """Count the codes, and let a codebook follow what it stood for; the same however the global batch is
        cut into processes and micro-batches."""
        if not self.training:
            return
        counts = found.codes.new_zeros(self.codes).scatter_add_(0, found.codes, torch.ones_like(found.codes))
        if dist.is_initialized():
            dist.all_reduce(counts)
        first, last = noise.ends(batch)
        if first and self.plan.epoch_steps and noise.step % self.plan.epoch_steps == 0:
            self.use.turn()
        self.use.add(counts)
        if not isinstance(codebook := self.quantiser, Codebook):
            return
        places = prod(self.grid)
        share = noise.of_batch().uniform("restarts", self.codes)[0].double()  # (K,)
        drawn = (share * noise.global_size * places).long()  # of all vectors of the global batch

        def said(piece: Batch, vectors: Tensor, codes: Tensor) -> Tensor:
            return codebook.statistics(vectors, codes, drawn - piece.rows.start * places)

        def of(piece: Batch) -> Tensor:
            vectors = self._vectors(piece.data)
            return said(piece, vectors, codebook(vectors).codes)

        statistics = noise.batch_sum("codebook", said(batch, vectors, found.codes), of)
        if last:  # not before: all pieces are of one update, and see one codebook
            codebook.follow(statistics)

    # ------------------------------------------------------------------ scores

    def score_batch(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """How far each example is from what its codes say."""
        found = self.quantiser(self._vectors(batch.data))
        output = self.decoder(self._placed(found.vectors, len(batch)))
        return self._terms(output, batch.data)

    rules = (
        Rule(
            code="codes_collapsed",
            severity=ERROR,
            measure="perplexity_share",
            below=0.05,
            advice="Hardly any code carries the data: set model.quantiser=fsq, or fewer model.codes and lower"
            " optim.lr.",
        ),
        Rule(
            code="dead_codes",
            severity=WARNING,
            measure="codes_used",
            below=0.5,
            advice="More than half of the codes were not used in an epoch: set model.quantiser=fsq, raise"
            " model.dead, or have fewer (model.code_levels, model.codes).",
            said_by=("codes_collapsed",),
        ),
        Rule(
            code="discriminator_saturated",
            severity=WARNING,
            measure="discriminator/accuracy",
            above=0.995,
            advice="The discriminator is always right, so the codec learns nothing from it: lower"
            " optim.discriminator.lr, model.discriminator_width or model.adversarial.",
            patience=3,
            after=0.4,
        ),
    )

    def health(self, batch: Batch, noise: Noise) -> dict[str, float | list[float]]:
        """How many of the codes the training examples used, over the last epoch that is whole."""
        evenly = float(perplexity(self.use.shares()))
        used = float((self.use.counts > 0).double().mean())
        return {"codes_used": used, "perplexity": evenly, "perplexity_share": evenly / self.codes}

    # ------------------------------------------------------------------ codes

    def tokenize(self, data: Tensor) -> Tensor:
        return self.quantiser(self._vectors(data)).codes.view(len(data), *self.grid)

    def detokenize(self, codes: Tensor) -> Tensor:
        return self._unit(self._decoded(codes)).clamp(0, 1)

    def _decoded(self, codes: Tensor) -> Tensor:
        output: Tensor = self.decoder(self.quantiser.vectors(codes).movedim(-1, 1))
        return output

    def coded_kind(self) -> LikelihoodKind:
        if self.likelihood is None:
            return LikelihoodKind("none", "the decoder was trained by a distance and is no probability")
        if not self.likelihood.discrete:
            return LikelihoodKind("none", f"a cross-entropy on data of {self.spec.levels} levels")
        return LikelihoodKind("exact", "p(x | codes)", of="probability")

    def coded_log_likelihood(self, data: Tensor, codes: Tensor) -> Tensor:
        if self.likelihood is None:
            return super().coded_log_likelihood(data, codes)
        return -self.likelihood.nll(self._decoded(codes), data)

    def encode(self, data: Tensor, labels: Tensor | None = None) -> Tensor:
        """What the decoder reads, (B, places · d): the vectors of the codes."""
        return self.quantiser(self._vectors(data)).vectors.view(len(data), -1)

    def reconstruct(self, data: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.detokenize(self.tokenize(data))

    def draw(self, noise: Noise, condition: Sequence[Any], options: Options) -> Tensor:
        """Codes drawn at each place by itself, as often as the training data used them: no picture comes of
        that, it shows what single codes look like.  What follows what is learned by `model=gpt
        data.codec=RUN`."""
        shares = self.use.shares().cumsum(0)
        drawn = noise.uniform("codes", *self.grid).double() * shares[-1]
        codes = torch.searchsorted(shares, drawn, right=True).clamp(max=self.codes - 1)
        return self.detokenize(codes)
