"""VAE: a latent-variable model trained by amortised variational inference (Kingma and Welling 2014).

p(x) = ∫ p(x|z) N(z; 0, I) dz is bounded from below by the ELBO, E_q(z|x)[log p(x|z)] - KL(q(z|x) || p(z)),
with a Gaussian q whose mean and variance an encoder computes, and more tightly by the importance-weighted
bound of IWAE, E log 1/k Σ p(x, z_i) / q(z_i|x) (Burda et al. 2016; `genkit.nn.importance`).

Legend: B batch, C channels, S… sizes of the axes, L latent size, k importance samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from genkit.core.batch import Batch
from genkit.core.capabilities import (
    Encoder,
    LatentSpace,
    Likelihood,
    LikelihoodKind,
    Reconstruction,
)
from genkit.core.labelled import Labelled
from genkit.core.noise import Noise
from genkit.core.options import LABEL, Option, Options
from genkit.core.phase import LossTerms, Phase, StepNoise
from genkit.core.rule import ERROR, WARNING, Rule
from genkit.core.spec import ArraySpec
from genkit.nn.autoencoder import PAIRS, Maker
from genkit.nn.axes import SizeError
from genkit.nn.companding import WAVEFORMS
from genkit.nn.depth import Depth, levels
from genkit.nn.importance import gaussian_log_weights, importance_bound
from genkit.nn.likelihoods import LIKELIHOODS, gaussian_kl
from genkit.nn.passage import Passage, moments, tiled
from genkit.nn.picture_paths import seen_blurred
from genkit.nn.precision import widened
from genkit.nn.resnet_autoencoder import ResnetDecoder, resnet_pair
from genkit.nn.spectra import spectral_distance
from genkit.system.errors import ConfigError

TEMPERATURE = Option("temperature", "float", 1.0, "standard deviation of the latents drawn", low=0, high=100)
PIXELS = Option(
    "pixels",
    "text",
    "mean",
    "mean: the mean of p(x|z); drawn: pixels drawn from it",
    choices=("mean", "drawn"),
)
ACTIVE = 0.01  # variance of a latent's posterior mean over the data, above which it is in use
MOST_LEVELS = 256  # of which each has a number of its own; more would fill the memory
AT_ONCE = 16  # importance samples in memory


class VAE(Labelled[ArraySpec], Likelihood, LatentSpace, Encoder, Reconstruction):
    """Gaussian posterior, standard normal prior, a likelihood of choice.

    Args:
        spec: of the arrays.
        network: "mlp" (one hidden layer each way), "conv", "residual" or "moving" (sides of images divisible
            by 4; over a single axis with long kernels, see `genkit.nn.autoencoder.divisions`), "resnet" (any
            sizes, see `genkit.nn.resnet_autoencoder`).
        latent_size: L; of "resnet" those of the whole, beside which there may be some at places.
        hidden: width of the hidden layer.
        width: channels of the first convolution (not of "mlp" and "resnet").
        channels, blocks, smallest, attention, places: of "resnet", see `Depth` there.
        blurred: of "moving", training steps over which the picture is at all places with their shares; in all
            else it is at the likeliest alone.
        likelihood: "bernoulli", "categorical", "discretised_logistic" or "gaussian".
        beta: weight of the KL divergence in the loss (Higgins et al. 2017).
        beta_warmup: steps over which the weight rises from 0.
        free_bits: nats that each latent may cost for nothing, on average over the batch (Kingma et al. 2016).
        importance_samples: k of the training objective; 1 is the ELBO with its analytic divergence.
        spectral_weight: nats that each sample of a sound costs in the loss for a distance of 1 between the
            spectra of the decoder's mean and of the data, at several resolutions.
        conditional: on the labels of the data.
    """

    options: tuple[Option, ...] = (TEMPERATURE, PIXELS, LABEL)
    units = {"neg_elbo": "nats", "reconstruction": "nats", "kl": "nats", "spectral": "distance"}
    remedies = {"collapsed": "lower model.beta", "classes_collapsed": "lower model.beta"}

    def __init__(
        self,
        spec: ArraySpec,
        *,
        network: str = "conv",
        latent_size: int = 20,
        hidden: int = 400,
        width: int = 32,
        channels: Sequence[int] = (32, 64, 128),
        blocks: Sequence[int] = (1,),
        smallest: int = 4,
        attention: bool = True,
        places: Sequence[int] = (),
        blurred: int = 0,
        likelihood: str = "bernoulli",
        beta: float = 1.0,
        beta_warmup: int = 0,
        free_bits: float = 0.0,
        importance_samples: int = 1,
        spectral_weight: float = 0.0,
        conditional: bool = False,
    ) -> None:
        super().__init__(spec, conditional=conditional)
        if spec.levels > MOST_LEVELS and likelihood in ("bernoulli", "categorical"):
            raise ConfigError(
                f"model.likelihood={likelihood} is of {MOST_LEVELS} levels at most, and {spec.said()} have"
                f" {spec.levels}: set model.likelihood=discretised_logistic, or data.view=mu_law."
            )
        if spectral_weight and self._waveform is None:
            raise ConfigError(
                f"model.spectral_weight={spectral_weight:g} compares sounds over time, and the model reads"
                f" {spec.said()}: set data.view=waveform or mu_law of sounds, or model.spectral_weight=0."
            )
        self.spectral_weight = spectral_weight
        self.importance_samples = importance_samples
        self.blurred = blurred
        self.beta, self.beta_warmup, self.free_bits = beta, beta_warmup, free_bits
        self.likelihood = LIKELIHOODS[likelihood](spec.levels)
        outputs = self.likelihood.outputs
        depth = Depth(tuple(channels), tuple(blocks), smallest, attention, tuple(places))
        if len(places) > (most := len(levels(spec.sizes, depth))):
            raise ConfigError(
                f"model.places={list(places)} are of {len(places)} sizes, and {spec.said()} have {most} in"
                f" the network: give no more."
            )
        pair: Maker = partial(resnet_pair, depth=depth) if network == "resnet" else PAIRS[network]
        try:
            self.encoder, self.decoder = pair(spec.shape, outputs, latent_size, hidden, width, self.classes)
        except SizeError as error:
            knob = spec.medium.sized_along(error.axis)
            size = f"{knob} to a multiple of 4, or " if knob else ""
            raise ConfigError(f"model.network={network} {error}: set {size}model.network=mlp.") from error
        self.latent_size = latent_size
        if isinstance(self.decoder, ResnetDecoder):
            self.latent_size = sum(self.decoder.latents)

    # ------------------------------------------------------------------ training

    def phases(self) -> tuple[Phase, ...]:
        modules = (self.encoder, self.decoder, self.likelihood)
        return (Phase("elbo", modules, self._loss, ema=True),)

    def _loss(self, batch: Batch, noise: StepNoise) -> LossTerms:
        with seen_blurred((self.encoder, self.decoder), noise.step < self.blurred):
            return self._objective(batch, noise)

    def _objective(self, batch: Batch, noise: StepNoise) -> LossTerms:
        if self.importance_samples > 1:
            bound = self._importance_bound(batch, noise, self.importance_samples).mean()
            return LossTerms(-bound, {"neg_bound": -bound.detach()})
        output, reconstruction, kl = self._elbo_parts(batch, noise)  # (B, …), (B,), (B, L)
        weight = self.beta * min(1.0, (noise.step + 1) / (self.beta_warmup + 1))
        distortion, rate = reconstruction.mean(), kl.sum(1).mean()
        cost = self._free(kl, noise) if self.free_bits else rate
        total = distortion + (cost if weight == 1 else weight * cost)
        terms = {"neg_elbo": distortion.detach() + rate.detach(), "reconstruction": distortion, "kl": rate}
        if self.spectral_weight:
            terms["spectral"] = self._spectral(output, batch).mean()
            total = total + self.spectral_weight * self.spec.size * terms["spectral"]
        return LossTerms(total, {name: value.detach() for name, value in terms.items()})

    def _free(self, kl: Tensor, noise: StepNoise) -> Tensor:
        """Σ_l max(λ, mean KL of latent l over the global batch) (Kingma et al. 2016, equation 15)."""

        def costs(piece: Batch) -> Tensor:
            rows = Noise(noise.seed, piece.rows, purpose=noise.purpose, step=noise.step, device=noise.device)
            return gaussian_kl(*self._posterior(piece.data, piece.labels, rows))

        return noise.batch_mean("kl", kl, costs).clamp(min=self.free_bits).sum()

    def _seen(self, data: Tensor, labels: Tensor | None) -> tuple[Tensor, ...]:
        """What the encoder says of examples, (B, …) each: mean and log-variance; of "resnet" see there."""
        if self._waveform is not None:
            data = data * 2 - 1  # around silence, where a network begins
        seen = self.encoder(data, labels)
        return self.decoder.parts(seen) if isinstance(self.decoder, ResnetDecoder) else moments(seen)

    def _passage(self, seen: tuple[Tensor, ...], normal: Tensor, labels: Tensor | None) -> Passage:
        """A latent of q(z|x) for each of standard normal numbers, (B, L) or (k, B, L), as decoded."""
        if isinstance(self.decoder, ResnetDecoder):
            return self.decoder.passage(seen, normal, labels)
        mean, log_variance = seen
        latent = mean + torch.exp(0.5 * log_variance) * normal
        output = self.decoder(latent.flatten(0, -2), tiled(labels, normal))
        return Passage(latent, mean, log_variance, output)

    def _posterior(
        self, data: Tensor, labels: Tensor | None, noise: Noise | None = None
    ) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|x), (B, L) each, in float32 at least: KL and densities are sums.

        Args:
            noise: of the latents that others depend on; None: those are at their means.
        """
        seen = self._seen(data, labels)
        if not isinstance(self.decoder, ResnetDecoder):
            return seen[0], seen[1]
        normal = data.new_zeros(len(data), self.latent_size) if noise is None else self._normal(noise)
        passage = self.decoder.passage(seen, normal, labels)
        return passage.mean, passage.log_variance

    def _normal(self, noise: Noise) -> Tensor:
        return noise.normal("posterior", self.latent_size)

    @property
    def _waveform(self) -> Callable[[Tensor, int], Tensor] | None:
        """What makes samples from -1 to 1 of floats in [0, 1]; None of what is no sound over time."""
        stands = self.spec.representation
        return WAVEFORMS.get(stands.name if stands else "") if self.spec.names == ("time",) else None

    def _spectral(self, output: Tensor, batch: Batch) -> Tensor:
        """How far the decoder's mean is from the data by their spectra, (B,)."""
        assert self._waveform is not None
        mean = self.likelihood.mean(widened(output))
        made, truth = (self._waveform(unit, self.spec.levels) for unit in (mean, batch.data))
        return spectral_distance(made, truth)

    def _elbo_parts(self, batch: Batch, noise: Noise) -> tuple[Tensor, Tensor, Tensor]:
        """What the decoder puts out for one latent drawn, -log p(x|z), (B,), and KL(q(z|x) || p(z)) of each
        latent, (B, L)."""
        seen = self._seen(batch.data, batch.labels)
        passage = self._passage(seen, self._normal(noise), batch.labels)
        nll = self.likelihood.nll(passage.output, batch.data)
        return passage.output, nll, gaussian_kl(passage.mean, passage.log_variance)

    # ------------------------------------------------------------------ scores

    def score_batch(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """The negative ELBO of each example and its two parts (paper, equation 10), whatever was trained."""
        output, reconstruction, kl = self._elbo_parts(batch, noise)
        scores = {
            "neg_elbo": reconstruction + kl.sum(1),
            "reconstruction": reconstruction,
            "kl": kl.sum(1),
        }
        return {**scores, "spectral": self._spectral(output, batch)} if self.spectral_weight else scores

    def schedules(self) -> dict[str, int]:
        return {"model.beta_warmup": self.beta_warmup, "model.blurred": self.blurred}

    rules = (
        Rule(
            code="posterior_collapse",
            severity=ERROR,
            measure="active_units",
            below=1,
            advice="No latent says anything about its example: lower model.beta or raise"
            " model.beta_warmup, or set model.free_bits.",
            after=0.4,
        ),
        Rule(
            code="few_active_units",
            severity=WARNING,
            measure="active_share",
            below=0.1,
            advice="Hardly any latent is in use: lower model.latent_size or model.beta, or set"
            " model.free_bits.",
            said_by=("posterior_collapse",),
        ),
    )

    def health(self, batch: Batch, noise: Noise) -> dict[str, float | list[float]]:
        """Latents whose mean moves with the example (Burda et al. 2016, section 5.2) and what each costs."""
        mean, log_variance = self._posterior(batch.data, batch.labels)
        active = float((mean.var(0) > ACTIVE).sum()) if len(mean) > 1 else float(self.latent_size)
        kl = gaussian_kl(mean, log_variance).mean(0)  # (L,)
        return {
            "active_units": active,
            "active_share": active / self.latent_size,
            "kl_per_latent": kl.tolist(),
            "kl_largest": float(kl.max()),
        }

    def likelihood_kind(self) -> LikelihoodKind:
        if self.spectral_weight:
            return LikelihoodKind("none", "trained with a distance of spectra, which is no part of any bound")
        if self.likelihood.discrete:
            return LikelihoodKind("bound", "ELBO", of="probability")
        what = type(self.likelihood).__name__
        return LikelihoodKind("none", f"{what} ELBO, no bound on data of {self.spec.levels} levels")

    def log_likelihood(self, batch: Batch, noise: Noise, *, importance_samples: int = 1) -> Tensor:
        """The ELBO, or with k importance samples the tighter bound."""
        if importance_samples > 1:
            return self._importance_bound(batch, noise, importance_samples)
        return -self.score_batch(batch, noise)["neg_elbo"]

    def _importance_bound(self, batch: Batch, noise: Noise, k: int) -> Tensor:
        """The bound of IWAE with k samples of q, (B,)."""
        seen = self._seen(batch.data, batch.labels)
        weights = (self._log_weights(batch, seen, normal) for normal in self._normals(noise, k))
        return importance_bound(weights, k)

    def _normals(self, noise: Noise, k: int) -> Iterator[Tensor]:
        """k standard normal latents for each row, a few at a time, (≤ AT_ONCE, B, L)."""
        for start in range(0, k, AT_ONCE):
            count = min(AT_ONCE, k - start)
            yield noise.normal(f"posterior/{start}", count, self.latent_size).transpose(0, 1)

    def _log_weights(self, batch: Batch, seen: tuple[Tensor, ...], normal: Tensor) -> Tensor:
        """log p(x|z) + log p(z) - log q(z|x), (k, B), for normal of (k, B, L)."""
        k, B, _ = normal.shape
        latent, mean, log_variance, output = self._passage(seen, normal, batch.labels)
        data = batch.data.repeat(k, *[1] * (batch.data.ndim - 1))
        nll = self.likelihood.nll(output, data)
        return gaussian_log_weights(latent, mean, log_variance, nll.view(k, B))

    # ------------------------------------------------------------------ latents and samples

    def encode(self, data: Tensor, labels: Tensor | None = None) -> Tensor:
        return self._posterior(data, labels)[0]

    def prior(self, noise: Noise) -> Tensor:
        return noise.normal("latent", self.latent_size)

    def decode(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        """The mean of p(x|z), in [0, 1]."""
        return self.likelihood.mean(self.decoder(latent, labels))

    def reconstruct(self, data: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.decode(self.encode(data, labels), labels)

    def conditions(self, options: Options) -> Sequence[Any]:
        if options["pixels"] not in ("mean", "drawn"):
            raise ConfigError(f"pixels={options['pixels']} is neither mean nor drawn.")
        return super().conditions(options)

    def draw(self, noise: Noise, condition: Sequence[Any], options: Options) -> Tensor:
        latent = self.prior(noise) * options["temperature"]
        output = self.decoder(latent, self.labels(condition, noise))
        if options["pixels"] == "drawn":
            return self.likelihood.draw(output, noise.uniform("pixels", *self.spec.shape))
        return self.likelihood.mean(output)
