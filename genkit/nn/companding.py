"""Waveforms of what stands for them in a model, differentiably: `genkit.core.representations` in torch."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def centred(data: Tensor) -> Tensor:
    """Data in [0, 1] around grey, or silence: in [-1, 1]."""
    return data * 2 - 1


def linear(unit: Tensor, levels: int) -> Tensor:
    """Floats in [0, 1], silence ½, to samples from -1 to 1."""
    return unit * 2 - 1


def mu_law_expanded(unit: Tensor, levels: int) -> Tensor:
    """Companded floats in [0, 1] to samples from -1 to 1: sign(y) ((1 + μ)^|y| - 1) / μ, μ = levels - 1."""
    companded, mu = unit * 2 - 1, levels - 1
    return companded.sign() * torch.expm1(companded.abs() * math.log1p(mu)) / mu


# By the representation of sounds that have one axis; "" of the waveform itself.
WAVEFORMS = {"": linear, "mu_law": mu_law_expanded}
