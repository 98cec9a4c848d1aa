"""What is drawn where there is little to draw: one budget, one validation, one arm, a far ceiling."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from genkit.report import figures, report
from genkit.report.analysis import analyse
from genkit.report.plots import assembled, styles
from genkit.report.sources import Member
from genkit.runs.rows import from_plain
from genkit.statistics import band
from tests.unit.report.report_runs import row, write_run, write_study

ARMS = ("a", "b")
SEEDS = (0.0, 0.1, 0.2)


def axis_of(plot):
    """A plot, drawn."""
    figure = assembled([plot])
    FigureCanvasAgg(figure).draw()
    return figure.axes[0]


def bands(**at):
    """Of each arm a band over three seeds, whose means are given by place."""
    curves = {arm: [(list(ys), [y + seed for y in ys.values()]) for seed in SEEDS] for arm, ys in at.items()}
    return {arm: band(several) for arm, several in curves.items()}


def drawn(found, at=()):
    return axis_of(
        figures.of_bands("kid", "steps", found, dict.fromkeys(found, 3), styles(list(found)), at=at)
    )


@pytest.mark.parametrize("at", [(), (100, 400)], ids=["validation", "budget"])
def test_numbers_of_one_place_are_points_with_intervals_and_labels(at):
    axis = drawn(bands(a={100.0: 1.0}, b={100.0: 3.0}), at)
    assert [label.get_text() for label in axis.get_yticklabels()] == ["b (3)", "a (3)"]
    assert axis.get_xlabel() == "kid (steps: 100)"
    assert {text.get_text() for text in axis.texts} >= {"1.1", "3.1"}
    half = 4.302653 * 0.1 / np.sqrt(3)  # Student's quantile of two degrees of freedom
    spans = sorted(tuple(line.get_xdata()) for line in axis.lines if len(line.get_xdata()) == 2)
    assert np.allclose(spans, [(1.1 - half, 1.1 + half), (3.1 - half, 3.1 + half)], atol=1e-6)


def test_an_arm_of_one_place_beside_a_curve_has_a_marker_and_an_interval():
    axis = drawn(bands(a={100.0: 1.0, 200.0: 0.5}, b={200.0: 3.0}))
    of_a, of_b = axis.lines[:2]
    assert (of_a.get_marker(), of_b.get_marker()) == ("None", styles(ARMS)["b"]["marker"])
    (interval,) = [bars for bars in axis.collections if hasattr(bars, "get_segments")]
    ((low, high),) = interval.get_segments()
    assert low[0] == high[0] == 200.0
    assert low[1] < 3.1 < high[1]


def test_arms_that_would_hide_one_another_beside_a_far_one_stand_on_an_axis_of_powers():
    near = {"a": {1e3: 0.5, 1e4: 0.02}, "b": {1e3: 2.0, 1e4: 0.3}}
    assert drawn(bands(**near), at=(1e3, 1e4)).get_yscale() == "linear"
    axis = drawn(bands(**near, c={1e3: 500.0, 1e4: -90.0}), at=(1e3, 1e4))
    labels = [label.get_text() for label in axis.get_yticklabels()]
    assert axis.get_yscale() == "symlog"
    assert {"0", "1", "100", "−10"} <= set(labels)
    places = axis.transScale.transform([(1.0, 0.02), (1.0, 0.3), (1.0, 500.0)])[:, 1]
    assert (places[1] - places[0]) / np.ptp(places) > 0.05  # (a twentieth of the axis; straight: 0.0006)


def primary_of(*, floor, ceiling, arms=ARMS):
    members = []
    for place, arm in enumerate(arms):
        for seed, more in enumerate(SEEDS):
            rows = [row("kid", 1.0 + place + more), row("training_seconds", 5.0 + place)]
            rows += [row("kid", floor, role="floor"), row("kid", ceiling, role="ceiling")]
            members.append(Member(arm, seed, None, "finished", rows=[from_plain(plain) for plain in rows]))
    return analyse(members, "kid")


@pytest.mark.parametrize(
    ("floor", "ceiling", "said"),
    [
        (0.9, 90.0, ["floor 0.9", "ceiling 90 →"]),
        (-50.0, 90.0, ["← floor -50", "ceiling 90 →"]),
        (80.0, 90.0, ["floor 80 →", "ceiling 90 →"]),
        (1.5, 1.6, ["floor 1.5", "ceiling 1.6"]),
    ],
)
def test_floor_and_ceiling_are_said_with_their_numbers_and_none_lies_on_another(floor, ceiling, said):
    (plot,) = figures.intervals(primary_of(floor=floor, ceiling=ceiling).primary)
    axis = axis_of(plot)
    assert sorted(text.get_text() for text in axis.texts) == sorted(said)
    boxes = [text.get_window_extent() for text in axis.texts]
    assert not boxes[0].overlaps(boxes[1])
    whole = axis.figure.bbox
    for box in boxes:
        assert whole.x0 <= box.x0 < box.x1 <= whole.x1
        assert box.y1 <= whole.y1


def test_one_arm_has_no_chart_of_quality_against_cost():
    one, two = (primary_of(floor=0.1, ceiling=9.0, arms=arms) for arms in (("a",), ARMS))
    assert figures.fronts(one.primary, one.lines) == ([], {})
    plots, fronts = figures.fronts(two.primary, two.lines)
    assert len(plots) == len(fronts) == 1


def test_a_page_of_runs_that_were_validated_once_says_that_there_is_no_curve(tmp_path):
    members = [(arm, seed, {"status": "finished"}) for arm in ARMS for seed in range(2)]
    for arm, seed, _ in members:
        run = write_run(tmp_path / "s" / f"{arm}-{seed}", arm, seed, [row("kid", 1.0 + seed)])
        (run / "metrics.csv").write_text("step,val/nll\n100,1.5\n")
    page = report(write_study(tmp_path / "s", members, primary="kid"), tmp_path / "out").read_text("utf-8")
    assert '<a href="#curves">' in page
    assert "no run was validated more than once" in page
    assert not (tmp_path / "out" / "figures" / "curves.svg").exists()
