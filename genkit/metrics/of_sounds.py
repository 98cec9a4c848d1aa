"""Declarations of what is built in: metrics of sounds as they are heard, and of classes.  No torch here."""

from __future__ import annotations

from genkit.metrics.declaration import Call, Metric
from genkit.metrics.of_samples import STUDENT, WILSON

HEARD = ("waveforms",)

OF_CLASSES = (
    Metric(
        *("agreement", "1", "higher", ("probabilities", "asked"), Call("classes_asked:agreement")),
        help="share of samples in which the extractor sees the class asked for",
        group="classes",
        interval=WILSON,
        ceiling=False,
        by_extractor=True,
        least=0.0,
        most=1.0,
    ),
)

OF_SOUNDS = (
    Metric(
        *("silent_share", "1", "lower", HEARD, Call("sound_shares:silent_share")),
        help="share of sounds that are silent, 60 dB below full scale",
        group="sounds",
        interval=WILSON,
        least=0.0,
        most=1.0,
    ),
    Metric(
        *("clipped_share", "1", "lower", HEARD, Call("sound_shares:clipped_share")),
        help="share of sounds that stay at full scale for some samples",
        group="sounds",
        interval=WILSON,
        least=0.0,
        most=1.0,
    ),
    Metric(
        *("in_tune", "1", "higher", (*HEARD, "pitches"), Call("sound_shares:tuned_share")),
        help="share of sounds within 50 cents of the pitch asked for",
        cites=("mcleod2005smarter",),
        group="sounds",
        interval=WILSON,
        ceiling=False,
        least=0.0,
        most=1.0,
    ),
    Metric(
        *("dnsmos", "1-5", "higher", (*HEARD, "speech"), Call("dnsmos:dnsmos")),
        help="opinion of speech that a network guesses (DNSMOS); silent_share stands beside it",
        cites=("reddy2022dnsmos",),
        group="speech",
        interval=STUDENT,
        beside=("silent_share",),
        least=1.0,
        most=5.0,
    ),
)
