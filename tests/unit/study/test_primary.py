"""The names that may decide a study are those that evaluations give."""

from __future__ import annotations

from pathlib import Path

import pytest

from genkit.core.media.image import IMAGE
from genkit.core.media.text import TEXT
from genkit.metrics.catalogue import BUILT_IN, kind_of
from genkit.runs import rows as row_files
from genkit.study.primary import check_primary
from genkit.system.errors import ConfigError

ROWS = Path(__file__).parents[3] / "experiments" / "006_evaluation" / "rows.jsonl"


def test_the_names_and_directions_are_those_of_published_rows():
    rows = row_files.read(ROWS)
    assert {kind_of(row.metric) for row in rows} <= set(BUILT_IN)
    measured = [row for row in rows if row.value is not None]
    assert len(measured) > 200
    for row in measured:
        declared = BUILT_IN[kind_of(row.metric)]
        assert (row.direction, row.unit.partition("/")[0]) == (
            declared.direction,
            declared.unit.partition("/")[0],
        )
        if row.role == "model":
            assert bool(row.interval) <= bool(declared.interval), row.metric
            assert declared.least <= row.value <= declared.most
        assert row.role == "model" or (declared.floor if row.role == "floor" else declared.ceiling)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("kdi", None), "primary=kdi is no metric of an evaluation. Did you mean kid?"),
        (("diversity", None), "primary=diversity has no better direction"),
        (
            ("kid", ["likelihood", "cost"]),
            "is of images, and evaluate: metrics measures likelihood, cost alone",
        ),
        (("mauve", None, IMAGE), "is of texts, and the data are images"),
        (("fid", None, TEXT), "is of images, sounds and videos, and the data are texts"),
        (("bits_per_byte", None, IMAGE), "is of texts, and the data are images. Known: nll, bits_per_dim"),
    ],
)
def test_a_metric_that_cannot_decide_is_refused(asked, said):
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
        check_primary(*asked)


def test_a_metric_that_can_decide_is_taken():
    for name in ("nll", "training_flops"):
        check_primary(name, None, TEXT)
        check_primary(name, None, IMAGE)
    for name in ("kid", "kid_digits", "fid_random", "fid_infinity"):
        check_primary(name, ["images"], IMAGE)
    check_primary("mauve", None, TEXT)
