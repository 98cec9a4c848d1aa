"""Metrics of pictures on single frames of videos: how they look, whatever moves.

Of each video one frame is taken, of the first video the first, of the next the second and so on: as many
frames as there are videos, each independent of the others, so that intervals mean what they say.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import torch
from torch import Tensor

from genkit.core.array_spec import ArraySpec
from genkit.core.media.image import IMAGE
from genkit.metrics.evidence import Evidence
from genkit.metrics.extractors import Extractor, extractor
from genkit.metrics.features import Features, collect
from genkit.metrics.frechet import fid
from genkit.metrics.kernel import kid
from genkit.metrics.measure import Measure
from genkit.metrics.neighbours import neighbour_measures
from genkit.system.errors import Unmeasurable

AT_ONCE = 500  # frames
KINDS = ("fid", "kid", "precision", "recall")


def frame_measures(evidence: Evidence) -> list[Measure]:
    """`frame_fid`, `frame_kid`, `frame_precision` and `frame_recall`, by the extractor that fits such frames
    as images.

    Raises:
        Unmeasurable: too few clips for any.
    """
    real, made = (frame_features(seen.clips) for seen in (evidence.real, evidence.generated))
    found: dict[str, Measure] = {}
    reason = ""
    for of in (_fid, _kid, neighbour_measures):
        try:
            given = of(real, made)
        except Unmeasurable as error:
            reason = error.reason
            continue
        found |= {measure.metric.removesuffix(f"_{made.protocol['extractor']}"): measure for measure in given}
    if not found:
        raise Unmeasurable([f"frame_{kind}" for kind in KINDS], reason)
    return [
        replace(one, metric=f"frame_{kind}", protocol={**one.protocol, "frames": "one of each"})
        for kind, one in found.items()
        if kind in KINDS
    ]


def frame_features(clips: Tensor) -> Features:
    """Of one frame of each clip, uint8 (n, C, T, H, W)."""
    frames = single_frames(clips)
    array = ArraySpec(frames.shape[1], tuple(frames.shape[2:]), 256)
    return collect(_extractor(IMAGE.extractor(array)), frames.split(AT_ONCE))


def single_frames(clips: Tensor) -> Tensor:
    """One frame of each clip, (n, C, H, W), of all moments equally many."""
    rows = torch.arange(len(clips))
    return clips[rows, :, rows % clips.shape[2]]


def _fid(real: Features, made: Features) -> list[Measure]:
    return [fid(real, made)]


def _kid(real: Features, made: Features) -> list[Measure]:
    return [kid(real, made)]


@cache
def _extractor(name: str) -> Extractor:
    return extractor(name)
