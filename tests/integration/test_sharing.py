"""Runs that are shared: the model card says what the run's own files say."""

import json
import shutil

import pytest
import yaml
from PIL import Image

import genkit as library
from genkit.cli.model_cards import samples_of
from genkit.report import model_card
from genkit.system import storage


@pytest.fixture
def run(trained, tmp_path):
    """A copy of a trained run."""
    return shutil.copytree(trained("vae"), tmp_path / "run")


def front_of(text):
    return yaml.safe_load(text.split("---\n")[1])


def written(run, place, **how):
    drawn = samples_of(library.load(run), "ema")
    return model_card.write(run, place, drawn, library="genkit", **how).read_text(encoding="utf-8")


def row(**entries):
    return {
        **{
            "metric": "nll",
            "value": 81.25,
            "unit": "nats/example",
            "kind": "bound",
            "n": 180,
            "n_real": None,
        },
        **{"low": 80.5, "high": 82.0, "role": "model", "checkpoint": "last", "step": 4, "split": "test"},
        **{"weights": "ema", "protocol": {}, "fingerprint": "x", "direction": "lower", "note": ""},
        **entries,
    }


def test_a_card_has_the_numbers_of_the_files(run, tmp_path):
    rows = [row(), row(metric="recall", value=None, low=None, high=None, kind="none", note="too few | <b>")]
    (run / "evaluation.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    text = written(run, tmp_path / "card", license="cc-by-4.0")
    record = json.loads((run / "run.json").read_text())
    assert front_of(text) == {
        **{"license": "cc-by-4.0", "library_name": "genkit"},
        **{"pipeline_tag": "unconditional-image-generation", "tags": ["genkit", "vae", "image"]},
    }
    said = [record["fingerprint"], record["protocol"], record["created"], f"{record['parameters']:,}"]
    said += [f"torch {record['provenance']['versions']['torch']}", "| budget | 4 steps |", "| seed | 0 |"]
    assert [part for part in said if part not in text] == []
    assert "| nll | 81.25 \\[80.50, 82.00\\] | nats/example | bound" in text
    assert "recall: too few \\| &lt;b>" in text
    assert "16 of step-4, drawn with seed 0" in text
    with Image.open(tmp_path / "card" / "samples" / "card.png") as picture:
        assert min(picture.size) >= 32


def test_a_card_shows_what_the_weights_draw(run, tmp_path):
    written(run, tmp_path / "card")
    library.load(run).sample(16, seed=0).save(tmp_path / "own.png")
    drawn = [Image.open(path) for path in (tmp_path / "card/samples/card.png", tmp_path / "own.png")]
    assert drawn[0].tobytes() == drawn[1].tobytes()


def test_a_card_without_numbers_says_so(run, tmp_path):
    (run / "evaluation.jsonl").unlink(missing_ok=True)
    (run / "findings.json").unlink(missing_ok=True)
    text = written(run, tmp_path / "card")
    assert "license" not in front_of(text)
    assert "Not evaluated" in text
    assert "Not judged" in text
    assert "None is given" in text


def test_an_exported_model_has_its_card(trained, genkit, tmp_path):
    words = [f"run={trained('gpt')}", "format=hf"]
    assert genkit("export", *words, f"out={tmp_path / 'hf'}", "license=mit")[0] == 0
    text = (tmp_path / "hf" / "README.md").read_text(encoding="utf-8")
    assert front_of(text)["library_name"] == "transformers"
    assert front_of(text)["pipeline_tag"] == "text-generation"
    first = (tmp_path / "hf" / "samples" / "card.txt").read_text(encoding="utf-8").split("\n")[0]
    assert f"    {first}\n" in text
    code, _, err = genkit("export", *words, f"out={tmp_path / 'other'}", "license=My Own: one")
    assert code == 2
    assert "license=My Own: one" in err
    assert not (tmp_path / "other").exists()


def test_an_export_has_its_card_or_is_not_there(trained, genkit, tmp_path, monkeypatch):
    """Whoever ends it while the card is written leaves no folder that looks whole."""
    out, real = tmp_path / "hf", model_card.write

    def full(run, place, *words, **more):
        assert not out.exists()
        assert (place / "model.safetensors").is_file()
        monkeypatch.setattr(storage.os, "replace", raised)
        return real(run, place, *words, **more)

    def raised(*paths):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_card, "write", full)
    code, _, err = genkit("export", f"run={trained('gpt')}", "format=hf", f"out={out}")
    assert (code, err.count("\n")) == (6, 1)
    assert f"cannot write {out}" in err
    assert "No space left" in err
    assert list(tmp_path.iterdir()) == []
