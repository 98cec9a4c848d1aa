"""Whether examples drawn in other classes are what they should be: exact, since the truth is among the data.

Legend: n restylings, N examples that there are, S… their shape.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from genkit.metrics import value_intervals
from genkit.metrics.measure import Direction, Measure, Protocol
from genkit.metrics.of_restyling import ERROR, MADE, SHARES, TRIVIAL
from genkit.system.errors import Unmeasurable

if TYPE_CHECKING:
    from genkit.metrics.evidence import Evidence

LEAST = 2  # motifs that have an interval
AT_ONCE = 500  # pictures whose neighbours are looked for together
OF_MOTIFS = "the mean over all motifs that the data could have, this network held fixed"


@dataclass(frozen=True)
class Restylings:
    """Examples drawn anew in other classes, and all examples that there are.

    Attributes:
        made: what was drawn, from 0 to 1, (n, S…).
        given: which example each was made of, int64 (n,).
        wanted: which it should have become, int64 (n,).
        known: all examples, from 0 to 1, (N, S…).
        motifs, classes: of these, int64 (N,).
        about: what the numbers depend on.
    """

    made: Tensor
    given: Tensor
    wanted: Tensor
    known: Tensor
    motifs: Tensor
    classes: Tensor
    about: Protocol = field(default_factory=dict)


def measures(evidence: Evidence) -> list[Measure]:
    """Of what a model draws, and of what is trivial.

    Raises:
        Unmeasurable: there are none, or of a single motif.
    """
    seen = evidence.restylings
    names = [f"{made}_{kind}" for made in (MADE, *TRIVIAL) for kind in (*SHARES, ERROR)]
    if seen is None:
        raise Unmeasurable(names, "need examples drawn in other classes; this evidence has none.")
    if len(seen.motifs[seen.given].unique()) < LEAST:
        raise Unmeasurable(names, f"need at least {LEAST} motifs.")
    answers = {MADE: seen.made, "copied": seen.known[seen.given], "stranger": seen.known[strangers(seen)]}
    return [measure for name, answer in answers.items() for measure in _of(name, answer, seen)]


def ceiling(evidence: Evidence) -> list[Measure]:
    """For each number the best of the trivial answers: who has learnt nothing is no better.

    Raises:
        Unmeasurable: as `measures`.
    """
    found = {measure.metric: measure for measure in measures(evidence)}
    best = []
    for kind in (*SHARES, ERROR):
        pick, own = (min if kind == ERROR else max), found[f"{MADE}_{kind}"]
        least = pick((found[f"{name}_{kind}"] for name in TRIVIAL), key=lambda one: one.value)
        best.append(replace(own, value=least.value, low=least.low, high=least.high))
    return best


def strangers(seen: Restylings) -> Tensor:
    """For each restyling another motif's example of the asked class, drawn once for ever, int64 (n,)."""
    generator = np.random.Generator(np.random.Philox(0))
    motifs, classes = seen.motifs.numpy(), seen.classes.numpy()
    of_class = {int(label): np.flatnonzero(classes == label) for label in np.unique(classes)}
    found = []
    for wanted in seen.wanted.tolist():
        others = of_class[int(classes[wanted])]
        found.append(generator.choice(others[motifs[others] != motifs[wanted]]))
    return torch.as_tensor(np.array(found))


def nearest(pictures: Tensor, known: Tensor) -> Tensor:
    """The example that is nearest to each by the squares of the differences, int64 (n,)."""
    flat = known.flatten(1).double()
    length = flat.square().sum(1)
    parts = (part.flatten(1).double() for part in pictures.split(AT_ONCE))
    return torch.cat([(length - 2 * part @ flat.T).argmin(1) for part in parts])


def _of(name: str, answers: Tensor, seen: Restylings) -> Iterator[Measure]:
    found = nearest(answers, seen.known)
    same_motif = seen.motifs[found] == seen.motifs[seen.wanted]
    same_class = seen.classes[found] == seen.classes[seen.wanted]
    shares = {"share": same_motif & same_class, "motif_share": same_motif, "class_share": same_class}
    numbers = {kind: shares[kind].double() for kind in SHARES}
    numbers[ERROR] = (answers.double() - seen.known[seen.wanted].double()).square().flatten(1).mean(1)
    _, motif = np.unique(seen.motifs[seen.given].numpy(), return_inverse=True)
    counts = np.bincount(motif)
    for kind, values in numbers.items():
        sums = np.bincount(motif, values.numpy())
        value, low, high = value_intervals.ratio(sums, counts)
        better: Direction = "lower" if kind == ERROR else "higher"
        yield Measure(
            f"{name}_{kind}",
            value,
            "1",
            better if name == MADE else "none",
            "estimate",
            len(answers),
            len(seen.known),
            low,
            high,
            OF_MOTIFS,
            seen.about,
        )
