"""`genkit evaluate` on tiny runs of every family, on folders and on files; controls; refusals."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from genkit import evaluate, load
from genkit.data import open_dataset
from genkit.evaluation import evaluate_files
from genkit.metrics.catalogue import BUILT_IN, kind_of
from genkit.runs import rows
from genkit.system.errors import CheckpointError, ConfigError
from tests.integration.conftest import QUICK, TINY, words

FIELDS = {
    *("metric", "value", "low", "high", "unit", "kind", "n", "n_real", "direction", "interval", "protocol"),
    *("run", "checkpoint", "weights", "digest", "seed", "split", "data", "judged", "fingerprint", "role"),
}


@pytest.fixture(scope="session")
def pixels(tmp_path_factory):
    """A tiny GPT on the pixels of digits."""
    from genkit import train

    folder = tmp_path_factory.mktemp("pixels")
    own = ["model=gpt_tiny", "data=digits", "model.n_embd=8", "model.n_layer=1"]
    theirs = ("model", "data", "optim")
    quick = [word for word in words("vae", folder, "pixels") if not word.startswith(theirs)]
    train([*own, *quick, "budget.steps=2", "trainer.val_every=2"])
    return folder / "pixels"


def by_role(found, role="model"):
    return {kind_of(row.metric): row for row in found if row.role == role}


@pytest.mark.parametrize(("family", "kind"), [("dcgan", "none"), ("vae", "none"), ("pixels", "exact")])
def test_every_family_of_images_gets_its_panel(family, kind, trained, pixels, genkit, tmp_path):
    run = pixels if family == "pixels" else trained(family)
    out = tmp_path / "rows.jsonl"
    code, said, err = genkit("evaluate", f"run={run}", "n=100", "checkpoint=last", f"out={out}")
    assert code == 0, err
    found = rows.read(out)
    assert all(set(json.loads(line)) >= FIELDS for line in out.read_text().splitlines())
    model = by_role(found)
    assert model["nll"].kind == kind
    assert (model["nll"].value is None) == (kind == "none")
    assert bool(model["nll"].note) == (kind == "none")
    for metric in ("fid", "kid", "precision", "coverage", "inception_score", "memorisation", "exact_copies"):
        assert model[metric].n == 100
        assert model[metric].metric in said
    assert [model[kind].metric for kind in ("fid", "kid")] == ["fid_digits", "kid_digits"]
    for metric in ("kid", "sliced_wasserstein"):
        floor, ceiling = (by_role(found, role)[metric].value for role in ("floor", "ceiling"))
        assert floor < model[metric].value
        assert floor < ceiling
    assert model["training_flops"].value > 0
    assert model["training_memory"].value > 1e6
    assert model["parameters"].kind == "exact"
    assert "floor" in said
    assert "95 % interval of" in said


def test_a_run_of_texts_gets_the_panel_of_texts(trained, genkit, tmp_path):
    out = tmp_path / "rows.jsonl"
    code, _, err = genkit("evaluate", f"run={trained('gpt')}", "n=60", "checkpoint=last", f"out={out}")
    assert code == 0, err
    model, floor, ceiling = (by_role(rows.read(out), role) for role in ("model", "floor", "ceiling"))
    assert floor["mauve"].value > model["mauve"].value
    assert floor["novel_2grams"].value < model["novel_2grams"].value
    assert ceiling["nll"].value < 4.5
    assert model["bits_per_byte"].kind == "exact"
    assert {"distinct_4", "self_bleu", "loops", "vocabulary_overlap", "copied_span"} <= set(model)


def test_mauve_by_the_runs_own_network(trained):
    found = evaluate(trained("gpt"), "last", n=60, metrics=("texts",), featuriser="own")
    model, floor, ceiling = (by_role(found, role)["mauve"] for role in ("model", "floor", "ceiling"))
    assert model.protocol["features"] == 16  # model.n_embd
    assert model.protocol["featuriser"].startswith(f"own network {model.place.digest[:12]}")
    assert floor.value > model.value
    assert floor.value > ceiling.value


def test_rows_are_appended_to_the_run(trained):
    run = trained("gpt")
    for expected in (1, 2):
        evaluate(run, "last", metrics=("likelihood",))
        found = [row for row in rows.read(run / "evaluation.jsonl") if row.metric == "perplexity"]
        assert sum(row.role == "model" for row in found) == expected
        assert len({row.fingerprint for row in found}) == 1


def test_the_library_gives_the_same_rows_twice(trained):
    made = [evaluate(trained("vae"), "step-2", n=64, metrics=("images",)) for _ in range(2)]
    assert made[0] == made[1]
    assert {row.place.checkpoint for row in made[0]} == {"step-2"}
    assert {row.place.weights for row in made[0]} == {"ema"}
    assert evaluate(trained("vae"), n=64, metrics=("images",), seed=1) != made[0]


def test_single_metrics_can_be_asked_for(trained):
    found = evaluate(trained("vae"), "step-2", n=64, metrics=("kid", "likelihood"))
    assert {row.metric for row in found} == {"kid_digits", "nll", "bits_per_dimension"}
    whole = evaluate(trained("vae"), "step-2", n=64, metrics=("images",))
    kid = [[row for row in rows_ if row.metric == "kid_digits"] for rows_ in (found, whole)]
    assert kid[0] == kid[1]
    assert len(kid[0]) == 3


def test_too_few_samples_are_said_with_the_least_number(trained, genkit, tmp_path):
    words = (
        f"run={trained('vae')}",
        "n=10",
        "checkpoint=last",
        "metrics=images",
        f"out={tmp_path / 'x.jsonl'}",
    )
    code, said, err = genkit("evaluate", *words)
    assert code == 0, err
    first = said.partition("\n\n  ")[2].splitlines()[0]  # below the table
    assert re.match(r"fid_digits, .*: none: needs at least \d+ generated pictures; there are 10\.", first), (
        said
    )
    assert by_role(rows.read(tmp_path / "x.jsonl"))["fid"].value is None


def test_best_and_last_are_both_measured(trained):
    found = evaluate(trained("gpt"), metrics=("likelihood",))
    assert ",".join(dict.fromkeys(row.place.checkpoint for row in found)).split(",")[-1] == "last"


def test_pictures_and_pixels_stand_side_by_side(trained, pixels, genkit):
    runs = [f"run={run}" for run in (trained("vae"), trained("dcgan"), pixels)]
    code, said, err = genkit("evaluate", *runs, "n=64", "metrics=images", "checkpoint=last")
    assert code == 0, err
    assert "side by side" in said
    assert "vae/last" in said
    assert "pixels/last" in said


def test_a_gan_selects_by_kid_as_evaluation_measures_it(trained):
    run = trained("dcgan")
    record = json.loads((run / "run.json").read_text())
    history = (run / "metrics.csv").read_text().splitlines()
    assert record["best"]["metric"] == "val/kid"
    assert "val/kid" in history[0]
    found = evaluate(run, "best", n=500, split="validation", metrics=("images",))
    assert by_role(found)["kid"].value == pytest.approx(record["best"]["value"], rel=1e-4)


# ---------------------------------------------------------------------- files that genkit need not have made


def save(folder, images):
    folder.mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i:04d}.png")
    return folder


@pytest.fixture(scope="module")
def digits():
    """All real digits, uint8 (N, 8, 8)."""
    from genkit import config

    cfg = config.compose("train", ["model=vae", "data=digits"])
    examples = open_dataset(cfg.data, cfg.paths.by_name, config.view(cfg)).split("train")
    return (examples.gather(np.arange(len(examples)))[0][:, 0] * 15).astype(np.uint8)


def test_two_folders_put_controls_in_the_right_order(digits, tmp_path, genkit):
    real = save(tmp_path / "real", digits[:200])
    generator = np.random.default_rng(0)
    fakes = {
        "others": digits[200:400],
        "collapsed": digits[200:202].repeat(100, 0),
        "noise": generator.integers(0, 241, (200, 8, 8)).astype(np.uint8),
    }
    found = {}
    for name, images in fakes.items():
        out = tmp_path / f"{name}.jsonl"
        code, _, err = genkit(
            "evaluate", f"real={real}", f"fake={save(tmp_path / name, images)}", f"out={out}"
        )
        assert code == 0, err
        found[name] = by_role(rows.read(out))
    for metric in ("kid", "fid", "sliced_wasserstein"):
        assert found["others"][metric].value < found["collapsed"][metric].value
        assert found["others"][metric].value < found["noise"][metric].value
    assert found["others"]["coverage"].value > 0.6 > 0.2 > found["collapsed"]["coverage"].value
    assert found["others"]["recall"].value > found["collapsed"]["recall"].value


def test_copies_among_two_folders_are_counted_and_said(digits, tmp_path, genkit):
    """The same pictures under other names: 200 of 300, 20 of them twice."""
    real = save(tmp_path / "real", digits[:300])
    fake = save(tmp_path / "fake", np.concatenate([digits[:180], digits[100:120], digits[700:800]]))
    out = tmp_path / "rows.jsonl"
    code, said, err = genkit("evaluate", f"real={real}", f"fake={fake}", f"out={out}")
    assert code == 0, err
    found = by_role(rows.read(out))
    assert (found["exact_copies"].value, found["exact_copies"].n) == (200, 300)
    assert found["duplicates"].value == 20
    assert "exact_copies: 200 of 300 equal an example of real= exactly" in said
    assert by_role(rows.read(out), "floor")["exact_copies"].value == 0


def test_copies_among_two_files_of_texts_are_counted(tmp_path, genkit):
    texts = [f"word{i} and more of it {i * i}" for i in range(130)]
    (tmp_path / "a.txt").write_text("\n\n".join(texts[:70]))
    (tmp_path / "b.txt").write_text("\n\n".join(texts[50:120]))
    out = tmp_path / "rows.jsonl"
    code, said, err = genkit(
        "evaluate", f"real={tmp_path / 'a.txt'}", f"fake={tmp_path / 'b.txt'}", f"out={out}"
    )
    assert code == 0, err
    assert by_role(rows.read(out))["exact_copies"].value == 20
    assert "exact_copies: 20 of 70 equal" in said


def test_the_digest_of_fakes_is_of_their_contents(digits, tmp_path):
    real = save(tmp_path / "real", digits[:60])
    made = {"a": digits[60:120], "b": digits[60:120][::-1], "c": digits[120:180]}
    found = {}
    for name, images in made.items():
        (tmp_path / name).mkdir()
        found[name] = evaluate_files(real, save(tmp_path / name / "fake", images))[0].place.digest
    assert found["a"] == found["b"] != found["c"]


def test_texts_that_are_too_few_have_rows_by_their_names(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text("\n\n".join(f"{name} {i}" for i in range(30)))
    found = evaluate_files(tmp_path / "a.txt", tmp_path / "b.txt")
    missing = {row.metric for row in found if row.kind == "none"}
    short = {"repeated_4grams", "loops"}  # texts of two words say nothing twice
    assert missing == {
        *(f"distinct_{n}" for n in range(1, 5)),
        "self_bleu",
        "vocabulary_overlap",
        "mauve",
        *short,
    }
    assert {BUILT_IN[name].group for name in missing} == {"texts"}
    assert {"length_words", "length_characters"} <= {row.metric for row in found} - missing


def test_samples_are_drawn_as_asked_and_the_rows_say_how(trained, genkit, tmp_path):
    """Means of p(x|z) and pixels drawn from it are two distributions; only one of them has the likelihood."""
    run = trained("vae")
    found = {}
    for pixels in ("mean", "drawn"):
        out = tmp_path / f"{pixels}.jsonl"
        own = ["n=64", "metrics=images", "checkpoint=last", f"out={out}", f"pixels={pixels}"]
        code, said, err = genkit("evaluate", f"run={run}", *own)
        assert code == 0, err
        assert f"samples drawn with temperature=1.0, pixels={pixels}" in said
        found[pixels] = by_role(rows.read(out))
        assert {row.place.options["pixels"] for row in found[pixels].values()} == {pixels}
    assert found["mean"]["kid"].value != found["drawn"]["kid"].value
    drawn = load(run).sample(64, seed=0, batch_size=64, pixels="drawn").images
    real = by_role(evaluate(run, "last", n=64, metrics=("images",), sampling={"pixels": "drawn"}))
    assert real["kid"].value == found["drawn"]["kid"].value
    assert len(np.unique(drawn)) <= 17  # the data's levels, which means are not of
    code, _, err = genkit("evaluate", f"run={run}", "pixels=draw", "n=64")
    assert (code, err.count("\n")) == (2, 1)
    assert "pixels=draw is none of mean, drawn" in err


def test_options_go_to_the_runs_whose_family_has_them(trained, genkit, tmp_path):
    out = tmp_path / "rows.jsonl"
    runs = [f"run={trained(family)}" for family in ("vae", "dcgan")]
    own = ["n=64", "metrics=kid", "checkpoint=last", f"out={out}"]
    code, _, err = genkit("evaluate", *runs, *own, "pixels=drawn")
    assert code == 0, err
    options = {row.place.run: row.place.options for row in rows.read(out)}
    assert options["vae"]["pixels"] == "drawn"
    assert "pixels" not in options["dcgan"]
    code, _, err = genkit("evaluate", runs[1], *own, "pixels=drawn")
    assert code == 2
    assert "evaluate takes no pixels= here" in err


def test_features_asked_for_by_name_are_those_that_measure(trained):
    found = evaluate(trained("vae"), "last", n=64, metrics=("fid_random",), extractor="random")
    assert {row.metric for row in found} == {"fid_random"}
    with pytest.raises(ConfigError, match="the features are those of extractor=digits; write metrics=fid"):
        evaluate(trained("vae"), "last", n=64, metrics=("fid_random",))


def test_two_files_of_texts(tmp_path, genkit):
    generator = np.random.default_rng(0)
    texts = [" ".join(generator.choice([f"w{i}" for i in range(50)], 20)) for _ in range(120)]
    (tmp_path / "a.txt").write_text("\n\n".join(texts[:60]))
    (tmp_path / "b.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in texts[60:]))
    code, said, err = genkit("evaluate", f"real={tmp_path / 'a.txt'}", f"fake={tmp_path / 'b.jsonl'}")
    assert code == 0, err
    assert "mauve" in said
    assert "self_bleu" in said


# ---------------------------------------------------------------------- refusals


def test_what_cannot_be_evaluated_is_refused_in_one_line(trained, genkit, tmp_path, digits):
    vae, gpt = trained("vae"), trained("gpt")
    empty = tmp_path / "empty"
    empty.mkdir()
    good = save(tmp_path / "good", digits[:5])
    mixed = save(tmp_path / "mixed", [digits[0], digits[1][:4]])
    texts = tmp_path / "x.txt"
    texts.write_text("hello")
    cases = [
        ([], 2, "run=RUN"),
        ([f"run={vae}", f"fake={good}"], 2, "run=RUN"),
        ([f"real={good}"], 2, "real=DIR and fake=DIR"),
        ([f"run={vae}", "metrics=texts"], 2, "metrics=texts: the run draws images"),
        ([f"run={gpt}", "metrics=images"], 2, "metrics=images: the run draws texts"),
        ([f"run={vae}", "metrics=image"], 2, "Did you mean images?"),
        ([f"run={vae}", "metrics=mauve"], 2, "metrics=mauve: the run draws images"),
        ([f"run={gpt}", "metrics=fid"], 2, "metrics=fid: the run draws texts"),
        ([f"run={vae}", "metrics=fidd"], 2, "Did you mean fid?"),
        ([f"run={gpt}", "extractor=digits"], 2, "extractor= is for images"),
        ([f"run={vae}", "featuriser=own"], 2, "featuriser= is for texts"),
        ([f"run={vae}", "draws=9"], 2, "draws= is for video"),
        ([f"run={vae}", "extractor=digit"], 2, "Did you mean digits?"),
        ([f"run={vae}", "checkpoint=step-3"], 3, "step-4, step-2"),
        ([f"run={vae}", "n=0"], 2, "n takes an integer from 1"),
        ([f"run={vae}", "nn=2"], 2, "evaluate takes no nn= here. Did you mean n?"),
        ([f"run={vae}", "out=x.csv"], 2, ".jsonl"),
        ([f"run={vae}", f"run={vae}"], 2, "twice"),
        ([f"real={good}", f"fake={empty}"], 4, "holds no picture"),
        ([f"real={good}", f"fake={tmp_path / 'absent'}"], 4, "is missing"),
        ([f"real={good}", f"fake={mixed}"], 4, "mixed sizes"),
        ([f"real={good}", f"fake={texts}"], 2, "two folders of pictures, or two files of texts"),
        ([f"real={texts}", f"fake={texts}"], 4, "distinct_1 needs at least 60 texts; there are 1"),
        ([f"real={good}", f"fake={good}", "n=5"], 2, "takes no n= here"),
    ]
    for typed, code, said in cases:
        got, _, err = genkit("evaluate", *typed)
        assert (got, err.count("\n")) == (code, 1), (typed, err)
        assert said in err, (typed, err)


def test_another_dataset_is_refused(trained, genkit, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(trained("vae"), copy)
    record = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**record, "fingerprint": "sha256:0"}))
    code, _, err = genkit("evaluate", f"run={copy}")
    assert code == 4
    assert "the data has changed since" in err


def test_the_library_refuses_too(trained):
    with pytest.raises(ConfigError, match="metrics=texts"):
        evaluate(trained("vae"), metrics=("texts",))
    with pytest.raises(CheckpointError, match="step-4"):
        evaluate(trained("vae"), "step-9")


def test_numbers_of_a_checkpoint_that_was_selected_on_the_same_examples_say_so(genkit, tmp_path):
    """Two parts: validation is the test part.  The best checkpoint was chosen on it, the last was not."""

    images = np.random.default_rng(0).integers(0, 256, (200, 8, 8)).astype(np.uint8)
    np.savez(tmp_path / "own.npz", images=images)
    of_own = [word for word in TINY["vae"] if not word.startswith("data=")]
    of_own += ["data=arrays", f"data.path={tmp_path / 'own.npz'}", "model.likelihood=categorical"]
    for split, said in (("peer", True), ("three", False)):
        place = [f"name={split}", f"paths.runs_dir={tmp_path}", "budget.steps=4", "trainer.val_every=2"]
        assert genkit("train", *of_own, *QUICK, *place, f"data.split={split}")[0] == 0
        rows = evaluate(tmp_path / split, ["best", "step-2"], metrics=("nll",), batch_size=50)
        by_name = {tuple(row.place.checkpoints): row.place.selected for row in rows}
        best = next(selected for names, selected in by_name.items() if "best" in names)
        others = [selected for names, selected in by_name.items() if "best" not in names]
        assert best == ("val/neg_elbo" if said else "")
        assert not any(others)
        _, out, _ = genkit("evaluate", f"run={tmp_path / split}", "checkpoint=best", "metrics=nll")
        assert ("selected here" in out) == said
        assert ("on which val/neg_elbo selected it" in out) == said
