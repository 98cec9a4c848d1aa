"""Shares of sounds: those that are silent, those that are cut off, those that have the pitch asked for."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from genkit.core.notes import frequency
from genkit.metrics.evidence import Evidence
from genkit.metrics.feature_intervals import EXPECTED
from genkit.metrics.measure import Direction, Measure
from genkit.metrics.pitches import CENTS, in_tune
from genkit.metrics.value_intervals import share
from genkit.metrics.waveforms import CLIPPED, SILENT, clipped, silent
from genkit.system.errors import Unmeasurable

AT_ONCE = 2**22  # samples that are looked at together


def silent_share(evidence: Evidence) -> Measure:
    """Sounds that nobody hears: no channel varies by more than a thousandth of full scale."""
    which = _each(silent, evidence.generated.waveforms)
    return _share("silent_share", which, "lower", {"below_decibels": SILENT, **_shape(evidence)})


def clipped_share(evidence: Evidence) -> Measure:
    """Sounds that stay at full scale for some samples in a row."""
    which = _each(clipped, evidence.generated.waveforms)
    return _share("clipped_share", which, "lower", {"in_a_row": CLIPPED, **_shape(evidence)})


def tuned_share(evidence: Evidence) -> Measure:
    """Sounds whose pitch is that of the class asked for, of those for which one was.

    Raises:
        Unmeasurable: no pitch was asked for, or nobody says how long a sample takes.
    """
    heard, asked = evidence.generated.waveforms, evidence.generated.asked
    rate = None if evidence.array is None else evidence.array.rate
    wanted = [frequency(name) for name in asked]
    rows = [i for i, hertz in enumerate(wanted) if hertz is not None]
    if not rows or rate is None:
        raise Unmeasurable("in_tune", "needs sounds that are asked to be of a pitch, and their rate.")
    which = in_tune(heard[rows], rate, [hertz for hertz in wanted if hertz is not None])
    return _share("in_tune", which, "higher", {"cents": CENTS, "rate": rate, **_shape(evidence)})


def _each(of: Callable[[Tensor], Tensor], waveforms: Tensor) -> Tensor:
    """A truth value for each sound, a bounded number at a time."""
    rows = max(1, AT_ONCE // max(1, waveforms[:1].numel()))
    return torch.cat([of(part) for part in waveforms.split(rows)])


def _shape(evidence: Evidence) -> dict[str, str]:
    return {"shape": "×".join(map(str, evidence.generated.waveforms.shape[1:]))}


def _share(name: str, which: Tensor, better: Direction, protocol: dict[str, str | float]) -> Measure:
    value, low, high = share(int(which.sum()), len(which))
    about = {**protocol, "version": 1}
    return Measure(name, value, "1", better, "estimate", len(which), None, low, high, EXPECTED, about)
