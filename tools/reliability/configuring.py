"""Hostile configurations: in a stranger's run, typed, or in a file of one's own; refused before any import.

Torch cannot be imported in the processes that answer here, so what refuses has not needed it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.integration.test_bad_input import refused
from tools.reliability.canaries import MODULE, SECRET, Canaries
from tools.reliability.damaging import trained
from tools.reliability.rows import Row, Trial

TIMEOUT = 60.0  # seconds of a process that refuses; it takes one
STRIKE = f"{MODULE}.strike"
ENVIRONMENT = {"GENKIT_CANARY": SECRET, "API_KEY": SECRET}
BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
DEEP = "".join(f"{'  ' * i}a:\n" for i in range(300))

# ---------------------------------------------------------------------- as text in a file

# What stands in the file, beside a model where a `{model}` is filled in, and words of the refusal.
TEXTS: dict[str, tuple[str, str]] = {
    "_target_": (f"model: {{family: vae, _target_: {STRIKE}}}\n", "_target_"),
    "_target_ at the top": (f"_target_: {STRIKE}\nmodel: {{family: vae}}\n", "_target_"),
    "_target_ nested": (f"model: {{family: vae, a: {{b: {{_target_: {STRIKE}}}}}}}\n", "_target_"),
    "_target_ in a list": (f"model: {{family: vae, a: [1, [{{_target_: {STRIKE}}}]]}}\n", "_target_"),
    "_target_ in another group": (
        f"model: {{family: vae}}\noptim: {{lr: 1, schedule: {{_target_: {STRIKE}}}}}\n",
        "_target_",
    ),
    "_target_ by interpolation": (
        f"model: {{family: vae, a: {{_target_: '${{t}}'}}}}\nt: {STRIKE}\n",
        "_target_",
    ),
    "_partial_": (f"model: {{family: vae, x: {{_partial_: true, _target_: {STRIKE}}}}}\n", "_partial_"),
    "_args_": (f"model: {{family: vae, x: {{_args_: [1], _target_: {STRIKE}}}}}\n", "_args_"),
    "_convert_": (f"model: {{family: vae, x: {{_convert_: all, _target_: {STRIKE}}}}}\n", "_convert_"),
    "_recursive_": (
        f"model: {{family: vae, x: {{_recursive_: false, _target_: {STRIKE}}}}}\n",
        "_recursive_",
    ),
    "exec through _args_": (
        'model: {family: vae, x: {_args_: ["import stranger"], _target_: builtins.exec}}\n',
        "_args_",
    ),
    "the environment": ("model: {family: vae, norm: '${oc.env:GENKIT_CANARY}'}\n", "${oc.env"),
    "the environment, in a list": ("model: {family: vae, a: ['${oc.env:API_KEY}']}\n", "${oc.env"),
    "a resolver that decodes": (
        "model: {family: vae, norm: '${oc.decode:\"{_target_: stranger.strike}\"}'}\n",
        "${oc.decode",
    ),
    "a cycle": ("model: {family: vae, a: '${model.b}', b: '${model.a}'}\n", "${model."),
    "python/object/apply": (f"model: !!python/object/apply:{STRIKE} [x]\n", "python/object/apply"),
    "python/object/new": (f"model: !!python/object/new:{STRIKE} [x]\n", "python/object/new"),
    "python/name": (f"model: !!python/name:{STRIKE} ''\n", "python/name"),
    "python/module": (f"model: !!python/module:{MODULE} ''\n", "python/module"),
    "aliases of aliases": (f"model: {{family: vae}}\n{BOMB}", "anchor"),
    "a merge key": ("model: {<<: &m {family: vae}, x: 1}\n", "anchor"),
    "nested lists": ("model: " + "[" * 50_000, "nested"),
    "nested mappings": (f"model: {{family: vae}}\n{DEEP}", "nested"),
    "too large": ("model: {family: vae}\n#" + "x" * 2_000_000 + "\n", "bytes"),
    "a key twice": (f"model: {{family: vae}}\nseed: 1\nseed: {{_target_: {STRIKE}}}\n", "stands twice"),
    "NUL": ("model: {family: vae}\nseed: '\0'\n", "cannot be read"),
}
# Only of a run's own configuration.
RUNS: dict[str, tuple[str, str]] = {
    "_instantiator": (f"model: {{family: vae, _instantiator: {STRIKE}}}\n", "_instantiator"),
    "a family by module": (f"model: {{family: '{MODULE}:strike'}}\n", "unknown family"),
    "rules": ("model: {family: vae, rules: {'9**9**9 > 0': x}}\n", "rules"),
    "an address": ("model: {family: vae}\npretrained2: https://host/model\n", "address"),
}


def write_config(run: Path, kind: str, canaries: Canaries) -> str:
    """Put something hostile in the place of a run's config.yaml; the words that refuse it."""
    file = run / "config.yaml"
    if kind in SHAPES:
        file.unlink()
        return SHAPES[kind](file, canaries)
    text, said = {**TEXTS, **RUNS}[kind]
    file.write_text(text)
    return said


def _link(target: str) -> Callable[[Path, Canaries], str]:
    def make(file: Path, canaries: Canaries) -> str:
        file.symlink_to(target.format(victim=canaries.victim))
        return "is a link"

    return make


def _pipe(file: Path, canaries: Canaries) -> str:
    os.mkfifo(file)
    return "no plain file"


SHAPES: dict[str, Callable[[Path, Canaries], str]] = {
    "a link out": _link("{victim}"),
    "a pipe": _pipe,
}


def in_a_run(kind: str) -> Trial:
    """A stranger's run, met by every command that reads its configuration."""

    def trial(folder: Path) -> None:
        canaries, run = Canaries(folder), folder / "runs" / "run"
        shutil.copytree(trained("vae"), run)
        said = write_config(run, kind, canaries)
        out = folder / "out"
        words = [
            ["sample", f"run={run}", f"out={out}.png"],
            ["score", f"run={run}", "split=test"],
            ["evaluate", f"run={run}", f"out={out}.jsonl"],
            ["reconstruct", f"run={run}", f"out={out}.png"],
            ["train", "resume=run"],
            ["train", f"resume={run}", "budget.steps=9", "optim.lr=0.1"],
            ["compare", str(run), str(trained("gpt"))],
            ["verify", f"run={run}"],
        ]
        check(words, folder, canaries, (3,), said)

    return trial


# ---------------------------------------------------------------------- as typed

TYPED: dict[str, tuple[list[str], str]] = {
    "a key": ([f"model._target_={STRIKE}"], "_target_"),
    "a new key": ([f"+x._target_={STRIKE}"], "_target_"),
    "a forced key": ([f"++optim._target_={STRIKE}"], "_target_"),
    "a mapping": ([f"+model.x={{_target_:{STRIKE}}}"], "_target_"),
    "a list": ([f"+x=[{{_target_:{STRIKE}}}]"], "_target_"),
    "in defaults": ([f"+defaults=[{{_target_:{STRIKE}}}]"], "_target_"),
    "_partial_": (["+model._partial_=true"], "_partial_"),
    "_args_": (["+model._args_=[x]"], "_args_"),
    "the environment": (["model.norm=${oc.env:GENKIT_CANARY}"], "environment"),
    "a resolver": (["model.norm=${oc.decode:x}"], "no function is called"),
    "an unknown resolver": (["model.norm=${stranger:x}"], "stranger"),
    "a cycle": (["model.norm=${model.norm}"], "model.norm"),
    "a family by module": ([f"model.family={MODULE}:strike"], "unknown family"),
    "a model out of the folder": (["model=../../modules/stranger"], "no such model"),
    "a launcher": (["-m", "seed=1,2", f"hydra.launcher._target_={STRIKE}"], "hydra.launcher._target_"),
    "a callback": (["-m", "seed=1,2", f"+hydra.callbacks.x._target_={STRIKE}"], "hydra.callbacks"),
    "a search path": (["-m", "seed=1,2", "hydra.searchpath=[file:///tmp]"], "hydra.searchpath"),
    "a callback, asked for": (["--cfg", "all", f"+hydra.callbacks.x._target_={STRIKE}"], "hydra.callbacks"),
    "a handler": (
        ["-m", "seed=1,2", f"+hydra.job_logging.formatters.x={{'()':{STRIKE}}}"],
        "hydra.job_logging",
    ),
}


def typed(kind: str) -> Trial:
    def trial(folder: Path) -> None:
        words, said = TYPED[kind]
        (folder / "runs").mkdir()
        check([["train", *words]], folder, Canaries(folder), (2,), said)

    return trial


# ---------------------------------------------------------------------- in a file of one's own

STUDIES: dict[str, tuple[str, str]] = {
    **{kind: TEXTS[kind] for kind in ("python/object/apply", "aliases of aliases", "too large")},
    "_target_ in an arm": (
        f"arms: {{a: [model=vae, +x._target_={STRIKE}]}}\nseeds: 1\nbudget: {{steps: 1}}\n",
        "_target_",
    ),
}
MODELS = ("_target_ nested", "the environment", "python/name", "aliases of aliases", "nested lists")


def in_a_study(kind: str) -> Trial:
    def trial(folder: Path) -> None:
        text, said = STUDIES[kind]
        (folder / "mine.yaml").write_text(text)
        (folder / "runs").mkdir()
        check([["study", f"study={folder / 'mine.yaml'}"]], folder, Canaries(folder), (2,), said)

    return trial


def in_a_distribution(kind: str) -> Trial:
    """A configuration that a distribution adds, found by its entry point."""

    def trial(folder: Path) -> None:
        canaries, text = Canaries(folder), TEXTS[kind][0]
        place = folder / "modules" / "more" / "conf" / "model"
        place.mkdir(parents=True)
        (place.parent.parent / "__init__.py").write_text("")
        lines = text.partition("model: ")[2].removesuffix("\n")
        # (What is a model in a run's file is one by itself in a group's.)
        (place / "odd.yaml").write_text(text if kind == "aliases of aliases" else f"{lines}\n")
        about = folder / "modules" / "more-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: more\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text("[genkit.conf]\nmore = more\n")
        (folder / "runs").mkdir()
        said = {"the environment": "environment is read in paths"}.get(kind, TEXTS[kind][1])
        check([["train", "model=odd", "data=digits"]], folder, canaries, (2,), said)

    return trial


def check(
    cases: Sequence[list[str]], folder: Path, canaries: Canaries, codes: Sequence[int], said: str
) -> None:
    """See that each command refuses in one line that says so, tells no secret, and leaves nothing."""
    path = os.pathsep.join([str(folder / "modules"), *filter(None, [os.environ.get("PYTHONPATH")])])
    answers = refused(cases, folder / "runs", timeout=TIMEOUT, PYTHONPATH=path, **ENVIRONMENT)
    assert len(answers) == len(cases), answers
    for words, (code, out, err, left, torch_imported) in zip(cases, answers, strict=True):
        assert code in codes, (words, code, out[-300:], err[-600:])
        assert err.startswith("genkit: "), err
        assert err.count("\n") == 1, err
        assert said in err, (words, err)
        assert SECRET not in out + err, err
        assert not torch_imported
        assert not left, left
    canaries.assert_untouched()
    assert not list(folder.glob("out*")), "something was written"


# ---------------------------------------------------------------------- Hydra alone

ALONE = """
import resource, sys
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
with initialize_config_dir(sys.argv[1], version_base="1.3"):
    cfg = compose("config")
instantiate(cfg)
print(OmegaConf.to_yaml(cfg, resolve=True)[:1000])
"""


def neighbours() -> list[tuple[int, int, str]]:
    """How many of the same files take no effect when Hydra composes and instantiates them."""
    safe = 0
    for text, _ in TEXTS.values():
        folder = Path(tempfile.mkdtemp(prefix="genkit-hydra-"))
        canaries = Canaries(folder)
        (folder / "conf").mkdir()
        (folder / "conf" / "config.yaml").write_text(text)
        environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": str(folder / "modules")}
        command = [sys.executable, "-c", ALONE, str(folder / "conf")]
        try:
            ran = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=10)
            canaries.assert_untouched()
            safe += SECRET not in ran.stdout + ran.stderr and "MemoryError" not in ran.stderr
        except (AssertionError, subprocess.TimeoutExpired):
            pass
        shutil.rmtree(folder)
    return [(safe, len(TEXTS), "Hydra, of such files: no effect")]


ROW = Row(
    "hostile configurations refused before torch or anything of theirs is imported",
    {
        **{f"in a run: {kind}": in_a_run(kind) for kind in (*TEXTS, *RUNS, *SHAPES)},
        **{f"typed: {kind}": typed(kind) for kind in TYPED},
        **{f"in a study: {kind}": in_a_study(kind) for kind in STUDIES},
        **{f"in a distribution: {kind}": in_a_distribution(kind) for kind in MODELS},
    },
    neighbours,
    share=12,
)
