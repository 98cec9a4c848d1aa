"""The page of a factorial study: orders, what changes with the budget, what is still to run, bad folders."""

from __future__ import annotations

import pytest
import yaml

from genkit.report import factorial_report
from genkit.report.factorials import analyse_factorial, in_words
from genkit.system.errors import ConfigError
from tests.unit.report.report_runs import row, write_run, write_study

SEEDS = range(8)


def write_factorial(
    folder, means, *, blocks=("digits", "sounds"), amounts=(100, 400), missing=(), status="finished"
):
    """A factorial study of the arms a and b, whose kid is near a mean of (block, amount, arm)."""
    blocks, amounts = ("digits", "sounds"), (100, 400)
    plain = {
        "name": folder.name,
        "question": "Which for which?",
        "primary": "kid",
        "budgets": {"steps": list(amounts)},
        "blocks": {block: {"arms": {"a": [], "b": []}} for block in blocks},
    }
    folder.mkdir(parents=True)
    (folder / "factorial.yaml").write_text(yaml.safe_dump(plain))
    for block in blocks:
        for amount in amounts:
            if (block, amount) in missing:
                continue
            cell = folder / f"{block}-{amount}"
            members = [(arm, seed, {"status": status}) for seed in SEEDS for arm in ("a", "b")]
            for arm, seed, _ in members if status == "finished" else []:
                kid = means[block, amount, arm] + 0.01 * seed
                write_run(
                    cell / f"{arm}-{seed}",
                    arm,
                    seed,
                    [row("kid", kid), row("recall", 0.5, direction="higher")],
                )
            write_study(cell, members, primary="kid")
    return folder


OF_CELLS = {
    ("digits", 100): (1.0, 2.0),
    ("digits", 400): (0.9, 0.4),
    ("sounds", 100): (3.0, 3.001),
    ("sounds", 400): (2.0, 1.0),
}
MEANS = {
    (*cell, arm): mean for cell, means in OF_CELLS.items() for arm, mean in zip("ab", means, strict=True)
}


def test_orders_are_said_with_who_is_told_apart_and_who_changes_places(tmp_path):
    found = analyse_factorial(write_factorial(tmp_path / "g", MEANS))
    assert found.planned == 4
    assert found.order_in_words(("digits", 100.0)) == "a, then b"
    assert found.order_in_words(("digits", 400.0)) == "b, then a"
    assert found.order_in_words(("sounds", 100.0)) == "a and b"
    (turn,) = found.turns()
    assert turn.words("steps") == "digits: a is better than b under 100 steps, and worse under 400"
    said = in_words(found)
    assert "digits: a, then b under 100; b, then a under 400 steps." in said
    assert "Places that are shown to change with the budget: digits: a is better" in said
    assert "4 comparisons, 8 seeds" in said
    assert "to run" not in said


def test_an_order_that_holds_under_every_budget_is_said_once(tmp_path):
    means = {key: (1.0 if key[2] == "a" else 2.0) for key in MEANS}
    said = in_words(analyse_factorial(write_factorial(tmp_path / "g", means)))
    assert "digits: a, then b, under every budget." in said
    assert "No two arms are shown to change places between budgets." in said


def test_studies_that_are_to_come_count_for_holm_and_are_said(tmp_path):
    whole = analyse_factorial(write_factorial(tmp_path / "whole", MEANS))
    part = analyse_factorial(
        write_factorial(tmp_path / "part", MEANS, missing=[("sounds", 400), ("digits", 400)])
    )
    assert part.planned == whole.planned
    key = ("digits", 100.0)
    assert part.comparisons[key][0].p_adjusted >= whole.comparisons[key][0].p_adjusted
    assert "2 of 4 cells are still to run." in in_words(part)


def test_the_page_has_orders_curves_and_a_section_for_each_block(tmp_path):
    folder = write_factorial(tmp_path / "g", MEANS, missing=[("sounds", 400)])
    page = factorial_report(folder, folder / "report")
    text = page.read_text()
    assert "<script" not in text
    for part in (
        "Which for which?",
        "a, then b",
        'id="block-2"',
        "digits under 400 steps",
        "sounds under 100 steps",
    ):
        assert part in text
    assert (folder / "report" / "figures" / "kid.svg").is_file()
    assert (folder / "report" / "figures" / "recall.png").is_file()
    lines = (folder / "report" / "tables" / "orders.md").read_text().splitlines()
    assert lines[0] == "| block | 100 steps | 400 steps |"
    assert lines[2:] == ["| digits | a, then b | b, then a |", "| sounds | a and b | – |"]
    values = (folder / "report" / "tables" / "values.csv").read_text().splitlines()
    assert values[0].startswith("block,steps,arm,seed,status")
    assert len(values) == 1 + 3 * 2 * len(SEEDS) * 2  # cells, arms, seeds, metrics
    assert len((folder / "report" / "tables" / "pairs.csv").read_text().splitlines()) == 1 + 3


def test_a_grid_without_any_study_has_a_page_that_says_so(tmp_path):
    folder = write_factorial(tmp_path / "g", MEANS, missing=[(b, a) for b, a, _ in MEANS])
    page = factorial_report(folder, folder / "report")
    assert "No cell has an order: 4 of 4 cells are still to run." in page.read_text()


def test_cells_of_which_no_run_has_a_number_have_ended_without_an_order(tmp_path):
    found = analyse_factorial(write_factorial(tmp_path / "g", MEANS, status="diverged"))
    assert in_words(found) == (
        "No cell has an order: digits: no run has a number of kid, under every budget."
        " sounds: no run has a number of kid, under every budget."
    )


@pytest.mark.parametrize(
    "text",
    ["[1]", "name: g", "{name: g, primary: kid, budgets: {steps: [1]}, blocks: {x: 1}}", "{", "x: !a b"],
)
def test_a_damaged_grid_is_said_in_one_line(tmp_path, text):
    (tmp_path / "factorial.yaml").write_text(text)
    with pytest.raises(ConfigError, match="damaged factorial study") as caught:
        analyse_factorial(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_of_something_else_is_no_grid(tmp_path):
    with pytest.raises(ConfigError, match="is no factorial study"):
        analyse_factorial(tmp_path)
