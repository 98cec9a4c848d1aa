"""Randomness as an argument: row i of a draw depends on (seed, purpose, step, name, i) alone.

Philox-4x64 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) is a counter-based
generator: any position of its stream is reached in constant time, so the numbers of row i do not depend on
how many rows are drawn beside it, on which process draws them, or on what was drawn before.  The global
generators are never touched.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

_WORD = 2**64


@lru_cache(maxsize=256)
def _word(name: str) -> int:
    """A 64-bit word for a name, stable across processes and machines."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


def mix(*words: int) -> int:
    """A 63-bit seed from several integers (for generators that take one number)."""
    data = b"".join((w % _WORD).to_bytes(8, "little") for w in words)
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little") >> 1


class Noise:
    """The random numbers of the rows `rows` of one global batch, drawn by name.

    A draw is a pure function of its name and shape: asking twice for the same name gives the same numbers,
    asking for another name gives independent ones.

    Args:
        seed: 0 … 2^64 - 1.
        rows: which rows of the global batch (or which samples) these are.
        purpose: what the numbers are for ("train", "validation", "sample").
        step: the training step; 0 outside training.
        device: where the tensors are put; the bits are always made on the CPU, so every device sees the same
            numbers, normal ones up to rounding.
    """

    def __init__(
        self,
        seed: int,
        rows: range,
        *,
        purpose: str = "sample",
        step: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.seed, self.rows, self.purpose, self.step = seed, rows, purpose, step
        self.device = torch.device(device)

    def __len__(self) -> int:
        return len(self.rows)

    def of_batch(self) -> Noise:
        """That of the batch as a whole, of one row: the same whichever rows of it these are."""
        return Noise(self.seed, range(1), purpose=self.purpose, step=self.step, device=self.device)

    def _raw(self, name: str, size: int) -> np.ndarray:
        """uint64 (rows, size)."""
        blocks = -(-size // 4)  # a Philox block is four words; rows start on a block of their own
        counter = [self.rows.start * blocks, _word(name), self.step, 0]
        bits = np.random.Philox(
            counter=np.array(counter, dtype=np.uint64),
            key=np.array([self.seed, _word(self.purpose)], dtype=np.uint64),
        )
        words = bits.random_raw(len(self.rows) * blocks * 4)
        return words.reshape(len(self.rows), blocks * 4)[:, :size]

    def uniform(self, name: str, *shape: int) -> Tensor:
        """Float32 in [0, 1), (rows, *shape)."""
        raw = self._raw(name, int(np.prod(shape, dtype=np.int64)))
        unit = (raw >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)
        return torch.from_numpy(unit).view(len(self.rows), *shape).to(self.device, non_blocking=True)

    def normal(self, name: str, *shape: int) -> Tensor:
        """Standard normal float32, (rows, *shape), by inversion of the distribution function."""
        raw = self._raw(name, int(np.prod(shape, dtype=np.int64)))
        bits = torch.from_numpy((raw >> np.uint64(11)).view(np.int64))
        if self.device.type != "mps":  # which has no float64
            bits = bits.to(self.device, non_blocking=True)
        open_unit = bits.double().add_(0.5).mul_(2.0**-53)
        value: Tensor = torch.special.ndtri(open_unit).float()
        return value.view(len(self.rows), *shape).to(self.device, non_blocking=True)
