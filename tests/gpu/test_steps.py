"""Steps and draws on a GPU: every family at every precision, without a wait, in the estimated memory."""

from __future__ import annotations

import pytest
import torch

from genkit.core.array_spec import ArraySpec
from genkit.core.batch import Batch
from genkit.core.codecs import CharCodec
from genkit.core.noise import Noise
from genkit.core.options import resolve_options
from genkit.core.spec import TokenSpec
from genkit.families.dcgan import DCGAN
from genkit.families.flow import Flow
from genkit.families.gpt import GPT
from genkit.families.vae import VAE
from genkit.generation.decoding import decode, uniforms
from genkit.testing import OPTIM
from genkit.training.memory import sizes
from genkit.training.step_memory import step_memory
from tests.conftest import fit
from tests.contract.test_families import CASES
from tests.gpu.conftest import ACCELERATOR, DEVICE, TRIED_ON_CPU, Unwaiting, allow_waiting, forbid_waiting

PRECISIONS = ["32-true", "bf16-mixed", "16-mixed"]
# The pairs of noise and data are found by a solver on the host.
WAITS = {"flow-coupled"}


def trained(case, steps, precision, *callbacks):
    """A module after so many steps, on the device."""
    module = case.module()
    batches = [case.batch(4) for _ in range(steps)]
    plan = {"fused": precision != "16-mixed"}
    given = {"accelerator": ACCELERATOR, "precision": precision}
    trainer = fit(module, batches, plan=plan, callbacks=callbacks, **given)
    module.check_finite()
    return module, trainer


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", CASES)
def test_every_phase_learns(name, precision):
    if TRIED_ON_CPU and precision == "16-mixed":
        pytest.skip("16-mixed is of a GPU")
    case = CASES[name]
    before = case.module().state_dict()
    steps = 20 if precision == "16-mixed" else 4  # the first scales are too large, and their steps skipped
    module, trainer = trained(case, steps, precision)
    assert trainer.global_step == steps
    after = {key: value.cpu() for key, value in module.state_dict().items()}
    moved = {key for key, value in before.items() if not torch.equal(value, after[key])}
    assert all(bool(torch.isfinite(value).all()) for value in after.values() if value.is_floating_point())
    assert all(p.dtype == torch.float32 for p in module.parameters())
    names = {id(p): key for key, p in module.named_parameters()}
    for phase in module.phases():
        assert any(names[id(p)] in moved for p in phase.parameters), phase.name
    assert (module.average is not None) == any(phase.ema for phase in module.phases())


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("name", [name for name in CASES if name not in WAITS])
def test_no_step_waits(name, precision):
    watched = Unwaiting()
    trained(CASES[name], 8, precision, watched)
    assert watched.steps == 4


@pytest.mark.parametrize("optimiser", [{"name": "adamw"}, {"name": "muon", "adam_lr": 1e-3}, {"name": "sgd"}])
def test_no_optimiser_waits(optimiser):
    case, watched = CASES["gpt"], Unwaiting()
    plan = {"optim": {**OPTIM, **optimiser}}
    fit(case.module(), [case.batch(4)] * 8, plan=plan, callbacks=[watched], accelerator=ACCELERATOR)
    assert watched.steps == 4


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("gpt")])
def test_no_draw_waits(name):
    """But for the labels that a conditional model is asked for, which come from the host."""
    module = CASES[name].module().to(DEVICE).eval()
    options = resolve_options(module.options, CASES[name].options, "")
    condition = [None] * 4
    with torch.no_grad():
        for _ in range(2):  # the first call makes what is made once
            noise = Noise(0, range(4), device=DEVICE)
            drawn = module.draw(noise, condition, options)
            forbid_waiting()
    allow_waiting()
    assert drawn.device.type == DEVICE.type


DRAWN = [
    {},
    {"top_k": 3},
    {"top_p": 0.8, "min_p": 0.01},
    {"repetition_penalty": 1.3, "temperature": 0.7},
    {"temperature": 0},
    {"precision": "bfloat16"},
]


@pytest.mark.parametrize("banned", [False, True])
@pytest.mark.parametrize("options", DRAWN, ids=str)
@pytest.mark.parametrize("name", ["gpt", "gpt-modern", "gpt-grouped", "gpt-video-places"])
def test_no_token_waits(name, options, banned):
    """Between the reading of the prompts and the end of the context."""
    module = CASES[name].module().to(DEVICE).eval()
    settings = resolve_options(module.options, options, "")
    noise = Noise(0, range(4), device=DEVICE)
    prompts = [torch.tensor([1])] * 4
    never = torch.tensor([0, 2]) if banned else None
    tokens = decode(module.network, prompts, uniforms(noise, 7), settings, never)
    next(tokens)
    next(tokens)
    forbid_waiting()
    try:
        drawn = [next(tokens) for _ in range(4)]
    finally:
        allow_waiting()
    assert all(token.shape == (4,) for token in drawn)
    assert not banned or all(int(token) not in (0, 2) for token in torch.cat(drawn))


# ---------------------------------------------------------------------- memory

PICTURES = ArraySpec(3, (64, 64), 256)
SMALL = ArraySpec(3, (32, 32), 256)
TEXT = TokenSpec(CharCodec([chr(32 + i) for i in range(65)]))
LARGE = {  # some gigabytes of a step
    "gpt": (lambda: GPT(TEXT, block_size=256, n_layer=6, n_head=6, n_embd=384), 64),
    "dcgan": (lambda: DCGAN(PICTURES, width=64), 256),
    "vae": (lambda: VAE(PICTURES, width=64, hidden=256), 512),
    "flow": (lambda: Flow(SMALL, width=64), 128),
}
KEPT_BY_LIBRARIES = 512 << 20  # workspaces of cuBLAS and cuDNN at most


def examples(spec, n):
    if spec.kind == "tokens":
        return Batch(torch.randint(0, 65, (n, 257)), range(n))
    return Batch(torch.randint(0, 256, (n, *spec.shape), dtype=torch.uint8), range(n))


@pytest.mark.skipif(TRIED_ON_CPU, reason="of a GPU's memory")
@pytest.mark.parametrize("name", LARGE)
def test_a_step_takes_about_the_memory_that_was_estimated(name):
    make, count = LARGE[name]
    with torch.device("meta"):
        estimate = step_memory(make(), count)
    assert estimate is not None
    module = make()
    parameters, learnt = sizes(module)
    expected = 4 * (parameters + 3 * learnt) + estimate.of(count)
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    batches = [examples(module.spec, count)] * 4
    fit(module, batches, accelerator=ACCELERATOR)
    taken = torch.cuda.max_memory_allocated() - before
    said = f"{taken / 1e9:.2f} GB taken, {expected / 1e9:.2f} GB estimated"
    assert expected / 2 <= taken <= 1.5 * expected + KEPT_BY_LIBRARIES, said
