"""The probability of improvement: that a training of one arm is better than a training of another."""

from __future__ import annotations

import numpy as np
from scipy import optimize, stats

Z = 1.959963984540054  # the normal distribution's 97.5 % point
RESAMPLES = 9_999


def places(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Differences of n pairs' ranks among all 2n trainings, over 2n, (n,); more is better, ties half.

    Their mean is P(x better than y) over all pairs of trainings, less a half: the sum of the ranks of x is
    n (n + 1) / 2 plus the number of the pairs that x wins (Mann & Whitney 1947).
    """
    ranks = stats.rankdata(np.concatenate([x, y]))
    n = len(x)
    return np.asarray((ranks[:n] - ranks[n:]) / (2 * n))


def improvement_interval(p: float, n: int) -> tuple[float, float]:
    """95 % interval of the probability p that was seen over n × n pairs of trainings.

    The values between which p lies within 1.96 of their own standard errors (Newcombe 2006, method 5).  It
    takes the arms as independent, so it is too wide where what a seed brings is common to both.
    """

    def beyond(theta: float) -> float:
        more = (n - 1) * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return (theta - p) ** 2 - Z**2 * theta * (1 - theta) * (1 + more) / n**2

    low = 0.0 if p == 0 else float(optimize.brentq(beyond, 0.0, min(p, 1 - 1e-9)))
    high = 1.0 if p == 1 else float(optimize.brentq(beyond, max(p, 1e-9), 1.0))
    return low, high


def improvement_bootstrap(x: np.ndarray, y: np.ndarray, resamples: int = RESAMPLES) -> tuple[float, float]:
    """95 % interval of P(x better than y) by the stratified bootstrap of Agarwal et al. 2021.

    Each arm's trainings are drawn anew with replacement, apart from the other's, and the interval is that of
    the percentiles.  It knows nothing beyond what was seen: of few trainings it is too narrow, and where all
    of one arm are better than all of the other it has no width.  The same values give the same interval.

    Args:
        x, y: goodness of the trainings of each, more is better; -inf: it failed.
    """
    wins = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
    rng = np.random.default_rng(0)
    a, b = (rng.multinomial(len(z), np.full(len(z), 1 / len(z)), resamples) for z in (x, y))  # how often each
    low, high = np.quantile(((a @ wins) * b).sum(1), (0.025, 0.975)) / wins.size
    return float(low), float(high)
