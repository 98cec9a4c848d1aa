"""Where data comes from: each source reads its files into arrays or texts, split by its own protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from genkit.core.knobs import DataKnobs
from genkit.core.media.image import IMAGE
from genkit.core.media.medium import Medium
from genkit.core.media.text import TEXT
from genkit.core.registry import Registry
from genkit.core.representations.representation import Representation
from genkit.data.arrays.folders import Pictures
from genkit.data.arrays.made import Arrays, MadeArrays
from genkit.data.dataset_knobs import ShakespeareKnobs
from genkit.data.packing import digest, open_array, packed
from genkit.data.pair_table import PairSource
from genkit.data.splits import Parts
from genkit.data.text.streams import Texts, read_text
from genkit.system.errors import ConfigError, DataError, StorageError
from genkit.system.paths import sought

if TYPE_CHECKING:
    from genkit.data.audio.recordings import Recordings
    from genkit.data.video.videos import Videos


@dataclass(frozen=True)
class Images:
    """Images of one shape, or arrays of another medium.

    Attributes:
        images: levels (N, C, *sizes), uint8, or uint16 of a medium of 16 bits; in memory, mapped, or computed
            when they are read.
        labels: int64 (N,), or None.
        levels: how many values an entry can take.
        classes: names of the labels, () without.
        part: the part that each belongs to in the source; None where it has no parts.
        protocol: how the source made its parts, in words; "" leaves them to `data.split`.
        rows: those that can be used, increasing; None: all.
        names: of each, for messages; None: their numbers.
        hashes: as `genkit.data.arrays.pictures.hashes`, where they are known.
        digest: of all contents, where it is known; else it is computed.
        notices: what a user should know.
        groups: which of them were one before, (N,), and stay in one part; None: each is by itself.
        whole: what one of these was before is called.
        piece: what those that stay in one part are of it, in the plural.
        motifs: what each shows, whatever its class, int64 (N,): two of one motif differ in their class
            alone; None: nobody says.
        unpadded: height and width before a frame was put around every image; None where there is none.
        medium: what an array is.
        rate: places a second along the axis of time, where there is one and it is known.
        native: the examples as their medium has them, where these stand for them; None: they are it.
        representation: by what they stand for them.
        captions: what each is in words, (N,); None where nobody says.
    """

    images: Arrays
    labels: np.ndarray | None
    levels: int = 256
    classes: tuple[str, ...] = ()
    part: Parts | None = None
    protocol: str = ""
    rows: np.ndarray | None = None
    names: Sequence[str] | None = None
    hashes: np.ndarray | None = None
    digest: str | None = None
    notices: tuple[str, ...] = ()
    groups: np.ndarray | None = None
    whole: str = "recording"
    piece: str = "windows"
    motifs: np.ndarray | None = None
    unpadded: tuple[int, int] | None = None
    medium: Medium = IMAGE
    rate: float | None = None
    native: Images | None = None
    representation: Representation | None = None
    captions: Sequence[str] | None = None

    @property
    def usable(self) -> np.ndarray:
        """The rows that can be used."""
        return np.arange(len(self.images)) if self.rows is None else self.rows

    @property
    def kept(self) -> np.ndarray:
        """The images where they are kept, in memory or mapped.

        Raises:
            ConfigError: they are kept nowhere.
        """
        if isinstance(self.images, MadeArrays):
            raise ConfigError(
                f"data.dedupe: these {self.medium.many} are computed as they are read, others in every epoch;"
                " leave data.dedupe out."
            )
        return self.images

    def contents(self) -> str:
        """A digest of the images."""
        return self.digest or digest([self.kept])


@dataclass(frozen=True)
class Text:
    """The text of each part, and of the whole, which decides the vocabulary."""

    medium: ClassVar[Medium] = TEXT

    parts: Mapping[str, str]
    whole: str
    protocol: str
    separator: str | None = None


# Of the dataset's knobs.
Source = Callable[
    [Any, Mapping[str, str]], "Images | Text | PairSource | Pictures | Texts | Recordings | Videos"
]
DIGITS = tuple("0123456789")


def digits(data: DataKnobs, paths: Mapping[str, str]) -> Images:
    """scikit-learn's 1,797 handwritten digits, 8×8 with 17 levels."""
    images, labels, part = _kept_digits(paths.get("cache_dir", ""))
    return Images(images, labels, 17, DIGITS, part.tolist(), "fixed and stratified")


def _kept_digits(cache_dir: str) -> tuple[np.ndarray, ...]:
    """As `_read_digits`, from the cache where there is one: scikit-learn takes over a second to import."""
    names = ("images", "labels", "part")

    def build(folder: Path) -> dict[str, object]:
        for name, array in zip(names, _read_digits(), strict=True):
            np.save(folder / f"{name}.npy", array)
        return {"name": "digits"}

    if not cache_dir:
        return _read_digits()
    try:
        folder, _ = packed(cache_dir, "digits", {"scikit-learn": version("scikit-learn")}, build)
    except StorageError:  # so small that nobody has to make room for it
        return _read_digits()
    return tuple(np.array(open_array(folder / f"{name}.npy")) for name in names)


def _read_digits() -> tuple[np.ndarray, ...]:
    """Images uint8 (N, 1, 8, 8), labels int64 (N,) and the part of each (N,)."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    images = bunch.images.astype(np.uint8)[:, None]
    order = np.arange(len(images))
    rest = train_test_split(order, test_size=360, stratify=bunch.target, random_state=0)[1]
    validation, test = train_test_split(rest, test_size=180, stratify=bunch.target[rest], random_state=0)
    part = np.full(len(images), "train", dtype="<U10")
    part[validation], part[test] = "validation", "test"
    return images, bunch.target.astype(np.int64), part


def pydocs(data: DataKnobs, paths: Mapping[str, str]) -> Text:
    """The text of Python's own manual, which every CPython carries."""
    from pydoc_data import topics

    whole = "\n\n".join(topics.topics[name].strip() for name in sorted(topics.topics)) + "\n"
    return three_parts(whole)


def colors(data: DataKnobs, paths: Mapping[str, str]) -> Text:
    """Chinese sentences about colours and fruit, one a line."""
    from genkit.data.sources.grammar import sentences

    whole = "\n".join(sentences()) + "\n"
    return three_parts(whole, separator="\n")


def shakespeare(data: ShakespeareKnobs, paths: Mapping[str, str]) -> Text:
    """tinyshakespeare.txt, the first 90 % to train on; the rest in halves, or whole as nanoGPT has it."""
    file = Path(paths["data_dir"]).expanduser() / "tinyshakespeare.txt"
    if not file.exists():
        raise DataError(
            f"{file} is missing; set paths.data_dir, or GENKIT_DATA_DIR, to its folder.{sought(file)}"
        )
    whole = read_text(file, "utf-8")
    if data.split == "three":
        return three_parts(whole)
    cut = int(len(whole) * 0.9)
    parts = {"train": whole[:cut], "validation": whole[cut:], "test": whole[cut:]}
    return Text(parts, whole, "train 90 % / validation 10 %, as nanoGPT has it; test is the validation part")


def three_parts(whole: str, separator: str | None = None) -> Text:
    """90/5/5, cut at line ends."""
    cuts = [0, *(whole.rfind("\n", 0, int(len(whole) * share)) + 1 for share in (0.9, 0.95)), len(whole)]
    if not 0 < cuts[1] < cuts[2] < cuts[3]:  # a text with few lines
        cuts[1:3] = [int(len(whole) * 0.9), int(len(whole) * 0.95)]
    names = ("train", "validation", "test")
    parts = {name: whole[cuts[i] : cuts[i + 1]] for i, name in enumerate(names)}
    return Text(parts, whole, "train 90 % / validation 5 % / test 5 % of the text, in order", separator)


def _fault(found: object) -> str:
    """What is wrong with a dataset of another distribution."""
    return "" if callable(found) else f"is of type {type(found).__name__}, no function of data and paths"


# `module:function` of each; a module is imported when one of its datasets is named.
DATASETS: Registry[Source] = Registry(
    "dataset",
    "datasets",
    "data.name={name} is no dataset.",
    {
        "digits": "genkit.data.sources:digits",
        "glyphs": "genkit.data.sources.glyphs:glyphs",
        "mnist": "genkit.data.sources.published:mnist",
        "fashion_mnist": "genkit.data.sources.published:fashion_mnist",
        "kmnist": "genkit.data.sources.published:kmnist",
        "cifar10": "genkit.data.sources.published:cifar10",
        "svhn": "genkit.data.sources.published:svhn",
        "celeba": "genkit.data.sources.published:celeba",
        "image_folder": "genkit.data.arrays.folders:image_folder",
        "plucks": "genkit.data.audio.plucks:plucks",
        "fsdd": "genkit.data.audio.recordings:fsdd",
        "speech_commands": "genkit.data.audio.recordings:speech_commands",
        "audio_folder": "genkit.data.audio.recordings:audio_folder",
        "moving_digits": "genkit.data.video.moving:moving_digits",
        "moving_mnist": "genkit.data.video.moving:moving_mnist",
        "video_folder": "genkit.data.video.videos:video_folder",
        "arrays": "genkit.data.sources.arrays:arrays",
        "hf_images": "genkit.data.sources.hub:hf_images",
        "memory_images": "genkit.data.sources.kept:memory_images",
        "memory_pictures": "genkit.data.sources.kept:memory_pictures",
        "memory_text": "genkit.data.sources.kept:memory_text",
        "memory_texts": "genkit.data.sources.kept:memory_texts",
        "pydocs": "genkit.data.sources:pydocs",
        "colors": "genkit.data.sources:colors",
        "shakespeare": "genkit.data.sources:shakespeare",
        "tang_poems": "genkit.data.sources.poems:tang_poems",
        "text_file": "genkit.data.sources.text_files:text_file",
        "text_folder": "genkit.data.sources.text_files:text_folder",
        "hf_text": "genkit.data.sources.hub:hf_text",
        "pairs": "genkit.data.sources.pair_files:pairs",
        "memory_pairs": "genkit.data.sources.given_pairs:memory_pairs",
        "sums": "genkit.data.sources.made_pairs:sums",
        "numerals": "genkit.data.sources.made_pairs:numerals",
        "dates": "genkit.data.sources.made_pairs:dates",
        "lists": "genkit.data.sources.made_pairs:lists",
    },
    _fault,
)
