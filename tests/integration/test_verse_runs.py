"""Verse from the command line: trained on, drawn, judged by its form; other texts are not."""

from __future__ import annotations

import random
import re

import pytest

from genkit import evaluate
from genkit.cli import main
from genkit.metrics.verse import VerseForm
from tests.integration.conftest import QUICK

MODEL = ["model=gpt_tiny", "model.n_layer=1", "model.n_embd=32", "model.block_size=32"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with 500 quatrains of five and a run on them."""
    folder = tmp_path_factory.mktemp("verse")
    choose = random.Random(0)
    characters = [chr(0x4E00 + i) for i in range(300)]
    couplet = "{}，{}。"
    poems = [
        "\n".join(couplet.format(*("".join(choose.choices(characters, k=5)) for _ in "12")) for _ in "12")
        for _ in range(500)
    ]
    (folder / "tang_poems.txt").write_text("\n\n".join(poems) + "\n", encoding="utf-8")
    assert (
        main(["train", "data=tang_poems", *MODEL, *QUICK, *paths(folder), "budget.steps=3", "name=verse"])
        == 0
    )
    return folder


def paths(folder):
    return [f"paths.{name}_dir={folder / where}" for name, where in (("data", ""), ("runs", "runs"))]


def test_samples_are_judged_by_the_form_beside_held_out_poems_and_noise(place):
    given = {f"{name}_dir": str(place / where) for name, where in (("data", ""), ("runs", "runs"))}
    given["cache_dir"] = str(place / "cache")
    rows = evaluate("verse", "last", paths=given, metrics=["verse"], n=40)
    values = {(row.metric, row.role): row.value for row in rows}
    for name in ("form_share", "marks_share", "even_share"):
        assert values[name, "model"] <= 0.2  # after three steps
        assert (values[name, "floor"], values[name, "ceiling"]) == (1.0, 0.0)  # all real poems keep the form
    assert values["couplets_share", "floor"] == 1.0
    assert values["copied_verses", "model"] == values["copied_verses", "floor"] == 0.0


def test_a_sample_is_a_poem_of_its_own(place, capsys, tmp_path):
    out = tmp_path / "poems"
    words = ["run=verse", "n=3", "temperature=0", f"out={out}", *paths(place)]
    assert main(["sample", *words]) == 0
    assert all("\x1e" not in file.read_text(encoding="utf-8") for file in out.iterdir())


def test_other_texts_have_no_form(place, capsys):
    words = ["data=colors", *MODEL, *QUICK, *paths(place), "budget.steps=2", "name=colors"]
    assert main(["train", *words]) == 0
    capsys.readouterr()
    assert main(["evaluate", "run=colors", "n=20", "metrics=verse", "checkpoint=last", *paths(place)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"\bform_share\b.*: none: needs data that are verse, as data=tang_poems", said)
    assert not VerseForm.of("我喜欢的颜色是蓝色。").kept
