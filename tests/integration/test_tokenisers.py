"""Tokenisers from the command line: what breaks them is one line, and their bits per byte share a column."""

import json

import pytest
from tokenizers import Tokenizer, models

from genkit import evaluate, train
from genkit.runs import row_tables
from genkit.system.errors import ConfigError
from tests.tokenisers import made

TEXT = "".join(f"{i}: the colour of {i} apples isn't blue, or is it {i * 7}?\n" for i in range(900))
ENDLESS = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}


def of_text(tmp_path, text: str) -> list[str]:
    (tmp_path / "t.txt").write_text(text, encoding="utf-8")
    return ["data=text_file", f"data.path={tmp_path}/t.txt", f"paths.cache_dir={tmp_path}/c"]


def with_tokeniser(tmp_path, plain: str) -> list[str]:
    (tmp_path / "tokenizer.json").write_text(plain, encoding="utf-8")
    return ["data.tokenizer=hf", f"data.tokenizer_path={tmp_path}"]


def test_a_panic_is_one_line_with_an_exit_code(genkit, tmp_path):
    """It is no `Exception`, and would end in a traceback."""
    plain = json.loads(Tokenizer(models.BPE({"a": 0, "b": 1, "\n": 2}, [])).to_str())
    words = with_tokeniser(tmp_path, json.dumps({**plain, "pre_tokenizer": ENDLESS}))
    code, _, err = genkit("data", "look", *of_text(tmp_path, ("a" * 40 + "b\n") * 50), *words)
    assert code == 4
    assert len(err.strip().splitlines()) == 1
    assert "retry-limit-in-match" in err


def test_losses_are_refused_with_an_exit_code_and_taken_with_a_note(genkit, tmp_path):
    words = [*of_text(tmp_path, TEXT), *with_tokeniser(tmp_path, made("bert").to_str())]
    code, _, err = genkit("data", "look", *words)
    assert code == 4
    assert "loses" in err
    assert "data.lossy=true" in err
    code, said, err = genkit("data", "look", *words, "data.lossy=true")
    assert code == 0, err
    assert "note: the tokeniser loses" in said


@pytest.fixture(scope="module")
def trained_on_one_text(tmp_path_factory):
    """A run of each tokeniser on one text."""
    folder = tmp_path_factory.mktemp("runs")
    kinds = {
        "chars": ["data.tokenizer=chars"],
        "bpe": ["data.tokenizer=bpe", "data.vocab_size=300"],
        "llama": with_tokeniser(folder, made("llama2").to_str()),
        "bert": [*with_tokeniser(folder_of(folder, "of_bert"), made("bert").to_str()), "data.lossy=true"],
    }
    for name, words in kinds.items():
        train(
            [
                *(
                    "model=gpt_tiny",
                    "model.n_embd=8",
                    "model.n_layer=1",
                    "model.block_size=16",
                    "batch_size=4",
                ),
                *(*of_text(folder, TEXT), *words, f"paths.runs_dir={folder}", f"name={name}"),
                *("trainer=cpu", "budget.steps=2", "callbacks.progress=none"),
            ]
        )
    return folder


def folder_of(parent, name):
    (parent / name).mkdir()
    return parent / name


def of_model(folder, name):
    made_ = evaluate(folder / name, "last", metrics=("likelihood",), out=folder / f"{name}.jsonl")
    return {row.metric: row for row in made_ if row.role == "model"}


def test_bits_per_byte_of_every_tokeniser_share_a_column(trained_on_one_text):
    found = {name: of_model(trained_on_one_text, name) for name in ("chars", "bpe", "llama")}
    bits = row_tables.column([each["bits_per_byte"] for each in found.values()])
    validation = TEXT[
        TEXT.rfind("\n", 0, int(len(TEXT) * 0.9)) + 1 : TEXT.rfind("\n", 0, int(len(TEXT) * 0.95)) + 1
    ]
    assert {row.n for row in bits} == {len(validation.encode())}
    assert len({row.place.judged for row in bits}) == 1
    panel = row_tables.comparison(bits)
    assert len(panel.cells) == 1
    assert not {"–", "none"} & set(panel.cells[0])
    with pytest.raises(ConfigError, match=r"do not belong in one column: .*codec"):
        row_tables.column([found["chars"]["nll"], found["bpe"]["nll"]])


def test_a_lossy_tokeniser_has_no_bits_per_byte(trained_on_one_text):
    found = of_model(trained_on_one_text, "bert")
    assert found["bits_per_byte"].value is None
    assert "loses" in found["bits_per_byte"].note
    assert found["nll"].value > 0
