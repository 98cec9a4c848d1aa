"""Runs of codes beside runs of the same pixels: judged by the same examples, and read by every command."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genkit import config, evaluate, load, train
from genkit.cli import main
from genkit.nn.operations import flops_per_token
from genkit.runs import codec_folder, read
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


def test_costs_are_of_both_stages_and_their_parts_are_shown(folder, rows):
    """Of the codec by its own evaluation, of the GPT by that of one on as many tokens of as many kinds."""
    paths = config.paths([f"paths.runs_dir={folder}"])
    codec = {row.metric: row for row in evaluate("codec", metrics="cost", checkpoint="last", paths=paths)}
    whole = {metric: row for (metric, role), row in rows["two"].items() if role == "model"}
    gpt = load(folder / "two")
    own = {"parameters": sum(p.numel() for p in gpt.parameters()), "training_steps": 12}
    own["training_examples"] = 12 * 8
    for metric, after in own.items():
        assert whole[metric].value == codec[metric].value + after, metric
        assert f"{codec[metric].value:,.0f} and model {after:,}" in whole[metric].note
    assert whole["codec_flops"].value == codec["training_flops"].value
    tokens, network = 12 * 8 * gpt.spec.context, gpt.network
    assert whole["training_flops"].value - codec["training_flops"].value == pytest.approx(
        tokens * flops_per_token(network), rel=0.05
    )
    seconds = [read(folder / name).seconds for name in ("codec", "two")]
    assert whole["codec_seconds"].value == seconds[0]
    assert whole["training_seconds"].value == pytest.approx(sum(seconds), abs=2e-3)
    assert whole["training_memory"].value == max(read(folder / n).peak_memory for n in ("codec", "two"))
    assert not {metric for metric, _ in rows["one"] if metric.startswith("codec_")}


def test_a_bound_through_codes_is_called_one(folder, rows, genkit):
    assert (rows["two"]["nll", "model"].kind, rows["one"]["nll", "model"].kind) == ("bound", "exact")
    assert rows["two"]["nll", "ceiling"].value == rows["one"]["nll", "ceiling"].value
    words = ("evaluate", "run=two", "metrics=likelihood", "importance_samples=4", f"out={folder / 'k.jsonl'}")
    code, out, _ = genkit(*words, f"paths.runs_dir={folder}")
    assert code == 0
    assert "bound (through codes)" in out
    assert "nll: a bound of one number, which importance_samples=4 makes no tighter" in out
    code, out, _ = genkit(
        "evaluate", "run=two", "run=one", "n=60", "metrics=likelihood", f"paths.runs_dir={folder}"
    )
    assert code == 0, out
    assert "≤" in out.partition("side by side")[2]  # in one line with the exact one


def test_what_lists_and_compares_runs_knows_whose_codes_they_read(folder, rows, genkit):
    where, sha = f"paths.runs_dir={folder}", codec_folder.sha256(folder / "codec")
    use = read(folder / "two").codec
    assert (use.name, use.sha256, use.codes, use.step) == ("codec", sha, 9, 12)
    codec = load(folder / "codec")
    with codec.weights("ema"), torch.no_grad():
        codes = codec.tokenize(digits(folder))
    counts = torch.bincount(codes.flatten(), minlength=9).double()
    assert use.used == int((counts > 0).sum())
    entropy = torch.distributions.Categorical(counts).entropy()
    assert use.perplexity == pytest.approx(float(entropy.exp()), abs=1e-3)
    assert "digits by codec" in genkit("runs", where)[1]
    said = genkit("compare", "two", "one", where)[1]
    assert f"two reads {use.length} codes each of codec ({sha[:12]})" in said
    assert "its likelihood is a bound through that codec" in said
    code, _, err = genkit("report", "run=two", "run=one", f"out={folder / 'report'}", where)
    assert code == 0, err
    page = (folder / "report" / "report.html").read_text()
    assert f"each of codec ({sha[:12]}), {use.used} of 9 used" in page
    assert "bound (through codes)" in page
    code, _, err = genkit("export", "run=two", "format=hf", f"out={folder / 'hf'}", where)
    assert code == 2
    assert err.count("\n") == 1


def digits(folder):
    """The training examples of the codec, in [0, 1]."""
    from genkit.inference.run_data import open_data

    cfg = config.load_frozen(folder / "codec" / "config.yaml")
    train_part = open_data(cfg, config.paths([])).split("train")
    return torch.from_numpy(train_part.gather(np.arange(len(train_part)))[0]).float()
