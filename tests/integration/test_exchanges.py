"""What two processes say to each other at a step, and that neither waits for what the other has not.

The validation part of all of these is a single example, which one of the processes has.
"""

import json
import random

import numpy as np
import pytest

from genkit import load
from genkit.runs import read
from tests.integration.test_processes import train_in_two

PICTURES = 65  # of which one validates
TEXT = ["data=text_file", "model=gpt", "model.n_layer=1", "model.n_embd=32", "model.block_size=77"]
DCGAN = ["data=arrays", "model=dcgan", "model.width=8", "model.select=null"]
RESNET = ["data=arrays", "model=gan_resnet", "model.width=4", "model.select=null"]
CODES = ["data=arrays", "model=codes", "model.width=4", "model.depth=1"]
VAE = ["data=arrays", "model=vae_mlp", "model.hidden=32"]
FLOW = ["data=arrays", "model=flow", "model.width=8"]
CASES = {
    "gpt": TEXT,
    "vae": [*VAE, "optim.clip=1", "trainer.accumulate=2"],
    "vae-free": [*VAE, "model.free_bits=0.05"],
    "dcgan": DCGAN,
    "gan-resnet": [*RESNET, "model.augment=[translation]", "model.augment_target=0.3"],
    "flow": FLOW,
    "codes": [*CODES, "model.quantiser=fsq"],
    "codes-vq": [*CODES, "model.quantiser=vq", "model.codes=16", "model.adversarial=0.5"],
}
# Beside gradients, what a loss or a layer needs of the whole batch: shapes.
WHOLE_BATCH = {
    "vae-free": [[20]],  # the KL of each latent
    "dcgan": [[2, 2, 8]] * 2,  # of the generator's one normalisation, forwards and backwards
    "gan-resnet": [[]],  # how often the discriminator is right
    "codes": [[1000]],  # how often each code was used
    "codes-vq": [[16], [16, 65]],  # that, and the sums that the codebook follows
}
SIGNAL = []  # a number: whether one was asked to end; it travels while the next step computes


def words_of(case, folder):
    words = [
        *CASES[case],
        "trainer.precision=32-true",
        "budget.steps=6",
        "trainer.val_every=6",
        "batch_size=16",
    ]
    if "data=arrays" in words:
        pictures = np.random.default_rng(0).integers(0, 256, (PICTURES, 8, 8), dtype=np.uint8)
        np.save(folder / "few.npy", pictures)
        return [*words, f"data.path={folder / 'few.npy'}", "data.validation=1", "callbacks.progress=none"]
    letters = random.Random(0).choices("abcdef \n", k=1750)  # whose validation part is one window
    (folder / "few.txt").write_text("".join(letters))
    return [*words, f"data.path={folder / 'few.txt'}", "callbacks.progress=none"]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exchanges")
    train_in_two(folder, {case: words_of(case, folder) for case in CASES}, "tests.integration.exchanges")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_step_exchanges_each_gradient_once_and_nothing_that_is_not_documented(case, pair):
    """In docs/guides/hardware.md.  There is no barrier, and no process asks another one anything."""
    module = load(pair / case)
    gradients = [[sum(p.numel() for p in phase.parameters)] for phase in module.phases()]
    expected = sorted(["allreduce", shape] for shape in [*gradients, *WHOLE_BATCH.get(case, []), SIGNAL])
    for rank in range(2):
        assert json.loads((pair / f"{case}-exchanges-{rank}.json").read_text()) == expected


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_process_without_validation_rows_keeps_nobody_waiting(case, pair):
    record = read(pair / case)
    assert record.counts["validation"] == 1
    assert record.final["step"] == 6
    assert any(name.startswith("val/") for name in record.final)
