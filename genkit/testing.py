"""What makes a class a family: the conformance suite, for the families here and for anybody's own.

    import pytest
    from genkit.testing import Case, checks

    @pytest.mark.parametrize("check", checks(), ids=lambda check: check.__name__)
    def test_my_family(check):
        check(Case(lambda: Flow(spec), batch=lambda n: my_batch(n)))

or `check_family(case)` for all checks in one call.
"""

from __future__ import annotations

import random
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from genkit.core.batch import Batch
from genkit.core.budget import Budget
from genkit.core.capabilities import Conditional, Encoder, LatentSpace, Likelihood, Reconstruction, Tokenizer
from genkit.core.module import GenerativeModule
from genkit.core.noise import Noise
from genkit.core.options import Option
from genkit.core.phase import StepNoise, training_only
from genkit.core.plan import TrainingPlan
from genkit.runs import checkpoints
from genkit.system.errors import ConfigError

OPTIM = {
    "name": "adam",
    "lr": 1e-3,
    "betas": [0.9, 0.999],
    "eps": 1e-8,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "warmup": 0,
    "schedule": "constant",
    "final": 1.0,
    "clip": 1.0,
    "ema": 0.9,
}


@dataclass(frozen=True)
class Case:
    """One family to check.

    Attributes:
        make: builds a small module; twice the same one if the global generator is seeded.
        batch: n examples as a data module hands them over.
        options: sampling options that keep samples small.
        tolerance: how far rounding may move a sample when batches are cut differently.
    """

    make: Callable[[], GenerativeModule]
    batch: Callable[[int], Batch]
    options: dict[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-5

    def module(self) -> GenerativeModule:
        torch.manual_seed(0)
        return self.make()

    def same(self, left: Tensor | list[Tensor], right: Tensor | list[Tensor], tolerance: float = 0.0) -> bool:
        """Whether two sets of samples are equal, up to `tolerance` for floats."""
        if len(left) != len(right):
            return False
        pairs = zip(left, right, strict=True)
        return all(
            a.shape == b.shape and torch.allclose(a.float(), b.float(), rtol=0, atol=tolerance)
            for a, b in pairs
        )


# ---------------------------------------------------------------------- sampling


def check_exactly_n_samples(case: Case) -> None:
    module = case.module()
    for n in (0, 1, 5):
        assert len(module.sample(n, **case.options)) == n
    for wrong in (-1, 1.5, True):
        try:
            cast(Any, module).sample(wrong, **case.options)
        except ConfigError:
            continue
        raise AssertionError(f"n={wrong} was accepted")


def check_samples_are_in_data_space(case: Case) -> None:
    module = case.module()
    data = module.sample(4, **case.options).data
    if module.spec.kind == "arrays":
        assert isinstance(data, Tensor)
        assert data.shape == (4, *module.spec.shape)
        assert data.dtype == torch.float32
        assert float(data.min()) >= 0
        assert float(data.max()) <= 1
    else:
        for ids in data:
            assert ids.dtype == torch.int64
            assert ids.ndim == 1
            assert not len(ids) or 0 <= int(ids.min()) <= int(ids.max()) < module.spec.vocab_size
    assert not any(sample.requires_grad for sample in data)


def _global_randomness() -> tuple[Tensor, object, object]:
    state: Any = np.random.get_state()  # noqa: NPY002 (the one that samples must leave alone)
    return torch.get_rng_state(), state[1].tolist(), random.getstate()


def check_noise_alone_decides(case: Case) -> None:
    """The seed decides the samples, and the global generators neither matter nor move."""
    module = case.module()
    first = module.sample(4, seed=1, **case.options).data
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002
    random.seed(99)
    before = _global_randomness()
    again = module.sample(4, seed=1, **case.options).data
    other = module.sample(4, seed=2, **case.options).data
    after = _global_randomness()
    assert case.same(first, again)
    assert not case.same(first, other)
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]


def check_batch_size_does_not_matter(case: Case) -> None:
    """Sample i is the same in any chunking: bitwise for equal chunks, else up to rounding."""
    module = case.module()
    whole = module.sample(6, seed=3, **case.options).data
    for size in (1, 4):
        parts = module.sample(6, seed=3, batch_size=size, **case.options).data
        assert case.same(whole, parts, case.tolerance)
    prefix = module.sample(4, seed=3, **case.options).data
    assert case.same(whole[:4], prefix, case.tolerance)


def check_sampling_leaves_the_module_alone(case: Case) -> None:
    module = case.module()
    child = next(module.children())
    module.train()
    child.eval()
    state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    module.sample(2, device="cpu", **case.options)
    assert module.training
    assert not child.training
    assert all(torch.equal(state[name], tensor) for name, tensor in module.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in module.parameters())


def check_unknown_options_are_refused(case: Case) -> None:
    module = case.module()
    try:
        module.sample(1, no_such_option=1, **case.options)
    except ConfigError as error:
        assert "no_such_option" in str(error)
    else:
        raise AssertionError("an unknown option was accepted")
    assert all(isinstance(option, Option) for option in module.options)


# ---------------------------------------------------------------------- training


def check_phases_share_out_the_parameters(case: Case) -> None:
    module = case.module()
    phases = module.phases()
    assert phases[0].every == 1
    assert len({phase.name for phase in phases}) == len(phases)
    owned = [p for phase in phases for p in phase.parameters]
    assert len({id(p) for p in owned}) == len(owned)
    assert {id(p) for p in owned} == {id(p) for p in module.parameters()}


def check_gradients_reach_their_phase_alone(case: Case) -> None:
    module = case.module().train()
    phases = module.phases()
    batch = module.prepare(case.batch(4))
    noise = StepNoise(0, batch.rows, step=0)
    noise.parameters = tuple(p for phase in phases for p in phase.parameters)
    for phase in phases:
        module.zero_grad()
        with training_only(phase, phases):
            total, terms = phase.loss(batch, noise)
            assert total.ndim == 0
            assert torch.isfinite(total)
            assert not any(term.requires_grad for term in terms.values())
            total.backward()
        own = {id(p) for p in phase.parameters}
        for name, parameter in module.named_parameters():
            reached = parameter.grad is not None
            assert reached == (id(parameter) in own), f"{phase.name}: {name}"


def check_training_moves_every_phase_and_counts_batches(case: Case) -> None:
    """Three batches are three steps, whatever the number of optimisers; every phase and the average move."""
    module = case.module()
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    trainer = _fit(module, [case.batch(4) for _ in range(3)])
    assert trainer.global_step == 3
    moved = {name for name, p in module.named_parameters() if not torch.equal(before[name], p)}
    for phase in module.phases():
        ids = {id(p) for p in phase.parameters}
        assert any(id(p) in ids and name in moved for name, p in module.named_parameters()), phase.name
    averaged = [phase for phase in module.phases() if phase.ema]
    assert (module.average is not None) == bool(averaged)
    if module.average is not None:
        owned = {id(t) for phase in averaged for m in phase.modules for t in [*m.parameters(), *m.buffers()]}
        saved, tensors = module.state_dict(), [*module.named_parameters(), *module.named_buffers()]
        named = [(name, tensor) for name, tensor in tensors if name in saved]  # constants have no average
        assert set(module.average.shadow) == {name for name, tensor in named if id(tensor) in owned}


def check_training_repeats_bitwise(case: Case) -> None:
    states = []
    for _ in range(2):
        module = case.module()
        _fit(module, [case.batch(4) for _ in range(3)])
        states.append(module.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


# ---------------------------------------------------------------------- scores and state


def check_scores_are_per_example(case: Case) -> None:
    """One number an example, with a unit, repeatable, whatever stands beside it in the batch (unless the
    family says that it depends on that: `scores_batches`)."""
    module = case.module().eval()
    batch = module.prepare(case.batch(5))
    with torch.no_grad():
        scores = module.score_batch(batch, Noise(0, batch.rows, purpose="validation"))
        assert set(scores) <= set(module.units)
        part = slice(0, 5) if module.scores_batches else slice(1, 3)
        apart = module.score_batch(batch[part], Noise(0, batch.rows[part], purpose="validation"))
    for name, values in scores.items():
        assert values.shape == (5,)
        assert torch.isfinite(values).all()
        assert torch.allclose(values[part], apart[name], rtol=1e-4, atol=1e-4), name


def check_state_survives_saving(case: Case) -> None:
    module = case.module()
    _fit(module, [case.batch(4) for _ in range(2)])
    torch.manual_seed(1)
    fresh = case.make()
    with tempfile.TemporaryDirectory() as folder:
        ema = module.average.shadow if module.average else {}
        place = checkpoints.save(Path(folder), checkpoints.Checkpoint(2, module.state_dict(), ema))
        checkpoints.restore_module(fresh, checkpoints.load(place).weights)
    options = {"weights": "raw", **case.options}
    assert case.same(module.sample(3, **options).data, fresh.sample(3, **options).data)


def check_capability_claims_hold(case: Case) -> None:
    module = case.module().eval()
    claimed = module.capabilities()
    batch = module.prepare(case.batch(3))
    noise = Noise(0, batch.rows)
    with torch.no_grad():
        if isinstance(module, Likelihood):
            assert claimed["Likelihood"] == str(module.likelihood_kind())
            values = module.log_likelihood(batch, noise)
            assert values.shape == (3,)
            assert torch.isfinite(values).all()
        if isinstance(module, LatentSpace):
            latent = module.prior(noise)
            assert latent.shape == (3, module.latent_size)
            decoded = module.decode(latent, batch.labels)
            assert decoded.shape == batch.data.shape
            assert float(decoded.min()) >= 0
            assert float(decoded.max()) <= 1
        if isinstance(module, Encoder):
            assert module.encode(batch.data, batch.labels).shape == (3, module.latent_size)
        if isinstance(module, Reconstruction):
            assert module.reconstruct(batch.data, batch.labels).shape == batch.data.shape
        if isinstance(module, Tokenizer):
            codes = module.tokenize(batch.data)
            assert codes.dtype == torch.int64
            assert codes.shape == (3, *module.grid)
            some = torch.arange(codes.numel()).view(codes.shape) % module.codes  # any can be read
            assert all(module.detokenize(each).shape == batch.data.shape for each in (codes, some))
            if not module.coded_kind().absent:
                assert bool(torch.isfinite(module.coded_log_likelihood(batch.data, codes)).all())
        if isinstance(module, Conditional):
            defaults = {option.name: option.default for option in module.options}
            assert len(module.conditions(defaults)) >= 1


def checks() -> list[Callable[[Case], None]]:
    """Every check, in the order of this file."""
    return [
        value for name, value in globals().items() if name.startswith("check_") and name != "check_family"
    ]


def check_family(case: Case) -> None:
    """Run every check.

    Raises:
        AssertionError: the first one that fails.
    """
    for check in checks():
        check(case)


class _Batches:
    """An iterable that Lightning takes for one loader (a list it takes for several)."""

    def __init__(self, batches: list[Batch]) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[Batch]:
        return iter(self._batches)

    def __len__(self) -> int:
        return len(self._batches)


def _fit(module: GenerativeModule, batches: list[Batch]) -> pl.Trainer:
    """A few steps with the real trainer and nothing around it."""
    module.plan = TrainingPlan(optim=OPTIM, budget=Budget("steps", len(batches)), total_steps=len(batches))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = pl.Trainer(
            accelerator="cpu",
            devices=1,
            max_epochs=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, _Batches(batches))
    return trainer
