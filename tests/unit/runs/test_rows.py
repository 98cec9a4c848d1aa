"""Rows: what a file of them holds, of this version, earlier ones and later ones."""

import json
import math
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from genkit.metrics.catalogue import BY_FEATURES
from genkit.metrics.measure import Measure
from genkit.runs import rows
from genkit.runs.rows import OfStudy, Place, Row
from genkit.system.errors import ConfigError

PUBLISHED = sorted((Path(__file__).parents[3] / "experiments").glob("*/rows.jsonl"))
KEPT = sorted((Path(__file__).parents[2] / "old_runs").glob("*/*/evaluation.jsonl"))


def row(metric="recall", value=1.0, low=0.9, high=1.1, role="model", **changes):
    about = {"extractor": "digits", **changes.pop("protocol", {})}
    n, unit = changes.pop("n", 100), changes.pop("unit", "1")
    measure = Measure(metric, value, unit, "lower", "estimate", n, 50, low, high, "its mean", about)
    place = Place("a", "last", 3, "raw", "0123456789abcdef", 0, "test", "sha256:d", "fff", role)
    place = replace(place, **{key: changes.pop(key) for key in [*changes] if key in rows.PLACES})
    return replace(Row(**vars(measure), fingerprint=measure.fingerprint, place=place), **changes)


def test_rows_are_appended_whole_and_read_back(tmp_path):
    file = tmp_path / "runs" / "evaluation.jsonl"
    rows.write(file, [row()], append=True)
    rows.write(file, [row("kid_digits", math.nan), row("nll", math.inf)], append=True)
    assert [r.metric for r in rows.read(file)] == ["recall", "kid_digits", "nll"]
    assert [r.value for r in rows.read(file)] == [1.0, None, None]
    assert rows.read(file)[0] == row()
    json.loads(file.read_text().splitlines()[1], parse_constant=lambda word: pytest.fail(word))
    rows.write(file, [row("kid_digits")], append=False)
    assert [r.metric for r in rows.read(file)] == ["kid_digits"]
    assert [path.name for path in file.parent.iterdir()] == ["evaluation.jsonl"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not json", ""),
        ('{"a": 1}', "it has no metric"),
        ("[]", "it is not a mapping"),
        ('{"metric": 3}', "metric is not a text"),
        ('{"metric": "kid", "value": "low"}', "value is not a whole number or a number or null"),
        ('{"metric": "kid", "n": true}', "n is not a whole number or null"),
        ('{"metric": "kid", "options": [1]}', "options is not a mapping or null"),
        ('{"metric": "kid", "arm": "a", "training_seed": "x"}', "training_seed is not a whole number"),
    ],
)
def test_what_is_no_file_of_rows_is_refused(text, said, tmp_path):
    (tmp_path / "x.jsonl").write_text(text)
    with pytest.raises(ConfigError, match=f"holds no rows: .*{said}"):
        rows.read(tmp_path / "x.jsonl")


def test_a_row_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        row().value = 2.0


@pytest.mark.parametrize("file", [*PUBLISHED, *KEPT], ids=lambda path: path.parent.name)
def test_rows_of_every_version_are_written_anew_as_they_were(file, tmp_path):
    """Published tables and old runs, of five sets of keys, some without options or without what selected."""
    before = [json.loads(line) for line in file.read_text("utf-8").split("\n") if line]
    before = [plain for plain in before if "metric" in plain]  # (one table is of something else)
    source = tmp_path / "before.jsonl"
    source.write_text("".join(json.dumps(plain) + "\n" for plain in before))
    rows.write(tmp_path / "after.jsonl", rows.read(source), append=False)
    after = [json.loads(line) for line in (tmp_path / "after.jsonl").read_text("utf-8").splitlines()]
    assert len(before) == len(after)
    for one, other in zip(before, after, strict=True):
        renamed = (
            one["metric"] in BY_FEATURES and one["protocol"].get("extractor", "inception") != "inception"
        )
        directed = one["metric"] in ("memorised_share", "memorisation") and one["direction"] != "none"
        if renamed or directed or "stretches" in one["protocol"]:  # see "earlier versions" in test_identity
            assert other.keys() == one.keys()
        else:
            assert other == one
            assert [type(value) for value in other.values()] == [type(one[key]) for key in other]


def test_keys_of_a_later_version_are_kept(tmp_path):
    plain = {
        "metric": "kid_x",
        "value": 1,
        "place": "moon",
        "unsaid": [],
        "more": {"a": [1, None]},
        "zeal": 2.5,
    }
    file = tmp_path / "x.jsonl"
    file.write_text(json.dumps(plain) + "\n")
    (read,) = rows.read(file)
    assert read.place == Place()
    assert read.more["zeal"] == 2.5
    rows.write(file, [read], append=False)
    assert json.loads(file.read_text()) == plain
    assert file.read_text().endswith('"value": 1}\n')  # a whole number stays one


def test_a_row_of_a_studys_table_says_of_which_training_it_is(tmp_path):
    own = replace(row(), study=OfStudy("a", 3, "finished"))
    tried = replace(row(), study=OfStudy("b", 0, "failed", trial=2))
    rows.write(tmp_path / "x.jsonl", [own, tried], append=False)
    lines = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()]
    assert [list(line)[:4] for line in lines] == [
        ["arm", "training_seed", "status", "metric"],
        ["arm", "training_seed", "status", "trial"],
    ]
    assert rows.read(tmp_path / "x.jsonl") == [own, tried]


def test_pictures_of_the_users_own_are_told_from_a_part_of_the_data():
    assert Place(split="real=mine").own == "real=mine"
    assert Place(split="test").own == ""
    assert Place(checkpoint="best,last").checkpoints == ["best", "last"]
