"""The knobs of DCGAN.  Nothing here imports torch."""

from collections.abc import Iterator
from typing import Annotated, Literal

from genkit.core.knobs import Clash, Idle, ModelKnobs, knob


class DCGANKnobs(ModelKnobs, frozen=True):
    """A generator and a discriminator, the game between them, and what steadies it."""

    view: Literal["tokens", "arrays"] = "arrays"
    latent_size: Annotated[int, knob("of the noise", ge=1, le=100_000, unit="latents")] = 100
    width: Annotated[int, knob("next to the image", ge=1, le=100_000, unit="channels")] = 64
    loss: Annotated[
        Literal["non_saturating", "hinge", "least_squares", "wasserstein"], knob("of the game")
    ] = "non_saturating"
    gradient_penalty: Annotated[
        float, knob("weight of (‖∇D‖ - 1)² between real and generated images; WGAN-GP takes 10", ge=0)
    ] = 0.0
    r1: Annotated[float, knob("weight of ½ ‖∇D‖² on real images", ge=0)] = 0.0
    norm: Annotated[Literal["batch", "layer", "none"], knob("of the discriminator")] = "batch"
    generator_norm: Annotated[Literal["batch", "none"], knob("of the generator")] = "batch"
    upsampling: Annotated[
        Literal["transposed", "nearest"],
        knob(
            "of the generator: transposed convolutions, or repeats and convolutions against pitched artefacts"
        ),
    ] = "transposed"
    mapping: Annotated[
        int, knob("between latent and generator, fully connected (StyleGAN)", ge=0, le=16, unit="layers")
    ] = 0
    residual: Annotated[
        int, knob("blocks behind each layer of both networks", ge=0, le=16, unit="blocks")
    ] = 0
    phase_shuffle: Annotated[
        int,
        knob(
            "by which data of a single axis move at most between the discriminator's layers; WaveGAN takes 2",
            ge=0,
            le=15,
            unit="places",
        ),
    ] = 0
    bias: Annotated[bool, knob("of convolutions that no normalisation follows")] = False
    initial: Annotated[
        Literal["dcgan", "he"], knob("kernels at the beginning: N(0, 0.02), or as large as keeps the scale")
    ] = "dcgan"
    spectral_norm: Annotated[bool, knob("of the discriminator")] = False
    extra_layers: (
        Annotated[
            int,
            knob(
                "of the discriminator, 3×3 at its end; null: one if conditional, else none",
                ge=0,
                le=100,
                unit="layers",
                advice="give a number of layers up to 100, or null",
            ),
        ]
        | None
    ) = None
    augment: Annotated[
        tuple[Literal["colour", "translation", "cutout"], ...],
        knob("what is done to all images that the discriminator sees (DiffAugment)"),
    ] = ()
    discriminator_steps: Annotated[
        int, knob("batches for each update of the generator", ge=1, le=1_000, unit="steps")
    ] = 1
    frame_discriminator: Annotated[
        bool, knob("of moving pictures: one of single frames beside that of whole clips (MoCoGAN)")
    ] = False
    moving: Annotated[
        bool, knob("the generator makes one picture, half as large, and its path over the frames (VGAN)")
    ] = False
    conditional: Annotated[bool, knob("on the labels of the data")] = False
    channels_last: Annotated[bool, knob("memory format; faster on CPUs")] = True

    def clashes(self) -> Iterator[Clash]:
        if self.norm == "batch" and (self.gradient_penalty or self.r1):
            yield Clash(
                ("norm", "gradient_penalty", "r1"),
                "a penalty of single images' gradients needs norm=layer or none",
            )

        if self.residual and self.spectral_norm:
            yield Clash(("residual", "spectral_norm"), "blocks begin at 0, which has no spectral norm")

    def untrained(self) -> Iterator[Idle]:
        if not self.frame_discriminator:
            yield Idle("frame_discriminator", "model.frame_discriminator=true")
