"""Places of tokens as rotations of their queries and keys (RoFormer, Su et al. 2021).

Legend: T tokens, E head width, R entries of a head that are rotated, F = R/2 frequencies.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from genkit.nn.transformer_config import TransformerConfig


def frequencies(config: TransformerConfig) -> Tensor:
    """Radians by which each pair of entries turns from a place to the next, float32 (F,).

    Scaled for contexts that are longer than those of a first training, a frequency may be divided by
    `rotary_factor`: all of them ("linear", Chen et al. 2023), or those that turn seldom over the original
    context and in part those that turn a middling number of times.  What is interpolated between is for
    "llama3" that number (Llama 3, section 3.4.2), and for "yarn" the pair (Peng et al. 2023, section 3.2).
    """
    rotated = config.rotated
    if config.rotary_base is None:  # as runs have it that are older than this knob, to the last bit
        # The device is named, for torch forgets linspace where transformers has loaded a model before.
        places = torch.linspace(0, 1, rotated // 2 + 1, device=torch.get_default_device())
        plain = config.base ** -places[:-1]
    else:  # as transformers has it, to the last bit
        plain = 1.0 / config.base ** (torch.arange(0, rotated, 2, dtype=torch.float32) / rotated)
    if config.rotary_scaling is None:
        return plain
    stretched = plain / config.rotary_factor
    if config.rotary_scaling == "linear":
        return stretched
    low, high = config.rotary_low, config.rotary_high  # turns over the original context
    if config.rotary_scaling == "llama3":
        turns = config.original_context * plain / (2 * math.pi)
        kept = ((turns - low) / (high - low)).clamp(0, 1)
    else:
        first, last = (_pair_that_turns(config, turns) for turns in (high, low))
        first, last = max(math.floor(first), 0), min(math.ceil(last), rotated - 1)
        pairs = torch.arange(rotated // 2, dtype=torch.float32)
        kept = 1 - ((pairs - first) / max(last - first, 0.001)).clamp(0, 1)
    return stretched * (1 - kept) + plain * kept


def _pair_that_turns(config: TransformerConfig, turns: float) -> float:
    """The pair of entries that turns so many times over the original context, as a fraction."""
    length = math.log(config.original_context / (turns * 2 * math.pi))
    return config.rotated * length / (2 * math.log(config.base))


def angles(config: TransformerConfig) -> tuple[Tensor, Tensor]:
    """Cosines and sines of every place, (S, F) each, times what YaRN has attention multiplied with."""
    turned = torch.outer(torch.arange(config.block_size), frequencies(config))
    scale = config.attention_scale
    return turned.cos() * scale, turned.sin() * scale


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding: the two halves of what is rotated of each head, its first R entries, are the real and
    imaginary parts (RoFormer, eq. 34).

    Args:
        x: (…, T, E).
        cos, sin: (…, T, F).
    """
    if torch.compiler.is_compiling():  # which fuses the plain formula, and fails at outputs that are views
        rotary, rest = x.split((2 * cos.shape[-1], x.shape[-1] - 2 * cos.shape[-1]), dim=-1)
        real, imaginary = rotary.chunk(2, dim=-1)
        return torch.cat((real * cos - imaginary * sin, real * sin + imaginary * cos, rest), dim=-1)
    turned: Tensor = _Rotation.apply(x, cos, sin)
    return turned


class _Rotation(torch.autograd.Function):
    """A rotation, whose gradient is rotated back: four passes over the memory each way."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return rotated(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return rotated(gradient, cos, -sin), None, None


def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """As `rotate` does, where nobody asks for gradients."""
    turned, half = torch.empty_like(x), cos.shape[-1]
    real, imaginary = x[..., :half], x[..., half : 2 * half]
    first, second = turned[..., :half], turned[..., half : 2 * half]
    torch.mul(real, cos, out=first).addcmul_(imaginary, sin, value=-1)
    torch.mul(real, sin, out=second).addcmul_(imaginary, cos)
    if 2 * half < x.shape[-1]:
        turned[..., 2 * half :] = x[..., 2 * half :]
    return turned
