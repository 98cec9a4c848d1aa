"""Estimates of arithmetic and memory against what torch counts."""

import pytest
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from genkit.core.spec import TokenSpec
from genkit.core.tokens import ByteCodec
from genkit.families.gpt import GPT

SIZES = {"block_size": 64, "n_layer": 3, "n_head": 4, "n_embd": 64}
MODERN = {"norm": "rms", "positions": "rotary", "activation": "swiglu", "n_kv_head": 2, "tie": False}


@pytest.mark.parametrize("blocks", [{}, MODERN, {"lora_rank": 4}], ids=["gpt2", "modern", "lora"])
def test_flops_are_those_that_torch_counts(blocks):
    module = GPT(TokenSpec(ByteCodec()), **SIZES, **blocks)
    tokens = torch.randint(0, 256, (2, 65))
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        module._token_nll(tokens, "mean").backward()
    assert module.costs()["flops"] * 2 == pytest.approx(counter.get_total_flops(), rel=0.06)


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
