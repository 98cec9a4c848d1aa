"""Augmentation as strong as a discriminator overfits (Karras et al. 2020, ADA)."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn

MEMORY = 512  # examples over which overfitting is averaged, about


class AugmentationStrength(nn.Module):
    """The probability with which each change is made to an example.

    A discriminator that overfits says "real" of nearly all real examples that it is trained on.  How far it
    goes is r = E sign D(x), 0 where it cannot tell and 1 where it always can; above the target the
    probability rises, below it falls, as fast as it may.

    Args:
        target: of r, in (0, 1); 0.6 in the paper.
        pace: examples over which the probability rises from 0 to 1 at the most; 500,000 in the paper.

    Attributes:
        probability: float32 (), in [0, 1]; it and
        overfitting: r, the mean of about the last `MEMORY` examples, are saved with the weights.
    """

    probability: Tensor
    overfitting: Tensor

    def __init__(self, target: float, pace: int) -> None:
        super().__init__()
        self.target, self.pace = target, pace
        self.register_buffer("probability", torch.zeros(()))
        self.register_buffer("overfitting", torch.zeros(()))
        self._pieces: list[Tensor] = []

    @torch.no_grad()
    def follow(self, signs: Tensor, count: int, *, first: bool, last: bool) -> None:
        """See another piece of a global batch; after the last the probability moves.

        Args:
            signs: of the logits of real examples, or of what says the same of them, (B,).
            count: examples of the global batch.
            first, last: whether it is the first piece of this process's, and the last.
        """
        self._pieces = [*([] if first else self._pieces), signs.float().mean()]
        if not last:
            return
        mean, self._pieces = torch.stack(self._pieces).mean(), []
        if dist.is_initialized() and dist.get_world_size() > 1:
            dist.all_reduce(mean)
            mean = mean / dist.get_world_size()
        self.overfitting.lerp_(mean, min(1.0, count / MEMORY))
        self.probability.add_((self.overfitting - self.target).sign() * (count / self.pace)).clamp_(0, 1)
