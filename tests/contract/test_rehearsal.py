"""What every family does on a GPU, rehearsed without one: nothing mixes devices, and nothing waits.

A part of what `make test-gpu` sees, as far as shapes and devices go (see `tests/pretended_gpu.py`).
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from genkit.core.capabilities import Encoder, LatentSpace, Likelihood, Reconstruction, Tokenizer
from genkit.core.noise import Noise
from genkit.core.options import resolve_options
from genkit.core.phase import StepNoise, training_only
from genkit.generation import reading
from genkit.generation.decoding import decode, uniforms
from genkit.nn.ode_solvers import Euler, Heun
from tests.contract.test_families import CASES
from tests.pretended_gpu import GPU, pretended_gpu, waits

# What asks for numbers all the same, and why.
WAITS = {
    "loss": {"flow-coupled": "noise is matched with data by a solver on the host"},
    "likelihood": {
        name: "the error of a step decides how long the next one is"
        for name in CASES
        if name.startswith("flow")
    },
}


def rehearsed(what, name, compute):
    """What a module on a GPU computes; where it is listed as waiting, None, and that it does is seen."""
    listed = name in WAITS.get(what, {})
    try:
        made = compute()
    except Exception as error:
        if listed and waits(error):
            return None
        raise
    assert not listed, f"{what} of {name} asks for no number any more: take it off the list"
    return made


def on_gpu(*tensors):
    assert all(tensor.device == GPU for tensor in tensors)


@pytest.mark.parametrize("name", CASES)
def test_a_step(name):
    """Losses, their finiteness and norms, clipping and the average."""
    case = CASES[name]
    given, module = case.batch(4), case.module().train()
    with pretended_gpu(module):
        batch = module.transfer_batch_to_device(given, GPU, 0)
        on_gpu(batch.data)
        phases = module.phases()
        noise = StepNoise(0, batch.rows, step=0, device=GPU)
        noise.parameters = tuple(p for phase in phases for p in phase.parameters)
        for phase in phases:
            with training_only(phase, phases):
                loss = rehearsed("loss", name, lambda phase=phase: phase.loss(batch, noise))
            if loss is not None:
                on_gpu(loss.total, *loss.terms.values())
            gradients = [torch.zeros_like(p) for p in phase.parameters]
            norm = nn.utils.get_total_norm(gradients)
            on_gpu(norm)


@pytest.mark.parametrize("name", CASES)
def test_scores_and_latents(name, monkeypatch):
    monkeypatch.setattr(Heun, "solve", lambda self, *asked: Euler(2).solve(*asked))  # for 50 steps like these
    case = CASES[name]
    given, module = case.batch(4), case.module().eval()
    with pretended_gpu(module), torch.no_grad():
        batch = module.transfer_batch_to_device(given, GPU, 0)
        noise = Noise(0, batch.rows, purpose="validation", device=GPU)
        on_gpu(*rehearsed("scores", name, lambda: module.score_batch(batch, noise)).values())
        if isinstance(module, Likelihood) and not module.likelihood_kind().absent:
            found = rehearsed("likelihood", name, lambda: module.log_likelihood(batch, noise))
            on_gpu(*([] if found is None else [found]))
        if isinstance(module, LatentSpace):
            on_gpu(module.decode(module.prior(noise), batch.labels))
        if isinstance(module, Encoder):
            on_gpu(module.encode(batch.data, batch.labels))
        if isinstance(module, Reconstruction):
            on_gpu(module.reconstruct(batch.data, batch.labels))
        if isinstance(module, Tokenizer):
            on_gpu(module.detokenize(module.tokenize(batch.data)))


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("gpt")])
def test_draws(name):
    case, module = CASES[name], CASES[name].module().eval()
    options = resolve_options(module.options, case.options, name)
    with pretended_gpu(module), torch.no_grad():
        noise = Noise(0, range(4), device=GPU)
        on_gpu(rehearsed("draw", name, lambda: module.draw(noise, [None] * 4, options)))


CHOICES = [{}, {"top_k": 3, "repetition_penalty": 1.3}, {"top_p": 0.8, "min_p": 0.01}, {"temperature": 0}]


@pytest.mark.parametrize("options", CHOICES, ids=str)
@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("gpt")])
def test_tokens(name, options, monkeypatch):
    """Step by step; prompts alone are compared on the host, once a context, to read equal ones once."""
    numbered = lambda tokens: np.arange(tokens.numel()).reshape(tokens.shape)  # noqa: E731
    monkeypatch.setattr(reading, "_on_host", numbered)
    module = CASES[name].module().eval()
    settings = resolve_options(module.options, options, name)
    steps_of = decode.__wrapped__  # without inference mode, under which torch would ask for a driver
    with pretended_gpu(module), torch.no_grad():
        prompts, never = [torch.ones(1, dtype=torch.int64)] * 3, torch.ones(2, dtype=torch.int64)
        noise = Noise(0, range(3), device=GPU)
        steps = steps_of(module.network, prompts, uniforms(noise, 6), settings, never)
        on_gpu(*(rehearsed("tokens", name, lambda: next(steps)) for _ in range(6)))
