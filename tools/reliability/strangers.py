"""Run folders from strangers: refused with the file and the reason, and nothing of theirs is executed.

Every manifest is sealed anew after it was tampered with, as a stranger would, so what refuses is never just
a digest.  Each kind meets every command that loads, half of its trials where torch is told to unpickle.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import shutil
import sys
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
import yaml

from genkit.runs import manifests
from tools.reliability.canaries import MODULE, Calls, Canaries, pickles, safetensors
from tools.reliability.damaging import trained
from tools.reliability.processes import Process, changed_environment
from tools.reliability.rows import Row, Trial

TIMEOUT = 60.0  # seconds of a process; refusing takes one
STEP = "step-6"
Tamper = Callable[[Path, Canaries], None]
FORCED = {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"}


# ---------------------------------------------------------------------- what a stranger can put in a folder


def reseal(place: Path, **entries: Any) -> None:
    """Let a manifest agree with the files of its folder again."""
    file = place / "manifest.json"
    manifest = {**json.loads(file.read_text()), **entries}
    if "files" not in entries:
        manifest["files"] = {name: manifests.describe(place / name) for name in manifest["files"]}
    manifest["sha256"] = manifests.seal(manifest)
    file.write_text(json.dumps(manifest))


def weights(content: Callable[[Canaries], bytes], name: str = "weights.safetensors") -> Tamper:
    """Another file in the place of one that the manifest speaks of."""

    def tamper(run: Path, canaries: Canaries) -> None:
        place = run / "checkpoints" / STEP
        (place / name).write_bytes(content(canaries))
        reseal(place)

    return tamper


def header(text: str, data: bytes = b"", length: int | None = None) -> Tamper:
    return weights(lambda canaries: safetensors(text, data, length))


def saved(make: Callable[[Canaries], Any], **how: Any) -> Callable[[Canaries], bytes]:
    """What torch.save makes."""

    def content(canaries: Canaries) -> bytes:
        buffer = io.BytesIO()
        torch.save(make(canaries), buffer, **how)
        return buffer.getvalue()

    return content


def lightning(canaries: Canaries) -> dict[str, Any]:
    """A checkpoint of Lightning's whose hyper-parameters name a function, as its own loader would call it."""
    return {
        "state_dict": {"weight": torch.zeros(2)},
        "hyper_parameters": {"_instantiator": f"{MODULE}.strike", "x": Calls(os.system, canaries.shell)},
        "pytorch-lightning_version": pl.__version__,
        "epoch": 0,
        "global_step": 0,
    }


def archive(canaries: Canaries, names: tuple[str, ...]) -> bytes:
    """A ZIP archive of files that are pickles."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name in names:
            made.writestr(name, pickles(canaries)["protocol 2, eval"])
    return buffer.getvalue()


def tar(canaries: Canaries) -> bytes:
    """What the first versions of torch saved."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as made:
        for name in ("sys_info", "pickle", "tensors", "storages"):
            content = pickles(canaries)["protocol 2, eval"]
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            made.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def moved(name: str) -> Tamper:
    """A link to where it was moved, outside the run."""

    def tamper(run: Path, canaries: Canaries) -> None:
        (run / name).rename(canaries.folder / "elsewhere")
        (run / name).symlink_to(canaries.folder / "elsewhere")

    return tamper


def linked(name: str, target: str) -> Tamper:
    """A link in the place of a file; `victim`: to a file outside."""

    def tamper(run: Path, canaries: Canaries) -> None:
        (run / name).unlink(missing_ok=True)
        (run / name).symlink_to(canaries.victim if target == "victim" else target)

    return tamper


def pipe(name: str) -> Tamper:
    def tamper(run: Path, canaries: Canaries) -> None:
        (run / name).unlink(missing_ok=True)
        os.mkfifo(run / name)

    return tamper


def written(name: str, content: str) -> Tamper:
    def tamper(run: Path, canaries: Canaries) -> None:
        (run / name).write_text(content)

    return tamper


def listed(name: str) -> Tamper:
    """A manifest that speaks of a file somewhere else; `{folder}` is the trial's."""

    def tamper(run: Path, canaries: Canaries) -> None:
        place = run / "checkpoints" / STEP
        files = json.loads((place / "manifest.json").read_text())["files"]
        entry = {name.format(folder=canaries.folder): manifests.describe(canaries.victim)}
        reseal(place, files={**files, **entry})

    return tamper


def twice(run: Path, canaries: Canaries) -> None:
    """A manifest in which a key stands twice."""
    file = run / "checkpoints" / STEP / "manifest.json"
    file.write_text(file.read_text().replace("{", '{"step": 1, ', 1))


def configured(**values: Any) -> Tamper:
    """Another model in config.yaml, to which the manifest agrees."""

    def tamper(run: Path, canaries: Canaries) -> None:
        from genkit import config

        file = run / "config.yaml"
        cfg = yaml.safe_load(file.read_text())
        cfg["model"].update(values)
        file.write_text(yaml.safe_dump(cfg))
        reseal(run / "checkpoints" / STEP, model_sha256=config.digest(cfg["model"]))

    return tamper


PICKLED = ("protocol 0, os.system", "protocol 1, exec", "protocol 2, eval", "protocol 3, import")
PICKLED += ("protocol 4, os.system", "protocol 5, exec", "persistent id")
F32 = '{"w": {"dtype": "F32", "shape": %s, "data_offsets": [0, 8]}}'
NESTED = "[" * 500_000
LAST = "checkpoints/last"
# What is done to the folder, and words that the refusal has to say; `trainer`: only a resume reads it.
KINDS: dict[str, tuple[Tamper, str]] = {
    **{f"pickle {kind}": (weights(lambda c, kind=kind: pickles(c)[kind]), "a pickle") for kind in PICKLED},
    "pickle in the trainer's state": (
        weights(lambda c: pickles(c)["protocol 2, eval"], "trainer.safetensors"),
        "a pickle",
    ),
    "torch.save": (weights(saved(lambda c: {"w": Calls(os.system, c.shell)})), "ZIP"),
    "torch.save, legacy": (
        weights(saved(lambda c: Calls(os.system, c.shell), _use_new_zipfile_serialization=False)),
        "a pickle",
    ),
    "tar": (weights(tar), "tar archive"),
    "Lightning's, with _instantiator": (weights(saved(lightning)), "ZIP"),
    "TorchScript": (
        weights(lambda c: archive(c, ("m/data.pkl", "m/code/__torch__.py", "m/constants.pkl"))),
        "ZIP",
    ),
    ".pt2": (
        weights(lambda c: archive(c, ("archive_format", "models/model.json", "data/weights/w.pt"))),
        "ZIP",
    ),
    "_instantiator in config.yaml": (configured(_instantiator=f"{MODULE}.strike"), "_instantiator"),
    "step folder linked": (moved(f"checkpoints/{STEP}"), "is a link"),
    "spec.json is /dev/zero": (linked("spec.json", "/dev/zero"), "is a link"),
    "log linked": (linked("metrics.csv", "victim"), "is a link"),
    "lock linked": (linked(".lock", "victim"), "is a link"),
    "run.json a pipe": (pipe("run.json"), "a pipe"),
    "pointer a pipe": (pipe(LAST), "a pipe"),
    "path out of the folder": (listed("../../../victim.txt"), "is no name of a file"),
    "absolute path": (listed("{folder}/victim.txt"), "is no name of a file"),
    "pointer out of the folder": (written(LAST, f"../../run/checkpoints/{STEP}\n"), "which is no checkpoint"),
    "header larger than memory": (header("{}", length=2**62), "no safetensors"),
    "huge shape": (header(F32 % "[4611686018427387904, 4]", b"\0" * 8), "no safetensors"),
    "negative shape": (header(F32 % "[-2, -1]", b"\0" * 8), "no safetensors"),
    "manifest with a key twice": (twice, "stands twice"),
    "manifest of nested lists": (written(f"checkpoints/{STEP}/manifest.json", NESTED), "nested too deeply"),
    "a far larger model": (configured(hidden=1_000_000), "far larger model"),
}
ONLY_RESUME = ("pickle in the trainer's state",)
ONLY_BUILT = ("a far larger model",)  # to verify builds no model
ONLY_LOAD = ("pointer out of the folder",)  # a resume takes the newest, whatever a pointer says


# ---------------------------------------------------------------------- trials


def commands(kind: str, run: Path) -> list[list[str]]:
    """Every command that meets what was tampered with."""
    out, where = run.parent / "out", f"paths.runs_dir={run.parent}"
    loading = [
        ["sample", f"run={run}", "n=1", f"out={out}.png"],
        ["score", f"run={run}", "split=test"],
        ["evaluate", f"run={run}", "n=8", "metrics=nll", f"out={out}.jsonl"],
    ]
    resuming, verifying = ["train", "resume=run", "budget.steps=8", where], ["verify", f"run={run}"]
    return [
        *(loading if kind not in ONLY_RESUME else []),
        *([resuming] if kind not in ONLY_LOAD else []),
        *([verifying] if kind not in ONLY_BUILT else []),
    ]


def hostile(kind: str, environment: dict[str, str]) -> Trial:
    def trial(folder: Path) -> None:
        canaries, run = Canaries(folder), folder / "run"
        shutil.copytree(trained("vae"), run)
        shutil.rmtree(run / "checkpoints" / "step-5", ignore_errors=True)
        tamper, said = KINDS[kind]
        tamper(run, canaries)
        chosen = commands(kind, run)
        for words in chosen:
            answer = Process(words, ("guarded", str(folder)), environment).wait(TIMEOUT)
            assert (answer.code, answer.is_one_line) == (3, True), (words[0], answer.code, answer.err)
            assert answer.err.count("\n") == 1, answer.err
            assert said in answer.err, answer.err
            assert str(run) in answer.err, answer.err
            canaries.assert_untouched()
        assert not list(folder.glob("out*")), "something was written"

    return trial


def neighbours() -> list[tuple[int, int, str]]:
    """How many of the files that carry code torch and Lightning meet without executing it."""
    kinds = [kind for kind in KINDS if kind.startswith(("pickle", "torch.save", "tar", "Lightning"))]
    loads = {"torch.load": torch.load, "load_from_checkpoint": pl.LightningModule.load_from_checkpoint}
    counted = []
    for who, load in loads.items():
        for told, environment in (("", {}), (" told to unpickle", FORCED)):
            safe = sum(_is_safe(kind, load, environment) for kind in kinds)
            counted.append((safe, len(kinds), f"{who}{told}, of files with pickles: nothing executed"))
    return counted


def _is_safe(kind: str, load: Callable[[Path], object], environment: dict[str, str]) -> bool:
    folder = Path(tempfile.mkdtemp(prefix="genkit-stranger-"))
    try:
        canaries, run = Canaries(folder), folder / "run"
        shutil.copytree(trained("vae"), run)
        KINDS[kind][0](run, canaries)
        name = "trainer.safetensors" if kind in ONLY_RESUME else "weights.safetensors"
        file = shutil.copy(run / "checkpoints" / STEP / name, folder / "model.ckpt")
        with (
            contextlib.suppress(Exception),
            warnings.catch_warnings(),
            changed_environment(**environment),
            importable(folder / "modules"),
        ):
            warnings.simplefilter("ignore")
            load(Path(file))
        with contextlib.suppress(AssertionError):
            canaries.assert_untouched()
            return True
        return False
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def importable(folder: Path) -> Iterator[None]:
    """A stranger's module could be imported here, for the first time."""
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop(MODULE, None)


ROW = Row(
    "strangers' run folders refused, nothing of them executed",
    {
        f"{kind}{', torch told to unpickle' if environment else ''}": hostile(kind, environment)
        for kind in KINDS
        for environment in ({}, FORCED)
    },
    neighbours,
    share=12,
)
