"""Shared by the integration tests: a tiny training of each family, the command line in and out of process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from genkit import config, train
from genkit.cli import main
from genkit.study import read_declaration

TINY = {
    "gpt": [
        "model=gpt",
        "data=colors",
        "model.block_size=16",
        "model.n_layer=1",
        "model.n_head=2",
        "model.n_embd=16",
        "model.dropout=0.1",
        "optim.ema=0.9",
        "optim.warmup=3",
    ],
    "dcgan": ["model=dcgan", "data=digits", "model.width=4", "model.latent_size=4", "optim.warmup=3"],
    "vae": [
        "model=vae",
        "data=digits",
        "model.width=4",
        "model.hidden=16",
        "model.latent_size=4",
        "optim.ema=0.9",
        "optim.warmup=3",
        "optim.schedule=cosine",
    ],
    "flow": [
        "model=flow",
        "data=digits",
        "model.width=8",
        "model.patch=2",
        "model.dropout=0.1",
        "model.conditional=true",
        "optim.warmup=3",
    ],
}
MOVING = ["data=moving_digits", "model.select=null", "model.latent_size=4", "model.width=2"]
CODEC = [
    "data=digits",
    "model.width=4",
    "model.depth=1",
    "model.adversarial=0.5",
    "model.discriminator_width=4",
]
MORE = {
    "dcgan-frames": ["model=dcgan", *MOVING, "model.frame_discriminator=true", "optim.warmup=3"],
    "gan-resnet": [
        *("model=gan_resnet", "data=digits", "model.width=4", "model.latent_size=4", "optim.warmup=3"),
        *("model.augment=[translation]", "model.augment_target=0.3", "model.augment_pace=64"),
    ],
    "codes": ["model=codes", *CODEC, "optim.warmup=3"],
    "codes-vq": ["model=codes", *CODEC, "model.quantiser=vq", "model.codes=16", "optim.warmup=3"],
}
QUICK = [
    "batch_size=8",
    "trainer=cpu",
    "trainer.val_batches=1",
    "callbacks.progress=none",
    "callbacks.samples.n=0",
    "logger=csv",
]


def words(family: str, runs_dir: Path | str, name: str, *more: str) -> list[str]:
    """What to type for a training that takes a second."""
    return [*(TINY | MORE)[family], *QUICK, f"paths.runs_dir={runs_dir}", f"name={name}", *more]


def weights_of(run: Path | str, step: int) -> dict[str, bytes]:
    """The weight files of a checkpoint, byte by byte."""
    place = Path(run) / "checkpoints" / f"step-{step}"
    return {path.name: path.read_bytes() for path in sorted(place.glob("*.safetensors"))}


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """`genkit …` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "genkit", *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Packed data of the tests lie among the tests' files."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GENKIT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """`trained(family)`: the folder of a run of 4 steps with checkpoints at 2 and 4, made once."""
    folder, made = tmp_path_factory.mktemp("trained"), {}

    def of(family: str) -> Path:
        if family not in made:
            more = ["budget.steps=4", "trainer.val_every=2"]
            made[family] = Path(train(words(family, folder, family, *more))["run"])
        return made[family]

    return of


@pytest.fixture(scope="module")
def served_runs(trained):
    """By family, the folders of the runs that a page is served of."""
    return {family: trained(family) for family in ("vae", "gpt", "flow")}


@pytest.fixture(scope="module")
def page(served_runs):
    """A page of them, served; it needs the extra app."""
    from tests.page_server import served

    with served(*served_runs.values()) as found:
        yield found


@pytest.fixture
def genkit(capsys):
    """`genkit(*words)`: exit code, stdout, stderr of the command line in this process."""

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def paths(tmp_path):
    """The group `paths`, with a folder of the test's own for runs."""
    return {**config.paths([]), "runs_dir": str(tmp_path / "runs")}


@pytest.fixture
def declare(request, tmp_path):
    """`declare(text, **changes)`: the declaration in a file of this text, the module's `STUDY` by default."""

    def made(text=None, **changes):
        file = tmp_path / "few.yaml"
        file.write_text(request.module.STUDY if text is None else text)
        return read_declaration(str(file), {k.replace("__", "."): v for k, v in changes.items()})

    return made


@pytest.fixture
def verb(runs, capsys):
    """`verb(*words)` on the runs of a file of tests, its fixture `runs`: exit code, stdout, stderr."""

    def call(*words):
        capsys.readouterr()
        code = main([*map(str, words), f"paths.runs_dir={runs}"])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call
