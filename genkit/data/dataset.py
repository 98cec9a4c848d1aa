"""A dataset as a model asked for it: a spec, splits gathered by index, a fingerprint.  No torch here."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from genkit.core.errors import DataError
from genkit.core.spec import Spec

Gathered = tuple[np.ndarray, np.ndarray | None, np.ndarray | None]


class Examples(ABC):
    """One split: examples by their index, a whole batch at once."""

    @abstractmethod
    def __len__(self) -> int:
        """Examples in an epoch."""

    @abstractmethod
    def gather(self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0) -> Gathered:
        """Data, labels (int64 (B,) or None) and weights (float32 (B,) or None) of some examples.

        What an index stands for may depend on the epoch and the seed (windows of a text do).
        """


class ArrayExamples(Examples):
    """Images as levels, uint8 (N, C, H, W), with their labels."""

    def __init__(self, images: np.ndarray, labels: np.ndarray | None) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def gather(self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0) -> Gathered:
        labels = None if self.labels is None else self.labels[indices].astype(np.int64)
        return self.images[indices], labels, None


class TokenWindows(Examples):
    """Windows of block_size + 1 tokens: inputs, and the next token of each.

    Training windows start at an offset that changes with the epoch, so that in time every token is
    predicted from every length of context; an epoch reads the split once.  Elsewhere the windows tile the
    split from its beginning, so that every token but the first is predicted once; beyond the end the last
    one holds -1.
    """

    def __init__(self, tokens: np.ndarray, block_size: int, *, moving: bool) -> None:
        self.tokens, self.block_size, self.moving = tokens, block_size, moving

    def __len__(self) -> int:
        predicted = len(self.tokens) - 1
        if self.moving:  # room for any offset below block_size
            return max(1, (predicted - self.block_size + 1) // self.block_size)
        return -(-predicted // self.block_size)

    def gather(self, indices: np.ndarray, *, epoch: int = 0, seed: int = 0) -> Gathered:
        offset = 0
        if self.moving:
            room = len(self.tokens) - 1 - len(self) * self.block_size
            offset = int(
                np.random.Philox(key=[seed, epoch]).random_raw() % (min(room, self.block_size - 1) + 1)
            )
        places = offset + indices[:, None] * self.block_size + np.arange(self.block_size + 1)
        inside = places < len(self.tokens)
        windows = self.tokens[np.where(inside, places, 0)].astype(np.int32)
        windows[~inside] = -1
        return windows, None, inside[:, 1:].sum(1).astype(np.float32)


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
    """

    name: str
    spec: Spec
    splits: Mapping[str, Examples]
    protocol: str
    fingerprint: str
    notices: list[str] = field(default_factory=list)

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


def fingerprint(spec: Spec, parts: Mapping[str, tuple[np.ndarray | None, ...]]) -> str:
    """SHA-256 of a spec and of the arrays of each split."""
    sha = hashlib.sha256(json.dumps(spec.to_dict(), sort_keys=True).encode())
    for name in sorted(parts):
        sha.update(name.encode())
        for array in parts[name]:
            if array is not None:
                sha.update(f"{array.dtype.str}{array.shape}".encode())
                sha.update(np.ascontiguousarray(array).data)
    return f"sha256:{sha.hexdigest()}"
