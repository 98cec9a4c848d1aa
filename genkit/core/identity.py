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

INCEPTION = "inception"
UNNAMED = "features"  # of no known network


def named(kind: str, extractor: object) -> str:
    """The name of a metric of features: its kind, and whose features unless they are Inception's."""
    return kind if extractor == INCEPTION else f"{kind}_{extractor or UNNAMED}"


def fingerprint(metric: str, n: int, n_real: int | None, protocol: Mapping[str, object]) -> str:
    """Twelve hexadecimal digits of a metric, its protocol and the numbers of examples."""
    plain = {"metric": metric, "n": n, "n_real": n_real, **protocol}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:12]
