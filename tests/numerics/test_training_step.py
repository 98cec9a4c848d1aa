"""The common step against bare PyTorch loops, and what it does when numbers go wrong."""

import math
from contextlib import nullcontext
from dataclasses import replace

import pytest
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from pytorch_lightning.plugins.precision import MixedPrecision
from torch import nn
from torch.amp import GradScaler
from torch.utils._python_dispatch import TorchDispatchMode

from genkit.core.batch import Batch, Packing
from genkit.core.budget import Budget
from genkit.core.module import GenerativeModule
from genkit.core.noise import Noise
from genkit.core.optim.schedules import schedule_factor
from genkit.core.phase import LossTerms, Phase, StepNoise
from genkit.core.training_step import MAX_SCALER_SKIPS
from genkit.families.dcgan import DCGAN
from genkit.families.gpt import GPT
from genkit.system.errors import Diverged
from genkit.testing import OPTIM
from tests.conftest import IMAGES, TEXT, fit, images, tokens

SMALL = {"block_size": 8, "n_layer": 1, "n_head": 2, "n_embd": 16}


def gpt(**knobs):
    torch.manual_seed(0)
    return GPT(TEXT, **SMALL, **knobs)


def dcgan():
    torch.manual_seed(0)
    return DCGAN(IMAGES, latent_size=4, width=4)


def test_gpt_step_equals_a_bare_loop():
    """AdamW in decay groups, warm-up, cosine and clipping, step by step."""
    optim = {**OPTIM, "name": "adamw", "weight_decay": 0.1, "warmup": 2, "schedule": "cosine", "final": 0.1}
    optim = {**optim, "lr": 1e-2, "clip": 0.5, "ema": None}
    batches = [tokens(4, seed) for seed in range(6)]
    module = gpt()
    fit(module, batches, plan={"optim": optim})

    bare = gpt().network.train()
    groups = [
        {"params": [p for p in bare.parameters() if p.ndim >= 2], "weight_decay": 0.1},
        {"params": [p for p in bare.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.999), fused=True)
    for step, batch in enumerate(batches):
        if step < 2:
            lr = 1e-2 * (step + 1) / 3
        else:
            lr = 1e-3 + 0.5 * (1e-2 - 1e-3) * (1 + math.cos(math.pi * (step - 2) / 4))
        for group in optimizer.param_groups:
            group["lr"] = lr
        logits = bare(batch.data[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, 9), batch.data[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(bare.parameters(), 0.5)
        optimizer.step()
    for ours, theirs in zip(module.network.parameters(), bare.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-7)


class Dispatched(TorchDispatchMode):
    """Counts what torch is asked to do, whatever it takes here: on a GPU each costs a launch."""

    count = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.count += not operation.name().startswith(("profiler::", "aten::detach"))
        return operation(*args, **(kwargs or {}))


class AtStep(pl.Callback):
    """Counts within one step, from its beginning to that of the next."""

    def __init__(self, step):
        self.step, self.dispatched = step, Dispatched()

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        if batch_idx == self.step:
            self.dispatched.__enter__()
        elif batch_idx == self.step + 1:
            self.dispatched.__exit__(None, None, None)


def test_a_step_asks_torch_for_little_beyond_a_bare_loop():
    """Its norm is three operations, what must be finite one, another group of parameters two."""
    batches, watched = [tokens(4, seed) for seed in range(4)], AtStep(2)
    fit(gpt(), batches, plan={"optim": {**OPTIM, "ema": None, "clip": None}}, callbacks=[watched])
    bare = gpt()
    (phase,) = bare.phases()
    optimizer = torch.optim.Adam(phase.parameters, lr=1e-3, fused=True)
    dispatched = Dispatched()
    for step, batch in enumerate(batches):
        with dispatched if step == 2 else nullcontext():
            optimizer.zero_grad()
            noise = StepNoise(0, batch.rows, step=step)
            phase.loss(bare.prepare(batch), noise).total.backward()
            optimizer.step()
    assert 0 < dispatched.count <= watched.dispatched.count <= dispatched.count + 6


def test_gan_step_equals_the_textbook_loop():
    """Discriminator first, then the generator on the same fakes and the updated discriminator."""
    batches = [images(8, seed) for seed in range(4)]
    optim = {**OPTIM, "clip": None, "ema": None, "betas": [0.5, 0.999]}
    module = dcgan()
    trainer = fit(module, batches, plan={"optim": optim})
    assert trainer.global_step == len(batches)

    bare = dcgan().train()
    d_step = torch.optim.Adam(bare.discriminator.parameters(), lr=1e-3, betas=(0.5, 0.999), fused=True)
    g_step = torch.optim.Adam(bare.generator.parameters(), lr=1e-3, betas=(0.5, 0.999), fused=True)
    ones, zeros = torch.ones(8), torch.zeros(8)
    for step, batch in enumerate(batches):
        real = batch.data.float() / 16 * 2 - 1
        latent = StepNoise(0, batch.rows, step=step).normal("latent", 4)
        fake = bare.generator(latent)
        d_loss = F.binary_cross_entropy_with_logits(bare.discriminator(real), ones)
        d_loss += F.binary_cross_entropy_with_logits(bare.discriminator(fake.detach()), zeros)
        d_step.zero_grad()
        d_loss.backward()
        d_step.step()
        g_step.zero_grad()
        F.binary_cross_entropy_with_logits(bare.discriminator(fake), ones).backward()
        g_step.step()
    for name, tensor in bare.state_dict().items():
        torch.testing.assert_close(module.state_dict()[name], tensor, rtol=1e-4, atol=1e-5, msg=name)


def test_accumulation_equals_the_whole_batch():
    batches = [tokens(8, seed) for seed in range(3)]
    whole, pieces = gpt(), gpt()
    fit(whole, batches)
    fit(pieces, batches, plan={"accumulate": 4})
    for a, b in zip(whole.parameters(), pieces.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_pieces_of_packed_examples_move_as_the_whole_does():
    """Each token that is to be predicted counts alike, also where one piece has many and another few."""
    plain = tokens(8, 0)
    length = plain.data.shape[1] - 1
    scored = torch.rand(8, length) < torch.linspace(0.05, 1, 8)[:, None]
    segments = (torch.arange(length) // 3).expand(8, length)
    packed = [replace(plain, packing=Packing(segments, scored))]
    whole, pieces, other = gpt(), gpt(), gpt()
    fit(whole, packed)
    fit(pieces, packed, plan={"accumulate": 4})
    fit(other, [plain])
    for a, b in zip(whole.parameters(), pieces.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(whole.network.head.weight, other.network.head.weight, atol=1e-4)


@torch.no_grad()
def test_the_loss_of_packed_examples_is_of_what_is_scored():
    module, batch = gpt(), packed_batch(4)
    tokens_, packing = batch.data, batch.packing
    total, count = 0.0, 0
    for row, segments, scored in zip(tokens_, packing.segments, packing.scored, strict=True):
        for number in segments.unique():
            own = segments == number
            logits = module.network(row[:-1][own][None])[0]
            nll = F.cross_entropy(logits, row[1:][own], reduction="none")[scored[own]]
            total, count = total + float(nll.sum()), count + len(nll)
    loss = module.phases()[0].loss(batch, StepNoise(0, batch.rows, step=0))
    assert float(loss.total) == pytest.approx(total / count, rel=1e-5)
    scores = module.score_batch(batch, Noise(0, batch.rows, purpose="validation"))["nll"]
    counts = packing.scored.sum(1)
    assert float((scores * counts).sum() / counts.sum()) == pytest.approx(total / count, rel=1e-5)


def packed_batch(rows):
    """Windows of examples of several lengths, of which the last half of each is to be predicted."""
    plain = tokens(rows, 3)
    length = plain.data.shape[1] - 1
    segments = torch.stack([(torch.arange(length) * (row + 2) // length) for row in range(rows)])
    scored = torch.rand(rows, length, generator=torch.Generator().manual_seed(0)) < 0.5
    return replace(plain, data=plain.data.long(), packing=Packing(segments, scored))


def test_clipping_bounds_the_update_of_each_phase():
    """Plain gradient descent moves by lr x gradient, so a clipped step has a known length."""
    optim = {**OPTIM, "name": "sgd", "momentum": 0.0, "lr": 1.0, "clip": 1e-3, "ema": None}
    module = dcgan()
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    fit(module, [images(8)], plan={"optim": optim})
    for network in ("generator", "discriminator"):
        moved = [
            (p.detach() - before[name]).flatten()
            for name, p in module.named_parameters()
            if name.startswith(network)
        ]
        assert float(torch.cat(moved).norm()) == pytest.approx(1e-3, rel=1e-2)


def test_average_follows_its_formula_and_leaves_the_discriminator_out():
    history = []

    class Keep(pl.Callback):
        def on_train_batch_end(self, trainer, module, *args):
            history.append({k: v.clone() for k, v in module.generator.state_dict().items()})

    module = dcgan()
    start = {k: v.clone() for k, v in module.generator.state_dict().items()}
    fit(module, [images(8, s) for s in range(4)], callbacks=[Keep()])
    assert all(name.startswith("generator.") for name in module.average.shadow)
    for name, first in start.items():
        expected = first.double()
        for step, state in enumerate(history):
            decay = min(0.9, (1 + step) / (10 + step))
            expected = decay * expected + (1 - decay) * state[name].double()
        if first.is_floating_point():
            shadow = module.average.shadow[f"generator.{name}"].double()
            torch.testing.assert_close(shadow, expected, rtol=1e-5, atol=1e-6)
    drawn = module.sample(2, weights="ema").data
    assert not torch.equal(drawn, module.sample(2, weights="raw").data)


def test_warm_up_and_cosine_equal_nanogpt():
    settings = {"warmup": 100, "schedule": "cosine", "final": 0.1}

    def nanogpt(it):  # lr 1e-3 -> 1e-4 over 2000 iterations, warm-up 100, as a share of the full rate
        if it < 100:
            return (it + 1) / 101
        share = (it - 100) / 1900
        return 0.1 + 0.5 * (1 + math.cos(math.pi * share)) * 0.9

    for it in (0, 50, 99, 100, 777, 1999):
        assert schedule_factor(settings, it, 2000, it / 2000) == pytest.approx(nanogpt(it))
    assert schedule_factor(settings, 2000, 2000, 1.0) == pytest.approx(0.1)


def test_wsd_is_flat_then_falls():
    settings = {"warmup": 0, "schedule": "wsd", "final": 0.0, "cooldown": 0.25}
    rates = [schedule_factor(settings, step, 8, step / 8) for step in range(9)]
    assert rates == pytest.approx([1, 1, 1, 1, 1, 1, 1, 0.5, 0])


def test_budgets_read_as_progress():
    assert Budget("steps", 2000).progress(500, 2000, 0.0) == 0.25
    assert Budget("seconds", 10).progress(500, None, 4.0) == 0.4


class Poisoned(GenerativeModule):
    """One weight, whose loss or gradient goes wrong at step 2."""

    units = {"loss": "1"}

    def __init__(self, loss):
        super().__init__(IMAGES)
        self.net = nn.Linear(1, 1)
        self._poison = loss

    def phases(self):
        return (Phase("fall", (self.net,), self._loss),)

    def _loss(self, batch, noise):
        good = self.net(torch.ones(1, 1)).square().mean()
        total, terms = self._poison(good, noise.step)
        return LossTerms(total, terms)

    def score_batch(self, batch, noise):
        return {}

    def draw(self, noise, condition, options):
        raise NotImplementedError


def infinite_term(good, step):
    bad = good / 0 if step == 2 else good
    return bad, {"fine": good.detach(), "broken": bad.detach()}


def infinite_gradient(good, step):
    root = (good - good.detach()).abs().sqrt() if step == 2 else good
    return root, {}


@pytest.mark.parametrize(("poison", "named"), [(infinite_term, "broken"), (infinite_gradient, "gradient")])
def test_non_finite_numbers_stop_the_run_by_name(poison, named):
    with pytest.raises(Diverged, match=f"phase fall, step 2: {named} is (inf|nan)"):
        fit(Poisoned(poison), [images(2) for _ in range(5)])


def test_scaler_skips_are_tolerated_up_to_a_bound():
    """An overflow under fp16 halves the scale and skips the update; for ever is too often."""

    def precision(scale):
        return MixedPrecision("16-mixed", "cpu", scaler=GradScaler("cpu", init_scale=scale))

    module = gpt()
    before = module.network.head.weight.detach().clone()
    plan = {"fused": False}
    fit(module, [tokens(4, s) for s in range(20)], plan=plan, plugins=[precision(2.0**28)])
    assert not torch.equal(before, module.network.head.weight)
    assert all(torch.isfinite(p).all() for p in module.parameters())

    def overflow(good, step):
        return (good - good.detach()).abs().sqrt(), {}

    with pytest.raises(Diverged, match=f"overflowed {MAX_SCALER_SKIPS + 1} times"):
        fit(Poisoned(overflow), [images(2) for _ in range(40)], plan=plan, plugins=[precision(2.0**16)])


def test_fp16_gradients_are_clipped_after_unscaling():
    optim = {**OPTIM, "name": "sgd", "momentum": 0.0, "lr": 1.0, "clip": 0.01, "ema": None}
    module = gpt()
    before = [p.detach().clone() for p in module.parameters()]
    precision = MixedPrecision("16-mixed", "cpu", scaler=GradScaler("cpu", init_scale=1024.0))
    fit(module, [tokens(4)], plan={"optim": optim, "fused": False}, plugins=[precision])
    moved = torch.cat([(p.detach() - b).flatten() for p, b in zip(module.parameters(), before, strict=True)])
    assert float(moved.norm()) == pytest.approx(0.01, rel=1e-3)


def test_validation_averages_by_weight():
    """Windows count by their tokens: a padded window does not count as a whole one."""
    full, short = tokens(3, 1), tokens(1, 2)
    padded = short.data.clone()
    padded[0, 4:] = -1
    val = [
        Batch(full.data, range(3), weight=torch.full((3,), 8.0)),
        Batch(padded, range(3, 4), weight=torch.tensor([3.0])),
    ]
    module = gpt()
    trainer = fit(module, [tokens(4)], val=val, plan={"optim": {**OPTIM, "ema": None}})
    module.eval()
    with torch.no_grad():
        losses = [
            F.cross_entropy(module.network(row[None, :-1])[0], row[1:], reduction="none")
            for row in [*full.data, short.data[0, :4]]
        ]
    expected = torch.cat(losses).double().mean()
    assert float(trainer.callback_metrics["val/nll"]) == pytest.approx(float(expected), rel=1e-6)


def test_lightnings_own_clipping_and_accumulation_are_refused():
    from pytorch_lightning.utilities.exceptions import MisconfigurationException

    with pytest.raises(MisconfigurationException):
        fit(gpt(), [tokens(4)], gradient_clip_val=1.0)
