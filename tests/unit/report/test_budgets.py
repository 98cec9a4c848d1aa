"""What a smaller budget would have shown: read off curves that are known."""

from __future__ import annotations

import pytest

from genkit.report.budgets import sensitivity
from genkit.report.compute import at_equal_compute
from genkit.report.sources import Member
from genkit.runs.rows import from_plain
from tests.unit.report.report_runs import row


def member(arm, values, steps=(10.0, 20.0, 30.0, 40.0), **costs):
    rows = [from_plain(row(f"training_{cost}", spent, step=40)) for cost, spent in costs.items()]
    return Member(arm, 0, None, "finished", rows=rows, curves={"val/nll": (list(steps), list(values))})  # type: ignore[arg-type]


def test_arms_that_cross_are_in_another_order_of_a_smaller_budget():
    fast = member("fast", [4.0, 3.5, 3.25, 3.0], examples=400)  # ten a step
    slow = member("slow", [9.0, 5.0, 3.0, 1.0], examples=400)
    (found,) = sensitivity(at_equal_compute([fast, slow]), "examples")
    assert (found.term, found.spent) == ("val/nll", "400 examples")
    assert found.cells == {"fast": ["4", "3.5", "3.25", "3"], "slow": ["9", "5", "3", "1"]}
    assert found.orders == [("fast", "slow"), ("fast", "slow"), ("slow", "fast"), ("slow", "fast")]
    assert found.words() == "means in another order at 25\N{NO-BREAK SPACE}%, 50\N{NO-BREAK SPACE}%"


def test_parts_are_of_what_all_have_spent_and_nothing_is_said_before_a_first_validation():
    short = member("short", [4.0, 3.0, 2.0, 1.0], flops=40.0)
    long = member("long", [8.0, 7.0, 6.0, 5.0], flops=160.0)  # first validated at 40 FLOP
    (found,) = sensitivity(at_equal_compute([short, long]), "flops")
    assert found.spent == "40 FLOP"
    assert found.cells == {"short": ["4", "3", "2", "1"], "long": ["–", "–", "–", "8"]}
    assert found.orders == [(), (), (), ("short", "long")]
    assert found.words() == "too few validations to tell"


@pytest.mark.parametrize(
    ("unit", "spent"),
    [
        ("steps", "400 examples"),
        ("tokens", "400 examples"),
        ("flops", "80 FLOP"),
        ("seconds", "8 s"),
        (None, "400 examples"),
    ],
)
def test_the_cost_is_the_one_that_the_budget_limits(unit, spent):
    costs = {"examples": 400, "flops": 80.0, "seconds": 8.0}
    arms = [member(arm, [4.0, 3.0, 2.0, 1.0 + (arm == "b")], **costs) for arm in "ab"]
    (found,) = sensitivity(at_equal_compute(arms), unit)
    assert found.spent == spent
    assert found.words() == "means in the same order throughout"
    del costs["examples"]
    arms = [member(arm, [4.0, 3.0, 2.0, 1.0], **costs) for arm in "ab"]
    assert sensitivity(at_equal_compute(arms), "steps")[0].spent == "80 FLOP"
    assert sensitivity([], unit) == []
