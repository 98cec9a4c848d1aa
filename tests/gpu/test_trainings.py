"""Whole trainings on a GPU, as people start them: families × media, resumed, moved, compiled, distributed."""

from __future__ import annotations

import csv
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import genkit
from genkit.cli import main
from genkit.runs import Run, read
from genkit.system.errors import ConfigError
from genkit.system.interrupts import Interrupted
from tests.gpu.conftest import ACCELERATOR, DEVICE, TRIED_ON_CPU, Unwaiting, has_compiler
from tests.integration.conftest import CODEC, MORE, TINY
from tests.integration.test_resume import StopAt

GPU = f"trainer={ACCELERATOR}"
SMALL_GPT = ["model.n_layer=1", "model.n_head=2", "model.n_embd=16"]
MEL = ["data=plucks", "data.view=mel"]
MOVING = ["data=moving_digits", "data.levels=2"]
CONDITIONAL = "model.conditional=true"
TRAININGS = {
    "gpt-text": TINY["gpt"],
    "gpt-pairs": ["model=gpt", "data=sums", "model.block_size=64", *SMALL_GPT],
    "gpt-images": ["model=gpt_pixels", "data=digits", CONDITIONAL, *SMALL_GPT],
    "gpt-sounds": ["model=gpt_pixels", *MEL, "data.bands=64", "data.hop=256", "data.patch=2", *SMALL_GPT],
    "gpt-videos": ["model=gpt_pixels", *MOVING, "data.patch=[1,1,8]", "model.positions=axial", *SMALL_GPT],
    "dcgan-images": TINY["dcgan"],
    "dcgan-sounds": ["model=dcgan", *MEL, CONDITIONAL, "model.width=4", "model.select=null"],
    "dcgan-videos": MORE["dcgan-frames"],
    "gan-resnet-images": MORE["gan-resnet"],
    "wavegan-sounds": ["model=wavegan", "data=plucks", "model.width=4", "model.latent_size=4"],
    "vae-mlp-images": ["model=vae_mlp", "data=digits", "model.hidden=16", "model.latent_size=4"],
    "vae-images": TINY["vae"],
    "vae-resnet-images": ["model=vae_resnet", "data=digits", "model.channels=[4,8]", "model.smallest=2"],
    "vae-sounds": ["model=vae", *MEL, "model.width=4", "model.hidden=16", "model.likelihood=categorical"],
    "vae-videos": ["model=vae", *MOVING, "model.network=moving", "model.width=4", "model.hidden=16"],
    "flow-images": TINY["flow"],
    "flow-sounds": ["model=flow", *MEL, "model.width=8", "model.patch=4"],
    "flow-videos": ["model=flow", *MOVING, "model.width=8", "model.patch=4"],
    "codes-images": MORE["codes"],
    "codes-vq-images": MORE["codes-vq"],
    "codes-sounds": ["model=codes_audio", *MEL, "model.width=4", "model.depth=1"],
    "codes-videos": ["model=codes_video", *MOVING, *CODEC[1:3]],
}
QUICK = [
    "batch_size=8",
    "trainer.val_batches=1",
    "callbacks.progress=none",
    "callbacks.samples.n=2",
    "logger=csv",
]


WATCHED = ["budget.steps=9", "trainer.val_every=9"]  # validations may wait


def words(name, folder, run, *more):
    return [*TRAININGS[name], *QUICK, GPU, f"paths.runs_dir={folder}", f"name={run}", *more]


def weights(run, step, which="weights"):
    return load_file(Path(run) / "checkpoints" / f"step-{step}" / f"{which}.safetensors")


def finite_rows(run):
    with open(Path(run) / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    numbers = [float(value) for row in rows for value in row.values() if value]
    return len(rows) > 0 and all(map(math.isfinite, numbers))


def losses(run):
    """Of each step."""
    with open(Path(run) / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    column = next(name for name in rows[0] if name.startswith("train/"))
    return [float(row[column]) for row in rows if row[column]]


# ---------------------------------------------------------------------- families × media


@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_does_not_wait_and_can_be_used(name, tmp_path):
    """In bfloat16, as `trainer=gpu` is; then drawn from on the GPU and on the CPU."""
    watched = Unwaiting()
    record = genkit.train(words(name, tmp_path, "run", *WATCHED), callbacks=[watched])
    assert record["status"] == "finished"
    assert watched.steps == 4
    assert finite_rows(record["run"])
    assert list(Path(record["run"], "samples").iterdir())
    module = genkit.load(record["run"])
    assert module.device.type == "cpu"
    settings = {"max_new_tokens": 8} if module.spec.kind == "tokens" and module.spec.array is None else {}
    for device in ("cpu", DEVICE):
        assert len(module.sample(2, device=device, **settings)) == 2


@pytest.mark.parametrize("precision", ["32-true", "16-mixed"])
@pytest.mark.parametrize("name", ["gpt-text", "dcgan-images", "vae-sounds", "flow-images", "codes-images"])
def test_a_training_at_another_precision(name, precision, tmp_path):
    if TRIED_ON_CPU and precision == "16-mixed":
        pytest.skip("16-mixed is of a GPU")
    more = ["budget.steps=6", f"trainer.precision={precision}"]
    record = genkit.train(words(name, tmp_path, "run", *more))
    assert record["status"] == "finished"
    assert finite_rows(record["run"])


# ---------------------------------------------------------------------- resumed, moved

FAMILIES = ["gpt-text", "dcgan-images", "vae-images", "flow-images", "codes-images", "gan-resnet-images"]
STEPS = [
    "budget.steps=6",
    "trainer.val_every=3",
    "callbacks.checkpoint.every=1",
    "callbacks.checkpoint.keep=9",
]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_resumed_training_ends_as_an_uninterrupted_one(name, tmp_path):
    """Bitwise, where the kernels give the same bits twice."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    whole = genkit.train(words(name, tmp_path, "whole", *STEPS))["run"]
    again = genkit.train(words(name, tmp_path, "again", *STEPS))["run"]
    with pytest.raises(Interrupted):
        genkit.train(words(name, tmp_path, "parts", *STEPS), callbacks=[StopAt(4)])
    parts = genkit.train([f"paths.runs_dir={tmp_path}", "resume=parts"])["run"]
    assert Run(Path(parts)).record().status == "finished"
    for step in (4, 6):
        one, twice, two = (weights(run, step) for run in (whole, again, parts))
        noise = max(float((one[key] - twice[key]).abs().max()) for key in one)
        apart = {key: float((one[key] - two[key]).abs().max()) for key in one}
        worst = max(apart, key=apart.__getitem__)
        said = f"step {step}: {worst} is {apart[worst]:.3g} apart; two whole trainings are {noise:.3g} apart"
        assert apart[worst] <= 2 * noise, said


@pytest.mark.parametrize("name", FAMILIES)
def test_a_training_goes_on_on_another_device(name, tmp_path):
    """From the CPU to the GPU and back; what it had learnt is what it goes on from."""
    begun = [word for word in words(name, tmp_path, "run", "budget.steps=3") if word != GPU]
    genkit.train([*begun, "trainer=cpu"])
    before = weights(tmp_path / "run", 3)
    moved = genkit.train([f"paths.runs_dir={tmp_path}", "resume=run", GPU, "budget.steps=6"])
    assert read(tmp_path / "run").status == "finished"
    back = genkit.train([f"paths.runs_dir={tmp_path}", "resume=run", "trainer=cpu", "budget.steps=9"])
    assert moved["status"] == back["status"] == "finished"
    states = [before, weights(tmp_path / "run", 9)]
    assert set(states[0]) == set(states[1])
    assert any(not torch.equal(states[0][key], states[1][key]) for key in before)
    assert finite_rows(tmp_path / "run")


@pytest.mark.skipif(TRIED_ON_CPU, reason="16-mixed is of a GPU")
@pytest.mark.parametrize("name", ["gpt-text", "dcgan-images"])
def test_a_training_goes_on_at_another_precision(name, tmp_path):
    """From kernels that are not fused, as under a scaler, to fused ones and back."""
    genkit.train(words(name, tmp_path, "run", "budget.steps=3", "trainer.precision=16-mixed"))
    for steps, precision in ((6, "bf16-mixed"), (9, "16-mixed"), (12, "32-true")):
        more = [f"budget.steps={steps}", f"trainer.precision={precision}"]
        record = genkit.train([f"paths.runs_dir={tmp_path}", "resume=run", *more])
        assert record["status"] == "finished"
        assert record["step"] == steps
    assert finite_rows(tmp_path / "run")


# ---------------------------------------------------------------------- compiled, distributed, refused


@pytest.mark.parametrize("name", ["gpt-text", "vae-images"])
def test_a_compiled_training(name, tmp_path):
    if not has_compiler():
        pytest.skip("torch.compile needs a C compiler")
    more = ["budget.steps=4", "trainer.log_every=1", "trainer.precision=32-true"]
    plain = genkit.train(words(name, tmp_path, "plain", *more))
    compiled = genkit.train(words(name, tmp_path, "compiled", *more, "trainer.compile=true"))
    assert compiled["status"] == "finished"
    assert set(weights(plain["run"], 4)) == set(weights(compiled["run"], 4))
    one, two = losses(plain["run"]), losses(compiled["run"])
    assert len(one) == 4
    # Adam makes steps of full length of gradients that are but rounding: weights differ more than losses.
    assert two == pytest.approx(one, rel=1e-3)


@pytest.mark.skipif(TRIED_ON_CPU, reason="of GPUs")
@pytest.mark.parametrize("name", ["gpt-text", "dcgan-images", "vae-images"])
def test_distributed(name, tmp_path):
    """One process for each of two GPUs, or one where there is one."""
    devices = min(2, torch.cuda.device_count())
    typed = words(name, tmp_path, "run", "budget.steps=6", f"trainer.devices={devices}")
    record = genkit.train([*(word for word in typed if word != GPU), "trainer=ddp"])
    assert record["status"] == "finished"
    assert finite_rows(tmp_path / "run")


@pytest.mark.skipif(TRIED_ON_CPU, reason="of a GPU's memory")
def test_a_batch_that_cannot_fit_is_refused(tmp_path):
    typed = [word for word in words("gpt-text", tmp_path, "run", "budget.steps=1") if "batch" not in word]
    with pytest.raises(ConfigError, match="lower it to"):
        genkit.train([*typed, "batch_size=20_000_000"])
    assert not (tmp_path / "run").exists()


def test_data_on_the_device(tmp_path):
    watched = Unwaiting()
    more = ["data.on_device=true", *WATCHED]
    record = genkit.train(words("vae-images", tmp_path, "run", *more), callbacks=[watched])
    assert record["status"] == "finished"
    assert watched.steps == 4


# ---------------------------------------------------------------------- commands


def test_commands_from_a_training_to_its_evaluation(tmp_path):
    """In processes of their own, as a person types them."""
    folder = f"paths.runs_dir={tmp_path}"

    def typed(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "genkit", *arguments, folder],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, (
            f"genkit {' '.join(arguments)}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        )
        return done.stdout

    device = "device=cpu" if TRIED_ON_CPU else "device=gpu"
    typed("train", *TRAININGS["vae-images"], *QUICK, GPU, "name=run", "budget.steps=6")
    typed("sample", "run=run", "n=4", device, f"out={tmp_path}/grid.png")
    assert (tmp_path / "grid.png").is_file()
    assert "fid_digits" in typed("evaluate", "run=run", "n=100", device)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name in ("gpt-text", "vae-images", "flow-images"):
        genkit.train(words(name, folder, name, "budget.steps=6"))
    return folder


@pytest.mark.parametrize("name", ["gpt-text", "vae-images", "flow-images"])
def test_an_evaluation_finds_what_it_finds_on_a_cpu(name, runs, tmp_path):
    here, there = (
        genkit.evaluate(runs / name, n=64, device=device, out=tmp_path / f"{number}.jsonl")
        for number, device in enumerate(("cpu", str(DEVICE)))
    )
    assert [row.metric for row in here] == [row.metric for row in there]
    wrong = []
    for one, two in zip(here, there, strict=True):
        if one.value is None or one.metric.startswith(("training_", "samples_per_", "tokens_per_")):
            continue
        if two.value != pytest.approx(one.value, rel=2e-2, abs=2e-2):
            wrong.append(f"{one.metric}: {one.value} on the CPU, {two.value} on the GPU")
    assert not wrong, "; ".join(wrong)


@pytest.mark.parametrize(
    "verb",
    [
        ["score", "run=gpt-text", "split=validation", "out=scores.jsonl"],
        ["reconstruct", "run=vae-images", "n=2", "out=two.png"],
        ["interpolate", "run=vae-images", "n=2", "out=way.png"],
        ["complete", "run=flow-images", "n=2", "out=whole.png"],
        ["sample", "run=gpt-text", "n=2", "max_new_tokens=8", "out=text.txt"],
    ],
    ids=lambda verb: verb[0],
)
def test_verbs(verb, runs, tmp_path, capsys):
    out = tmp_path / verb[-1].removeprefix("out=")
    device = "cpu" if TRIED_ON_CPU else "gpu"
    code = main([*verb[:-1], f"out={out}", f"device={device}", f"paths.runs_dir={runs}"])
    said = capsys.readouterr()
    assert code == 0, said.err
    assert out.exists()
