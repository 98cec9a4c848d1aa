"""Which of many texts is most like another, by the runs of characters that they share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

ORDERS = (1, 3)  # characters of the shortest and of the longest runs that are counted
AT_ONCE = 2**24  # likenesses in memory


def most_alike(texts: Sequence[str], among: Sequence[str]) -> np.ndarray:
    """For each text the place of the one that is most like it, by the cosine of their counts; int64 (N,).

    Of several that are as alike it is the first.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    counts = HashingVectorizer(
        analyzer="char", ngram_range=ORDERS, n_features=2**16, lowercase=False, alternate_sign=False
    )
    known = counts.transform(among).T
    size = max(1, AT_ONCE // len(among))
    found = [
        (counts.transform(texts[start : start + size]) @ known).toarray().argmax(1)
        for start in range(0, len(texts), size)
    ]
    places: np.ndarray = np.concatenate(found)
    return places
