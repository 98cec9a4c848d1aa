"""Recorded spoken digits, where there are any."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile


@pytest.fixture(scope="session")
def digits():
    """Clips of FSDD, each of 4,096 samples at 8 kHz with its peak at full scale, int16 (n, 1, 4096); which
    digit each is; and whether it is of the published test set."""
    files = sorted((Path(os.environ.get("GENKIT_DATA_DIR", "data")) / "fsdd" / "recordings").glob("*.wav"))
    if not files:
        pytest.skip("GENKIT_DATA_DIR holds no fsdd/recordings")
    clips = np.zeros((len(files), 1, 4096), np.int16)
    for clip, file in zip(clips, files, strict=True):
        rate, samples = wavfile.read(file)
        assert rate == 8000
        kept = samples[:4096].astype(float)
        clip[0, : len(kept)] = np.round(kept / np.abs(kept).max() * 32767)
    names = [file.stem.split("_") for file in files]
    labels = np.array([int(digit) for digit, _, _ in names])
    return clips, labels, np.array([int(index) < 5 for _, _, index in names])
