"""MAUVE (Pillutla et al. 2021), by mauve-text, on features that a caller chooses.

Its value depends on the features: those of `ngram_features` need no network and are the same for every run,
so that two runs can stand in one column; a run's own features judge it by what it has learnt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from genkit.metrics import value_intervals
from genkit.metrics.measure import Measure
from genkit.metrics.wording import need
from genkit.system.errors import Unmeasurable

if TYPE_CHECKING:
    from genkit.metrics.evidence import Evidence

LEAST = 60  # texts of either kind
PER_BUCKET = 39  # texts at least, as faiss wants them for a centre
DRAWS = 10
FEATURES = 64
SEED = 25
Featuriser = Callable[[Sequence[str]], np.ndarray]  # texts to (n, d)
OF = "its expected value at this many texts of this network, real texts and clusters' number held fixed"


def of_texts(evidence: Evidence) -> Measure:
    """MAUVE of texts by the features that the evidence names; its interval only where that is wanted."""
    name, features = evidence.featuriser
    made, real = (features(seen.texts) for seen in (evidence.generated, evidence.real))
    return mauve(made, real, name, draws=DRAWS if evidence.intervals else 0)


def mauve(generated: np.ndarray, real: np.ndarray, featuriser: str, *, draws: int = DRAWS) -> Measure:
    """The area under the frontier of divergences between two sets of features, (n, d) and (m, d).

    Args:
        featuriser: what made the features, for the protocol.
        draws: halves that the interval rests on; 0: no interval.

    Raises:
        Unmeasurable: mauve-text is missing, or fewer than 60 texts of either kind.
    """
    if find_spec("mauve") is None:
        raise Unmeasurable("mauve", "needs mauve-text: pip install mauve-text.")
    need("mauve", len(generated), LEAST)
    need("mauve", len(real), LEAST, "real texts")
    buckets = (len(generated) // 2 + len(real)) // PER_BUCKET

    def value(rows: np.ndarray) -> float:
        return compute(generated[rows], real, buckets)

    n = len(generated)
    found = value(np.arange(n))
    protocol = {
        "featuriser": featuriser,
        "features": generated.shape[1],
        "buckets": buckets,
        "scaling": 5,
        "mauve_text": version("mauve-text"),
    }
    measure = Measure("mauve", found, "1", "higher", "estimate", n, len(real), protocol=protocol)
    if not draws:
        return measure
    _, low, high = value_intervals.within(value_intervals.half_jackknife(value, n, found, draws=draws))
    return replace(measure, low=low, high=high, interval=OF)


def compute(generated: np.ndarray, real: np.ndarray, buckets: int) -> float:
    """mauve-text's number; it clusters with a generator of its own, from a fixed seed."""
    from mauve import compute_mauve

    found = compute_mauve(
        p_features=np.ascontiguousarray(real, dtype=np.float32),
        q_features=np.ascontiguousarray(generated, dtype=np.float32),
        num_buckets=buckets,
        seed=SEED,
        verbose=False,
    )
    return float(found.mauve)


def ngram_features(texts: Sequence[str]) -> np.ndarray:
    """Counts of runs of 1 to 3 characters, hashed and projected by fixed random numbers, (n, 64).

    The square roots of the shares, so that their inner product is Bhattacharyya's coefficient.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    if not texts:
        return np.empty((0, FEATURES), np.float32)
    size = 2**14
    hashed = HashingVectorizer(
        analyzer="char", ngram_range=(1, 3), n_features=size, alternate_sign=False, norm="l1", lowercase=False
    )
    counts = hashed.transform(texts)
    generator = np.random.Generator(np.random.Philox(0))
    projection = generator.standard_normal((size, FEATURES)) / np.sqrt(FEATURES)
    return np.asarray(counts.sqrt() @ projection, dtype=np.float32)


NGRAMS: tuple[str, Featuriser] = ("hashed runs of 1 to 3 characters", ngram_features)
