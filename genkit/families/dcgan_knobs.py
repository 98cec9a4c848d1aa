"""The knobs of GANs, DCGAN's and those with residual networks.  Nothing here imports torch."""

from collections.abc import Iterator
from typing import Annotated, Literal

from genkit.core.knobs import GIVEN, Clash, Idle, ModelKnobs, Plain, knob

CONVOLUTIONAL: dict[str, tuple[Plain, ...]] = {"network": ("dcgan",)}
RESIDUAL: dict[str, tuple[Plain, ...]] = {"network": ("resnet",)}


class DCGANKnobs(ModelKnobs, frozen=True):
    """A generator and a discriminator, the game between them, and what steadies it."""

    cites = {
        "": ("goodfellow2014generative",),
        "network=dcgan": ("radford2016unsupervised",),
        "network=resnet": ("huang2024gan",),
        "loss=hinge": ("lim2017geometric",),
        "loss=least_squares": ("mao2017least",),
        "loss=wasserstein": ("arjovsky2017wasserstein",),
        "loss=relativistic": ("jolicoeur2019relativistic", "huang2024gan"),
        "gradient_penalty": ("gulrajani2017improved",),
        "r1": ("mescheder2018which",),
        "r2": ("mescheder2018which",),
        "spectral_norm": ("miyato2018spectral",),
        "mapping": ("karras2019style",),
        "augment": ("zhao2020differentiable",),
        "augment_target": ("karras2020training",),
        "axes=1": ("donahue2019adversarial",),
        "frame_discriminator": ("tulyakov2018mocogan",),
    }

    view: Literal["tokens", "arrays"] = "arrays"
    network: Annotated[
        Literal["dcgan", "resnet"],
        knob(
            "of both players: convolutions, or residual blocks without normalisation (R3GAN), for any sizes"
        ),
    ] = "dcgan"
    latent_size: Annotated[int, knob("of the noise", ge=1, le=100_000, unit="latents")] = 100
    width: Annotated[int, knob("next to the image", ge=1, le=100_000, unit="channels")] = 64
    loss: Annotated[
        Literal["non_saturating", "hinge", "least_squares", "wasserstein", "relativistic"],
        knob("of the game"),
    ] = "non_saturating"
    gradient_penalty: Annotated[
        float, knob("weight of (‖∇D‖ - 1)² between real and generated images; WGAN-GP takes 10", ge=0)
    ] = 0.0
    r1: Annotated[float, knob("weight of ½ ‖∇D‖² on real images", ge=0)] = 0.0
    r2: Annotated[float, knob("weight of ½ ‖∇D‖² on generated images", ge=0)] = 0.0
    penalise: Annotated[
        Literal["data", "seen"],
        knob("where r1 and r2 are taken: of examples as they are, or, cheaper, of what was seen of them"),
    ] = "data"
    norm: Annotated[Literal["batch", "layer", "none"], knob("of the discriminator", only=CONVOLUTIONAL)] = (
        "batch"
    )
    generator_norm: Annotated[Literal["batch", "none"], knob("of the generator", only=CONVOLUTIONAL)] = (
        "batch"
    )
    upsampling: Annotated[
        Literal["transposed", "nearest"],
        knob(
            "of the generator: transposed convolutions, or repeats and convolutions, against pitch",
            only=CONVOLUTIONAL,
        ),
    ] = "transposed"
    mapping: Annotated[
        int,
        knob(
            "between latent and generator, fully connected (StyleGAN)",
            ge=0,
            le=16,
            unit="layers",
            only=CONVOLUTIONAL,
        ),
    ] = 0
    residual: Annotated[
        int,
        knob("blocks behind each layer of both networks", ge=0, le=16, unit="blocks", only=CONVOLUTIONAL),
    ] = 0
    blocks: Annotated[
        int, knob("at each size, of both networks", ge=0, le=64, unit="blocks", only=RESIDUAL)
    ] = 1
    widest: Annotated[int, knob("at most", ge=1, le=100_000, unit="channels", only=RESIDUAL)] = 512
    expansion: Annotated[
        int, knob("channels within a block, as multiples of those between", ge=1, le=16, only=RESIDUAL)
    ] = 2
    group: Annotated[
        int,
        knob(
            "channels within a block that see each other across places, about; 0: all",
            ge=0,
            le=100_000,
            unit="channels",
            only=RESIDUAL,
        ),
    ] = 16
    strided: Annotated[
        bool,
        knob("the layer next to the data is DCGAN's, and blocks see half their size: cheaper", only=RESIDUAL),
    ] = False
    phase_shuffle: Annotated[
        int,
        knob(
            "by which data of a single axis move at most between the discriminator's layers; WaveGAN takes 2",
            ge=0,
            le=15,
            unit="places",
        ),
    ] = 0
    bias: Annotated[bool, knob("of convolutions that no normalisation follows", only=CONVOLUTIONAL)] = False
    initial: Annotated[
        Literal["dcgan", "he"],
        knob("kernels at the beginning: N(0, 0.02), or as large as keeps the scale", only=CONVOLUTIONAL),
    ] = "dcgan"
    spectral_norm: Annotated[bool, knob("of the discriminator", only=CONVOLUTIONAL)] = False
    extra_layers: (
        Annotated[
            int,
            knob(
                "of the discriminator, 3×3 at its end; null: one if conditional, else none",
                ge=0,
                le=100,
                unit="layers",
                advice="give a number of layers up to 100, or null",
                only=CONVOLUTIONAL,
            ),
        ]
        | None
    ) = None
    augment: Annotated[
        tuple[Literal["colour", "translation", "cutout"], ...],
        knob("what is done to all images that the discriminator sees (DiffAugment)"),
    ] = ()
    augment_target: (
        Annotated[
            float,
            knob(
                "how far the discriminator may overfit, which the strength of augment follows; ADA takes 0.6;"
                " null: full strength",
                gt=0,
                lt=1,
            ),
        ]
        | None
    ) = None
    augment_pace: Annotated[
        int,
        knob(
            "over which that strength rises from 0 to 1 at the most",
            ge=1,
            le=10**12,
            unit="examples",
            only={"augment_target": GIVEN},
        ),
    ] = 500_000
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
        penalties = ("gradient_penalty", "r1", *(["r2"] if self.r2 else []))
        if (
            self.network == "dcgan"
            and self.norm == "batch"
            and any(getattr(self, name) for name in penalties)
        ):
            yield Clash(
                ("norm", *penalties),
                "a penalty of single images' gradients needs norm=layer or none",
            )

        if self.residual and self.spectral_norm:
            yield Clash(("residual", "spectral_norm"), "blocks begin at 0, which has no spectral norm")

        if self.augment_target is not None and not self.augment:
            yield Clash(("augment_target", "augment"), "name what is to follow it, as augment=[translation]")

        if self.penalise == "seen" and not (self.r1 or self.r2):
            yield Clash(("penalise", "r1", "r2"), "there is no penalty; set r1 or r2")

    def untrained(self) -> Iterator[Idle]:
        if not self.frame_discriminator:
            yield Idle("frame_discriminator", "model.frame_discriminator=true")
