"""The knobs of sound: how recordings become clips, and how a model reads those.  No torch here."""

from typing import Annotated, Literal

from genkit.core.knobs import knob
from genkit.data.example_knobs import ExampleKnobs, MaxBad, OnBad, Split


class ClipKnobs(ExampleKnobs, frozen=True):
    """What all clips of sound have: as what a model reads them."""

    view: (
        Annotated[
            Literal["waveform", "mu_law", "mel"],
            knob("what a model reads; null: the waveform if it reads one axis, else mel"),
        ]
        | None
    ) = None
    levels: (
        Annotated[
            int,
            knob(
                "values of an entry; null: 16 of mel, 64 of mu_law",
                ge=2,
                le=256,
                unit="levels",
                only={"view": ("mu_law", "mel", None)},
            ),
        ]
        | None
    ) = None
    bands: Annotated[
        int, knob("of a mel picture, its height", ge=4, le=256, unit="bands", only={"view": ("mel", None)})
    ] = 32
    hop: Annotated[
        int,
        knob("from frame to frame of it", ge=1, le=4_096, unit="samples", only={"view": ("mel", None)}),
    ] = 128
    binarize: Annotated[Literal["threshold"], knob("to two levels")] = "threshold"
    shift: Annotated[
        int,
        knob("in training: moved in time by so many, silence coming in", ge=0, le=65_536, unit="entries"),
    ] = 0


class AudioKnobs(ClipKnobs, frozen=True):
    """What recordings have: how they become clips."""

    rate: (
        Annotated[
            int,
            knob(
                "of all clips; null: the recordings' own, where they have one",
                ge=100,
                le=1_000_000,
                unit="samples a second",
            ),
        ]
        | None
    ) = None
    length: (
        Annotated[
            int,
            knob(
                "of a clip; null: the recordings' own, where they have one", ge=16, le=2**24, unit="samples"
            ),
        ]
        | None
    ) = None
    fit: Annotated[
        Literal["crop", "windows"],
        knob("of longer recordings the beginning, or all windows; shorter ones end in silence"),
    ] = "crop"
    normalise: Annotated[
        Literal["peak", "none"], knob("peak: each recording is as loud as full scale allows")
    ] = "peak"
    channels: Annotated[Literal[1, 2], knob("null: 2 if all have two, else 1")] | None = None
    trim: (
        Annotated[
            float,
            knob("silence at both ends is cut: what is so far below the peak", gt=0, le=120, unit="decibels"),
        ]
        | None
    ) = None
    on_bad: OnBad = "error"
    max_bad: MaxBad = 0.1


class AudioFolderKnobs(AudioKnobs, frozen=True):
    """Recordings in a folder."""

    split: Split = "three"
    path: Annotated[str, knob("the folder: one for each class, or train/val/test, or none in it")] | None = (
        None
    )


class FsddKnobs(AudioKnobs, frozen=True):
    """Spoken digits."""

    speaker: Annotated[
        Literal["george", "jackson", "lucas", "nicolas", "theo", "yweweler"],
        knob("who is left out", only={"split": ("speakers",)}),
    ] = "theo"


class SpeechCommandsKnobs(AudioKnobs, frozen=True):
    """Spoken words."""

    split: Split = "three"
    words: Annotated[Literal["digits", "all"], knob("the ten digits, or all that there are")] = "digits"


class PlucksKnobs(ClipKnobs, frozen=True):
    """Plucked strings that are computed."""

    split: Split = "three"
    examples: Annotated[int, knob("that are computed", ge=100, le=1_000_000, unit="examples")] = 6_000
    pitches: Annotated[int, knob("from A3 upwards, by semitones", ge=2, le=24, unit="pitches")] = 12
