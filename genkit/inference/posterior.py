"""Latents that explain what is known of an image: draws from p(z | y) ∝ p(y | z) N(z; 0, I).

The best guess under a squared error is the mean of p(x | y), and answers that differ show what is left open;
the one most probable latent gives neither.  A draw begins at one of many latents of the prior, chosen in
proportion to how well it explains the observation (Rubin 1988, sampling importance resampling), and goes on
as a Markov chain by Hamiltonian dynamics (Neal 2011) while the likelihood has a power that grows to 1
(Neal 2001), so a poor beginning is forgotten.

Legend: B batch, L latent size, P candidates.
"""

from __future__ import annotations

import torch
from torch import Tensor

from genkit.core.capabilities import LatentSpace
from genkit.core.noise import Noise
from genkit.core.observation import Observation
from genkit.core.stopping import between_steps

CANDIDATES = 1024  # of the prior, the same for all rows
MOVES, LEAPS = 32, 4  # of the chain, and gradients in each
COLDEST = 0.05  # power of the likelihood at the first move
AT_ONCE = 2**25  # numbers of decoded candidates that are held together
WARM = 0.5  # share of the moves until the power is 1
ADAPT = 0.75  # share of the moves during which the step size follows the acceptance


def explain(
    space: LatentSpace, observation: Observation, measured: Tensor, labels: Tensor | None, noise: Noise
) -> Tensor:
    """One draw of the latent of each row given what is known of it, (B, L)."""
    return _Chain(space, observation, measured, labels, noise).run()


class _Chain:
    """A chain for each row, side by side; none sees another."""

    def __init__(
        self,
        space: LatentSpace,
        observation: Observation,
        measured: Tensor,
        labels: Tensor | None,
        noise: Noise,
    ) -> None:
        self.space, self.observation, self.noise = space, observation, noise
        self.measured, self.labels = measured, labels

    @torch.no_grad()
    def run(self) -> Tensor:
        latent = self.begin()
        size = torch.full((len(latent), 1), 0.5 * latent.shape[1] ** -0.25)  # Neal 2011, section 4.4
        size = size.to(latent)
        for move in range(MOVES):
            between_steps()
            power = min(1.0, COLDEST ** (1 - move / (WARM * MOVES)))
            proposed, accepted = self.move(latent, size, power, str(move))
            keep = self.noise.uniform(f"accept/{move}", 1) < accepted
            latent = torch.where(keep, proposed, latent)
            if move < ADAPT * MOVES:
                size = size * torch.where(accepted > 0.75, 1.1, 0.8)
        return latent

    def begin(self) -> Tensor:
        """Of the candidates one for each row, each with a probability in proportion to p(y | z)."""
        noise = self.noise
        every = Noise(noise.seed, range(CANDIDATES), purpose=f"{noise.purpose}/candidates")
        candidates = self.space.prior(every).to(noise.device)  # (P, L)
        gumbel = -noise.uniform("candidate", CANDIDATES).clamp(1e-7, 1 - 1e-7).log().neg().log()  # (B, P)
        fit = torch.zeros_like(gumbel)
        for label in [None] if self.labels is None else self.labels.unique():
            told = None if label is None else label.expand(CANDIDATES)
            alone = self.space.decode(candidates[:1], None if told is None else told[:1])
            some = max(1, AT_ONCE // alone.numel())
            for part in (slice(start, start + some) for start in range(0, CANDIDATES, some)):
                images = self.space.decode(candidates[part], None if told is None else told[part])
                for row in range(len(fit)):
                    if self.labels is None or self.labels[row] == label:
                        measured = self.measured[row : row + 1]
                        fit[row, part] = self.observation.log_likelihood(images, measured)
        return candidates[(fit + gumbel).argmax(1)]

    def move(self, latent: Tensor, size: Tensor, power: float, name: str) -> tuple[Tensor, Tensor]:
        """A proposal (B, L) and the probability of accepting it (B, 1): leapfrog steps, random momentum."""
        momentum = self.noise.normal(f"momentum/{name}", latent.shape[1])
        energy, slope = self.energy(latent, power)
        before = energy + 0.5 * momentum.square().sum(1)
        momentum = momentum - 0.5 * size * slope
        for leap in range(LEAPS):
            latent = latent + size * momentum
            energy, slope = self.energy(latent, power)
            momentum = momentum - (size if leap < LEAPS - 1 else 0.5 * size) * slope
        after = energy + 0.5 * momentum.square().sum(1)
        return latent, (before - after).clamp(max=0).exp().nan_to_num(0)[:, None]

    def energy(self, latent: Tensor, power: float) -> tuple[Tensor, Tensor]:
        """-power · log p(y | z) - log p(z) up to a constant, (B,), and its gradient, (B, L)."""
        with torch.enable_grad():
            latent = latent.detach().requires_grad_(True)
            fit = self.observation.log_likelihood(self.space.decode(latent, self.labels), self.measured)
            energy = 0.5 * latent.square().sum(1) - power * fit
            slope = torch.autograd.grad(energy.sum(), latent)[0]
        return energy.detach(), slope
