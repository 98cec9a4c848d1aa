"""What a run says of the codec whose codes it reads, and how many of them its training data use."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from genkit import runs
from genkit.data.array_windows import CodeWindows
from genkit.data.dataset import Dataset
from genkit.runs import CodecUse

AT_ONCE = 65_536  # examples whose codes are counted together


def code_use(run: Path, dataset: Dataset) -> CodecUse | None:
    """Of a run with its codec; None where its data are no codes."""
    train = dataset.split("train")
    if not isinstance(train, CodeWindows):
        return None
    codec, record = train.codec, runs.read(run / runs.CODEC)
    counts = np.zeros(codec.codes, np.int64)
    for start in range(0, len(train.codes), AT_ONCE):
        counts += np.bincount(np.ravel(train.codes[start : start + AT_ONCE]), minlength=codec.codes)
    shares = counts[counts > 0] / counts.sum()
    return CodecUse(
        name=record.name,
        sha256=codec.origin.sha256,
        family=record.family,
        step=record.step,
        parameters=record.parameters,
        seconds=record.seconds,
        length=codec.length,
        codes=codec.codes,
        used=len(shares),
        perplexity=round(float(np.exp(-(shares * np.log(shares)).sum())), 3),
    )
