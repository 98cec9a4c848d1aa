"""The knobs of every dataset that is built in.  Nothing here imports torch, or what reads the data."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from genkit.core.knobs import Clash, DataKnobs, knob
from genkit.data.clip_knobs import AudioFolderKnobs, FsddKnobs, PlucksKnobs, SpeechCommandsKnobs
from genkit.data.example_knobs import (
    Dedupe,
    Digest,
    ExampleKnobs,
    Filled,
    GivenLabel,
    MaxBad,
    OnBad,
    Range,
    Split,
)
from genkit.data.pair_knobs import MemoryPairKnobs, PairFileKnobs
from genkit.data.task_knobs import DatesKnobs, ListsKnobs, NumeralsKnobs, SumsKnobs
from genkit.data.text_knobs import TextKnobs
from genkit.data.video_knobs import MovingDigitsKnobs, MovingMnistKnobs, VideoFolderKnobs


class SeparatedKnobs(TextKnobs, frozen=True):
    """What texts have between whose documents something stands."""

    documents: Annotated[
        Literal["packed", "reset"],
        knob("packed: each is read with those before it in mind; reset: each by itself, from its beginning"),
    ] = "packed"


class ShakespeareKnobs(TextKnobs, frozen=True):
    """A text whose parts published numbers have as well."""

    split: Split = "three"


class PoemKnobs(SeparatedKnobs, frozen=True):
    """Regulated verse, by whose form poems are judged."""


class DocumentKnobs(SeparatedKnobs, frozen=True):
    """What texts of any length have."""

    separator: (
        Annotated[
            Filled,
            knob(
                "what is put after each document, and ends a sample; null: nothing (after rows: U+001E)",
                advice="give a text, or null",
            ),
        ]
        | None
    ) = None
    clean: Annotated[
        bool, knob("NFC, one kind of line end and blank, no control or invisible characters")
    ] = False
    dedupe: Dedupe = "off"
    split: Split = "three"
    on_bad: OnBad = "error"
    max_bad: MaxBad = 0.1

    @property
    def ended(self) -> bool:
        """Whether something stands between two documents."""
        return self.separator is not None

    def clashes(self) -> Iterator[Clash]:
        if self.documents == "reset" and not self.ended:
            yield Clash(
                ("documents", "separator"),
                "documents are told apart by what ends each: set data.separator=TEXT, which is put after"
                " each, or which the text has between them",
            )


class MemoryTextKnobs(DocumentKnobs, frozen=True):
    """Texts that Python has."""

    digest: Digest | None = None


class TextFileKnobs(DocumentKnobs, frozen=True):
    """What texts in files have."""

    encoding: Annotated[str, knob("of the files")] = "utf-8"
    path: Annotated[str, knob("where it is")] | None = None
    column: (
        Annotated[
            Filled,
            knob(
                "of the texts in tables (JSON lines, CSV, TSV, parquet), a document a row; null: plain texts",
                advice="name a column, or null for plain texts",
            ),
        ]
        | None
    ) = None

    @property
    def ended(self) -> bool:
        return self.separator is not None or self.column is not None


class TextFolderKnobs(TextFileKnobs, frozen=True):
    """Text files in a folder, a document each."""

    glob: Annotated[str, knob("of names below the folder")] = "*.txt"


class HubTextKnobs(TextFileKnobs, frozen=True):
    """Texts of a Hugging Face dataset, which are decoded already."""

    encoding: Annotated[str, knob("of files", only={"name": ("text_file", "text_folder")})] = "utf-8"
    subset: Annotated[str, knob("of a dataset that has several")] | None = None
    column: Annotated[str, knob("of the texts")] = "text"

    @property
    def ended(self) -> bool:
        return self.separator is not None


class ImageKnobs(ExampleKnobs, frozen=True):
    """What all images have."""

    split: Split = "three"
    size: (
        Annotated[
            int,
            knob(
                "side; null: their own, or the nearest that the model takes",
                ge=4,
                le=4_096,
                unit="pixels",
                advice="give a side from 4 to 4,096, or null",
            ),
        ]
        | None
    ) = None
    flip: Annotated[bool, knob("in training: left and right exchanged in every second image")] = False
    shift: Annotated[
        int, knob("in training: moved by up to so many, level 0 coming in", ge=0, le=4_096, unit="pixels")
    ] = 0
    crop: Annotated[
        int, knob("in training: cut out, with so many reflected on every side", ge=0, le=4_096, unit="pixels")
    ] = 0

    drawing: ClassVar[tuple[str, ...]] = ("flip", "shift", "crop", "binarize")

    def draws(self) -> bool:
        return bool(self.flip or self.shift or self.crop) or super().draws()


class GreyKnobs(ImageKnobs, frozen=True):
    """Images of which it is known that they have more than two levels."""

    binarize: Annotated[
        Literal["threshold", "static", "dynamic"],
        knob("to two levels; static: drawn once, dynamic: in every epoch", only={"levels": (2,)}),
    ] = "threshold"


class PublishedKnobs(GreyKnobs, frozen=True):
    """What published image sets have."""

    download: Annotated[bool, knob("let torchvision fetch what is not in paths.data_dir")] = True


class MemoryImageKnobs(ImageKnobs, frozen=True):
    """An array of images that Python has."""

    digest: Digest | None = None
    label: GivenLabel | None = "labels"
    range: Range | None = None


class ArrayKnobs(ImageKnobs, frozen=True):
    """Images in an array file."""

    path: Annotated[str, knob("an .npz or .npy file")] | None = None
    label: (
        Annotated[
            Filled,
            knob("the array of the classes; null: without", advice="name the array of the classes, or null"),
        ]
        | None
    ) = "labels"
    range: Range | None = None


class PictureKnobs(ImageKnobs, frozen=True):
    """What pictures in files have."""

    fit: (
        Annotated[
            Literal["crop", "pad", "stretch"],
            knob("to another shape; null: refuse pictures of several sizes"),
        ]
        | None
    ) = None
    channels: Annotated[Literal[1, 3], knob("null: 1 if all are grey")] | None = None
    range: Range | None = None
    background: Annotated[
        int,
        knob(
            "grey behind transparency and around padding", ge=0, le=255, advice="give a level from 0 to 255"
        ),
    ] = 255
    on_bad: OnBad = "error"
    max_bad: MaxBad = 0.1


class MemoryPictureKnobs(PictureKnobs, frozen=True):
    """Pillow's pictures that Python has."""

    digest: Digest | None = None
    label: GivenLabel | None = "labels"


class CelebaKnobs(PictureKnobs, frozen=True):
    """Pictures that torchvision fetches."""

    download: Annotated[bool, knob("let torchvision fetch what is not in paths.data_dir")] = True


class FolderKnobs(PictureKnobs, frozen=True):
    """Pictures in a folder."""

    path: Annotated[str, knob("the folder: one for each class, or train/val/test, or none in it")] | None = (
        None
    )


class HubImageKnobs(FolderKnobs, frozen=True):
    """Images of a Hugging Face dataset."""

    subset: Annotated[str, knob("of a dataset that has several")] | None = None
    column: Annotated[str, knob("of the images")] = "image"
    label: (
        Annotated[
            Filled,
            knob("column of the classes; null: without", advice="name the column of the classes, or null"),
        ]
        | None
    ) = "label"


Memory = MemoryTextKnobs | MemoryPairKnobs | MemoryImageKnobs | MemoryPictureKnobs  # what Python has

DATASET_KNOBS: Mapping[str, type[DataKnobs]] = {
    "digits": GreyKnobs,
    "glyphs": GreyKnobs,
    "plucks": PlucksKnobs,
    "fsdd": FsddKnobs,
    "speech_commands": SpeechCommandsKnobs,
    "audio_folder": AudioFolderKnobs,
    "moving_digits": MovingDigitsKnobs,
    "moving_mnist": MovingMnistKnobs,
    "video_folder": VideoFolderKnobs,
    **dict.fromkeys(("mnist", "fashion_mnist", "kmnist", "cifar10", "svhn"), PublishedKnobs),
    "celeba": CelebaKnobs,
    "image_folder": FolderKnobs,
    "arrays": ArrayKnobs,
    "hf_images": HubImageKnobs,
    "memory_images": MemoryImageKnobs,
    "memory_pictures": MemoryPictureKnobs,
    **dict.fromkeys(("memory_text", "memory_texts"), MemoryTextKnobs),
    "pydocs": TextKnobs,
    "colors": SeparatedKnobs,
    "shakespeare": ShakespeareKnobs,
    "tang_poems": PoemKnobs,
    "text_file": TextFileKnobs,
    "text_folder": TextFolderKnobs,
    "hf_text": HubTextKnobs,
    "pairs": PairFileKnobs,
    "memory_pairs": MemoryPairKnobs,
    "sums": SumsKnobs,
    "numerals": NumeralsKnobs,
    "dates": DatesKnobs,
    "lists": ListsKnobs,
}
