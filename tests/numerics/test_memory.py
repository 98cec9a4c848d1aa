"""What is kept in memory, counted by the tensors that are alive."""

import re
import subprocess
import sys
import weakref

import numpy as np
import pytest
import torch
from pytorch_lightning import Callback

from genkit import config
from genkit.core.codecs import CharCodec
from genkit.core.footprint import peak_bytes
from genkit.core.noise import Noise
from genkit.core.spec import ArraySpec, TokenSpec
from genkit.data.dataset import Dataset, Examples, TokenWindows
from genkit.data.loading import DataModule
from genkit.families.dcgan import DCGAN
from genkit.families.gpt import GPT
from genkit.families.vae import VAE
from genkit.system.errors import ConfigError
from genkit.testing import OPTIM
from genkit.training import memory
from tests.conftest import fit, images


def test_the_peak_of_a_computation_is_that_of_its_tensors():
    def steps():
        x = torch.zeros(1000)
        for _ in range(5):
            x = x + 1  # the one before is given back
        return x.view(10, 100).sum(0)

    given = torch.zeros(5000)
    assert peak_bytes(steps) == 2 * 4000
    assert peak_bytes(lambda: given.add_(1)) == 0


WIDE = TokenSpec(CharCodec([chr(300 + i) for i in range(5000)]))


@pytest.mark.parametrize(
    "sizes", [{"n_embd": 32}, {"n_embd": 512, "activation": "relu2"}], ids=["wide", "deep"]
)
def test_what_scoring_takes_is_what_a_gpt_says(sizes):
    spec = WIDE if sizes["n_embd"] == 32 else TokenSpec(CharCodec.of("abc"))
    module = GPT(spec, block_size=64, n_layer=2, n_head=4, **sizes).eval()
    tokens = torch.randint(0, spec.vocab_size, (8, 65))
    with torch.no_grad():
        taken = peak_bytes(lambda: module._token_nll(tokens, "none"))
    assert module.costs()["scoring"] * 8 == pytest.approx(taken, rel=0.25)


def data_of(examples, batch_size):
    dataset = Dataset("some", WIDE, dict.fromkeys(("train", "validation"), examples), "", "")
    return DataModule(dataset, seed=0, batch_size=batch_size)


@pytest.mark.parametrize(("vocabulary", "size"), [(50, 128), (50_000, 83)])
def test_a_validation_batch_is_bounded_by_memory(vocabulary, size, monkeypatch):
    """4,000 tokens of GPT-2's vocabulary are 1.6 GB of logits and their logarithms; 1 GB is the bound."""
    module = GPT(
        TokenSpec(CharCodec([chr(300 + i) for i in range(vocabulary)])), block_size=32, n_layer=1, n_embd=16
    )
    data = data_of(TokenWindows(np.zeros(5000, np.uint16), 32, moving=False), 16)
    cfg = config.compose("train", ["batch_size=16"])
    found = memory.validation_batch(cfg, module, data, 1)
    assert found == size
    assert found * module.costs()["scoring"] <= 1 << 30
    # What a training step of as many examples needs is there; a number that is given is taken.
    monkeypatch.setattr(memory, "VALIDATED", 1)
    assert memory.validation_batch(cfg, module, data, 1) == 16
    assert memory.validation_batch(config.replace(cfg, {"trainer.accumulate": 4}), module, data, 2) == 2
    assert memory.validation_batch(config.replace(cfg, {"trainer.val_batch_size": 77}), module, data, 2) == 77


def test_a_family_that_says_nothing_is_measured():
    """Categorical pictures of 256 levels: logits and their logarithms, 2 × 256 numbers a pixel."""
    spec = ArraySpec(1, (32, 32), levels=256)
    module = VAE(spec, likelihood="categorical", width=4, hidden=16)

    class Pictures(Examples):
        def __len__(self):
            return 200

        def gather(self, indices, **kwargs):
            return np.zeros((len(indices), 1, 32, 32), np.uint8), None, None

    data = data_of(Pictures(), 16)
    found = memory._scoring(module, data)
    assert found == pytest.approx(2 * 256 * 32 * 32 * 4, rel=0.1)
    assert module.training


STEP = """
import os, sys, threading, torch
from genkit import config
from genkit.core.batch import Batch
from genkit.core.phase import StepNoise, training_only
from genkit.core.spec import ArraySpec
from genkit.inference.models import build_module
from genkit.training.memory import check_fits

cfg = config.compose("train", [*sys.argv[1:], "optim.ema=null"])
torch.set_num_threads(1)
spec = ArraySpec(3, (64, 64), levels=256)
module = build_module(cfg.model, spec)
phases = module.phases()

def step(examples):
    module.zero_grad(set_to_none=True)
    noise = StepNoise(0, range(examples), step=0)
    noise.parameters = tuple(p for phase in phases for p in phase.parameters)
    for phase in phases:
        with training_only(phase, phases):
            phase.loss(Batch(torch.rand(examples, *spec.shape), range(examples)), noise).total.backward()

def held():  # of memory that no file stands for: what was read of files comes and goes
    with open("/proc/self/statm") as file:
        _, resident, shared, *_ = map(int, file.read().split())
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE")

def watch():
    global most
    while not done.wait(0.001):
        most = max(most, held())

step(4)
before = most = held()
done = threading.Event()
watching = threading.Thread(target=watch)
watching.start()
step(cfg.batch_size)
done.set()
watching.join()
print(most - before)
print(check_fits(cfg, spec) - check_fits(config.replace(cfg, {"batch_size": 4}), spec))
"""


@pytest.mark.parametrize(
    "words",
    [
        ("model=vae", "model.network=residual", "model.likelihood=discretised_logistic"),
        ("model=dcgan", "model.width=32", "model.loss=hinge", "model.norm=none", "model.r1=1"),
        ("model=codes",),
    ],
    ids=["vae", "gan", "codes"],
)
def test_a_step_takes_the_memory_that_was_said_before_it_was_taken(words):
    """By what the process holds at most, beside what tensors without numbers say: within a third."""
    made = subprocess.run(
        [sys.executable, "-c", STEP, *words, "data=digits", "batch_size=64"],
        capture_output=True,
        text=True,
        check=True,
    )
    taken, said = map(float, made.stdout.split())
    assert said == pytest.approx(taken, rel=1 / 3), (said, taken)


def test_the_largest_batch_that_fits_is_said_and_fits(monkeypatch):
    spec = ArraySpec(3, (128, 128), levels=256)
    monkeypatch.setattr(memory, "of_machine", lambda: 4_000_000_000)
    words = ["model=vae", "model.network=residual", "data=digits", "trainer.accelerator=cpu"]
    cfg = config.compose("train", [*words, "batch_size=4096", "trainer.accumulate=2"])
    with pytest.raises(ConfigError, match=r"batch_size=4096 .*lower it to \d+, raise") as refused:
        memory.check_fits(cfg, spec)
    most = int(re.search(r"lower it to (\d+)", str(refused.value))[1])
    assert 64 <= most < 4096
    assert memory.check_fits(config.replace(cfg, {"batch_size": most}), spec) <= 4_000_000_000
    with pytest.raises(ConfigError, match="are needed"):
        memory.check_fits(config.replace(cfg, {"batch_size": most + 2}), spec)


class Kept(Callback):
    """The most bytes that autograd kept at once in a step."""

    def __init__(self):
        self.held = self.peak = 0

    def _pack(self, tensor):
        box = _Box(tensor.detach())  # with its history, a result that its own node keeps would never go
        size = tensor.nbytes
        self.held += size
        self.peak = max(self.peak, self.held)
        weakref.finalize(box, self._release, size)
        return box

    def _release(self, size):
        self.held -= size


class _Box:
    def __init__(self, tensor):
        self.tensor = tensor


def trained(accumulate, steps=3, **knobs):
    torch.manual_seed(0)
    module = DCGAN(ArraySpec(1, (16, 16), levels=17), latent_size=4, width=8, norm="layer", **knobs)
    generator = torch.Generator().manual_seed(0)
    data = torch.randint(0, 17, (steps, 16, 1, 16, 16), generator=generator, dtype=torch.uint8)
    batches = [type(images(1))(part, range(16)) for part in data]
    kept = Kept()
    with torch.autograd.graph.saved_tensors_hooks(kept._pack, lambda box: box.tensor):
        fit(module, batches, plan={"optim": {**OPTIM, "ema": None}, "accumulate": accumulate})
    return module, kept.peak


def test_accumulation_bounds_the_memory_of_every_phase():
    """The pictures that both players share keep no graph from one micro-batch to the next."""
    whole, pieces = trained(1)[1], trained(8)[1]
    assert pieces < whole / 5


@pytest.mark.parametrize("steps", [1, 2], ids=["each", "every second"])
def test_pictures_made_again_are_the_same_and_are_counted_once(steps):
    """The generator's running statistics follow each micro-batch once, though it passes twice."""
    module, _ = trained(4, steps=3, discriminator_steps=steps)
    assert {int(norm.num_batches_tracked) for norm in module.generator.norms} == {3 * 4}
    torch.manual_seed(0)
    bare = DCGAN(ArraySpec(1, (16, 16), levels=17), latent_size=4, width=8).generator.train()
    latent = [Noise(0, range(r, r + 4), purpose="train", step=0).normal("latent", 4) for r in range(0, 16, 4)]
    first, _ = trained(4, steps=1, discriminator_steps=steps)
    for part in latent:
        bare(part)
    torch.testing.assert_close(first.generator.norms[0].running_mean, bare.norms[0].running_mean)
    torch.testing.assert_close(first.generator.norms[0].running_var, bare.norms[0].running_var)
