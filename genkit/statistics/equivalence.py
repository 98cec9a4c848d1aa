"""Equivalence: that two arms' means lie nearer to one another than a margin that was stated beforehand."""

from __future__ import annotations

import numpy as np

from genkit.statistics.signs import sign_test_above


def equivalence_test(differences: np.ndarray, margin: float) -> float:
    """p-value that the mean of paired differences lies at `margin` or beyond, on either side.

    Two one-sided tests (Schuirmann 1987): that the mean is above -margin, and that it is below margin; both
    must hold, so the larger p-value counts, and no correction is due for their number.  The tests are the
    sign flips of `signs`, so that p ≤ 5 % means what a 90 % interval within ±margin would.

    Raises:
        ValueError: the margin is not above 0.
    """
    if not margin > 0:
        raise ValueError("a margin of equivalence is above 0")
    return max(sign_test_above(differences + margin), sign_test_above(margin - differences))
