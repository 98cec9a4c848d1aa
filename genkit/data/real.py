"""Real examples in the form of samples, so that both pass through the same code."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from genkit.core.batch import Batch
from genkit.core.samples import Samples
from genkit.core.spec import Spec
from genkit.data.array_windows import ArrayWindows, CodeWindows
from genkit.data.dataset import ArrayExamples, Examples, TokenWindows
from genkit.data.pair_windows import PairWindows

BATCH = 250


def pictures(samples: Samples) -> Tensor:
    """Samples as their medium shows them, (n, C, *sizes): what would be saved is what is judged."""
    return torch.from_numpy(samples.arrays)


def as_samples(spec: Spec, examples: Examples, rows: np.ndarray) -> Samples:
    """Real examples in the form of samples, as their medium has them, whatever a model reads; of each its
    caption is said, or its class."""
    own = examples.images if isinstance(examples, ArrayWindows) else examples
    if isinstance(own, ArrayExamples) and own.native is not None and spec.array is not None:
        spec, examples = spec.array.native, own.native
    elif isinstance(examples, CodeWindows) and spec.array is not None:
        spec, examples = spec.array, examples.images
    data, labels, _ = examples.gather(rows)
    if spec.kind == "arrays":
        named = [] if labels is None or not spec.classes else [spec.classes[int(label)] for label in labels]
        of = examples.called(rows) or named
        return Samples(torch.from_numpy(data.astype(np.float32)) / (spec.levels - 1), spec, 0, captions=of)
    ids = [torch.from_numpy(ids.astype(np.int64)) for ids in spec.sequences(data)]
    return Samples(ids, spec, 0, captions=examples.called(rows))


def real_pictures(spec: Spec, examples: Examples, rows: np.ndarray) -> Iterator[Tensor]:
    """Real examples as such arrays, a batch at a time."""
    for start in range(0, len(rows), BATCH):
        yield pictures(as_samples(spec, examples, rows[start : start + BATCH]))


def given_captions(spec: Spec, batch: Batch, captions: Sequence[str]) -> Batch:
    """Arrays to be completed, each given its caption: what a model that reads captions takes for labels."""
    if spec.kind != "tokens" or spec.captions is None:
        return batch
    ids = torch.from_numpy(spec.caption_ids(captions))
    return replace(batch, labels=ids.to(batch.data.device))


def silent_end(spec: Spec, examples: Examples) -> float | None:
    """Share of their time in which sounds are silent to the end, as those are that were filled up; None of
    what is no sound.

    Who knows of the silence pays nothing for it: of the rest alone, a number of nats an entry is that of all
    by 1 minus this share.
    """
    if spec.array is None or spec.array.native.names != ("time",) or spec.medium.depth != 16:
        return None
    heard = 0
    for waves in real_pictures(spec, examples, np.arange(len(examples))):
        loud = (waves != 0).any(1)  # (n, T)
        heard += int((loud * torch.arange(1, loud.shape[1] + 1)).amax(1).sum())
    return 1 - heard / max(1, len(examples) * spec.array.native.sizes[0])


def in_full(examples: Examples) -> Examples:
    """The examples without a loss: codes say less of arrays than they are."""
    return examples.images if isinstance(examples, CodeWindows) else examples


def unchanged(examples: Examples) -> Examples:
    """The examples as the data has them, without what training does to them."""
    plain = copy.copy(examples)
    if isinstance(plain, ArrayWindows):
        plain.images = copy.copy(plain.images)
        plain.images.augmentation = None
        if isinstance(plain, CodeWindows):
            plain.later = None
    elif isinstance(plain, ArrayExamples):
        plain.augmentation = None
    return plain


def motifs_of(examples: Examples) -> np.ndarray | None:
    """What each example shows whatever its class, int64 (N,); None where nobody says."""
    own = examples.images if isinstance(examples, ArrayWindows) else examples
    if not isinstance(own, ArrayExamples) or own.motifs is None or own.labels is None:
        return None
    found: np.ndarray = own.motifs[own.rows]
    return found


def same(one: Examples, other: Examples) -> bool:
    """Whether two names stand for one part of the data."""
    if one is other:
        return True
    if isinstance(one, ArrayWindows) and isinstance(other, ArrayWindows):
        one, other = one.images, other.images
    if isinstance(one, ArrayExamples) and isinstance(other, ArrayExamples):
        return np.array_equal(one.rows, other.rows)
    if isinstance(one, PairWindows) and isinstance(other, PairWindows):
        return np.array_equal(one.rows, other.rows)
    if isinstance(one, TokenWindows) and isinstance(other, TokenWindows):
        return np.array_equal(one.tokens, other.tokens)  # each may have a map of its own
    return False
