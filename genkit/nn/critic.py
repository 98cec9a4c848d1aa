"""A discriminator as it is asked: about whole examples, or about single frames of clips, as one of the two of
MoCoGAN is (Tulyakov et al. 2018).

Legend: B batch, C channels, S… sizes of the axes, of a clip T frames first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from genkit.nn.augment import POLICIES
from genkit.nn.augmentation_strength import AugmentationStrength
from genkit.nn.phase_shuffle import shifts
from genkit.nn.players import AnyDiscriminator


class Draws(Protocol):
    """Random numbers by name, a row for each example: `genkit.core.noise.Noise`."""

    def uniform(self, name: str, *shape: int) -> Tensor:
        """In [0, 1), (B, *shape)."""

    def of_batch(self) -> Draws:
        """Of one row, the same for all examples."""


@dataclass(frozen=True, eq=False)
class Critic:
    """What one discriminator is shown, and how.

    Attributes:
        network: the discriminator.
        format: of what it is shown, in memory.
        augment: DiffAugment's policies.
        phase_shuffle: places by which data over a single axis are moved at most between its layers.
        strength: of the augmentation, where it is not all that there is.
        of: "" of whole examples, "frame" of one frame of each, drawn anew for every use.
    """

    network: AnyDiscriminator
    format: torch.memory_format
    augment: tuple[str, ...] = ()
    phase_shuffle: int = 0
    strength: AugmentationStrength | None = None
    of: str = ""

    @property
    def name(self) -> str:
        return self.named("discriminator")

    def named(self, what: str) -> str:
        """What is measured of this discriminator, or drawn for it."""
        return f"{self.of}_{what}" if self.of else what

    def part(self, data: Tensor, noise: Draws, use: str) -> Tensor:
        """What of examples (B, C, S…) it is asked about: all, or of clips (B, C, T, H, W) a frame of each."""
        if not self.of:
            return data
        moment = (noise.uniform(self.named(use), 1)[:, 0] * data.shape[2]).long()
        return data[torch.arange(len(data), device=data.device), :, moment]

    def shown(self, part: Tensor, noise: Draws, use: str) -> Tensor:
        """What it sees of a part: augmented."""
        for name in self.augment:
            policy = POLICIES[name]
            numbers = noise.uniform(self.named(f"{use}/{name}"), policy.numbers[part.ndim - 2])
            changed = policy.change(part, numbers)
            if self.strength is not None:
                lot = noise.uniform(self.named(f"{use}/{name}/whether"), *[1] * (part.ndim - 1))
                changed = torch.where(lot < self.strength.probability, changed, part)
            part = changed
        return part.contiguous(memory_format=self.format)

    def opinion(self, shown: Tensor, labels: Tensor | None, noise: Draws, use: str) -> Tensor:
        """Its logits of what is shown, (B,), which is moved between its layers on the way."""
        moved = None
        if most := self.phase_shuffle:
            drawn = noise.of_batch().uniform(self.named(f"{use}/phase_shuffle"), len(self.network.joints))
            moved = shifts(drawn[0], most)
        return self.network(shown, labels, moved)

    def logits(self, part: Tensor, labels: Tensor | None, noise: Draws, use: str) -> Tensor:
        """Its opinion of a part as it is shown, (B,)."""
        return self.opinion(self.shown(part, noise, use), labels, noise, use)
