"""Runs of codes beside runs of the same pixels: judged by the same examples, and read by every command."""

from __future__ import annotations

import pytest

from genkit import config, evaluate, train
from genkit.cli import main
from tests.integration.conftest import QUICK

CODEC = ["model=codes", "model.width=4", "model.depth=1", "model.code_levels=[3,3]", "optim.ema=0.9"]
SMALL = ["model.n_layer=1", "model.n_embd=16", "model.n_head=2"]
DIGITS = ["data=digits", "data.levels=2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A codec, a GPT of its codes, and one of the pixels."""
    made = tmp_path_factory.mktemp("in_use")
    where = [*DIGITS, *QUICK, f"paths.runs_dir={made}", "budget.steps=12"]
    train([*CODEC, *where, "name=codec"])
    train(["model=gpt", *SMALL, *where, "data.codec=codec", "name=two"])
    train(["model=gpt_pixels", *SMALL, *where, "name=one"])
    return made


@pytest.fixture(scope="module")
def rows(folder):
    """The rows of both, by metric and role."""
    paths = config.paths([f"paths.runs_dir={folder}"])
    return {
        name: {(row.metric, row.role): row for row in evaluate(name, n=60, paths=paths)}
        for name in ("two", "one")
    }


def test_a_codec_with_averaged_weights_is_sound(folder):
    """Its quantiser has constants, which no checkpoint holds."""
    for name in ("codec", "two"):
        assert main(["verify", f"run={name}", f"paths.runs_dir={folder}"]) == 0


def test_pixels_and_codes_are_judged_by_the_same_examples(rows):
    of_both = [key for key in rows["one"] if key in rows["two"]]
    assert {rows[name][key].place.judged for name in rows for key in of_both} == {
        rows["one"]["nll", "model"].place.judged
    }
    # What real examples are beside real ones is a number of these examples alone.
    floors = [key for key in of_both if key[1] == "floor" and key[0] != "memorisation"]
    assert len(floors) >= 5
    for key in floors:
        assert rows["two"][key].value == rows["one"][key].value, key
