"""Learning curves against what the training had cost: which there are, and what they say."""

from __future__ import annotations

import numpy as np
import pytest

from genkit.report.analysis import analyse
from genkit.report.compute import against_costs, at_equal_compute, by_term
from genkit.report.figures import compute, curves
from genkit.report.sources import Member
from genkit.runs import Record
from genkit.runs.rows import from_plain
from genkit.statistics import band, confidence_interval
from tests.unit.report.report_runs import row

STEPS = [10.0, 20.0, 30.0, 40.0]


def member(arm, seed, values, flops, step=40, **more):
    rows = [from_plain(row("training_flops", flops, step=step))] if flops else []
    curves = {"val/nll": (STEPS, values), f"val/{arm}": (STEPS, values)}
    return Member(arm, seed, None, "finished", rows=rows, curves=curves, **more)  # type: ignore[arg-type]


@pytest.fixture
def members():
    """a: 1 FLOP a step (of the best checkpoint at step 20), b: 5 FLOP a step."""
    a = [member("a", s, [4.0 + s, 3.0 + s, 2.0 + s, 1.0 + s], 20.0, step=20) for s in range(3)]
    b = [member("b", s, [5.0, 4.0, 2.0 + s, 1.5], 200.0) for s in range(3)]
    return [*a, *b]


def test_a_term_of_two_arms_is_read_at_equal_compute(members):
    (found,) = at_equal_compute(members)
    assert (found.term, found.cost) == ("val/nll", "training_flops")
    assert found.bands["a"].x.tolist() == STEPS
    assert found.bands["b"].x.tolist() == [50.0, 100.0, 150.0, 200.0]
    # The arms share nothing: when b is first validated, a has ended.
    assert found.words() == ""


def test_what_the_arms_have_reached_is_said_where_all_have_spent_as_much(members):
    dear = [member("c", s, [6.0, 5.0, 4.0, 3.0 + s / 10], 60.0, step=40) for s in range(3)]  # 1.5 a step
    (found,) = at_equal_compute([m for m in members if m.arm == "a"] + dear)
    of_a = [1.0, 2.0, 3.0]  # at its end, 40 FLOP
    of_c = [5.0 + (40 - 30) / 15 * -1.0] * 3  # between its steps 20 and 30
    low, high, _ = confidence_interval(of_a)
    assert found.words().startswith("val/nll at 40 FLOP: a 2 [")
    assert f"[{low:.4g}, {high:.4g}]" in found.words()
    assert f"c {np.mean(of_c):.4g}" in found.words()
    assert [plot.words for plot in compute([found], ["a", "c"])] == [
        "val/nll against FLOP: a line for each of a, c"
    ]


def test_seeds_of_other_speed_are_compared_only_as_far_as_all_go():
    curves = [([10.0, 20.0], [2.0, 1.0]), ([15.0, 30.0], [8.0, 5.0])]
    assert band(curves).x.tolist() == [10.0, 15.0, 20.0, 30.0]
    whole = band(curves, whole=True)
    assert (whole.x.tolist(), whole.n.tolist()) == ([15.0, 20.0], [2, 2])
    assert whole.mean.tolist() == pytest.approx([(1.5 + 8.0) / 2, (1.0 + 7.0) / 2])
    assert band([([0.0, 1.0], [1.0, 1.0]), ([2.0, 3.0], [1.0, 1.0])], whole=True).x.tolist() == []


def test_without_costs_or_a_second_arm_there_is_no_such_curve(members):
    assert at_equal_compute([m for m in members if m.arm == "a"]) == []
    free = [member("b", s, [5.0, 4.0, 3.0, 2.0], None) for s in range(3)]
    assert at_equal_compute([*members[:3], *free]) == []
    worthless = [member("b", s, [5.0, 4.0, 3.0, 2.0], 200.0, worthless="nan") for s in range(3)]
    assert at_equal_compute([*members[:3], *worthless]) == []
    assert compute([], ["a", "b"]) == []


def test_at_as_many_examples_arms_of_other_batches_are_compared():
    """a sees 4 examples a step, b 8: what b has at step 20, a has seen as much for at step 40."""

    def seen(arm, examples, values):
        found = member(arm, 0, values, None)
        found.rows.append(from_plain(row("training_examples", examples, step=40)))
        return found

    (found,) = at_equal_compute([seen("a", 160, [4.0, 3.0, 2.0, 1.0]), seen("b", 320, [8.0, 6.0, 4.0, 2.0])])
    assert (found.term, found.cost) == ("val/nll", "training_examples")
    assert found.words() == "val/nll at 160 examples: a 1, b 6"


def test_terms_of_other_units_are_no_one_s_rivals():
    """A GPT says nats of a token, a flow of an example; both call it nll."""
    units = {"a": "nats/token", "b": "nats", "c": "nats"}
    arms = [
        member(arm, 0, [4.0, 3.0, 2.0, 1.0], 40.0, record=Record(units={"nll": u}))
        for arm, u in units.items()
    ]
    assert {key: [m.arm for m in found] for key, found in by_term(arms).items()} == {
        ("val/nll", "nats"): ["b", "c"],
        ("val/a", ""): ["a"],
        ("val/b", ""): ["b"],
        ("val/c", ""): ["c"],
        ("val/nll", "nats/token"): ["a"],
    }
    assert [set(found.bands) for found in at_equal_compute(arms)] == [{"b", "c"}]
    assert next(plot.words for plot in curves(arms, list(units))) == (
        "val/nll, nats against step: a line for each of b, c"
    )


def test_terms_of_one_arm_are_known_and_not_compared(members):
    found = against_costs(members)
    assert [(of.term, of.shared) for of in found] == [("val/nll", True), ("val/a", False), ("val/b", False)]
    assert [of.words() for of in found[1:]] == ["", ""]
    assert len(compute(found, ["a", "b"])) == 3
    assert len(analyse(members).compute) == 3
