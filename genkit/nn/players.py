"""The two players of a game, made for each other: a generator and a discriminator for arrays of some sizes.

Legend: C channels, S… sizes of the axes, L latent size, W channels next to the data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from genkit.nn.axes import Sizes
from genkit.nn.convolutions import Discriminator, Generator, growth
from genkit.nn.residual_gan import Ladder, ResidualDiscriminator, ResidualGenerator

AnyGenerator = Generator | ResidualGenerator
AnyDiscriminator = Discriminator | ResidualDiscriminator


class Players(Protocol):
    """Makes generators, of latents (B, L) to arrays (B, C, S…) in [-1, 1], and discriminators, of those to
    logits (B,)."""

    def check(self, sizes: Sizes) -> None:
        """
        Raises:
            SizeError: there is such a size as cannot be reached.
        """

    def generator(self, sizes: Sizes) -> AnyGenerator: ...

    def discriminator(self, sizes: Sizes) -> AnyDiscriminator: ...


@dataclass(frozen=True)
class ConvolutionalPlayers:
    """Those of DCGAN; see `genkit.nn.convolutions`.

    Attributes:
        norm, spectral, extra: of the discriminator.
        generator_norm, upsampling, mapping: of the generator.
        residual, bias, initial: of both.
    """

    latent_size: int
    channels: int
    width: int
    classes: int
    norm: str
    generator_norm: str
    upsampling: str
    mapping: int
    residual: int
    bias: bool
    initial: str
    spectral: bool
    extra: int

    def check(self, sizes: Sizes) -> None:
        growth(sizes)

    def generator(self, sizes: Sizes) -> Generator:
        return Generator(
            self.latent_size,
            self.channels,
            growth(sizes),
            self.width,
            self.classes,
            norm=self.generator_norm,
            upsampling=self.upsampling,
            mapping=self.mapping,
            residual=self.residual,
            bias=self.bias,
            initial=self.initial,
        )

    def discriminator(self, sizes: Sizes) -> Discriminator:
        return Discriminator(
            self.channels,
            growth(sizes),
            self.width,
            classes=self.classes,
            norm=self.norm,
            spectral=self.spectral,
            extra=self.extra,
            residual=self.residual,
            bias=self.bias,
            initial=self.initial,
        )


@dataclass(frozen=True)
class ResidualPlayers:
    """Those of R3GAN, for any sizes; see `genkit.nn.residual_gan`.

    Attributes:
        ladder: the levels of both networks for some sizes.
    """

    latent_size: int
    channels: int
    classes: int
    ladder: Callable[[Sizes], Ladder]

    def check(self, sizes: Sizes) -> None:
        """Any will do."""

    def generator(self, sizes: Sizes) -> ResidualGenerator:
        return ResidualGenerator(self.latent_size, self.channels, self.ladder(sizes), self.classes)

    def discriminator(self, sizes: Sizes) -> ResidualDiscriminator:
        return ResidualDiscriminator(self.channels, self.ladder(sizes), self.classes)
