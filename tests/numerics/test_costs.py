"""Estimates of arithmetic and memory against what torch counts."""

import pytest
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from genkit.core.batch import Batch
from genkit.core.spec import ArraySpec, TokenSpec
from genkit.core.tokens import ByteCodec
from genkit.evaluation.costs import flops_per_phase
from genkit.families.dcgan import DCGAN
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


def test_operations_of_a_gradients_gradient_are_counted():
    """A penalty on the critic's gradient is itself differentiated; it costs more than a step without."""
    spec = ArraySpec(1, 8, 8, levels=17)
    batch = Batch(torch.rand(4, 1, 8, 8), range(4))
    settings = {"latent_size": 4, "width": 4, "norm": "layer", "loss": "wasserstein"}
    plain, penalised = (
        flops_per_phase(DCGAN(spec, **settings, gradient_penalty=weight), batch) for weight in (0.0, 10.0)
    )
    assert penalised[0] > 1.5 * plain[0] > 0
    assert penalised[1] == plain[1] > 0
