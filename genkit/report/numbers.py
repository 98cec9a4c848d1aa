"""Numbers of a report as text, to the digits that mean something."""

from __future__ import annotations

import math

from genkit.statistics import Summary


def number(value: float | None, step: float | None = None) -> str:
    """With two digits of its uncertainty, else with four of its own."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return f"{value:g}"
    if step and abs(value) < 1e6 and step > 1e-9:
        return f"{value:,.{_digits(step)}f}"
    if abs(value) >= 1e6 or abs(value) < 1e-4:
        return f"{value:.3e}"
    return f"{value:,.0f}" if value == int(value) and abs(value) >= 1000 else f"{value:.4g}"


def amount_text(x: float) -> str:
    """Of a budget: 3e+11 is 3e11."""
    return f"{x:g}".replace("e+", "e")


def _digits(step: float) -> int:
    digits = 0
    while step < 10 and digits < 6:
        step, digits = step * 10, digits + 1
    return digits


def summary_text(s: Summary | None, bound: str = "") -> str:
    """Mean [interval over seeds]; where there is none, the mean and the values from least to most.

    Args:
        bound: what stands before a number that is a bound: "≤ ".
    """
    if s is None:
        return "–"
    if s.most - s.least <= 1e-9 * abs(s.mean):  # the same in every run, as a number of parameters is
        return bound + number(s.mean)
    if s.low is None or s.high is None:
        joined = ", " if s.n == 2 else " to "
        return f"{bound}{number(s.mean)} ({number(s.least)}{joined}{number(s.most)})"
    half = (s.high - s.low) / 2
    return f"{bound}{number(s.mean, half)} [{number(s.low, half)}, {number(s.high, half)}]"


def reached_text(mean: float, low: float | None, high: float | None) -> str:
    """A mean to four digits, with its interval where it has one."""
    return number(mean) if low is None else f"{number(mean)} [{number(low)}, {number(high)}]"
