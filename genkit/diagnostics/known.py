"""What a training knows: its examples, to look whether samples are copies of them.

All of them are looked at where that is cheap; of more, so many that a share of all can be told.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from genkit.data.array_windows import ArrayWindows
from genkit.data.dataset import ArrayExamples, Dataset, TokenWindows
from genkit.data.real import unchanged
from genkit.data.splits import mixed

VALUES, AT_ONCE = 2**27, 2**23  # numbers of images that are looked at; in memory at once
TOKENS, KEPT, PART = 2**27, 2**22, 2**20  # tokens that are looked at; pieces that are kept; tokens at once
TEXTS, LENGTH = 8, 96  # held-out stretches, and their tokens; as many texts of as many are drawn
COPY = 48  # tokens in a row that are a copy from the training data
SURE = 0.05  # chance of more copies than are said where not all examples are looked at


class KnownImages:
    """The training images as the data has them.

    Attributes:
        rows: those that are looked at, in the order of the data.
        part: that share of all.
    """

    def __init__(self, images: ArrayExamples, levels: int, most: int = VALUES) -> None:
        self.images, self.levels = images, levels
        each = int(np.prod(images.images.shape[1:]))
        self.rows = np.sort(images.some(max(1, most // each)))
        self.part = len(self.rows) / max(1, len(images))
        self._at_once = max(1, AT_ONCE // each)

    def nearest(self, images: Tensor) -> Tensor:
        """Distance of images in [0, 1], (B, C, *sizes), to the nearest one that is known, (B,)."""
        wanted = images.flatten(1).float()
        nearest = torch.full((len(wanted),), torch.inf, device=wanted.device)
        for start in range(0, len(self.rows), self._at_once):
            data = torch.from_numpy(self.images.gather(self.rows[start : start + self._at_once])[0])
            known = data.to(wanted.device).flatten(1).float() / (self.levels - 1)
            nearest = torch.minimum(nearest, torch.cdist(wanted, known).amin(1))
        return nearest

    def share(self, copies: int, drawn: int) -> float:
        """The share of samples that are copies, of which so many of so many were found among the part."""
        return copies / drawn if self.part == 1 else at_least(copies, drawn) / self.part


class KnownTexts:
    """The runs of `COPY` tokens of the training text, and some stretches of a text that is not trained on.

    Of a long text every `step`-th run is kept, chosen by what stands in it and not by where it stands: what
    stands in the text is then found among the kept ones whenever it is asked for, and the share of runs that
    stand there is as it would be of all.

    Attributes:
        among: numbers of the runs, sorted, uint64; none where copies are not looked for.
        unseen: stretches of the held-out text, evenly drawn.
    """

    def __init__(self, tokens: np.ndarray, held_out: np.ndarray, kept: int = KEPT) -> None:
        self.step = max(1, -(-min(len(tokens), TOKENS) // kept))
        parts = mixed(-(-len(tokens) // PART))[: TOKENS // PART] * PART
        found = [self.chosen(pieces(tokens[i : i + PART + COPY - 1], COPY)) for i in np.sort(parts)]
        self.among = np.sort(np.concatenate(found)) if found else np.empty(0, np.uint64)
        starts = np.sort(mixed(len(held_out) // LENGTH)[:TEXTS]) * LENGTH
        self.unseen = [np.asarray(held_out[i : i + LENGTH]) for i in starts]

    def chosen(self, numbers: np.ndarray) -> np.ndarray:
        """Those of the runs that are looked at."""
        return numbers if self.step == 1 else numbers[(numbers >> np.uint64(33)) % np.uint64(self.step) == 0]

    def share(self, texts: list[np.ndarray]) -> float:
        """Share of the runs in these texts that stand in the training text; 0 where they have none."""
        numbers = np.concatenate([self.chosen(pieces(np.asarray(text), COPY)) for text in texts])
        if not len(numbers) or not len(self.among):
            return 0.0
        places = np.searchsorted(self.among, numbers).clip(max=len(self.among) - 1)
        return float((self.among[places] == numbers).mean())


def training_examples(dataset: Dataset, *, unseen: bool = True) -> KnownImages | KnownTexts | None:
    """The training examples of a dataset; None where nothing can be compared with them.

    Args:
        unseen: whether other examples validate; else none tell what is usual, and copies are not looked for.
    """
    examples = unchanged(dataset.split("train"))
    if isinstance(examples, TokenWindows):
        held_out = dataset.split("validation")
        assert isinstance(held_out, TokenWindows)
        return KnownTexts(examples.tokens if unseen else examples.tokens[:0], held_out.tokens)
    images = examples.images if isinstance(examples, ArrayWindows) else examples
    array = dataset.spec.array
    if not unseen or not isinstance(images, ArrayExamples) or array is None:
        return None
    return KnownImages(images, array.levels)


def at_least(found: int, drawn: int) -> float:
    """A share that is hardly smaller, given how many of so many were found (Clopper and Pearson 1934)."""
    from scipy.stats import beta

    return float(beta.ppf(SURE, found, drawn - found + 1)) if found else 0.0


def pieces(tokens: np.ndarray, size: int) -> np.ndarray:
    """A number for each run of `size` tokens, uint64: equal ones of equal runs, as good as never else.

    Σ x_i f^(size - 1 - i) modulo 2^64; two runs side by side make the number of the longer one.
    """
    if len(tokens) < size:
        return np.empty(0, dtype=np.uint64)
    ids = (tokens.astype(np.uint64) + np.uint64(1)) * np.uint64(0xD1B54A32D192ED03)
    ids ^= ids >> np.uint64(29)
    found, length, factor = ids, 1, 0x9E3779B97F4A7C15
    for bit in f"{size:b}"[1:]:
        power = np.uint64(pow(factor, length, 2**64))
        found, length = found[:-length] * power + found[length:], 2 * length
        if bit == "1":
            found, length = found[:-1] * np.uint64(factor) + ids[length:], length + 1
    return found
