"""The loss of a large vocabulary, some places at a time, is that of all logits at once, in float64."""

import pytest
import torch
import torch.nn.functional as F

from genkit.nn import next_token_nll as module
from genkit.nn.lora import adapt
from genkit.nn.next_token_nll import next_token_nll
from genkit.nn.transformer import Transformer
from genkit.nn.transformer_config import TransformerConfig

VOCABULARY = 9_000


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 7)


def network(*, tie: bool = True, rank: int | None = None) -> Transformer:
    torch.manual_seed(0)
    made = Transformer(
        TransformerConfig(
            VOCABULARY, block_size=16, n_layer=1, n_head=2, n_embd=8, tie=tie, positions="rotary"
        )
    )
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    if rank:
        adapt(made, rank)
    return made


def data():
    generator = torch.Generator().manual_seed(1)
    inputs, targets = torch.randint(0, VOCABULARY, (2, 3, 16), generator=generator)
    segments = torch.arange(16).div(6, rounding_mode="floor").expand(3, 16)
    return inputs, targets, segments


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("outside", [False, True])
@pytest.mark.parametrize("how", [{}, {"tie": False}, {"rank": 2}], ids=["tied", "untied", "lora"])
def test_values_and_gradients_are_those_of_all_logits_at_once(how, outside, reduction):
    inputs, targets, segments = data()
    if outside:
        targets = targets.masked_fill(torch.rand(targets.shape) < 0.4, -1)
    ours, theirs = network(**how), network(**how).double()
    assert module._in_parts(ours, inputs, reduction)
    wanted = targets[:, 2:]
    mine = next_token_nll(ours, inputs, wanted, reduction, first=2, segments=segments)
    logits = theirs(inputs, segments=segments)[:, 2:]
    its = F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=-1, reduction=reduction)
    torch.testing.assert_close(mine, its.float())
    (3 * mine).backward()
    (3 * its).backward()
    for parameter, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert (parameter.grad is None) == (other.grad is None)
        if parameter.grad is not None:
            rounding = 1e-5 * max(0.1, float(other.grad.abs().max()))
            torch.testing.assert_close(parameter.grad, other.grad.float(), rtol=1e-4, atol=rounding)


def test_each_token_has_its_own_score():
    inputs, targets, segments = data()
    targets[0, 3:9] = -1
    with torch.no_grad():
        assert module._in_parts(network(), inputs, "none")
        mine = next_token_nll(network(), inputs, targets, "none", segments=segments)
        logits = network()(inputs, segments=segments)
    its = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-1, reduction="none")
    torch.testing.assert_close(mine, its.view(3, 16))


def test_where_nothing_is_to_be_predicted_there_is_no_loss():
    inputs, targets, _ = data()
    nll = next_token_nll(network(), inputs, torch.full_like(targets, -1), "sum")
    nll.backward()
    assert nll == 0


def test_what_is_rounded_compiled_or_small_takes_all_logits():
    made, (inputs, _, _) = network(), data()
    with torch.autocast("cpu", torch.bfloat16):
        assert not module._in_parts(made, inputs, "mean")
    assert not module._in_parts(made, inputs, "none")  # whose gradients depend on what is done with each
    assert not module._in_parts(network().double(), inputs, "mean")
    small = Transformer(TransformerConfig(100, block_size=16, n_layer=1, n_head=2, n_embd=8))
    assert not module._in_parts(small, inputs, "mean")
    compiled = network()
    compiled.compile()
    assert not module._in_parts(compiled, inputs, "mean")
