"""Halvings and doublings are torch's convolutions, with their gradients, by whichever route."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from genkit.nn import resampling
from genkit.nn.axes import stride
from genkit.nn.resampling import DOWN, UP

HALVES = stride(2, 2)
# Channels, features and side of the smaller image: one channel, few places, oneDNN's own case, no square.
SHAPES = [(1, 3, (4, 4)), (3, 5, (2, 3)), (256, 512, (4, 4)), (4, 8, (8, 8))]


def halving(channels: int, features: int, *, bias: bool = True) -> nn.Module:
    return DOWN[2](channels, features, *HALVES.down, bias=bias)


def doubling(features: int, channels: int, *, bias: bool = True) -> nn.Module:
    return UP[2](features, channels, *HALVES.up, bias=bias)


@pytest.fixture(params=["chosen", "products", "convolutions"])
def route(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "products":
        monkeypatch.setattr(resampling, "PLACES", 1 << 30)
        monkeypatch.setattr(resampling, "KERNELS", 0)
    elif request.param == "convolutions":
        monkeypatch.setattr(resampling, "PLACES", 0)
    return str(request.param)


def _gradients(value: torch.Tensor, *inputs: torch.Tensor) -> list[torch.Tensor]:
    weight = torch.linspace(-1, 1, value.numel(), dtype=value.dtype).view(value.shape)
    return list(torch.autograd.grad((value * weight).sum(), inputs))


@pytest.mark.parametrize(("channels", "features", "side"), SHAPES)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_values_and_gradients(channels, features, side, bias, layout, route) -> None:
    torch.manual_seed(0)
    small, large = (2, features, *side), (2, channels, 2 * side[0], 2 * side[1])
    for module, shape, convolve in (
        (halving(channels, features, bias=bias), large, F.conv2d),
        (doubling(features, channels, bias=bias), small, F.conv_transpose2d),
    ):
        module = module.double().to(memory_format=layout)
        x = torch.randn(shape, dtype=torch.float64).contiguous(memory_format=layout).requires_grad_()
        expected = convolve(x, module.weight, module.bias, 2, 1)
        torch.testing.assert_close(module(x), expected)
        torch.testing.assert_close(module(x.detach()), expected)
        inputs = (x, *module.parameters())
        torch.testing.assert_close(_gradients(module(x), *inputs), _gradients(expected, *inputs))


def test_gradients_of_gradients(route) -> None:
    """What a gradient penalty needs, against finite differences."""
    torch.manual_seed(0)
    for module, shape in ((halving(1, 2), (2, 1, 4, 4)), (doubling(2, 1), (2, 2, 2, 2))):
        module = module.double()
        x = torch.randn(shape, dtype=torch.float64, requires_grad=True)

        def of(x: torch.Tensor, *parameters: torch.Tensor, module: nn.Module = module) -> torch.Tensor:
            names = [name for name, _ in module.named_parameters()]
            return torch.func.functional_call(module, dict(zip(names, parameters, strict=True)), x).tanh()

        assert torch.autograd.gradgradcheck(of, (x, *module.parameters()))


def test_the_routes_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The products are used where they are faster, and only there."""
    used = []
    plain = resampling.patches
    monkeypatch.setattr(resampling, "patches", lambda images: used.append(images.shape) or plain(images))
    halving(64, 128)(torch.randn(1, 64, 8, 8))
    halving(1, 8)(torch.randn(1, 1, 8, 8))
    halving(256, 512)(torch.randn(1, 256, 16, 16))
    assert used == []
    halving(256, 512)(torch.randn(1, 256, 8, 8))
    halving(1, 8)(torch.randn(1, 1, 8, 8, requires_grad=True))
    assert [shape[1] for shape in used] == [256, 1]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(halving(1, 4), (2, 1, 8, 8)), (doubling(4, 1), (2, 4, 4, 4)), (halving(512, 256), (2, 512, 8, 8))],
    ids=["one channel", "to one channel", "many features"],
)
def test_what_is_compiled_is_one_convolution(layer, shape):
    """Gathered patches, lowered into one another, kept torch.compile busy for minutes without a step."""
    seen = []

    def backend(graph, inputs):
        seen.extend(str(node.target) for node in graph.graph.nodes if node.op == "call_function")
        return graph

    x = torch.randn(shape).requires_grad_(True)
    compiled = torch.compile(layer, backend=backend)(x)
    torch.testing.assert_close(compiled, layer(x), rtol=1e-4, atol=1e-5)
    assert len(seen) == 1
    assert "conv" in seen[0]
