"""DCGAN: a deep convolutional generative adversarial network (Radford et al. 2016).

A generator turns Gaussian latents into images; a discriminator tells them from real ones; each is trained
against the other, the discriminator first.  It has a latent space and no likelihood.

Legend: B batch, C channels, S side, L latent size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from genkit.core.batch import Batch
from genkit.core.capabilities import LatentSpace
from genkit.core.errors import ConfigError
from genkit.core.module import GenerativeModule
from genkit.core.noise import Noise
from genkit.core.phase import LossTerms, Phase, StepNoise
from genkit.core.spec import ArraySpec, Spec
from genkit.nn.adversarial import discriminator_loss, generator_loss
from genkit.nn.images import Discriminator, Generator, doublings, to_channels_last


class DCGAN(GenerativeModule, LatentSpace):
    """The paper's pair of networks for square images of side 4·2^k.

    Args:
        spec: of the images.
        latent_size: L; the prior is N(0, I).
        width: channels next to the image; they double towards the 4×4 end.
        channels_last: memory format of the convolutions; faster on CPUs and recent GPUs.
    """

    units = {"real": "probability", "fake": "probability"}

    def __init__(
        self, spec: Spec, *, latent_size: int = 100, width: int = 64, channels_last: bool = True
    ) -> None:
        super().__init__(spec)
        if not isinstance(spec, ArraySpec) or spec.height != spec.width:
            raise ConfigError(f"family dcgan makes square images, the data is {spec.to_dict()}.")
        try:
            doublings(spec.width)
        except ValueError as error:
            raise ConfigError(f"{error}: set data.size.") from error
        self.latent_size = latent_size
        self.generator = Generator(latent_size, spec.channels, spec.width, width)
        self.discriminator = Discriminator(spec.channels, spec.width, width)
        self._format = torch.channels_last if channels_last else torch.contiguous_format
        if channels_last:
            to_channels_last(self.generator)
            to_channels_last(self.discriminator)

    # ------------------------------------------------------------------ training

    def phases(self) -> tuple[Phase, ...]:
        return (
            Phase("discriminator", (self.discriminator,), self._discriminator_loss),
            Phase("generator", (self.generator,), self._generator_loss, ema=True),
        )

    def _fakes(self, batch: Batch, noise: StepNoise) -> Tensor:
        """G(z) in [-1, 1], one batch for both players: the generator has not moved in between."""
        return noise.once("fakes", lambda: self.generator(self.prior(noise)))

    def _discriminator_loss(self, batch: Batch, noise: StepNoise) -> LossTerms:
        # Real and generated images pass separately, each normalised by its own statistics (paper, section 3).
        real = self.discriminator(self._to_network(batch.data))
        fake = self.discriminator(self._fakes(batch, noise).detach())
        loss = discriminator_loss(real, fake)
        terms = {"loss": loss, "real": real.sigmoid().mean(), "fake": fake.sigmoid().mean()}
        return LossTerms(loss, {name: term.detach() for name, term in terms.items()})

    def _generator_loss(self, batch: Batch, noise: StepNoise) -> LossTerms:
        loss = generator_loss(self.discriminator(self._fakes(batch, noise)))
        return LossTerms(loss, {"loss": loss.detach()})

    def _to_network(self, data: Tensor) -> Tensor:
        """Data in [0, 1] to the range of the generator's tanh, [-1, 1]."""
        return (data * 2 - 1).to(memory_format=self._format)

    # ------------------------------------------------------------------ scores

    def score_batch(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """What the discriminator thinks of unseen and generated images; 0.5 each where it can't tell."""
        fakes = self.generator(self.prior(noise))
        return {
            "real": self.discriminator(self._to_network(batch.data)).sigmoid(),
            "fake": self.discriminator(fakes).sigmoid(),
        }

    # ------------------------------------------------------------------ samples

    def prior(self, noise: Noise) -> Tensor:
        return noise.normal("latent", self.latent_size)

    def decode(self, latent: Tensor) -> Tensor:
        return (self.generator(latent) + 1) / 2

    def draw(self, noise: Noise, condition: Sequence[Any], options: Mapping[str, Any]) -> Tensor:
        return self.decode(self.prior(noise))
