"""VAE: a latent-variable model trained by amortised variational inference (Kingma and Welling 2014).

p(x) = ∫ p(x|z) N(z; 0, I) dz is bounded from below by the ELBO, E_q(z|x)[log p(x|z)] - KL(q(z|x) || p(z)),
with a Gaussian q whose mean and variance an encoder computes.

Legend: B batch, C channels, H height, W width, L latent size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from genkit.core.batch import Batch
from genkit.core.capabilities import Encoder, LatentSpace, Likelihood, LikelihoodKind, Reconstruction
from genkit.core.errors import ConfigError
from genkit.core.module import GenerativeModule
from genkit.core.noise import Noise
from genkit.core.options import Option
from genkit.core.phase import LossTerms, Phase, StepNoise
from genkit.core.spec import ArraySpec, Spec
from genkit.nn.images import conv_decoder, conv_encoder, mlp_decoder, mlp_encoder
from genkit.nn.likelihoods import bernoulli_nll, gaussian_kl


class VAE(GenerativeModule, Likelihood, LatentSpace, Encoder, Reconstruction):
    """Gaussian posterior, standard normal prior, Bernoulli likelihood on targets in [0, 1].

    Args:
        spec: of the images.
        network: "mlp" (one hidden layer each way) or "conv" (sides divisible by 4).
        latent_size: L.
        hidden: width of the hidden layer.
        width: channels of the first convolution ("conv" only).
    """

    options = (
        Option("temperature", "float", 1.0, "standard deviation of the latents drawn", low=0, high=100),
    )
    units = {"neg_elbo": "nats", "reconstruction": "nats", "kl": "nats"}

    def __init__(
        self,
        spec: Spec,
        *,
        network: str = "conv",
        latent_size: int = 20,
        hidden: int = 400,
        width: int = 32,
    ) -> None:
        super().__init__(spec)
        if not isinstance(spec, ArraySpec):
            raise ConfigError("family vae models arrays; use a model with view=tokens for texts.")
        self.latent_size = latent_size
        if network == "mlp":
            self.encoder = mlp_encoder(spec.shape, hidden, 2 * latent_size)
            self.decoder = mlp_decoder(latent_size, hidden, spec.shape)
        elif spec.height % 4 or spec.width % 4:
            raise ConfigError(
                f"model.network=conv halves the sides twice, {spec.height}×{spec.width} cannot be:"
                " set data.size to a multiple of 4, or model.network=mlp."
            )
        else:
            self.encoder = conv_encoder(spec.shape, width, hidden, 2 * latent_size)
            self.decoder = conv_decoder(latent_size, width, hidden, spec.shape)

    # ------------------------------------------------------------------ training

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("elbo", (self.encoder, self.decoder), self._loss, ema=True),)

    def _loss(self, batch: Batch, noise: StepNoise) -> LossTerms:
        terms = self.score_batch(batch, noise)
        means = {name: values.mean() for name, values in terms.items()}
        return LossTerms(means["neg_elbo"], {name: value.detach() for name, value in means.items()})

    def _posterior(self, data: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|x), (B, L) each."""
        mean, log_variance = self.encoder(data).chunk(2, dim=-1)
        return mean, log_variance

    # ------------------------------------------------------------------ scores

    def score_batch(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """The negative ELBO of each example with one latent drawn, and its two parts (paper, equation 10)."""
        mean, log_variance = self._posterior(batch.data)
        latent = mean + torch.exp(0.5 * log_variance) * noise.normal("posterior", self.latent_size)
        reconstruction = bernoulli_nll(self.decoder(latent), batch.data)
        kl = gaussian_kl(mean, log_variance)
        return {"neg_elbo": reconstruction + kl, "reconstruction": reconstruction, "kl": kl}

    def likelihood_kind(self) -> LikelihoodKind:
        assert isinstance(self.spec, ArraySpec)
        if self.spec.levels == 2:
            return LikelihoodKind("bound", "ELBO")
        return LikelihoodKind(
            "none", f"ELBO of Bernoulli targets in [0, 1], no bound on data of {self.spec.levels} levels"
        )

    def log_likelihood(self, batch: Batch, noise: Noise) -> Tensor:
        return -self.score_batch(batch, noise)["neg_elbo"]

    # ------------------------------------------------------------------ latents and samples

    def encode(self, data: Tensor) -> Tensor:
        return self._posterior(data)[0]

    def prior(self, noise: Noise) -> Tensor:
        return noise.normal("latent", self.latent_size)

    def decode(self, latent: Tensor) -> Tensor:
        """The mean of p(x|z), in [0, 1]."""
        return self.decoder(latent).sigmoid()

    def reconstruct(self, data: Tensor) -> Tensor:
        return self.decode(self.encode(data))

    def draw(self, noise: Noise, condition: Sequence[Any], options: Mapping[str, Any]) -> Tensor:
        return self.decode(self.prior(noise) * options["temperature"])
