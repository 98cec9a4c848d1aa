"""Softplus in parts, beside torch's own in float64, in both tails and where numbers end."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from genkit.nn.softplus import Softplus, cross_entropy, log_sigmoid

WIDE = torch.cat([torch.linspace(-87, 87, 40_001), torch.tensor([0.0, -0.0, 1e-30, -1e-30])])


def apart(found: Tensor, exact: Tensor) -> float:
    """The largest relative error."""
    return float(((found.double() - exact) / exact).abs().max())


def test_it_is_exact_to_an_ulp_in_both_tails() -> None:
    exact = -F.logsigmoid(-WIDE.double())
    assert apart(Softplus.apply(WIDE), exact) < 3e-7
    assert apart(log_sigmoid(-WIDE), -exact) < 3e-7
    assert apart(log_sigmoid(-WIDE.double()), -exact) < 3e-15


def test_infinite_and_undefined_logits_stay_so() -> None:
    found = Softplus.apply(torch.tensor([float("inf"), -float("inf"), float("nan")]))
    assert found[:2].tolist() == [float("inf"), 0]
    assert found[2].isnan()


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_a_cross_entropy_and_its_gradient_are_torchs(kind: torch.dtype) -> None:
    logits = (WIDE.to(kind) / 4).requires_grad_()
    shares = torch.rand(len(WIDE), generator=torch.Generator().manual_seed(0)).to(kind)
    weights = torch.rand(len(WIDE), generator=torch.Generator().manual_seed(1)).to(kind)
    exact = F.binary_cross_entropy_with_logits(logits.double(), shares.double(), reduction="none")
    found = cross_entropy(logits, shares)
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=1e-6)
    ours, theirs = (torch.autograd.grad(x @ weights.to(x), logits)[0] for x in (found, exact))
    torch.testing.assert_close(ours, theirs)


def test_its_gradient_has_a_gradient() -> None:
    x = torch.linspace(-4, 4, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(Softplus.apply, x)
    assert torch.autograd.gradgradcheck(Softplus.apply, x)


def test_where_it_is_compiled_torchs_own_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert torch.equal(log_sigmoid(WIDE), F.logsigmoid(WIDE))
