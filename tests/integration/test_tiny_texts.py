"""Four sentences: they are trained on, sampled, evaluated and scored, and every number says what it is of."""

import json

import pytest

from genkit import evaluate
from genkit.cli import main
from tests.integration.conftest import QUICK, TINY
from tests.unit.data.test_tiny_texts import FOUR

SENTENCES = """我喜欢的颜色是蓝色，因为它让人想起天空。
我喜欢的颜色是绿色，因为它让人想起草地。
我喜欢的水果是苹果，因为它又甜又脆。
妈妈喜欢的颜色是红色，因为它让人想起晚霞。
"""
PROMPT = "我喜欢的颜色是"


def test_four_sentences_train_and_continue_in_three_ways(tmp_path, capsys):
    (tmp_path / "four.txt").write_text(FOUR, encoding="utf-8")
    paths = [f"paths.runs_dir={tmp_path}", f"paths.cache_dir={tmp_path / 'cache'}"]
    words = ["data=text_file", f"data.path={tmp_path / 'four.txt'}", "trainer=cpu", "callbacks.progress=none"]
    sizes = ["model.n_layer=2", "model.n_embd=64", "budget.steps=200", "optim.lr=3e-3"]
    assert main(["train", *words, *sizes, *paths, "name=four"]) == 0
    said = capsys.readouterr()
    assert "39 characters are too few to hold some out" in said.err
    assert "a batch holds the text several times" in said.err
    assert "(validation and test are the training text, all 39 characters)" in said.out
    # A training that remembers its text is what is wanted here: nothing of unseen text is judged.
    found = json.loads((tmp_path / "four" / "findings.json").read_text())["findings"]
    assert [finding["code"] for finding in found if finding["severity"] == "error"] == []

    assert main(["sample", "run=four", f"prompt={PROMPT}", "n=3", "max_new_tokens=22", *paths[:1]]) == 0
    samples = capsys.readouterr().out.split("-" * 20)
    assert len({sample.strip() for sample in samples}) == 3
    for sample in samples:
        first = sample.strip().split("\n")[0]
        assert first in FOUR.split("\n")

    assert main(["score", "run=four", "split=validation", *paths]) == 0
    assert "validation is what the model was trained on" in capsys.readouterr().out
    given = {"runs_dir": str(tmp_path), "cache_dir": str(tmp_path / "cache")}
    rows = evaluate("four", "last", paths=given, metrics=["distinct_1", "mauve"], n=60)
    assert all(row.place.trained for row in rows if row.role == "model")
    assert main(["evaluate", "run=four", "checkpoint=last", "metrics=distinct_1,mauve", "n=60", *paths]) == 0
    table = capsys.readouterr().out
    assert "estimate, trained here" in table
    assert "against test, on which it was trained," in table


def test_sentences_of_a_file_come_back_whole_or_in_pieces_and_both_commands_say_so(tmp_path, capsys):
    """The two commands of the site's first page, as they stand there."""
    (tmp_path / "four.txt").write_text(SENTENCES, encoding="utf-8")
    places = [f"paths.runs_dir={tmp_path}", f"paths.cache_dir={tmp_path / 'cache'}"]
    data = ["data=text_file", f"data.path={tmp_path / 'four.txt'}", "trainer=cpu", "callbacks.progress=none"]
    steps = ["model=gpt_tiny", "budget.steps=200", "optim.lr=3e-3"]
    assert main(["train", *data, *steps, *places, "name=four"]) == 0
    said = capsys.readouterr()
    assert "83 characters are too few to hold some out" in said.err
    assert "and samples are apt to repeat it." in said.err
    found = json.loads((tmp_path / "four" / "findings.json").read_text())["findings"]
    assert [finding["code"] for finding in found if finding["severity"] == "error"] == []

    assert main(["sample", "run=four", f"prompt={PROMPT}", "n=3", "stop=。", *places[:1]]) == 0
    said = capsys.readouterr()
    assert "note: it was trained on about 82 tokens, which a network soon knows by heart" in said.err
    drawn = [sample.strip() for sample in said.out.split("-" * 20)]
    assert len(drawn) == 3
    assert {sample[: len(PROMPT) + 2] for sample in drawn} <= {f"{PROMPT}{hue}色" for hue in "蓝绿红"}
    pairs = {SENTENCES[i : i + 2] for i in range(len(SENTENCES) - 1)}
    own = [sample[i : i + 2] in pairs for sample in drawn for i in range(len(sample) - 1)]
    assert sum(own) >= 0.9 * len(own)  # pieces of the four, put together


@pytest.mark.parametrize("text", ["a" * 40, "a" * 5000])
def test_a_text_of_one_character_is_called_constant(text, tmp_path):
    (tmp_path / "t.txt").write_text(text)
    data = ["data=text_file", f"data.path={tmp_path / 't.txt'}", "model=gpt", *TINY["gpt"][2:], *QUICK]
    places = [f"paths.runs_dir={tmp_path}", f"paths.cache_dir={tmp_path / 'c'}"]
    assert main(["train", *data, *places, "budget.steps=2", "name=one"]) == 0
    found = json.loads((tmp_path / "one" / "findings.json").read_text())["findings"]
    assert "data_is_constant" in [finding["code"] for finding in found]
