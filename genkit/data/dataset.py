"""A dataset as a model asked for it: a spec, splits gathered by index, a fingerprint.  No torch here."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from genkit.core.pairs import Pair
from genkit.core.spec import Spec
from genkit.data.arrays.made import Arrays, MadeArrays
from genkit.data.arrays.treatments import Augmentation, Levels
from genkit.data.splits import mixed
from genkit.system.errors import ConfigError, DataError

OUTSIDE = -1  # in a window, beyond the end of the tokens
Gathered = tuple[np.ndarray, np.ndarray | None, np.ndarray | None]
Packed = tuple[np.ndarray, np.ndarray | None]


class Examples(ABC):
    """One split: examples by their index, a whole batch at once.

    Attributes:
        changing: whether another epoch has other examples, so that a batch may be more than one epoch.
    """

    changing: bool = False

    @abstractmethod
    def __len__(self) -> int:
        """Examples in an epoch."""

    @abstractmethod
    def gather(self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0) -> Gathered:
        """Data, labels (int64 (B,) or None) and weights (float32 (B,) or None) of some examples.

        What an index stands for may depend on the epoch and the seed (windows of a text do).
        """

    def packing(self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0) -> Packed | None:
        """Of windows that hold several examples: of which each input is, integers (B, T), and which targets
        are to be predicted, bool (B, T), or None for all.  None where windows are examples themselves.

        What it means is said by `genkit.core.batch.Packing`.
        """
        return None

    def classes(self) -> np.ndarray | None:
        """The label of every example, int64 (N,); None without labels."""
        return None

    def called(self, indices: np.ndarray) -> list[str]:
        """The caption of each of some examples; [] without captions."""
        return []

    @property
    def questions(self) -> int:
        """Pairs of a prompt and its answer that can be asked; 0 where the data are none."""
        return 0

    def asked(self, indices: np.ndarray) -> list[Pair]:
        """Some of the questions by their index, of conversations the first prompt and its answer."""
        return []

    def some(self, most: int | None = None) -> np.ndarray:
        """At most so many of the examples (all) by their index, in the one order that `mixed` draws.

        Whatever takes "some examples" takes these: data may be sorted by class, and any regular choice may
        fall in step with that.
        """
        return mixed(len(self), self.classes())[:most]

    def table(self) -> np.ndarray | None:
        """An array whose rows at `places` are the data of `gather`; None where it is no look-up alone."""
        return None

    def places(self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0) -> np.ndarray:
        """Rows of the table, for some examples."""
        raise NotImplementedError

    def labels_and_weights(
        self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        """As `gather` has them, where there is a table."""
        return None, None


class ArrayExamples(Examples):
    """Images, or other arrays, as levels (C, *sizes) each, with their labels.

    Args:
        images: of all parts, uint8 or uint16 (N, C, *sizes), in memory, mapped or computed when read.
        labels: of all parts, int64 (N,), or None.
        rows: those of this part.
        levels: what becomes of the values.
        augmentation: what is done in training; None elsewhere.
        native: the same rows as their medium has them, where these arrays stand for them; None: they are it.
        captions: of all parts, what each is in words, texts (N,); None where nobody says.
        motifs: of all parts, what each shows whatever its class, int64 (N,); None where nobody says.
    """

    def __init__(
        self,
        images: Arrays,
        labels: np.ndarray | None,
        rows: np.ndarray,
        levels: Levels,
        augmentation: Augmentation | None = None,
        native: ArrayExamples | None = None,
        captions: Sequence[str] | None = None,
        motifs: np.ndarray | None = None,
    ) -> None:
        self.motifs = motifs
        self.images, self.labels, self.rows, self.levels = images, labels, rows, levels
        self.augmentation, self.native, self.captions = augmentation, native, captions

    def __len__(self) -> int:
        return len(self.rows)

    def gather(self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0) -> Gathered:
        places, trains = self.rows[indices], self.augmentation is not None
        if isinstance(self.images, MadeArrays):
            images = self.images.made(places, epoch if trains else 0)
        else:
            images = self.images[places]
        if self.augmentation:
            images = self.augmentation.apply(images, places, epoch, seed)
        images = self.levels.apply(images, places, epoch, seed, trains=trains)
        return images, *self.labels_and_weights(indices)

    def classes(self) -> np.ndarray | None:
        return None if self.labels is None else self.labels[self.rows]

    def called(self, indices: np.ndarray) -> list[str]:
        return [] if self.captions is None else [self.captions[row] for row in self.rows[indices].tolist()]

    def table(self) -> np.ndarray | None:
        if self.augmentation or self.levels.draws or isinstance(self.images, MadeArrays):
            return None
        return self.levels.apply(self.images[self.rows], self.rows, 0, 0, trains=False)

    def places(self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0) -> np.ndarray:
        return indices

    def labels_and_weights(
        self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        return None if self.labels is None else self.labels[self.rows[indices]], None


class TokenWindows(Examples):
    """Windows of block_size + 1 tokens: inputs, and the next token of each.

    Training windows start at an offset that changes with the epoch, so that in time every token is
    predicted from every length of context; an epoch reads the split once.  A split of a single window has it
    anywhere, also across its end.  Elsewhere the windows tile the split from its beginning, so that every
    token but the first is predicted once.  Beyond the end a window holds `OUTSIDE`.

    Args:
        bytes: UTF-8 of the text; None: of what the tokens say.
        lost: what the tokens do not say of the text, in words; "" where they say everything.
    """

    def __init__(
        self, tokens: np.ndarray, block_size: int, *, moving: bool, bytes: int | None = None, lost: str = ""
    ) -> None:
        self.tokens, self.block_size, self.moving = tokens, block_size, moving
        self.bytes, self.lost = bytes, lost
        self.changing = moving

    def __len__(self) -> int:
        predicted = len(self.tokens) - 1
        if self.moving:  # room for any offset below block_size
            return max(1, (predicted - self.block_size + 1) // self.block_size)
        return -(-predicted // self.block_size)

    def gather(self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0) -> Gathered:
        places = self.places(indices, epoch=epoch, seed=seed)
        inside = places < len(self.tokens)
        windows = self.tokens[np.where(inside, places, 0)].astype(np.int32)
        windows[~inside] = OUTSIDE
        return windows, None, inside[:, 1:].sum(1).astype(np.float32)

    def table(self) -> np.ndarray | None:
        """The tokens, and what stands beyond their end."""
        return np.append(self.tokens.astype(np.int32), np.int32(OUTSIDE))

    def places(self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0) -> np.ndarray:
        """(B, T + 1)."""
        offset = 0
        if self.moving:
            room = min(len(self.tokens) - 1 - len(self) * self.block_size, self.block_size - 1)
            if len(self) == 1:  # what no other window reads is reached by its offset alone
                room = len(self.tokens) - 2
            drawn = np.random.Philox(key=[seed, epoch]).random_raw()
            offset = int(drawn % (room + 1))
        places = offset + indices[:, None] * self.block_size + np.arange(self.block_size + 1)
        return np.minimum(places, len(self.tokens))

    def labels_and_weights(
        self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        places = self.places(indices, epoch=epoch, seed=seed)
        return None, (places[:, 1:] < len(self.tokens)).sum(1).astype(np.float32)

    def notices(self, part: str) -> list[str]:
        """What should be said of the windows of a part, as the first words of a line call it."""
        return []


@dataclass
class Dataset:
    """Data as one view of it.

    Attributes:
        name: as configured.
        spec: what a model learns of it.
        splits: "train", "validation", "test"; two names may share one part, as the protocol says.
        protocol: how it was split, in words.
        fingerprint: of contents, splits and spec; not of places.
        notices: what a user should know.
        packs: the packed folders that its contents are read from.
        unpadded: height and width of the images before a frame was put around them; None where none was.
        bare: the fingerprint without the captions of the examples, where they have some.
    """

    name: str
    spec: Spec
    splits: Mapping[str, Examples]
    protocol: str
    fingerprint: str
    notices: list[str] = field(default_factory=list)
    packs: tuple[Path, ...] = ()
    unpadded: tuple[int, int] | None = None
    bare: str = ""

    def has_examples_of(self, other: Dataset) -> bool:
        """Whether two datasets have the same examples in the same parts, whatever is said of them."""
        return (self.bare or self.fingerprint) == (other.bare or other.fingerprint)

    def check_batch(self, batch_size: int) -> None:
        """See that a batch of the training split is no larger than it; of a short text it holds each window
        several times, at other places.

        Raises:
            ConfigError: it is larger.
        """
        train = self.split("train")
        if batch_size > len(train) and not train.changing:
            raise ConfigError(
                f"batch_size={batch_size}, but {self.name} has {len(train)} training examples;"
                f" give at most {len(train)}."
            )

    @property
    def counts(self) -> dict[str, int]:
        """Examples in each split."""
        return {name: len(examples) for name, examples in self.splits.items()}

    def split(self, name: str) -> Examples:
        """A split by name.

        Raises:
            DataError: there is none.
        """
        if name not in self.splits:
            raise DataError(f"{self.name} has no split {name!r}; it has {', '.join(self.splits)}.")
        return self.splits[name]


def fingerprint(spec: Spec, contents: str, parts: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of a spec, of a digest of contents, and of the rows of each split."""
    sha = hashlib.sha256(json.dumps(spec.to_dict(), sort_keys=True).encode())
    sha.update(contents.encode())
    for name in sorted(parts):
        sha.update(f"{name}{parts[name].dtype.str}{parts[name].shape}".encode())
        sha.update(np.ascontiguousarray(parts[name]).data)
    return f"sha256:{sha.hexdigest()}"
