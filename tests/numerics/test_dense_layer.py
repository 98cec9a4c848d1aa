"""Layers whose products are oneDNN's: the same numbers, the same gradients, counted as the same work."""

import copy

import pytest
import torch
from torch import nn

from genkit.evaluation.step_costs import counting
from genkit.nn import dense_layer
from genkit.nn.dense_layer import Dense
from genkit.nn.lora import adapt
from genkit.nn.next_token_nll import next_token_nll
from genkit.nn.transformer import Transformer
from genkit.nn.transformer_config import TransformerConfig

SIZES = (4, 256, 128, 384)  # a product of three times the least


@pytest.fixture
def onednn():
    """oneDNN multiplies, on whatever processor this is."""
    dense_layer.prefer_onednn(True)
    yield
    dense_layer.prefer_onednn(False)


@pytest.fixture
def multiplied(monkeypatch):
    """How many products were oneDNN's."""
    calls, product = [], dense_layer._multiplied
    monkeypatch.setattr(dense_layer, "_multiplied", lambda *given: calls.append(1) or product(*given))
    return calls


def passes(layer, x):
    """What comes out, and every gradient."""
    x = x.detach().clone().requires_grad_()
    layer.zero_grad()
    y = layer(x)
    (y * torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)).sum().backward()
    return [y.detach(), x.grad, *(parameter.grad for parameter in layer.parameters())]


@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradients_are_those_of_torch(onednn, multiplied, bias):
    rows, length, inputs, outputs = SIZES
    torch.manual_seed(0)
    layer, x = Dense(inputs, outputs, bias=bias), torch.randn(rows, length, inputs)
    found = passes(layer, x)
    assert len(multiplied) == 3
    dense_layer.prefer_onednn(False)
    torchs, exact = passes(layer, x), passes(copy.deepcopy(layer).double(), x.double())
    for ours, theirs, true in zip(found, torchs, exact, strict=True):
        scale = float(true.abs().max())
        assert float((ours - true).abs().max()) < 3 * float((theirs - true).abs().max()) + 1e-6 * scale


def test_small_products_and_other_precisions_are_torchs(onednn, multiplied):
    x = torch.randn(8, 128)
    layer = Dense(128, 384)
    assert torch.equal(layer(x), nn.functional.linear(x, layer.weight, layer.bias))
    large = torch.randn(*SIZES[:3])
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(large).dtype == torch.bfloat16
    Dense(128, 384, dtype=torch.float64)(large.double())
    dense_layer.prefer_onednn(False)
    layer(large)
    assert not multiplied


def test_a_frozen_matrix_takes_no_gradient(onednn, multiplied):
    config = TransformerConfig(vocab_size=37, block_size=256, n_layer=1, n_head=4, n_embd=128, hidden=512)
    network = Transformer(config)
    adapt(network, 2)
    tokens = torch.randint(0, 37, (4, 256))
    network(tokens).square().mean().backward()
    # Four matrices, and the gradients of the inputs of three: that of the first is of a frozen embedding.
    assert len(multiplied) == 4 + 3
    assert all(p.grad is None for n, p in network.named_parameters() if "base_layer" in n)


def test_work_is_counted_whoever_does_it(onednn):
    layer, x = Dense(*SIZES[2:]), torch.randn(*SIZES[:3], requires_grad=True)
    counts = []
    for prefers in (True, False):
        dense_layer.prefer_onednn(prefers)
        with counting() as counter:
            layer(x).sum().backward()
        counts.append(counter.get_total_flops())
    rows, length, inputs, outputs = SIZES
    assert counts == [6 * rows * length * inputs * outputs] * 2


def test_the_loss_of_a_large_vocabulary_is_the_same(onednn, multiplied):
    config = TransformerConfig(vocab_size=9_000, block_size=64, n_layer=1, n_head=2, n_embd=64)
    torch.manual_seed(0)
    network = Transformer(config)
    tokens, targets = torch.randint(0, 9_000, (2, 4, 64)).unbind()
    found = []
    for prefers in (True, False):
        dense_layer.prefer_onednn(prefers)
        network.zero_grad()
        loss = next_token_nll(network, tokens, targets, "mean")
        loss.backward()
        found.append((loss.detach(), network.blocks[0].attention.qkv.weight.grad.clone()))
    assert multiplied
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-7)
