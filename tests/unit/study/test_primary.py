"""The names that may decide a study are those that evaluations give."""

from __future__ import annotations

from pathlib import Path

import pytest

from genkit.core.identity import kind_of
from genkit.metrics.catalogue import NAMES, OF_IMAGES, OF_TEXTS, UNDIRECTED
from genkit.metrics.cost import COSTS
from genkit.metrics.panel import METRICS
from genkit.runs import rows as row_files
from genkit.study.primary import check_primary
from genkit.system.errors import ConfigError

ROWS = Path(__file__).parents[3] / "experiments" / "006_evaluation" / "rows.jsonl"


def test_the_names_are_those_of_the_panels():
    assert set(NAMES["images"]) == set(METRICS)
    assert set(NAMES["cost"]) == set(COSTS)
    rows = row_files.read(ROWS)
    known = {name for names in NAMES.values() for name in names}
    assert {kind_of(row.metric) for row in rows} <= known
    measured = [row for row in rows if row.value is not None]
    directed = {kind_of(row.metric) for row in measured if row.direction != "none"}
    assert directed == {kind_of(row.metric) for row in measured} - set(UNDIRECTED)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("kdi", None), "primary=kdi is no metric of an evaluation. Did you mean kid?"),
        (("diversity", None), "primary=diversity has no better direction"),
        (
            ("kid", ["likelihood", "cost"]),
            "is of images, and evaluate: metrics measures likelihood, cost alone",
        ),
        (("mauve", None, False), "is of texts, and the data are images"),
        (("fid", None, True), "is of images, and the data are texts"),
    ],
)
def test_a_metric_that_cannot_decide_is_refused(asked, said):
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
        check_primary(*asked)


def test_a_metric_that_can_decide_is_taken():
    for name in ("nll", "training_flops"):
        assert name not in {*OF_IMAGES, *OF_TEXTS}
        check_primary(name, None, True)
    for name in ("kid", "kid_digits", "fid_random", "fid_infinity"):
        check_primary(name, ["images"], False)
    check_primary("mauve", None, True)
