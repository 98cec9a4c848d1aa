"""A GPU computes what a CPU does, up to rounding: losses, gradients, scores, likelihoods, samples."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genkit.core.capabilities import Encoder, LatentSpace, Likelihood, Reconstruction, Tokenizer
from genkit.core.noise import Noise
from genkit.core.phase import StepNoise, training_only
from genkit.generation import decoding
from genkit.metrics import extractors
from tests.contract.test_families import CASES
from tests.gpu.conftest import DEVICE

CPU = torch.device("cpu")
DROPPING = {"gpt-dropout", "flow-labels"}  # masks are drawn by the device's own generator
ROUNDING = 1e-5  # of a distribution function, by which another device may choose the next token


def prepared(case, device, n=4):
    module = case.module().to(device)
    return module, module.transfer_batch_to_device(case.batch(n), device, 0)


def losses_and_gradients(case, device):
    module, batch = prepared(case, device)
    module.train()
    phases = module.phases()
    noise = StepNoise(0, batch.rows, step=0, device=device)
    noise.parameters = tuple(p for phase in phases for p in phase.parameters)
    found = {}
    for phase in phases:
        module.zero_grad()
        with training_only(phase, phases):
            total = phase.loss(batch, noise).total
            total.backward()
        gradient = torch.cat([p.grad.flatten() for p in phase.parameters if p.grad is not None])
        found[phase.name] = float(total.detach()), gradient.detach().cpu().double()
    return found


@pytest.mark.parametrize("name", [name for name in CASES if name not in DROPPING])
def test_losses_and_gradients(name):
    here, there = (losses_and_gradients(CASES[name], device) for device in (CPU, DEVICE))
    for phase, (loss, gradient) in here.items():
        assert there[phase][0] == pytest.approx(loss, rel=1e-3, abs=1e-4), phase
        apart = float((there[phase][1] - gradient).norm() / gradient.norm())
        assert apart < 5e-3, f"{phase}: the gradients differ by {apart:.2g} of their length"


def told(case, device):
    """What a module says of a batch, by name."""
    module, batch = prepared(case, device)
    module.eval()
    noise = Noise(0, batch.rows, purpose="validation", device=device)
    with torch.no_grad():
        found = dict(module.score_batch(batch, noise))
        if isinstance(module, Likelihood):
            found["likelihood"] = module.log_likelihood(batch, noise)
        if isinstance(module, LatentSpace):
            found["decoded"] = module.decode(module.prior(noise), batch.labels)
        if isinstance(module, Encoder):
            found["encoded"] = module.encode(batch.data, batch.labels)
        if isinstance(module, Reconstruction):
            found["reconstructed"] = module.reconstruct(batch.data, batch.labels)
        if isinstance(module, Tokenizer):
            found["codes"] = module.tokenize(batch.data)
            found["read"] = module.detokenize(found["codes"])
    assert all(value.device.type == device.type for value in found.values())
    return {key: value.cpu().double() for key, value in found.items()}


@pytest.mark.parametrize("name", CASES)
def test_scores_likelihoods_and_latents(name):
    here, there = (told(CASES[name], device) for device in (CPU, DEVICE))
    assert set(here) == set(there)
    for key, value in here.items():
        apart = float((there[key] - value).abs().max())
        allowed = 2e-3 * max(1.0, float(value.abs().max()))
        assert apart <= allowed, f"{key}: {apart:.3g} apart, of values up to {float(value.abs().max()):.3g}"


@pytest.fixture
def margins(monkeypatch):
    """How near each choice of a token was to being another one: (B,) a step."""
    chosen, near = decoding.choose, []

    def choose(logits, uniform, options, seen=None):
        filtered, _ = decoding.filter_logits(logits.float(), options, seen)
        cumulative = filtered.softmax(-1).cumsum(-1)
        target = uniform[:, None] * cumulative[:, -1:]
        near.append((cumulative - target).abs().amin(-1).cpu())
        return chosen(logits, uniform, options, seen)

    monkeypatch.setattr(decoding, "choose", choose)
    return near


@pytest.mark.parametrize("name", CASES)
def test_samples(name, margins):
    case = CASES[name]
    module = case.module()
    here = module.sample(5, seed=3, device=CPU, **case.options).data
    steps = len(margins)
    there = module.sample(5, seed=3, device=DEVICE, **case.options).data
    assert module.device == CPU
    if isinstance(here, Tensor):
        apart = (here - there).abs()
        share = float((apart > 1e-3).double().mean())  # of levels that rounding may have moved
        assert share <= 2e-3, f"{share:.2%} of the values differ, by {float(apart.max()):.3g} at most"
        return
    for row, (left, right) in enumerate(zip(here, there, strict=True)):
        if torch.equal(left, right):
            continue
        shared = min(len(left), len(right))
        places = (left[:shared] != right[:shared]).nonzero()
        step = int(places[0]) if len(places) else shared
        assert step < steps
        margin = float(margins[step][row])
        assert margin < ROUNDING, f"row {row}: token {step} differs, {margin:.2g} from any boundary"


SIZES = {
    "digits": (1, 28, 28),
    "photos": (3, 32, 32),
    "moving_digits": (1, 8, 28, 28),
    "spoken_digits": (1, 8000),
}


@pytest.mark.parametrize("name", SIZES)
def test_features(name):
    data = torch.rand(16, *SIZES[name], generator=torch.Generator().manual_seed(0))
    if name == "spoken_digits":
        data = data * 2 - 1
    here, there = (extractors.extractor(name).on(device).both(data) for device in (CPU, DEVICE))
    extractors.extractor(name).on(CPU)
    for left, right in zip(here, there, strict=True):
        if left is not None:
            scale = float(left.abs().max())
            assert float((left - right).abs().max()) < 1e-3 * scale
