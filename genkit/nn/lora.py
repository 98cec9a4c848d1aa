"""Low-rank adaptation (LoRA, Hu et al. 2021): W + (α/r) B A, of which A and B alone are trained."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from genkit.nn.initialisation import drawn

MATRICES = ("qkv", "proj", "up", "down")


def adapt(network: nn.Module, rank: int) -> None:
    """Freeze the network and add a trainable update of a rank to the matrices of every block, with α = 2 r.

    Raises:
        ImportError: peft is not installed.
    """
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=list(MATRICES))
    with drawn():  # also where the network's own numbers are read
        inject_adapter_in_model(config, network)


def base(layer: nn.Module) -> nn.Linear:
    """The layer without its update."""
    found: Any = getattr(layer, "base_layer", layer)
    assert isinstance(found, nn.Linear)
    return found


def dense(layer: nn.Module) -> tuple[Tensor, Tensor | None]:
    """Weight and bias of one layer that does the same, (out, in) and (out,)."""
    plain, updated = base(layer), layer
    update: Any = getattr(updated, "get_delta_weight", None)
    return plain.weight if update is None else plain.weight + update("default"), plain.bias
