"""The losses and penalties of a two-player game, from the discriminator's logits (B,) on real and generated
examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Game:
    """What either player minimises.

    Attributes:
        discriminator: (real logits, fake logits) -> scalar.
        generator: fake logits -> scalar; of a relative game, how far those of the real examples lie below.
        opinion: a logit as a number to show: a probability of being real, or the critic's score itself.
        unit: of that number.
        boundary: logits above it say "real"; None where only differences count.
        relative: what counts is how far the logit of a real example lies above that of the generated one in
            the same row.
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]
    opinion: Callable[[Tensor], Tensor]
    unit: str
    boundary: float | None = 0.0
    relative: bool = False

    def accuracy(self, real: Tensor, fake: Tensor) -> Tensor | None:
        """Share of the examples that the discriminator takes for what they are, a scalar; of a relative game,
        share of the pairs whose real one has the higher logit."""
        if self.relative:
            return (real > fake).float().mean()
        if self.boundary is None:
            return None
        right = (real > self.boundary).float().mean() + (fake < self.boundary).float().mean()
        return 0.5 * right

    def signs(self, real: Tensor, fake: Tensor) -> Tensor:
        """1 of each real example that is taken for one, -1 of the others, (B,); where only differences count,
        that is taken for more real than the generated one beside it."""
        return (real - (fake if self.boundary is None else self.boundary)).sign()


def _non_saturating_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """-E log D(x) - E log(1 - D(G(z))) (Goodfellow et al. 2014, equation 1)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def _non_saturating_generator(fake: Tensor) -> Tensor:
    """-E log D(G(z)) (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-fake).mean()


def _hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E max(0, 1 - D(x)) + E max(0, 1 + D(G(z))) (Lim and Ye 2017, equation 5)."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def _least_squares_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """½ E (D(x) - 1)² + ½ E D(G(z))² (Mao et al. 2017, equation 9)."""
    return 0.5 * (real - 1).square().mean() + 0.5 * fake.square().mean()


def _least_squares_generator(fake: Tensor) -> Tensor:
    """½ E (D(G(z)) - 1)² (Mao et al. 2017, equation 9)."""
    return 0.5 * (fake - 1).square().mean()


def _wasserstein_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E D(G(z)) - E D(x) (Arjovsky et al. 2017, equation 3)."""
    return fake.mean() - real.mean()


def _relativistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E log(1 + exp(D(G(z)) - D(x))) (Jolicoeur-Martineau 2019; Huang et al. 2024, equation 2)."""
    return F.softplus(fake - real).mean()


def _minus_mean(fake: Tensor) -> Tensor:
    """-E D(G(z)), the generator's side of hinge and Wasserstein."""
    return -fake.mean()


GAMES = {
    "non_saturating": Game(
        _non_saturating_discriminator, _non_saturating_generator, torch.sigmoid, "probability"
    ),
    "hinge": Game(_hinge_discriminator, _minus_mean, torch.Tensor.detach, "score"),
    "least_squares": Game(
        _least_squares_discriminator, _least_squares_generator, torch.Tensor.detach, "score", 0.5
    ),
    "wasserstein": Game(_wasserstein_discriminator, _minus_mean, torch.Tensor.detach, "score", None),
    "relativistic": Game(
        _relativistic_discriminator,
        _non_saturating_generator,
        torch.Tensor.detach,
        "score",
        None,
        relative=True,
    ),
}

Judge = Callable[[Tensor], Tensor]  # examples (B, …) to logits (B,)


def squared_gradient_norms(judge: Judge, images: Tensor) -> Tensor:
    """‖∇ judge(x)‖² at each image, (B,), differentiable in the judge's weights.

    The judge must treat each image by itself: batch normalisation would mix their gradients.
    """
    images = images.detach().requires_grad_(True)
    with torch.enable_grad():
        return squared_slopes(judge(images), images)


def squared_slopes(logits: Tensor, seen: Tensor) -> Tensor:
    """‖∇ logit‖² by what was seen, each of its own, (B,); differentiable in the weights between."""
    gradient = torch.autograd.grad(logits.sum(), seen, create_graph=True)[0]
    return gradient.flatten(1).square().sum(1)


def zero_centred(squares: Tensor) -> Tensor:
    """½ E ‖∇D(x)‖² of these, without its γ: R1 on real examples, R2 on generated ones (Mescheder et al. 2018,
    equations 9 and 10)."""
    return 0.5 * squares.mean()


def gradient_penalty(judge: Judge, real: Tensor, fake: Tensor, share: Tensor) -> Tensor:
    """E (‖∇D(x̂)‖ - 1)² between real and generated images (Gulrajani et al. 2017, equation 3, without its λ).

    Args:
        share: of the real image in each mixture, in [0, 1], (B,).
    """
    share = share.view(-1, *[1] * (real.ndim - 1))
    mixed = share * real + (1 - share) * fake
    norms = (squared_gradient_norms(judge, mixed) + 1e-12).sqrt()
    return (norms - 1).square().mean()
