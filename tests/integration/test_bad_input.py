"""What a person may get wrong: one line that names it and the remedy, the exit code, nothing left behind.

All refusals of configuration and command line run in one process in which torch cannot be imported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

# What is typed, the exit code, and what the line has to name.
COMMANDS = {
    "unknown-command": (["trian"], 2, "'trian'", "Did you mean train?"),
    "two-words-in-one": (["train seed=1"], 2, "no command"),
    "families-word": (["families", "x"], 2, "x"),
    "data-option": (["data", "data=nope"], 2, "nope", "digits"),
    "runs-typo": (["runs", "rum=x"], 2, "rum=x", "run"),
    "runs-unknown": (["runs", "run=nope"], 2, "'nope'"),
    "completion": (["--shell-completion"], 2, "install=bash"),
    "cfg-kind": (["train", "--cfg", "nope"], 2, "--cfg job"),
    "cfg-nothing": (["train", "--cfg"], 2, "--cfg job"),
    "surrogate": (["train", "name=\udcff"], 2, "UTF-8"),
    "worker-nothing": (["worker"], 2, "worker"),
    "escape": (["train", "\x1b[31m=1"], 2, "[31m"),
}
KEYS = {
    "typo": (["budget.epoch=3"], 2, "budget.epoch", "Did you mean budget.epochs?"),
    "plus": (["+budget.epoch=3"], 2, "Did you mean budget.epochs?"),
    "plus-plus": (["++budget.epoch=3"], 2, "Did you mean budget.epochs?"),
    "plus-new": (["+data.batchsize=8"], 2, "data.batchsize", "batch_size"),
    "group-typo": (["modle=vae"], 2, "modle", "Did you mean model?"),
    "data-typo": (["dataa=mnist"], 2, "Did you mean data?"),
    "group-forgotten": (["lr=0.1"], 2, "Did you mean optim.lr?"),
    "head-forgotten": (["n_head=2"], 2, "Did you mean model.n_head?"),
    "other-group": (["model.latent_size=3"], 2, "model=gpt", "model=vae"),
    "other-word": (["prompt=x"], 2, "prompt"),
    "path-typo": (["paths.runs_dirr=x"], 2, "Did you mean paths.runs_dir?"),
    "whole-group": (["early_stopping=1"], 2, "early_stopping"),
    "section": (["callbacks.early_stopping=1"], 2, "callbacks.early_stopping.metric"),
    "dashes": (["--lr=3"], 2, "write lr=3"),
    "dash": (["-x"], 2, "x=VALUE"),
    "no-value": (["optim.lr"], 2, "optim.lr=VALUE"),
    "no-key": (["=3"], 2, "KEY=VALUE"),
    "empty-word": ([""], 2, "KEY=VALUE"),
    "tilde": (["~optim.clip"], 2, "optim.clip=null"),
    "package": (["optim@foo=adam"], 2, "optim=adam"),
    "hydra": (["hydra.run.dir=x"], 2, "-m"),
    "twice": (["seed=1", "seed=2"], 2, "seed=", "once"),
    "text-twice": (["name=a", "name=b"], 2, "name=", "once"),
    "chinese": (["提示=你好"], 2, '提示="你好"'),
    "brackets": (["model.norm=a (b"], 2, "quote its value", 'model.norm="a (b"'),
    "sweep-without-m": (["optim.lr=1,2"], 2, "add -m"),
    "model-sweep": (["model=gpt,vae"], 2, "add -m"),
}
OPTIONS = {
    "model": (["model=gptt"], 2, "model=gptt", "Did you mean gpt?", "Known: codes, codes_audio,"),
    "experiment": (["experiment=colours"], 2, "Did you mean colors?"),
    "debug": (["debug=nope"], 2, "fast"),
    "data": (["data=minst"], 2, "Did you mean mnist?"),
    "outside": (["model=../data/digits"], 2, "no such model"),
    "null": (["model=null"], 2, "no such model"),
    "mapping": (["optim={lr:1}"], 2, "no such optim"),
    "list": (["optim=[1]"], 2, "no such optim"),
    "family": (["model.family=vae"], 2, "model=", "vae_mlp"),
    "text-for-vae": (["data=pydocs", "model=vae"], 2, "pydocs is text", "model=gpt"),
    "gpu": (["trainer=gpu"], 2, "trainer.accelerator=gpu", "trainer=cpu"),
    "mps": (["trainer=mps"], 2, "trainer.accelerator=mps", "trainer=cpu"),
    "logger": (["logger.names=[csv,foo]"], 2, "csv, tensorboard"),
}
VALUES = {
    "batch-zero": (["batch_size=0"], 2, "batch_size=0", "nearest: batch_size=1"),
    "batch-true": (["batch_size=true"], 2, "batch_size=true is not an integer"),
    "batch-large": (["data=digits", "model=vae", "batch_size=9999"], 2, "batch_size=9999", "1437"),
    "lr-negative": (["optim.lr=-1"], 2, "optim.lr=-1", "positive"),
    "lr-nan": (["optim.lr=nan"], 2, "optim.lr=nan is not a finite number"),
    "lr-inf": (["optim.lr=1e400"], 2, "not a finite number"),
    "lr-word": (["optim.lr=abc"], 2, "optim.lr=abc is not a number"),
    "lr-null": (["optim.lr=null"], 2, "optim.lr=null is not a number"),
    "lr-empty": (["optim.lr="], 2, "not a number"),
    "seed-negative": (["seed=-1"], 2, "seed=-1", "nearest: seed=0"),
    "seed-large": (["seed=4294967296"], 2, "nearest: seed=4294967295"),
    "seed-word": (["seed=abc"], 2, "seed=abc is not an integer", "0 to 4294967295"),
    "seed-half": (["seed=1.5"], 2, "seed=1.5 is not an integer"),
    "budget-two": (["budget.steps=10", "budget.epochs=1"], 2, "budget.steps and budget.epochs"),
    "budget-none": (["budget.steps=null"], 2, "budget.steps, budget.epochs"),
    "budget-zero": (["budget.steps=0"], 2, "budget.steps=0", "nearest: budget.steps=1"),
    "budget-negative": (["budget.seconds=-1"], 2, "budget.seconds=-1"),
    "budget-half": (["budget.steps=1.5"], 2, "budget.steps=1.5 is not an integer"),
    "heads": (["model.n_head=3"], 2, "model.n_embd=128, model.n_head=3", "multiple of n_head"),
    "layers": (["model.n_layer=2.0"], 2, "model.n_layer=2.0 is not an integer"),
    "bias": (["model.bias=yes"], 2, "true or false"),
    "betas-number": (["optim.betas=3"], 2, "not a list such as"),
    "betas-short": (["optim.betas=[0.9]"], 2, "two numbers"),
    "betas-large": (["optim.betas=[0.9,2]"], 2, "two numbers"),
    "part": (["model=dcgan", "data=digits", "optim.generator.lr=-1"], 2, "optim.generator.lr=-1"),
    "ema": (["optim.ema=1"], 2, "optim.ema=1", "0.999"),
    "precision": (["trainer.precision=fp8"], 2, "fp8", "bf16-mixed"),
    "bf16-true": (["trainer.precision=bf16-true"], 2, "bf16-true", "bf16-mixed"),
    "threads-zero": (["trainer.threads=0"], 2, "trainer.threads=0", "nearest: trainer.threads=1"),
    "workers": (["trainer.num_workers=-1"], 2, "trainer.num_workers"),
    "fp16-cpu": (["trainer=cpu", "trainer.precision=16-mixed"], 2, "no fp16", "bf16-mixed"),
    "devices-zero": (["trainer.devices=0"], 2, "trainer.devices=0", "nearest: trainer.devices=1"),
    "devices-two": (["trainer.devices=2"], 2, "trainer.strategy=ddp"),
    "accelerator": (["trainer.accelerator=tpu"], 2, "auto, cpu, gpu or mps"),
    "accumulate": (["batch_size=33", "trainer.accumulate=2"], 2, "batch_size=33, trainer.accumulate=2"),
    "dcgan-size": (["model=dcgan", "data=digits", "data.size=12"], 2, "12", "8, 16, 32, 64, 128"),
    "vae-size": (["model=vae", "data=digits", "data.size=1"], 2, "data.size=1", "from 4 to 4,096"),
    "tokenizer": (["data.tokenizer=BPE"], 2, "chars, bytes, bpe or hf"),
    "progress": (["callbacks.progress=loud"], 2, "rich, plain or none"),
    "interpolation": (["seed=${nothing}"], 2, "nothing", "seed"),
    "unset-variable": (["paths.cache_dir=x", "model.norm=${oc.env:GENKIT_UNSET}"], 2, "environment", "paths"),
    "set-variable": (["model.norm=${oc.env:HOME}"], 2, "environment is read in paths.* alone"),
    "resolver": (["model.norm=${oc.decode:1}"], 2, "model.norm"),
}
TARGETS = {
    "key": (["model._target_=os.system"], 2, "_target_"),
    "new": (["+_target_=os.system"], 2, "_target_"),
    "force": (["++optim._target_=a.b"], 2, "_target_"),
    "mapping": (["+model.x={_target_:os.system}"], 2, "_target_"),
}
NAMES = {
    "up": (["name=../x"], 2, "'../x'"),
    "slash": (["name=a/b"], 2, "'a/b'"),
    "backslash": (["name=a\\b"], 2, "slashes"),
    "absolute": (["name=/abs"], 2, "'/abs'"),
    "dot": (["name=."], 2, "'.'"),
    "hidden": (["name=.lock"], 2, "dot"),
    "empty": (["name="], 2, "''"),
    "blank": (["name= x"], 2, "' x'"),
    "newline": (["name=a\nb"], 2, "a\\nb"),
    "escape": (["name=a\x1b[31m"], 2, "\\x1b"),
    "nul": (["name=a\0b"], 2, "name"),
    "bytes-300": (["name=" + "字" * 100], 2, "300 bytes"),
    "letters-300": (["name=" + "y" * 300], 2, "name", "120"),
    "existing": (["name=taken"], 2, "taken", "another name=", "resume=taken"),
    "case": (["name=TAKEN"], 2, "taken exists", "another name="),
}
PLACES = {
    "resume-unknown": (["resume=take"], 2, "'take'", "Did you mean taken?"),
    "resume-empty": (["resume="], 2, "''"),
    "resume-url": (["resume=https://host/run"], 2, "address", "copy"),
    "resume-seed": (["resume=taken", "seed=3"], 2, "seed"),
    "resume-model": (["resume=taken", "model=vae"], 2, "model", "init_from"),
    "resume-optim": (["resume=taken", "optim=sgd"], 2, "optim", "init_from"),
    "init-unknown": (["init_from=nope"], 2, "'nope'"),
    "no-file": (["data=text_file"], 2, "data.path=FILE"),
    "missing-file": (["data=text_file", "data.path=/nonexistent"], 4, "/nonexistent is missing"),
    "nul-file": (["data=text_file", "data.path=/a\0b"], 2, "data.path", "NUL"),
    "folder-file": (["data=text_file", "data.path=/"], 4, "is a folder"),
    "column-of-none": (
        ["data=text_file", f"data.path={__file__}", "data.column=text"],
        *(2, "data.column=text", ".jsonl", "leave it out"),
    ),
    "column-empty": (["data=text_file", "data.path=/", "data.column="], 2, "data.column", "null"),
    "documents-apart": (
        ["data=text_file", f"data.path={__file__}", "data.documents=reset"],
        *(2, "data.documents=reset", "data.separator=TEXT"),
    ),
    "documents-none": (["data=pydocs", "data.documents=reset"], 2, "data.documents"),
    "no-shakespeare": (["data=shakespeare", "paths.data_dir=/nonexistent"], 4, "paths.data_dir"),
    "no-poems": (["data=tang_poems", "paths.data_dir=/nonexistent"], 4, "chinese-poetry", "paths.data_dir"),
    "no-mnist": (
        ["model=vae", "data=mnist", "data.download=false", "paths.data_dir=/nonexistent"],
        4,
        "GENKIT_DATA_DIR",
        "data.download=true",
    ),
    "block": (["model.block_size=100000"], 4, "23212", "100001", "largest that fits is 23211"),
    "runs-file": (["paths.runs_dir=/dev/null"], 6, "/dev/null", "another folder"),
    "runs-proc": (["paths.runs_dir=/proc/x"], 6, "/proc", "another folder"),
    "runs-nul": (["paths.runs_dir=a\0b"], 2, "paths.runs_dir", "NUL"),
    "runs-empty": (["paths.runs_dir="], 2, "paths.runs_dir= is empty"),
}
SWEEPS = {
    "name": (["-m", "seed=1,2", "name=x"], 2, "name="),
    "all-refused": (["-m", "optim.lr=-1,-2"], 2, "optim.lr=-1"),
    "thousands": (["-m", "seed=range(1,2000)"], 2, "1,999", "yes=true"),
    "option": (["-m", "model=gpt,gptt"], 2, "Did you mean gpt?"),
    "glob-nothing": (["-m", "experiment=glob(nope*)"], 2, "no option matches"),
    "glob-refused": (["-m", "experiment=glob(mnist*)", "optim.lr=-1"], 2, "optim.lr=-1"),
    "typo": (["-m", "sed=1,2"], 2, "Did you mean seed?"),
}
GROUPS = {
    "command": COMMANDS,
    **{
        group: {name: (["train", *words], *rest) for name, (words, *rest) in cases.items()}
        for group, cases in {
            "key": KEYS,
            "option": OPTIONS,
            "value": VALUES,
            "target": TARGETS,
            "name": NAMES,
            "place": PLACES,
            "sweep": SWEEPS,
        }.items()
    },
}
# Words after `genkit sample run=…`; `gpt`, `vae` name the run.
SAMPLES = {
    "n-negative": ("gpt", ["n=-1"], 2, "n takes an integer from 0", "nearest: n=0"),
    "n-half": ("gpt", ["n=1.5"], 2, "n takes an integer", "1.5"),
    "n-word": ("gpt", ["n=abc"], 2, "n takes an integer", "'abc'"),
    "n-large": ("gpt", ["n=1e9"], 2, "nearest: n=1000000"),
    "n-twice": ("gpt", ["n=3", "n=4"], 2, "n= is given twice"),
    "seed-large": ("gpt", ["seed=4294967296"], 2, "nearest: seed=4294967295"),
    "batch-zero": ("gpt", ["batch_size=0"], 2, "nearest: batch_size=1"),
    "temperature-negative": ("gpt", ["temperature=-1"], 2, "temperature", "nearest: temperature=0"),
    "temperature-nan": ("gpt", ["temperature=nan"], 2, "temperature", "nan"),
    "temperature-word": ("gpt", ["temperature=hot"], 2, "temperature takes a number", "'hot'"),
    "top-p-large": ("gpt", ["top_p=1.5"], 2, "top_p", "nearest: top_p=1"),
    "top-p-zero": ("gpt", ["top_p=0"], 2, "top_p takes a number above 0"),
    "top-k-zero": ("gpt", ["top_k=0"], 2, "top_k", "nearest: top_k=1"),
    "tokens-negative": ("gpt", ["max_new_tokens=-1"], 2, "nearest: max_new_tokens=0"),
    "tokens-large": ("gpt", ["max_new_tokens=1000000000"], 2, "nearest: max_new_tokens=1000000"),
    "typo": ("gpt", ["temprature=1"], 2, "temprature", "Did you mean temperature?"),
    "text-family": ("gpt", ["size=3"], 2, "gpt takes no size=", "prompt, max_new_tokens"),
    "image-family": (
        "vae",
        ["prompt=x"],
        2,
        "vae takes no prompt=",
        "temperature",
        "run, n, seed, out, stream,",
    ),
    "other-options": ("dcgan", ["temperature=1"], 2, "dcgan takes no temperature=", "truncation"),
    "unk-word": ("gpt", ["unk=drop"], 2, "unk=drop is none of refuse, skip"),
    "vocabulary": ("gpt", ["prompt=红Q§"], 2, "'Q' '§'", "vocabulary of"),
    "second-prompt": ("gpt", ["prompt=红", "prompt=Q"], 2, "'Q'"),
    "weights": ("gpt", ["weights=foo"], 2, "weights=foo is none of ema, raw"),
    "checkpoint-word": ("gpt", ["checkpoint=lst"], 2, "Did you mean last?"),
    "checkpoint-absent": ("gpt", ["checkpoint=step-3"], 3, "step-3", "step-4, step-2"),
    "device": ("gpt", ["device=gpu"], 2, "device=gpu", "device=auto"),
    "image-for-text": ("gpt", ["out=x.png"], 2, "x.png", ".txt, .jsonl, .npz"),
    "text-for-image": ("vae", ["out=x.txt"], 2, "x.txt", ".png, .npz"),
    "out-empty": ("vae", ["out="], 2, "out="),
    "out-unwritable": ("vae", ["out=/proc/x/y.png"], 6, "/proc", "another folder"),
    "out-nul": ("vae", ["out=a\0.png"], 2, "out=", "NUL"),
    "dashes": ("gpt", ["--n=3"], 2, "write n=3"),
    "no-value": ("gpt", ["n"], 2, "n=VALUE"),
    "nonfinite-word": ("gpt", ["allow_nonfinite=yes"], 2, "true or false"),
}
RUNS = {
    "none": ([], 2, "run=RUN"),
    "word": (["rum=x"], 2, "run=RUN (rum=?)"),
    "unknown": (["run=gtp"], 2, "'gtp'", "Did you mean gpt?"),
    "url": (["run=https://host/x"], 2, "address", "copy"),
    "nul": (["run=a\0b"], 2, "NUL"),
    "file": ([f"run={__file__}"], 2, "is a file", "folder"),
    "other-folder": (["run=/"], 3, "config.yaml is missing"),
}
CASES = {f"{group}-{name}": case for group, cases in GROUPS.items() for name, case in cases.items()}

RUNNER = """
import contextlib, io, json, os, sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ImportError("a refusal needs no torch")

sys.meta_path.insert(0, NoTorch())
from genkit.cli import main

runs_dir = os.environ["GENKIT_RUNS_DIR"]
for line in sys.stdin:
    out, err, before = io.StringIO(), io.StringIO(), sorted(os.listdir(runs_dir))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(json.loads(line))
    left = sorted(set(os.listdir(runs_dir)) ^ set(before))
    print(json.dumps([code, out.getvalue(), err.getvalue(), left, "torch" in sys.modules]), flush=True)
"""


def refused(cases, runs_dir, timeout=None, **environment):
    """The command line's answers to lists of words, given without torch."""
    ran = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input="".join(json.dumps(words) + "\n" for words in cases),
        env={**os.environ, "GENKIT_RUNS_DIR": str(runs_dir), "CUDA_VISIBLE_DEVICES": "", **environment},
        timeout=timeout,
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in ran.stdout.splitlines()]


def check(answer, expected, *named):
    code, out, err, left, torch_imported = answer
    assert "Traceback" not in err, err
    assert (code, out, left, torch_imported) == (expected, "", [], False), err
    assert err.startswith("genkit: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert len(err) < 400
    assert "\x1b" not in err
    for words in named:
        assert words in err


@pytest.fixture(scope="module")
def answers(request, tmp_path_factory):
    """The answers to the cases that this session asks for."""
    wanted = {item.callspec.params.get("case") for item in request.session.items if hasattr(item, "callspec")}
    asked = {case: words for case, (words, *_) in CASES.items() if case in wanted}
    runs_dir = tmp_path_factory.mktemp("runs")
    (runs_dir / "taken").mkdir()
    frozen = "model: {family: gpt, view: tokens, block_size: 64}\nchoices: {model: gpt, data: pydocs}\n"
    (runs_dir / "taken" / "config.yaml").write_text(frozen)
    return dict(zip(asked, refused(asked.values(), runs_dir), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_refusal_is_one_line_before_torch(case, answers):
    _, expected, *named = CASES[case]
    check(answers[case], expected, *named)


@pytest.fixture(scope="module")
def sample_answers(trained):
    folders = {family: trained(family) for family in ("gpt", "dcgan", "vae")}
    cases = [["sample", f"run={folders[family]}", *words] for family, words, *_ in SAMPLES.values()]
    cases += [["sample", *words] for words, *_ in RUNS.values()]
    return dict(zip([*SAMPLES, *RUNS], refused(cases, folders["gpt"].parent), strict=True))


@pytest.mark.parametrize("case", SAMPLES)
def test_sampling_is_refused_before_torch(case, sample_answers):
    _, _, expected, *named = SAMPLES[case]
    check(sample_answers[case], expected, *named)


@pytest.mark.parametrize("case", RUNS)
def test_run_is_refused_before_torch(case, sample_answers):
    _, expected, *named = RUNS[case]
    check(sample_answers[case], expected, *named)
