"""The knobs of moving pictures.  No torch here."""

from typing import Annotated

from genkit.core.knobs import knob
from genkit.data.example_knobs import ExampleKnobs, Split


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


class MovingDigitsKnobs(MovingKnobs, frozen=True):
    """Small ones, of scikit-learn."""

    size: Annotated[int, knob("side of a frame", ge=10, le=512, unit="pixels")] = 16
    frames: Annotated[int, knob("of a clip", ge=2, le=1_024, unit="frames")] = 8
    objects: Annotated[int, knob("digits in a clip; one alone is its label", ge=1, le=10)] = 1
