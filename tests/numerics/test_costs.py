"""Estimates of arithmetic and memory against what torch counts."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from genkit.core.batch import Batch
from genkit.core.codecs import ByteCodec, CharCodec
from genkit.core.spec import ArraySpec, TokenSpec
from genkit.data.dataset import TokenWindows
from genkit.evaluation import step_costs
from genkit.evaluation.step_costs import flops_per_phase, flops_per_step
from genkit.families.dcgan import DCGAN
from genkit.families.gpt import GPT
from genkit.testing import OPTIM

SIZES = {"block_size": 64, "n_layer": 3, "n_head": 4, "n_embd": 64}
MODERN = {"norm": "rms", "positions": "rotary", "activation": "swiglu", "n_kv_head": 2, "tie": False}


def closed_form(module, windows):
    """6 N a token for the matrices and 12 L D T for attention (Chowdhery et al. 2022, appendix B)."""
    matrices = sum(m.weight.numel() for m in module.modules() if isinstance(m, nn.Linear))
    T, L, D = SIZES["block_size"], SIZES["n_layer"], SIZES["n_embd"]
    return windows * T * (6 * matrices + 12 * L * D * T)


@pytest.mark.parametrize("blocks", [{}, MODERN, {"dropout": 0.1}], ids=["gpt2", "modern", "dropout"])
def test_operations_are_the_closed_form_under_the_kernel_that_runs(blocks):
    """torch counts nothing for the CPU's fused attention, which runs where there is no dropout."""
    module = GPT(TokenSpec(ByteCodec()), **SIZES, **blocks)
    batch = Batch(torch.randint(0, 256, (2, 65)), range(2))
    assert flops_per_phase(module, batch) == [closed_form(module, 2)]
    with sdpa_kernel(SDPBackend.MATH):
        assert flops_per_phase(module, batch) == [closed_form(module, 2)]


def test_every_kernel_of_attention_is_counted():
    """Whatever torch calls attention and has a gradient of its own is in the counter."""
    counted = set(step_costs.counting().flop_registry)
    kernels = [n for n in dir(torch.ops.aten) if "attention" in n and n.endswith("_backward")]
    assert len(kernels) >= 4
    for name in kernels:
        assert getattr(torch.ops.aten, name) in counted, name


def test_what_the_optimiser_multiplies_is_counted():
    """Five iterations on an (m, n) matrix, m ≤ n, take 5 (4 m² n + 2 m³); Adam multiplies no matrices."""
    spec = TokenSpec(CharCodec.of("abcdefgh"))
    sizes = {**SIZES, "n_layer": 2, "n_embd": 32, "block_size": 16}
    examples = TokenWindows(np.arange(200, dtype=np.uint8) % 8, 16, moving=True)
    settings = {**OPTIM, "adam_lr": 1e-3}
    adam, muon = (
        flops_per_step(GPT(spec, **sizes), examples, 8, {**settings, "name": name})
        for name in ("adam", "muon")
    )
    square, wide = 5 * (4 * 32**3 + 2 * 32**3), 5 * (4 * 32**2 * 128 + 2 * 32**3)
    assert muon - adam == 2 * (4 * square + 2 * wide)
    twice = flops_per_step(GPT(spec, **sizes), examples, 16, {**settings, "name": "muon"})
    assert twice - muon == adam


@pytest.mark.parametrize("blocks", [{}, MODERN, {"lora_rank": 4}], ids=["gpt2", "modern", "lora"])
def test_a_family_says_what_it_costs(blocks):
    module = GPT(TokenSpec(ByteCodec()), **SIZES, **blocks)
    batch = Batch(torch.randint(0, 256, (2, 65)), range(2))
    # Embeddings that are frozen beside low-rank updates need no gradient of the first layer's input.
    assert module.costs()["flops"] * 2 == pytest.approx(flops_per_phase(module, batch)[0], rel=0.06)


@pytest.mark.parametrize("blocks", [{}, MODERN, {"bias": True, "activation": "gelu_tanh"}])
def test_memory_is_what_autograd_keeps(blocks):
    module = GPT(TokenSpec(ByteCodec()), **SIZES, **blocks)
    weights = {p.untyped_storage().data_ptr() for p in module.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = module._token_nll(torch.randint(0, 256, (8, 65)), "mean")
    assert F.relu(loss) > 0
    assert module.costs()["activations"] * 8 == pytest.approx(sum(kept.values()), rel=0.25)


def test_operations_of_a_gradients_gradient_are_counted():
    """A penalty on the critic's gradient is itself differentiated; it costs more than a step without."""
    spec = ArraySpec(1, (8, 8), levels=17)
    batch = Batch(torch.rand(4, 1, 8, 8), range(4))
    settings = {"latent_size": 4, "width": 4, "norm": "layer", "loss": "wasserstein"}
    plain, penalised = (
        flops_per_phase(DCGAN(spec, **settings, gradient_penalty=weight), batch) for weight in (0.0, 10.0)
    )
    assert penalised[0] > 1.5 * plain[0] > 0
    assert penalised[1] == plain[1] > 0
