"""The knobs of moving pictures.  No torch here."""

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from genkit.core.knobs import Clash, knob
from genkit.data.example_knobs import ExampleKnobs, MaxBad, OnBad, Side, Split

# (Of a tuple whose length its type says, beside another type, msgspec 0.22 dies.)
Sides = Annotated[tuple[Side, ...], msgspec.Meta(min_length=2, max_length=2)]  # height and width
COMPUTED = "clips are computed as they are read, others in every epoch"


class VideoKnobs(ExampleKnobs, frozen=True):
    """What all clips have."""

    split: Split = "three"
    flip: Annotated[bool, knob("in training: left and right exchanged in every second clip")] = False


class MovingKnobs(VideoKnobs, frozen=True):
    """Digits that move, computed as they are read."""

    examples: Annotated[
        int, knob("clips in an epoch of training, others in each", ge=100, le=10_000_000, unit="clips")
    ] = 10_000
    size: Annotated[int, knob("side of a frame", ge=8, le=512, unit="pixels")] = 64
    frames: Annotated[int, knob("of a clip", ge=2, le=1_024, unit="frames")] = 20
    objects: Annotated[int, knob("digits in a clip; one alone is its label", ge=1, le=10)] = 2

    def clashes(self) -> Iterator[Clash]:
        if self.on_device:
            yield Clash(("on_device",), f"{COMPUTED}; leave on_device out")
        if self.dedupe != "off":
            yield Clash(("dedupe",), f"{COMPUTED}; leave dedupe out")
        if self.validation:
            yield Clash(("validation",), "its clips are of other digits, which are held out; leave it out")
        yield from super().clashes()


class MovingDigitsKnobs(MovingKnobs, frozen=True):
    """Small ones, of scikit-learn."""

    size: Annotated[int, knob("side of a frame", ge=10, le=512, unit="pixels")] = 16
    frames: Annotated[int, knob("of a clip", ge=2, le=1_024, unit="frames")] = 8
    objects: Annotated[int, knob("digits in a clip; one alone is its label", ge=1, le=10)] = 1


class MovingMnistKnobs(MovingKnobs, frozen=True):
    """Those of MNIST, as published."""

    size: Annotated[
        int, knob("side of a frame, of which a digit takes 28/64", ge=16, le=512, unit="pixels")
    ] = 64
    test: Annotated[
        Literal["made", "fixed"], knob("made: of MNIST's test digits; fixed: mnist_test_seq.npy as published")
    ] = "made"
    tested: Annotated[
        int,
        knob(
            "clips to be made for the test part", ge=100, le=1_000_000, unit="clips", only={"test": ("made",)}
        ),
    ] = 10_000
    download: Annotated[bool, knob("let torchvision fetch what is not in paths.data_dir")] = True

    def clashes(self) -> Iterator[Clash]:
        yield from super().clashes()
        if self.test == "fixed" and (self.size, self.frames, self.objects) != (64, 20, 2):
            keys = ("test", "size", "frames", "objects")
            yield Clash(keys, "its clips have two digits and 20 frames of 64×64; give those, or test=made")


class VideoFolderKnobs(VideoKnobs, frozen=True):
    """Videos in a folder: how they become clips."""

    path: Annotated[str, knob("the folder: one for each class, or train/val/test, or none in it")] | None = (
        None
    )
    frames: (
        Annotated[
            int,
            knob(
                "of a clip; null: those of the videos, where all have as many", ge=2, le=65_536, unit="frames"
            ),
        ]
        | None
    ) = None
    stride: Annotated[int, knob("of a video's frames every so many are taken", ge=1, le=1_024)] = 1
    rate: (
        Annotated[
            float,
            knob(
                "at which videos are looked at, at even times; null: at their own, where they have one",
                gt=0,
                le=1_000,
                unit="frames a second",
            ),
        ]
        | None
    ) = None
    cut: Annotated[
        Literal["crop", "windows"],
        knob("of longer videos the beginning, or all windows; shorter ones are refused"),
    ] = "crop"
    size: (
        Annotated[
            Side | Sides,
            knob(
                "side of a frame, or [height,width]; null: their own",
                unit="pixels",
                advice="give a side, or [height,width]",
            ),
        ]
        | None
    ) = None
    fit: (
        Annotated[
            Literal["crop", "pad", "stretch"], knob("to another shape; null: refuse frames of another shape")
        ]
        | None
    ) = None
    channels: Annotated[Literal[1, 3], knob("null: 1 if all are grey")] | None = None
    background: Annotated[
        int,
        knob(
            "grey behind transparency and around padding", ge=0, le=255, advice="give a level from 0 to 255"
        ),
    ] = 255
    on_bad: OnBad = "error"
    max_bad: MaxBad = 0.1
