"""The knobs of moving pictures.  No torch here."""

from collections.abc import Iterator
from typing import Annotated, Literal

from genkit.core.knobs import Clash, knob
from genkit.data.example_knobs import ExampleKnobs, Split

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
