"""What a medium says of itself: what an example is, how it is shown and saved, by what it is judged.

The base is a medium of arrays that are drawn: one of these says its words and its axes and writes `sheet`,
and everything else follows.  Nothing here imports torch.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from genkit.core.animation import Animation
from genkit.core.clip import Clip
from genkit.core.grid import png
from genkit.core.media.drawn_tokens import DrawnTokens
from genkit.system import storage
from genkit.system.errors import ConfigError
from genkit.system.progress import each

if TYPE_CHECKING:
    from PIL.Image import Image

    from genkit.core.media.shown_rows import ShownRows
    from genkit.core.spec import ArraySpec, Spec

COUNTED = ("steps", "epochs", "examples", "seconds")  # units of a budget that every medium has


@dataclass(frozen=True)
class Shown:
    """n examples as a medium shows them: what of a model's data can be looked at, without torch.

    Attributes:
        texts: the examples, where they are texts.
        arrays: the examples, where they are arrays, (n, C, *sizes): levels spread over 0 … 255, uint8; of a
            medium of 16 bits over -32,768 … 32,767, int16.
        array: what each array is, as its medium has it; None for texts.
        about: where they come from, as plain values.
        captions: what each is of, in a word or two: the class that was asked for; () where nobody says.
        tokens: what a model thought of the tokens of each that it drew; () where nobody asked.
        columns: how many stand side by side where all are laid out in one picture; None: as suits them.
    """

    texts: Sequence[str] = ()
    arrays: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint8))
    array: ArraySpec | None = None
    about: Mapping[str, object] = field(default_factory=dict)
    captions: Sequence[str] = ()
    columns: int | None = None
    tokens: Sequence[DrawnTokens] = ()

    def __len__(self) -> int:
        return len(self.texts if self.array is None else self.arrays)

    def __getitem__(self, part: slice) -> Shown:
        own = self.texts[part], self.arrays[part], self.captions[part]
        return replace(
            self, texts=own[0], arrays=own[1], captions=own[2], columns=None, tokens=self.tokens[part]
        )


@dataclass(frozen=True)
class BoardTexts:
    """For TensorBoard and its like: texts, one by one."""

    texts: Sequence[str]


@dataclass(frozen=True)
class BoardPicture:
    """For TensorBoard and its like: one picture."""

    picture: Image


@dataclass(frozen=True)
class BoardSounds:
    """For TensorBoard and its like: clips, one by one, and all of them in one picture."""

    clips: Sequence[Clip]
    picture: Image


@dataclass(frozen=True)
class BoardVideos:
    """For TensorBoard and its like: all videos in one that moves, and their frames in one picture."""

    moving: Animation
    picture: Image


Board = BoardTexts | BoardPicture | BoardSounds | BoardVideos
Single: TypeAlias = "str | Image | Clip | Animation"  # one example, to look at or to listen to


@dataclass(frozen=True)
class Medium(ABC):
    """A medium.  Two of them are equal where what they say is.

    Attributes:
        name: in specs and messages.
        one: an example, with its article: "an image".
        many: examples: "images".
        filed: one in a file of the user's: "picture".
        axes: the names of an array's axes, without that of its channels; () where an example is no array.
        channels: how many an array can have; () means any number.
        order: the axes in the order in which tokens stand, the slowest first, so that the beginning of a
            sequence is the beginning of an example; () means as they stand.
        views: what a model can read of it as it is: "arrays" (floats), "tokens".
        pictorial: whether an example is a picture: it can be brought to another size, compared by its look.
        sized_by: the knob of the data by which examples have other sizes; "": there is none.
        depth: bits of an entry as it is shown, saved and judged: 8, or 16, which stand for samples of sound.
        representations: what a model can read in its place, besides what it is: names of
            `genkit.core.representations`, the usual one first.
        suffixes: of the files that it is saved as, the usual one first.  `write` knows them.
        laid_out: those of them that show all examples side by side, `columns` of them.
        kept_as: the suffixes of all files in which examples are kept to be looked at; () means the usual one.
        parts: what of an example can be hidden, for a model to complete: names of `genkit.core.observation`.
        rest: that one of the parts without which a beginning is left, in the order of tokens; "": none.
        budgets: the units in which a training on it can be counted.
        offers: what metrics can be given of it: "texts"; "arrays"; "features" and "probabilities", which an
            extractor makes of arrays where there is one.
        distances: by what answers are compared with the truth: `module:table` of
            `genkit.metrics.truth_distance.Distance`, as `genkit.metrics.waveforms:DISTANCES` is one; "": by
            their mean squared error alone.
        groups: the groups of metrics, or single ones, that measure it unless told otherwise.
        drawn: samples that an evaluation draws, unless told otherwise.
        kept: examples that are kept to be looked at beside numbers.
        nll: the unit of a likelihood of it.
        entry: what one of the numbers of an array is, by which a likelihood is divided.
        task, prompted_task: what model hubs call drawing of it, without and by a text; "": they have no word.
    """

    name: str
    one: str
    many: str
    axes: tuple[str, ...]
    channels: tuple[int, ...] = ()
    filed: str = "example"
    order: tuple[int, ...] = ()
    views: tuple[str, ...] = ("arrays", "tokens")
    pictorial: bool = False
    sized_by: str = ""
    depth: int = 8
    representations: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = (".png", ".npz")
    laid_out: tuple[str, ...] = (".png",)
    kept_as: tuple[str, ...] = ()
    parts: tuple[str, ...] = ("random",)
    rest: str = ""
    budgets: tuple[str, ...] = COUNTED
    offers: frozenset[str] = frozenset({"arrays"})
    distances: str = ""
    groups: tuple[str, ...] = ("likelihood", "sliced_wasserstein", "memorisation", "cost")
    drawn: int = 1_000
    kept: int = 64
    nll: str = "nats/example"
    entry: str = "dimension"
    task: str = ""
    prompted_task: str = ""

    def sized_along(self, axis: int) -> str:
        """The knob of the data by which examples have another size along an axis; "": there is none."""
        return self.sized_by

    def fault(self) -> str:
        """What is wrong with what it says, to follow its name; "": nothing."""
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            return f"calls itself {self.name!r}: small letters, digits and _ alone"
        if not (self.one and self.many):
            return "says not what an example, and what many are called"
        if not self.views or not set(self.views) <= {"arrays", "tokens"}:
            return f"has views {self.views}, of which a model reads arrays and tokens"
        if "arrays" in self.views and not 1 <= len(self.axes) <= 3:
            return f"has {len(self.axes)} axes; an array has from 1 to 3"
        if self.depth not in (8, 16):
            return f"has entries of {self.depth} bits; there are 8 and 16"
        if not self.suffixes or not all(re.fullmatch(r"\.[a-z0-9]+", suffix) for suffix in self.suffixes):
            return f"has suffixes {self.suffixes}; one is written .png"
        return ""

    # ------------------------------------------------------------------ shown

    @abstractmethod
    def sheet(self, shown: Shown, columns: int | None = None, border: int = 1) -> Image | None:
        """All examples in one picture, in reading order; None where they have no picture.

        Args:
            columns: as many as rows, where none is given.
            border: grey pixels between two.
        """

    def single(self, shown: Shown) -> Single:
        """The only example of `shown`, to look at or to listen to."""
        return self._drawn(shown)

    def terminal(self, shown: Shown) -> str | None:
        """The examples as a terminal shows them, without anything that steers it; None: it cannot."""
        return None

    def html(self, shown: Shown) -> str | None:
        """The examples in a notebook; None: as their sheet."""
        return None

    def board(self, shown: Shown) -> Board:
        """The examples as TensorBoard and its like show them."""
        return BoardPicture(self._drawn(shown))

    def _drawn(self, shown: Shown) -> Image:
        picture = self.sheet(shown, shown.columns)
        if picture is None:
            raise TypeError(f"{type(self).__name__} draws no sheet, and says not how it is shown instead")
        return picture

    # ------------------------------------------------------------------ saved

    @property
    def keeps(self) -> tuple[str, ...]:
        """The suffixes of the files in which examples are kept to be looked at."""
        return self.kept_as or self.suffixes[:1]

    def check_suffix(self, out: str | Path) -> str:
        """The suffix of a file or "" of a folder, if examples can be saved so.

        Raises:
            ConfigError: they cannot; how they can is said.
        """
        suffix = Path(out).suffix.lower()
        if suffix and suffix not in self.suffixes:
            fits = f"{', '.join(self.suffixes)} or, without a suffix, as a folder"
            raise ConfigError(f"out={out}: {self.many} are saved as {fits}.")
        return suffix

    def save(self, shown: Shown, path: Path) -> None:
        """Examples in one file, by one of `suffixes`, or without a suffix in a new folder with a file each.

        Raises:
            ConfigError: a suffix that does not fit, or a folder that holds something already.
            StorageError: it cannot be written; what was there stays.
        """
        suffix = self.check_suffix(path)
        storage.make_folder(path.parent)
        if suffix:
            self.write(shown, path)
        else:
            with storage.made(path) as place:
                self.write_each(shown, place)

    def save_rows(self, rows: ShownRows, path: Path) -> None:
        """Rows of examples that belong together: laid out with a column for each, or one after another.

        Raises:
            ConfigError: a suffix that does not fit, or a folder that holds something already.
            StorageError: it cannot be written; what was there stays.
        """
        self.save(rows.whole if path.suffix.lower() in self.laid_out else rows.listed, path)

    def write(self, shown: Shown, path: Path) -> None:
        """All examples in one file, by one of `suffixes`; a file of that name is replaced in one step.

        Raises:
            StorageError: it cannot be written; what was there stays.
        """
        if path.suffix.lower() == ".npz":
            write_npz(path, {"arrays": shown.arrays}, shown.about)
        else:
            storage.write_bytes(path, png(self._drawn(shown)))

    def write_each(self, shown: Shown, folder: Path) -> None:
        """Each example in a file of its own, 00000 and so on, in a folder that is there."""
        for i in each("writing files", range(len(shown)), len(shown)):
            (folder / f"{i:05d}.png").write_bytes(png(self._drawn(shown[i : i + 1])))

    # ------------------------------------------------------------------ judged

    def extractor(self, array: ArraySpec) -> str | None:
        """The name of the network in whose features such arrays are compared; None: there is none."""
        return None

    def compared(self, arrays: np.ndarray, unknown: np.ndarray | None) -> np.ndarray:
        """What answers are compared with the truth by: all of it.

        Args:
            arrays: of `Shown`, (n, C, *sizes).
            unknown: places of an example, as a model reads it, of which something was left open; None: nobody
                says.
        """
        return arrays

    def noise(
        self,
        spec: Spec,
        lengths: Sequence[int],
        generator: np.random.Generator,
        counts: np.ndarray | None = None,
    ) -> Shown:
        """As many examples of noise as there are lengths: what a generator is worst at being, the ceiling of
        each metric.  Of arrays every level is as likely everywhere.

        Args:
            lengths: tokens of each, where examples have lengths of their own.
            counts: how often the training data have each token, where that is what noise is made by.
        """
        if spec.array is None:
            raise TypeError(f"{type(self).__name__} is no medium of arrays, and says not what its noise is")
        native = spec.array.native
        return native.shown(generator.integers(0, native.levels, (len(lengths), *native.shape)))


def write_npz(path: Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, object]) -> None:
    """Arrays with where they come from, as JSON under `provenance`."""
    held = {**arrays, "provenance": np.array(json.dumps(dict(about)))}
    with storage.written(path) as file:
        np.savez_compressed(file, allow_pickle=False, **held)
