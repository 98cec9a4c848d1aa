"""How good speech sounds to people, as a network guesses that was trained on what they said: DNSMOS P.835.

Reddy et al. 2022.  The network and the scale of its answers are those of the package `speechmos`, whose file
is read and whose code is not.  It was trained on speech in noise; near-silence gets 2.1 of 5, more than much
speech, so a share of silent samples belongs beside it.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genkit.metrics.evidence import Evidence
from genkit.metrics.extractors import resampled
from genkit.metrics.feature_intervals import EXPECTED
from genkit.metrics.hearing import mono
from genkit.metrics.measure import Measure
from genkit.metrics.value_intervals import mean, within
from genkit.system.errors import Unmeasurable

RATE, SECONDS, HOP = 16_000, 9.01, 16_000  # of what the network hears, and from one stretch to the next
MOST = 100  # sounds: each takes some tenths of a second
SCALE = (-0.06766283, 1.11546468, 0.04602535)  # a polynomial from what it says to what people would
FILE = "dnsmos_models/sig_bak_ovr.onnx"
SHA256 = "269fbebdb513aa23cddfbb593542ecc540284a91849ac50516870e1ac78f6edd"
EXTRA = "pip install 'generator-kit[audio]'"
OVERALL = 2  # of signal, background and overall


def dnsmos(evidence: Evidence) -> Measure:
    """The mean of the overall opinion, from 1 to 5, of the first so many sounds.

    Raises:
        Unmeasurable: the package is not here, or nobody says how long a sample takes.
    """
    rate = None if evidence.array is None else evidence.array.rate
    if rate is None:
        raise Unmeasurable("dnsmos", "needs sounds whose rate is known.")
    heard = evidence.generated.waveforms[:MOST]
    opinion = listener()
    found = [opinion(clip) for clip in resampled(heard.float() / 2**15, rate, RATE)]
    value, low, high = within(mean(found), 1.0, 5.0)
    protocol: dict[str, str | float] = {"network": FILE, "digest": SHA256[:12], "rate": rate, "version": 1}
    return Measure(
        "dnsmos", value, "1-5", "higher", "estimate", len(found), None, low, high, EXPECTED, protocol
    )


@cache
def listener() -> Callable[[Tensor], float]:
    """The overall opinion of a clip, (C, T) in [-1, 1] at 16 kHz.

    Raises:
        Unmeasurable: the package is not here, or its file is another.
    """
    place = importlib.util.find_spec("speechmos")
    try:
        import onnxruntime
    except ImportError:
        place = None
    if place is None or not place.submodule_search_locations:
        raise Unmeasurable("dnsmos", f"needs onnxruntime and the file of speechmos: {EXTRA}.")
    raw = (Path(place.submodule_search_locations[0]) / FILE).read_bytes()
    if hashlib.sha256(raw).hexdigest() != SHA256:
        raise Unmeasurable(
            "dnsmos", f"needs the {FILE} of speechmos 0.0.1.1; the one that is here is another."
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    network = onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])

    def opinion(clip: Tensor) -> float:
        parts = stretches(mono(clip[None])[0].clamp(-1, 1).numpy())
        said = [float(network.run(None, {"input_1": part[None]})[0][0][OVERALL]) for part in parts]
        return float(np.mean(np.polyval(SCALE, said)))

    return opinion


def stretches(clip: np.ndarray) -> list[np.ndarray]:
    """What the network hears of a clip, float32 (144160,) each: of a short one a repetition until it is long
    enough (the package takes the mean over several such, which differ by hundredths), else a second from one
    to the next."""
    length = int(SECONDS * RATE)
    if len(clip) < length:
        clip = np.resize(clip, length)
    starts = range(0, len(clip) - length + 1, HOP)
    return [np.ascontiguousarray(clip[start : start + length], np.float32) for start in starts]
