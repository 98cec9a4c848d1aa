"""The command line as a person meets it: what it answers, prints and writes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
import yaml
from PIL import Image
from safetensors.numpy import load_file, save_file

from genkit import config, runs
from genkit.cli import COMMANDS
from genkit.runs import checkpoints, manifests, read
from tests.integration.conftest import words

FREE = [
    "我喜欢的颜色是",
    "a, b",
    'say "hi"',
    "it's",
    "a=b=c",
    "${x}",
    "${oc.env:HOME}",
    "  ",
    "\\",
    "[1,2]",
    "null",
    "1e3",
]


# ---------------------------------------------------------------------- help and lists


def test_help_needs_neither_hydra_nor_torch():
    code = (
        "import sys; from genkit.cli import main; assert main(['--help']) == 0;"
        "assert not {'torch', 'hydra', 'omegaconf', 'numpy'} & set(sys.modules), sorted(sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert all(f"genkit {name}" in ran.stdout for name in COMMANDS)


@pytest.mark.parametrize("typed", [[], ["help"], ["--help"], ["-h"], ["train", "--help"], ["sample", "help"]])
def test_help_lists_what_there_is(typed, genkit):
    code, out, err = genkit(*typed)
    assert (code, err) == (0, "")
    assert "genkit" in out


def test_help_of_train_lists_every_option_with_a_line(genkit):
    _, out, _ = genkit("train", "--help")
    for group in ("model", "data", "optim", "trainer", "experiment", "debug"):
        for option, file in config.groups()[group].items():
            assert any(
                line.split()[:1] == [option] and config.about(file) in line for line in out.splitlines()
            )


def test_version(genkit):
    code, out, _ = genkit("--version")
    assert (code, out.split()[0]) == (0, "genkit")


def test_families_names_phases_capabilities_and_options(genkit):
    code, out, _ = genkit("families")
    rows = {line.split()[0]: line for line in out.splitlines()[2:]}
    assert code == 0
    assert {"gpt", "dcgan", "vae", "flow"} <= set(rows)
    assert "discriminator, generator" in rows["dcgan"]
    assert "temperature" in rows["gpt"]
    assert "Reconstruction" in rows["vae"]
    assert {"Likelihood,", "Completion,", "steps,", "guidance,"} <= set(rows["flow"].split())


def test_data_lists_and_looks_into_one(genkit):
    code, out, _ = genkit("data")
    assert code == 0
    assert "digits" in out
    code, out, _ = genkit("data", "data=digits")
    assert "[1, 8, 8]" in out
    assert "1,437 examples" in out
    assert "sha256:" in out


def test_runs_lists_and_looks_into_one(trained, genkit):
    folder = trained("vae").parent
    code, out, _ = genkit("runs", f"paths.runs_dir={folder}")
    assert code == 0
    assert "finished" in next(line for line in out.splitlines() if line.startswith("vae"))
    code, out, _ = genkit("runs", f"run={trained('vae')}")
    assert "fingerprint" in out


def test_no_runs_yet(tmp_path, genkit):
    code, out, _ = genkit("runs", f"paths.runs_dir={tmp_path / 'none'}")
    assert code == 0
    assert "no runs" in out
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("typed", "among", "without"),
    [
        ("genkit ", {"train", "sample", "data"}, {"worker"}),
        ("genkit train model=v", {"model=vae", "model=vae_mlp"}, {"model=gpt"}),
        ("genkit train name='a b' optim.l", {"optim.lr="}, {"optim.ema="}),
        ("genkit data data=pyd", {"data=pydocs"}, {"data=mnist"}),
        ("genkit sample ", {"run=vae", "n=", "prompt="}, {"model="}),
        ("genkit reconstruct ", {"run=vae"}, {"prompt="}),
        ("genkit nothing ", set(), {"model="}),
    ],
)
def test_tab_completes(typed, among, without, trained, genkit, monkeypatch):
    monkeypatch.setenv("COMP_LINE", typed)
    monkeypatch.setenv("GENKIT_RUNS_DIR", str(trained("vae").parent))
    code, out, _ = genkit("--shell-completion", "query=bash")
    assert code == 0
    assert among <= set(out.split())
    assert not without & set(out.split())


def test_completion_installs_itself(genkit):
    code, out, _ = genkit("--shell-completion", "install=bash")
    assert code == 0
    assert "complete " in out


# ---------------------------------------------------------------------- configuration


def test_cfg_job_prints_what_would_be_trained_with(genkit, tmp_path):
    code, out, _ = genkit("train", "model=vae", "data=digits", "optim.lr=3e-4", "--cfg", "job")
    cfg = yaml.safe_load(out)
    assert code == 0
    assert (cfg["model"]["family"], cfg["optim"]["lr"], cfg["data"]["name"]) == ("vae", 3e-4, "digits")
    assert "rules" not in out


def test_what_is_frozen_composes_to_the_same_run(trained):
    frozen = config.load_frozen(trained("dcgan") / "config.yaml").plain
    assert frozen["model"]["width"] == 4
    assert frozen["budget"] == {"steps": 4, "epochs": None, "examples": None, "tokens": None, "seconds": None}
    assert "paths" not in frozen
    assert os.environ.get("HOME", "/none") not in (trained("dcgan") / "config.yaml").read_text()


BROKEN = {
    "syntax": ("family: [vae\n", "model/mine"),
    "tab": ("family: vae\n\tview: arrays\n", "model/mine"),
    "target": ("family: vae\nview: arrays\nnetwork: {_target_: os.system}\n", "_target_"),
    "family": ("family: vea\nview: arrays\n", "Did you mean vae?"),
    "no-family": ("view: arrays\n", "family"),
    "view": ("family: vae\nview: sounds\n", "model.view=sounds"),
    "empty": ("# nothing\n", "is empty"),
    "rules": (
        "family: vae\nview: arrays\nwidth: 3\nrules: {'width > 1': give more}\n",
        "model=mine has rules:, and a file holds values alone; declare the knobs in Python",
    ),
    "no-knob": ("family: vae\nview: arrays\nwdth: 3\n", "Did you mean model.width?"),
    "idle": ("family: vae\nview: arrays\nnetwork: mlp\nwidth: 3\n", "model.width=3 does nothing while"),
    "list": ("- vae\n", "mine"),
    "latin": ("family: vae # caf\xe9\n", "mine"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_of_another_distribution_is_refused_in_one_line(kind, tmp_path):
    text, said = BROKEN[kind]
    package, about = tmp_path / "theirs", tmp_path / "theirs-1.0.dist-info"
    (package / "conf" / "model").mkdir(parents=True)
    about.mkdir()
    (package / "__init__.py").write_text("")
    (package / "conf" / "model" / "mine.yaml").write_bytes(text.encode("latin-1"))
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[genkit.conf]\ntheirs = theirs\n")
    path = os.pathsep.join([str(tmp_path), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    ran = subprocess.run(
        [sys.executable, "-m", "genkit", "train", "model=mine", "data=digits", "trainer=cpu"],
        env={**os.environ, "PYTHONPATH": path, "GENKIT_RUNS_DIR": str(tmp_path / "runs")},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 2, ran.stderr
    assert ran.stderr.count("\n") == 1
    assert said in ran.stderr
    assert not (tmp_path / "runs").exists()


# ---------------------------------------------------------------------- training


def test_train_says_what_where_and_how_it_ended(tmp_path, genkit):
    code, out, err = genkit("train", *words("vae", tmp_path, "run", "budget.steps=4"))
    assert (code, err) == (0, f"{read(tmp_path / 'run').parameters:,} parameters; about 1 MB in float32\n")
    assert "training model=vae on data=digits for 4 steps" in out
    assert f"run: {tmp_path / 'run'} (finished at step 4)" in out
    assert "val/neg_elbo" in out
    record = read(tmp_path / "run")
    assert record.provenance.versions["torch"]
    plain = json.loads((tmp_path / "run" / "run.json").read_text())
    assert {"fingerprint", "protocol", "seed", "created", "ended", "family", "units"} <= set(plain)
    assert (plain["schema"], plain["reader"]) == (runs.SCHEMA, "0.1.0")
    assert record.to_dict() == plain
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]


@pytest.mark.parametrize("name", ["字 和 blanks", "a=b, c", "it's ${x}", "100%"])
def test_a_name_is_taken_as_typed(name, tmp_path, genkit):
    code, _, err = genkit("train", *words("vae", tmp_path, name, "budget.steps=1"))
    assert code == 0, err
    assert [path.name for path in tmp_path.iterdir()] == [name]
    code, _, _ = genkit("sample", f"run={name}", f"paths.runs_dir={tmp_path}", "n=1", f"out={tmp_path}/a.png")
    assert code == 0


@pytest.mark.slow
def test_a_sweep_runs_each_and_reports_the_first_failure(tmp_path, genkit):
    typed = [word for word in words("vae", tmp_path, "x", "budget.steps=1") if not word.startswith("name=")]
    code, out, err = genkit("train", "-m", *typed, "seed=0,-1")
    assert code == 2
    assert "seed=-1" in err
    assert "2 jobs, 1 of them failed" in out
    assert [read(path).seed for path in tmp_path.iterdir()] == [0]


# ---------------------------------------------------------------------- sampling


def test_prompts_arrive_as_typed(trained, tmp_path, genkit):
    known = json.loads((trained("gpt") / "spec.json").read_text(encoding="utf-8"))["codec"]["characters"]
    vocabulary = set(map(chr, known))
    for prompt in FREE:
        out = tmp_path / "out.jsonl"
        options = ["n=1", "max_new_tokens=0", f"out={out}"]
        code, _, err = genkit("sample", f"run={trained('gpt')}", f"prompt={prompt}", *options)
        unknown = [character for character in prompt if character not in vocabulary]
        if unknown:
            assert code == 2
            assert all(repr(character) in err for character in unknown), (prompt, err)
        else:
            assert code == 0, err
            assert json.loads(out.read_text(encoding="utf-8"))["text"] == prompt


def test_several_prompts_give_n_each_in_order(trained, tmp_path, genkit):
    out = tmp_path / "out.jsonl"
    typed = ["prompt=我", "prompt=红", "n=2", "max_new_tokens=3", f"out={out}"]
    assert genkit("sample", f"run={trained('gpt')}", *typed)[0] == 0
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [line["text"][0] for line in lines] == ["我", "我", "红", "红"]
    assert [line["sample"] for line in lines] == [0, 1, 2, 3]


def test_unknown_characters_of_a_prompt_can_be_left_out(trained, tmp_path, genkit):
    out, typed = tmp_path / "out.jsonl", ["n=1", "max_new_tokens=0"]
    for prompt, known in (("红Q色§", "红色"), ("Q", "")):
        code, _, err = genkit("sample", f"run={trained('gpt')}", f"prompt={prompt}", *typed, f"out={out}")
        assert code == 2
        assert "unk=skip" in err
        typed.append("unk=skip")
        code, _, err = genkit("sample", f"run={trained('gpt')}", f"prompt={prompt}", *typed, f"out={out}")
        assert code == 0, err
        assert json.loads(out.read_text(encoding="utf-8"))["text"] == known
        typed.pop()


def test_a_prompt_longer_than_the_context_says_both_numbers(trained, tmp_path, genkit):
    code, _, err = genkit(
        "sample", f"run={trained('gpt')}", "prompt=" + "我" * 40, f"out={tmp_path / 'a.txt'}"
    )
    assert code == 2
    assert "40 tokens" in err
    assert "at most 16" in err
    assert not (tmp_path / "a.txt").exists()


@pytest.mark.parametrize(
    "typed",
    [["n=0"], ["max_new_tokens=0", "n=1"], ["temperature=0", "n=2"], ["prompt=", "n=1"], ["top_k=9999"]],
)
def test_the_edges_of_the_ranges_are_inside(typed, trained, tmp_path, genkit):
    code, _, err = genkit("sample", f"run={trained('gpt')}", *typed, f"out={tmp_path / 'a.txt'}")
    assert code == 0, err
    assert (tmp_path / "a.txt").exists() == ("n=0" not in typed)


def test_equal_words_give_equal_files(trained, tmp_path, genkit):
    for family, suffix in (("gpt", "txt"), ("dcgan", "png"), ("vae", "png")):
        files = [tmp_path / f"{family}{i}.{suffix}" for i in range(3)]
        for file, seed in zip(files, (4, 4, 5), strict=True):
            assert genkit("sample", f"run={trained(family)}", "n=4", f"seed={seed}", f"out={file}")[0] == 0
        one, two, other = (file.read_bytes() for file in files)
        assert one == two
        assert one != other


def test_without_out_samples_lie_in_the_run(trained, genkit):
    code, out, _ = genkit("sample", f"run={trained('vae')}", "n=4", "seed=9")
    file = trained("vae") / "samples" / "sample-seed9-n4.png"
    assert code == 0
    assert str(file) in out
    with Image.open(file) as picture:
        assert picture.size == (4 * (2 * 9 + 1), 4 * (2 * 9 + 1))  # 2 × 2 of 8×8 with borders, enlarged by 4


# ---------------------------------------------------------------------- damaged runs


def copy_of(run, place):
    return shutil.copytree(run, place / run.name)


def poison(run):
    """NaN weights whose manifest agrees with them."""
    place = run / "checkpoints" / "step-4"
    tensors = load_file(place / "ema.safetensors")
    next(iter(tensors.values()))[...] = float("nan")
    save_file(tensors, place / "ema.safetensors")
    manifest = json.loads((place / "manifest.json").read_text())
    manifest["files"]["ema.safetensors"] = manifests.describe(place / "ema.safetensors")
    manifest["sha256"] = checkpoints.seal(manifest)
    (place / "manifest.json").write_text(json.dumps(manifest))


def swap_vocabulary(run):
    spec = json.loads((run / "spec.json").read_text())
    spec["codec"]["characters"] = [point + 1 for point in spec["codec"]["characters"]]
    (run / "spec.json").write_text(json.dumps(spec))


DAMAGE = {
    "truncated": (
        lambda r: (r / "checkpoints/step-4/weights.safetensors").write_bytes(b"x"),
        "manifest says",
    ),
    "nan": (poison, "allow_nonfinite=true"),
    "vocabulary": (swap_vocabulary, "spec.json is not the one"),
    "no-spec": (lambda r: (r / "spec.json").unlink(), "spec.json is missing"),
    "spec-list": (lambda r: (r / "spec.json").write_text("[]"), "spec.json is damaged"),
    "no-config": (lambda r: (r / "config.yaml").unlink(), "config.yaml is missing"),
    "config-text": (lambda r: (r / "config.yaml").write_text("hello"), "describes no model"),
    "config-yaml": (lambda r: (r / "config.yaml").write_text("model: [\n"), "cannot be read"),
    "config-tag": (
        lambda r: (r / "config.yaml").write_text("model: !!python/object/apply:os.system [x]"),
        "config",
    ),
    "config-target": (lambda r: (r / "config.yaml").write_text("model: {_target_: os.system}"), "_target_"),
    "record": (lambda r: (r / "run.json").write_text("{"), "run.json is damaged"),
    "record-list": (lambda r: (r / "run.json").write_text("[]"), "run.json is damaged"),
    "record-options": (
        lambda r: (r / "run.json").write_text('{"options": [3]}'),
        "options[0] is not",
    ),
    "no-checkpoints": (lambda r: shutil.rmtree(r / "checkpoints"), "none: train it first"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_run_is_refused(kind, trained, tmp_path, genkit):
    damage, said = DAMAGE[kind]
    run = copy_of(trained("gpt"), tmp_path)
    damage(run)
    code, _, err = genkit("sample", f"run={run}", "n=1", f"out={tmp_path / 'a.txt'}")
    assert code == 3, err
    assert err.count("\n") == 1
    assert said in err
    assert str(run) in err
    assert not (tmp_path / "a.txt").exists()


def test_what_is_not_finite_can_be_asked_for(trained, tmp_path, genkit):
    run = copy_of(trained("vae"), tmp_path)
    poison(run)
    assert genkit("sample", f"run={run}", "n=1", f"out={tmp_path / 'a.png'}")[0] == 3
    assert genkit("sample", f"run={run}", "n=1", f"out={tmp_path / 'a.png'}", "checkpoint=step-2")[0] == 0
    typed = ["n=1", "weights=raw", "allow_nonfinite=true", f"out={tmp_path / 'b.png'}"]
    assert genkit("sample", f"run={run}", *typed)[0] == 0
