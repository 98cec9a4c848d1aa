"""The knobs of the codec.  Nothing here imports torch."""

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from genkit.core.knobs import GIVEN, Idle, ModelKnobs, knob

Factor = Annotated[int, msgspec.Meta(ge=1, le=65_536)]
Levels = Annotated[int, msgspec.Meta(ge=3, le=256)]


class CodesKnobs(ModelKnobs, frozen=True):
    """A grid of codes, the networks on both sides of it, and what the decoder is trained by."""

    cites = {
        "": ("vandenoord2017neural",),
        "quantiser=fsq": ("mentzer2024finite",),
        "adversarial": ("esser2021taming",),
    }

    view: Literal["tokens", "arrays"] = "arrays"
    stride: (
        Annotated[
            Factor | tuple[Factor, ...],
            knob(
                "places along an axis that share one code: a power of two, or [one for each axis];"
                " null: as many as leave 64 codes",
                advice="give a power of two, or one for each axis",
            ),
        ]
        | None
    ) = None
    quantiser: Annotated[
        Literal["fsq", "vq"], knob("fsq: each coordinate is rounded; vq: the nearest of learned vectors")
    ] = "fsq"
    code_levels: Annotated[
        tuple[Levels, ...],
        knob(
            "of each coordinate; their product is how many codes there are",
            only={"quantiser": ("fsq",)},
            advice="give up to ten numbers from 3, as [8,8,8] for 512 codes or [8,5,5,5] for 1,000",
        ),
    ] = (8, 5, 5, 5)
    codes: Annotated[
        int, knob("in the codebook", ge=2, le=65_536, unit="codes", only={"quantiser": ("vq",)})
    ] = 512
    code_size: Annotated[
        int, knob("of a vector of the codebook", ge=1, le=4_096, unit="numbers", only={"quantiser": ("vq",)})
    ] = 32
    commitment: Annotated[
        float,
        knob(
            "weight of the distance between what the encoder says and its code",
            ge=0,
            only={"quantiser": ("vq",)},
        ),
    ] = 0.25
    decay: Annotated[
        float,
        knob("of the averages that codes follow", ge=0, lt=1, only={"quantiser": ("vq",)}),
    ] = 0.99
    dead: Annotated[
        float,
        knob(
            "share of even use below which a code begins anew at an example; 0: never",
            ge=0,
            lt=1,
            only={"quantiser": ("vq",)},
        ),
    ] = 0.05
    width: Annotated[int, knob("next to the data", ge=1, le=10_000, unit="channels")] = 32
    depth: Annotated[int, knob("at each size", ge=0, le=100, unit="residual blocks")] = 2
    reconstruction: Annotated[
        Literal["likelihood", "l1"],
        knob("likelihood: of the data's levels given the codes; l1: the distance of each entry"),
    ] = "likelihood"
    likelihood: Annotated[
        Literal["bernoulli", "categorical", "discretised_logistic"],
        knob("what the decoder says of an entry", only={"reconstruction": ("likelihood",)}),
    ] = "discretised_logistic"
    spectral_weight: Annotated[
        float,
        knob(
            "of a sound's distance by spectra at several resolutions", ge=0, only={"reconstruction": ("l1",)}
        ),
    ] = 0.0
    feature_weight: Annotated[
        float,
        knob(
            "of the distance of pictures by features of kernels at several sizes",
            ge=0,
            only={"reconstruction": ("l1",)},
        ),
    ] = 0.0
    adversarial: Annotated[
        float,
        knob(
            "the gradient of a discriminator of patches, as a share of that of the reconstruction; 0: none",
            ge=0,
            le=100,
        ),
    ] = 0.0
    adversarial_after: Annotated[
        int,
        knob(
            "before the codec listens to the discriminator",
            ge=0,
            unit="steps",
            advice="give a number of steps",
            only={"adversarial": GIVEN},
        ),
    ] = 0
    discriminator_width: Annotated[
        int,
        knob(
            "of the discriminator next to the data",
            ge=1,
            le=10_000,
            unit="channels",
            only={"adversarial": GIVEN},
        ),
    ] = 32

    def untrained(self) -> Iterator[Idle]:
        if not self.adversarial:
            yield Idle("discriminator", "model.adversarial")
