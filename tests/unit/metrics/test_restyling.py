"""Whether what was drawn is the motif in the asked class: on answers whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from genkit.metrics.evidence import Evidence
from genkit.metrics.restyling import Restylings, ceiling, measures, nearest, strangers
from genkit.system.errors import Unmeasurable

MOTIFS, CLASSES = 12, 3


def restylings(answer: str, motifs: int = MOTIFS) -> Restylings:
    """All restylings of the first motifs, answered in one way."""
    generator = torch.Generator().manual_seed(0)
    known = torch.rand(MOTIFS * CLASSES, 1, 4, 4, generator=generator)
    of_motif, of_class = torch.arange(MOTIFS).repeat_interleave(CLASSES), torch.arange(CLASSES).repeat(MOTIFS)
    pairs = [
        (i, i // CLASSES * CLASSES + label)
        for i in range(motifs * CLASSES)
        for label in range(CLASSES)
        if label != i % CLASSES
    ]
    given, wanted = (torch.tensor(side) for side in zip(*pairs, strict=True))
    seen = Restylings(known[wanted], given, wanted, known, of_motif, of_class)
    made = {
        "truth": known[wanted],
        "near": (known[wanted] + 0.05 * torch.randn(known[wanted].shape, generator=generator)).clamp(0, 1),
        "input": known[given],
        "stranger": known[strangers(seen)],
        "half": torch.where(
            (torch.arange(len(given)) % 2 == 0)[:, None, None, None], known[wanted], known[given]
        ),
    }[answer]
    return Restylings(made, given, wanted, known, of_motif, of_class)


def numbers(answer: str) -> dict[str, float]:
    return {one.metric: one.value for one in measures(Evidence(restylings=restylings(answer)))}


def shares(found: dict[str, float], name: str) -> tuple[float, ...]:
    return tuple(found[f"{name}_{kind}"] for kind in ("share", "motif_share", "class_share"))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("truth", (1, 1, 1)),
        ("near", (1, 1, 1)),
        ("input", (0, 1, 0)),
        ("stranger", (0, 0, 1)),
        ("half", (0.5, 1, 0.5)),
    ],
)
def test_shares_are_those_of_the_answers(answer, expected):
    found = numbers(answer)
    assert shares(found, "restyled") == pytest.approx(expected)
    assert shares(found, "copied") == (0, 1, 0)
    assert shares(found, "stranger") == (0, 0, 1)
    assert (found["restyled_mse"] == 0) == (answer == "truth")


def test_errors_are_those_of_numpy():
    seen = restylings("near")
    truth = seen.known[seen.wanted].numpy().astype(np.float64)
    wanted = ((seen.made.numpy().astype(np.float64) - truth) ** 2).mean()
    assert numbers("near")["restyled_mse"] == pytest.approx(wanted)
    copied = ((seen.known[seen.given].numpy().astype(np.float64) - truth) ** 2).mean()
    assert numbers("near")["copied_mse"] == pytest.approx(copied)


def test_the_ceiling_is_the_best_that_is_trivial():
    evidence = Evidence(restylings=restylings("half"))
    model, trivial = ({one.metric: one for one in made(evidence)} for made in (measures, ceiling))
    assert trivial["restyled_share"].value == 0
    least = min(model["copied_mse"].value, model["stranger_mse"].value)
    assert trivial["restyled_mse"].value == least
    assert trivial["restyled_mse"].direction == "lower"


def test_intervals_are_of_motifs():
    """Of motifs of which each is all right or all wrong, the interval is that of so many draws."""
    seen = restylings("truth")
    right = seen.motifs[seen.given] % 2 == 0
    made = torch.where(right[:, None, None, None], seen.known[seen.wanted], seen.known[seen.given])
    evidence = Evidence(restylings=replace(seen, made=made))
    one = next(found for found in measures(evidence) if found.metric == "restyled_share")
    assert one.value == 0.5
    spread = np.std([0, 1] * (MOTIFS // 2), ddof=1) / np.sqrt(MOTIFS)
    assert one.high - one.low == pytest.approx(2 * 2.2010 * spread, rel=1e-3)  # Student, 11 degrees


def test_the_nearest_is_found_as_by_hand():
    generator = torch.Generator().manual_seed(1)
    pictures, known = (
        torch.rand(7, 1, 3, 3, generator=generator),
        torch.rand(11, 1, 3, 3, generator=generator),
    )
    apart = ((pictures[:, None] - known[None]) ** 2).sum((2, 3, 4))
    assert torch.equal(nearest(pictures, known), apart.argmin(1))


def test_one_motif_has_no_interval():
    with pytest.raises(Unmeasurable, match="at least 2 motifs"):
        measures(Evidence(restylings=restylings("truth", motifs=1)))
    with pytest.raises(Unmeasurable, match="has none"):
        measures(Evidence())
