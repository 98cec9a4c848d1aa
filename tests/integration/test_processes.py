"""One process and two on the same global batch end within rounding of each other, for every family."""

import json
import os
import random
import socket
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from genkit import config, runs, train
from genkit.runs import Run, read
from tests.integration.two_processes import shared_batch

FAMILIES = {
    "gpt": ["model=gpt", "data=colors", "model.n_layer=1", "model.n_embd=32", "batch_size=16"],
    "dcgan": ["model=dcgan", "data=digits", "model.width=8", "batch_size=16"],
    "vae": ["model=vae_mlp", "data=digits", "model.hidden=32", "batch_size=16"],
    "flow": ["model=flow", "data=digits", "model.width=8", "model.conditional=true", "batch_size=16"],
}
FRAMES = [
    *("model=dcgan", "data=moving_digits", "model.width=4", "model.frame_discriminator=true"),
    *("model.select=null", "batch_size=16"),
]
RESNET = [
    *("model=gan_resnet", "data=digits", "model.width=4", "batch_size=16", "model.conditional=true"),
    *("model.augment=[translation,cutout]", "model.augment_target=0.3", "model.augment_pace=64"),
]
CODEC = [
    *("model=codes", "data=digits", "model.width=4", "model.depth=1", "batch_size=16"),
    *("model.quantiser=vq", "model.codes=16", "model.adversarial=0.5", "model.discriminator_width=4"),
]
COUPLED = ["model=flow", "data=digits", "model.width=8", "model.coupling=4", "batch_size=16"]
SHORT = ["budget.steps=6", "callbacks.progress=none"]
FREE = ["model.free_bits=0.05", "trainer.accumulate=2"]
FILE = [
    "model=gpt",
    "data=text_file",
    "model.n_layer=1",
    "model.n_embd=32",
    "model.block_size=77",
    "batch_size=16",
]
CASES = {
    **{name: [*words, "trainer.precision=32-true"] for name, words in FAMILIES.items()},
    "codes-vq": [*CODEC, "trainer.precision=32-true"],
    "codes-vq-pieces": [*CODEC, "trainer.accumulate=2", "trainer.precision=32-true"],
    "gan-resnet": [*RESNET, "trainer.precision=32-true"],
    "gan-resnet-pieces": [*RESNET, "trainer.accumulate=2", "trainer.precision=32-true"],
    "dcgan-frames": [*FRAMES, "trainer.precision=32-true"],
    **{f"{name}-bf16": [*words, "trainer.precision=bf16-mixed"] for name, words in FAMILIES.items()},
    "flow-coupled": [*COUPLED, "trainer.precision=32-true"],
    "flow-coupled-pieces": [*COUPLED, "trainer.accumulate=2", "trainer.precision=32-true"],
    # Some latents are below what is free in one half of the batch and above it in the other.
    "vae-free": [*FAMILIES["vae"], *FREE, "trainer.precision=32-true"],
    # The second process has nothing to validate.
    "gpt-one": [*FILE, "trainer.precision=32-true"],
    "gpt-seconds": [*FAMILIES["gpt"], "trainer.precision=32-true", "budget.seconds=2", "trainer.val_every=5"],
}


def words_of(name, folder):
    """The words of a case, with a file of its own where it reads one."""
    words = [*CASES[name], *(word for word in SHORT if name != "gpt-seconds" or "steps" not in word)]
    if "data=text_file" in words:  # whose validation part is one window
        letters = random.Random(0).choices("abcdef \n", k=1750)
        (folder / "few.txt").write_text("".join(letters))
        words.append(f"data.path={folder / 'few.txt'}")
    return words


def weights(run):
    return load_file(sorted(run.glob("checkpoints/step-*/weights.safetensors"))[-1])


def free_ports(count):
    """The first of so many that nobody listens at."""
    for first in range(20_000 + os.getpid() % 10_000, 60_000, count):
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise AssertionError("no ports")


def train_in_two(folder, cases, program="tests.integration.two_processes"):
    """Train a run of two processes in a folder for each name of `cases`, by its words."""
    for name, words in cases.items():
        cfg = config.compose("train", [*words, "trainer=ddp_cpu", f"name={name}", f"paths.runs_dir={folder}"])
        run = Run.create(str(folder), name)
        runs.write_atomically(run.path / runs.CONFIG, config.freeze(cfg))
        run.update(status="running")
    port = str(free_ports(len(cases) + 1))
    command = [sys.executable, "-m", program, str(folder), port, *(str(folder / name) for name in cases)]
    shared = {**os.environ, "MASTER_ADDR": "127.0.0.1", "NODE_RANK": "0"}
    ranks = [
        subprocess.Popen(command, env={**shared, "LOCAL_RANK": str(r)}, stderr=subprocess.PIPE, text=True)
        for r in range(2)
    ]
    try:
        said = [rank.communicate(timeout=480)[1] for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    assert [rank.returncode for rank in ranks] == [0, 0], said


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The folder with a run of two processes for each of `CASES`."""
    folder = tmp_path_factory.mktemp("pair")
    train_in_two(folder, {name: words_of(name, folder) for name in CASES})
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if "seconds" not in name])
def test_two_processes_equal_one(name, pair, tmp_path):
    train([*words_of(name, tmp_path), "trainer=cpu", f"paths.runs_dir={tmp_path}", f"name={name}"])
    narrow = "bf16" in name
    one, two = weights(tmp_path / name), weights(pair / name)
    for key in one:
        assert two[key].dtype == one[key].dtype != torch.bfloat16
        difference = (one[key].double() - two[key].double()).abs().max()
        # Adam divides by the size of the gradient: where that is rounding, the update is as large as any, and
        # under autocast much is rounding.
        assert float(difference) < (2e-2 if narrow else 2e-4), key
    final = read(pair / name).final
    for key, value in read(tmp_path / name).final.items():
        assert final[key] == pytest.approx(value, rel=5e-2 if narrow else 1e-3), key
    measured = [
        json.loads((place / name / "findings.json").read_text())["history"] for place in (tmp_path, pair)
    ]
    assert [row["step"] for row in measured[1]] == [row["step"] for row in measured[0]] != []


@pytest.mark.slow
def test_two_processes_started_by_us_are_one_run(tmp_path):
    words = [*FAMILIES["gpt"], *SHORT, "trainer=ddp_cpu", "name=run", f"paths.runs_dir={tmp_path}"]
    assert train(words)["final"]["step"] == 6
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.slow
def test_a_budget_of_seconds_ends_both_processes_at_one_step(pair):
    record = read(pair / "gpt-seconds")
    assert record.seconds >= 2
    assert record.final["step"] == record.step > 1


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "tolerance"), [(torch.float32, 1e-3), (torch.bfloat16, 2e-2)])
def test_shared_normalisation_is_that_of_the_whole_batch(kind, tolerance, pair):
    """Against torch's own in float64 on the batch as it is in that precision."""
    shares = [torch.load(pair / f"norm-{rank}.pt")[str(kind)] for rank in range(2)]
    norm = nn.BatchNorm2d(3).double()
    x = shared_batch().to(kind).double().requires_grad_(True)
    y = norm(x)
    factors = torch.arange(4 * 3 * 16).view(4, 3, 4, 4).double() ** 0.5
    (y * factors.repeat(2, 1, 1, 1)).sum().backward()
    torch.testing.assert_close(
        torch.cat([s[0] for s in shares]).double(), y.detach(), rtol=tolerance, atol=tolerance
    )
    scale = float(x.grad.abs().max())
    ours = torch.cat([s[1] for s in shares]).double()
    torch.testing.assert_close(ours, x.grad, rtol=0, atol=tolerance * scale)
    for share in shares:
        assert share[2].dtype == share[3].dtype == torch.float32
        torch.testing.assert_close(share[2].double(), norm.running_mean, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(share[3].double(), norm.running_var, rtol=1e-4, atol=1e-5)
