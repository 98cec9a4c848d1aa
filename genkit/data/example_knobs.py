"""The knobs that all sets of arrays have, and the kinds that many datasets share.  No torch here."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import msgspec

from genkit.core.knobs import GIVEN, Clash, DataKnobs, knob

Filled = Annotated[str, msgspec.Meta(min_length=1)]  # a text that is not empty
Split = Annotated[
    Literal["three", "peer"],
    knob("three parts of which what selects never judges; peer: the parts that published numbers have"),
]
AnySplit = Annotated[
    Literal["three", "peer", "speakers"],
    knob("three, peer: as of other data; speakers: the test part is one speaker whom training never hears"),
]
Dedupe = Annotated[
    Literal["off", "exact", "near"], knob("leave out what repeats other examples, before the split")
]
OnBad = Annotated[Literal["error", "skip"], knob("what becomes of files that cannot be read")]
MaxBad = Annotated[float, knob("share of them that may be skipped", ge=0, le=1, only={"on_bad": ("skip",)})]
Range = Annotated[
    tuple[float, float],
    knob(
        "values of black and white; null: by the values of all",
        advice="give the values of black and white, such as [0,4095]",
    ),
]
Digest = Annotated[str, knob("of what was given; null: it is given")]
GivenLabel = Annotated[
    Literal["labels"], knob("those of data=(…, labels); null: without", advice="write labels, or null")
]

Side = Annotated[int, msgspec.Meta(ge=1, le=4_096)]  # of a patch
DRAWN = "what is drawn for each example is drawn on the processor; leave on_device out"


class ExampleKnobs(DataKnobs, frozen=True):
    """What all sets of arrays have, of any medium."""

    drawing: ClassVar[tuple[str, ...]] = ("binarize",)  # by which something is drawn for each example
    levels: (
        Annotated[int, knob("values of an entry; null: their own", ge=2, le=256, unit="levels")] | None
    ) = None
    binarize: Annotated[
        Literal["threshold", "static", "dynamic"],
        knob("to two levels; static: drawn once, dynamic: in every epoch", only={"levels": (2, None)}),
    ] = "threshold"
    patch: (
        Annotated[
            Side | tuple[Side, ...],
            knob(
                "neighbours that are one token: so many along the fastest axis, or [along each axis], or"
                " [channels, along each axis]",
                advice="give a number of neighbours, or one for each axis",
            ),
        ]
        | None
    ) = None
    codec: (
        Annotated[
            Filled,
            knob(
                "a run whose model makes codes of such arrays (model=codes), for a model that reads tokens",
                advice="give the name or the folder of a run, such as one of model=codes",
            ),
        ]
        | None
    ) = None
    codec_epochs: Annotated[
        int,
        knob(
            "whose examples, as training changes them, are coded; then in turn", ge=1, le=1_000, unit="epochs"
        ),
    ] = 1
    captions: (
        Annotated[
            Filled,
            knob(
                "what each example is in words, for a model of tokens: a table (.tsv, .csv, .jsonl) of file"
                " and text, or classes",
                advice="name a table, or write classes for the names of the classes",
            ),
        ]
        | None
    ) = None
    caption_column: (
        Annotated[
            Filled,
            knob("of that table; null: caption, text, … or the second", only={"captions": GIVEN}),
        ]
        | None
    ) = None
    caption_tokenizer: Annotated[
        Literal["bytes", "bpe"],
        knob("of captions; bpe is trained on those of the training part", only={"captions": GIVEN}),
    ] = "bytes"
    caption_length: (
        Annotated[
            int,
            knob(
                "of all captions; null: of the longest",
                ge=1,
                le=4_096,
                unit="tokens",
                only={"captions": GIVEN},
            ),
        ]
        | None
    ) = None
    group_by: (
        Annotated[
            Filled,
            knob(
                "what stays in one part of the data: skin_tone (emoji that differ by that alone), or equal"
                " values in this column of the table of captions",
                advice="write skin_tone, or the name of a column",
            ),
        ]
        | None
    ) = None
    split: AnySplit = "three"
    validation: Annotated[
        int,
        knob(
            "held out for selection where the source has no part for it; 0: a share",
            ge=0,
            unit="examples",
            advice="give a number of examples",
        ),
    ] = 0
    dedupe: Dedupe = "off"
    on_device: Annotated[bool, knob("keep the data on the GPU")] = False

    def clashes(self) -> Iterator[Clash]:
        if self.codec and self.patch:
            yield Clash(("codec", "patch"), "codes are tokens as they are; leave patch out")
        if self.codec_epochs > 1 and not self.codec:
            yield Clash(("codec_epochs", "codec"), "codec_epochs is of codes; give a codec, or leave it out")
        if self.on_device and self.draws():
            yield Clash(("on_device", *self.drawing), DRAWN)

    def draws(self) -> bool:
        """Whether something is drawn for each example."""
        return self.binarize != "threshold"
