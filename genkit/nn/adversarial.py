"""The losses of a two-player game, from the discriminator's logits on real and generated examples."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """-E log D(x) - E log(1 - D(G(z))), logits (B,) each (Goodfellow et al. 2014, equation 1)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """-E log D(G(z)), the non-saturating form (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-fake).mean()
