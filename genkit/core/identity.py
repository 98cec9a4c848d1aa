"""What a number is called and what it must share with another to stand beside it.  Plain data, no torch.

A distance of features belongs to the network that made them, and its name says which: `fid_digits` is a
Fréchet distance of the bundled network's features.  The bare names (`fid`, `kid`, `inception_score`) are
those of Inception-v3 alone, as the literature has them.  Asking by the bare name (`metrics=fid`) means the
kind, whatever the features.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

BY_FEATURES = ("fid_infinity", "fid", "kid", "inception_score")  # the longer before its beginning
INCEPTION = "inception"
UNNAMED = "features"  # of no known network


def named(kind: str, extractor: object) -> str:
    """The name of a metric of features: its kind, and whose features unless they are Inception's."""
    return kind if extractor == INCEPTION else f"{kind}_{extractor or UNNAMED}"


def kind_of(metric: str) -> str:
    """The kind of a metric: `fid` of `fid_digits`; other metrics are their own."""
    if metric in BY_FEATURES:  # `fid_infinity` is of no network called infinity
        return metric
    return next((kind for kind in BY_FEATURES if metric.startswith(f"{kind}_")), metric)


def answers(metric: str, asked: str) -> bool:
    """Whether a metric is what a name asks for: its own, or that of its kind."""
    return asked in (metric, kind_of(metric))


def fingerprint(metric: str, n: int, n_real: int | None, protocol: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits of a metric, its protocol and the numbers of examples."""
    plain = {"metric": metric, "n": n, "n_real": n_real, **protocol}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:12]
