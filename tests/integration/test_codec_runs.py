"""A run whose data are codes of another run's model: trained, moved, damaged, refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from genkit.core.array_spec import ArraySpec
from genkit.core.batch import Batch
from genkit.testing import Case, check_family
from tests.outside_site import OUTSIDE, Site

SMALL = "model.n_layer=1 model.n_embd=32 model.n_head=2 trainer.accelerator=cpu"
DIGITS = "data=digits data.levels=2"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A codec from outside, trained, and a GPT of its codes."""
    made = Site(tmp_path_factory.mktemp("codes")).install(OUTSIDE / "codec")
    made.done(
        f"train model=blocks {DIGITS} budget.steps=100 optim.lr=0.1 name=codec",
        f"train model=gpt {DIGITS} data.codec=codec model.conditional=true budget.steps=60 name=two {SMALL}",
        f"train model=vae_mlp {DIGITS} budget.steps=1 name=plain",
    )
    return made


def test_the_codec_from_outside_is_what_a_family_must_be(site, monkeypatch):
    monkeypatch.syspath_prepend(str(site.folder / "site"))
    from genkit_blocks.blocks import Blocks

    def pictures(n):
        drawn = torch.randint(0, 17, (n, 1, 8, 8), generator=torch.Generator().manual_seed(n))
        return Batch(drawn.to(torch.uint8), range(n))

    check_family(Case(lambda: Blocks(ArraySpec(1, (8, 8), levels=17)), pictures))


def refused(site, *commands):
    """What each of the commands is refused with, a line each, and its exit code."""
    ended = site.genkit(*commands)
    for command, (code, _, err) in zip(commands, ended, strict=True):
        assert code, command
        assert err.strip().count("\n") == 0, f"{command}: {err}"
    return [(code, err.strip()) for code, _, err in ended]


def arrays(path):
    with np.load(path) as found:
        return found["images"]


def test_a_run_of_codes_is_moved_alone_and_draws_bitwise_as_before(site, tmp_path):
    before, after = tmp_path / "before.npz", tmp_path / "after.npz"
    site.done(f"sample run=two n=20 out={before}")
    moved = tmp_path / "elsewhere" / "moved"
    shutil.copytree(site.runs / "two", moved)
    other = Site(tmp_path / "other")
    (tmp_path / "other").mkdir()
    shutil.copytree(site.folder / "site", other.folder / "site")
    said = other.done(f"sample run={moved} n=20 out={after}", f"verify run={moved}")
    assert np.array_equal(arrays(before), arrays(after))
    assert "is sound" in said[1]
    assert arrays(after).shape == (20, 8, 8, 1)
    assert len(np.unique(arrays(after))) > 2


def test_its_verbs_answer_or_say_why_not(site, tmp_path):
    said = site.done(
        f"complete run=two n=4 out={tmp_path / 'c.png'}",
        "score run=two split=test",
        "evaluate run=two n=40 metrics=likelihood",
    )
    assert (tmp_path / "c.png").stat().st_size > 0
    assert "(bound)" in said[1]
    (code, left), (_, denoised), (_, k) = refused(
        site,
        "complete run=two n=2 mask=left",
        "denoise run=two n=2",
        "score run=two split=test importance_samples=4",
    )
    assert code == 2
    assert "each for 2×2 entries" in left
    assert "mask=lower" in left
    assert "code by code" in denoised
    assert "a bound of one number" in k


def test_what_is_no_codec_of_these_data_is_refused_in_a_line(site):
    ended = refused(
        site,
        f"train model=gpt {DIGITS} data.codec=nobody {SMALL}",
        f"train model=gpt {DIGITS} data.codec=two {SMALL}",
        f"train model=gpt {DIGITS} data.codec=plain {SMALL}",
        f"train model=gpt data=digits data.codec=codec {SMALL}",
        f"train model=gpt data=moving_digits data.codec=codec {SMALL}",
        f"train model=vae {DIGITS} data.codec=codec",
        f"train model=gpt {DIGITS} data.codec=codec data.patch=2 {SMALL}",
        f"train model=gpt {DIGITS} data.codec=codec model.block_size=7 {SMALL}",
        f"train model=gpt {DIGITS} data.codec_epochs=3 {SMALL}",
    )
    wanted = (
        *(
            "no run 'nobody'",
            "reads codes itself",
            "which makes no codes",
            "17 levels",
            "moving_digits gives videos",
        ),
        *("choose model=gpt", "leave patch out", "16 codes", "give a codec"),
    )
    for (code, said), words in zip(ended, wanted, strict=True):
        assert code == 2, said
        assert words in said


def test_an_unfinished_codec_is_refused(site):
    states = {"running": "is being trained", "interrupted": "is interrupted"}
    for status in states:
        shutil.copytree(site.runs / "codec", site.runs / status)
        record = site.runs / status / "run.json"
        record.write_text(json.dumps({**json.loads(record.read_text()), "status": status}))
    ended = refused(site, *(f"train model=gpt {DIGITS} data.codec={status} {SMALL}" for status in states))
    for (code, said), words in zip(ended, states.values(), strict=True):
        assert code == 2
        assert words in said


def changed(path: Path):
    """One byte of a file, in its middle, is another."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def test_a_codec_that_is_damaged_missing_or_another_ends_with_exit_code_3(site):
    commands = (
        "sample run={} n=1",
        "score run={} split=test",
        "train resume={} budget.steps=70",
        "verify run={}",
    )
    states = ("damaged", "missing", "another")
    site.done(
        f"train model=blocks {DIGITS} budget.steps=10 optim.lr=0.1 name=other",
        f"train model=gpt {DIGITS} data.codec=other budget.steps=1 name=donor {SMALL}",
    )
    for what in states:
        codec = site.runs / what / "codec"
        shutil.copytree(site.runs / "two", codec.parent)
        if what == "damaged":
            changed(next(codec.glob("checkpoints/step-*/weights.safetensors")))
            continue
        shutil.rmtree(codec)
        if what == "another":
            shutil.copytree(site.runs / "donor" / "codec", codec)
    asked = [command.format(what) for what in states for command in commands]
    for words, (code, out, err) in zip(asked, site.genkit(*asked), strict=True):
        assert code == 3, (words, out, err)
        assert "codec" in err or out, words


def test_a_codec_trained_further_does_not_touch_the_runs_that_have_it(site, tmp_path):
    """It is copied: what is done to the original later is no matter, and to go on needs no original."""
    first, second = tmp_path / "first.npz", tmp_path / "second.npz"
    site.done(
        f"train model=blocks {DIGITS} budget.steps=20 optim.lr=0.1 name=original",
        f"train model=gpt {DIGITS} data.codec=original budget.steps=20 name=child {SMALL}",
        f"sample run=child n=5 out={first}",
        "train resume=original budget.steps=40",
        f"sample run=child n=5 out={second}",
    )
    assert np.array_equal(arrays(first), arrays(second))
    shutil.rmtree(site.runs / "original")
    site.done("train resume=child budget.steps=25", "evaluate run=child n=20 metrics=likelihood")


def test_a_codec_whose_weights_are_averaged_travels_with_the_averages(site, tmp_path):
    """Averages are also of constants that the model makes itself: those are no weights, and stay behind."""
    site.done(
        f"train model=codes {DIGITS} budget.steps=8 model.width=4 model.depth=0 batch_size=8 name=averaged",
        f"train model=gpt {DIGITS} data.codec=averaged budget.steps=2 name=of_averages {SMALL}",
        f"sample run=of_averages n=2 out={tmp_path / 'drawn.npz'}",
        "verify run=of_averages",
    )
    weights, averages, copied = (
        load_file(next((site.runs / run).glob(f"checkpoints/step-8/{file}.safetensors")))
        for run, file in (
            ("averaged", "weights"),
            ("averaged", "ema"),
            ("of_averages/codec", "weights"),
        )
    )
    assert copied.keys() == weights.keys()
    moved = [name for name in weights if not np.array_equal(averages[name], weights[name])]
    assert "encoder.0.weight" in moved
    assert all(np.array_equal(copied[name], averages[name]) for name in moved)
