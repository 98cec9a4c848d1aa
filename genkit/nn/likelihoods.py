"""Densities of arrays given what a network puts out, in nats and summed over each example.

What is summed is float32 at least, also where a network puts out bfloat16, whose three digits would leave a
grid of 0.125 at 25 nats.

Legend: B batch, C channels, S… sizes of the axes, V levels.  Data are floats in
[0, 1], level v as v / (V - 1).
"""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genkit.nn.precision import widened
from genkit.nn.softplus import cross_entropy, log_sigmoid


class EntryLikelihood(nn.Module):
    """p(x | output): each entry independent of the others given the network's output.

    Attributes:
        outputs: numbers that the network puts out for each entry.
        discrete: whether it is a probability of levels (a density or a cross-entropy otherwise).
    """

    outputs = 1
    discrete = True

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels = levels

    def nll(self, output: Tensor, data: Tensor) -> Tensor:
        """Negative log-likelihood, nats, (B,); output (B, outputs · C, S…), data (B, C, S…)."""
        return self.nats(widened(output), widened(data)).flatten(1).sum(1)

    @abstractmethod
    def nats(self, output: Tensor, data: Tensor) -> Tensor:
        """Negative log-likelihood of each entry, (B, C, S…); of float32 or wider, as `nll` takes them."""

    @abstractmethod
    def mean(self, output: Tensor) -> Tensor:
        """The mean, in [0, 1], (B, C, S…)."""

    @abstractmethod
    def draw(self, output: Tensor, uniform: Tensor) -> Tensor:
        """Data by inversion, in [0, 1]; uniform in [0, 1), both (B, C, S…)."""

    def level(self, data: Tensor) -> Tensor:
        """Data in [0, 1] as whole levels, int64."""
        return (data * (self.levels - 1)).round().long()


class Bernoulli(EntryLikelihood):
    """Each entry on or off; on levels between a cross-entropy, as many papers use it, and no likelihood."""

    def __init__(self, levels: int) -> None:
        super().__init__(levels)
        self.discrete = levels == 2

    def nats(self, output: Tensor, data: Tensor) -> Tensor:
        return cross_entropy(output, data)

    def mean(self, output: Tensor) -> Tensor:
        return output.sigmoid()

    def draw(self, output: Tensor, uniform: Tensor) -> Tensor:
        return (uniform < output.sigmoid()).float()


class Categorical(EntryLikelihood):
    """A softmax over the levels of each entry."""

    def __init__(self, levels: int) -> None:
        super().__init__(levels)
        self.outputs = levels

    def _logits(self, output: Tensor) -> Tensor:
        """(B, V, C, S…)."""
        return output.view(len(output), self.levels, -1, *output.shape[2:])

    def nats(self, output: Tensor, data: Tensor) -> Tensor:
        return F.cross_entropy(self._logits(output), self.level(data), reduction="none")

    def mean(self, output: Tensor) -> Tensor:
        values = torch.linspace(0, 1, self.levels, device=output.device)
        return torch.einsum("bv...,v->b...", self._logits(output).softmax(1), values).clamp(0, 1)

    def draw(self, output: Tensor, uniform: Tensor) -> Tensor:
        cumulative = self._logits(output).softmax(1).cumsum(1)
        level = (cumulative <= uniform[:, None] * cumulative[:, -1:]).sum(1)
        return level.clamp(max=self.levels - 1).float() / (self.levels - 1)


class DiscretisedLogistic(EntryLikelihood):
    """A logistic density cut into one bin a level, the outer bins open (Kingma et al. 2016, section 5.1)."""

    outputs = 2

    def __init__(self, levels: int) -> None:
        super().__init__(levels)
        # Of 16 bits the bins are as many times narrower, and so may the density be.
        self.narrowest = -7.0 - math.log(max(1.0, (levels - 1) / 255))

    def _mean_and_precision(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Mean around the middle of the range, and the scale's inverse."""
        mean, log_scale = output.chunk(2, dim=1)
        return mean + 0.5, torch.exp(-log_scale.clamp(min=self.narrowest) + 2.0)

    def nats(self, output: Tensor, data: Tensor) -> Tensor:
        mean, inverse = self._mean_and_precision(output)
        half = 0.5 / (self.levels - 1)
        upper, lower = (data - mean + half) * inverse, (data - mean - half) * inverse
        # log(σ(u) - σ(l)) = log σ(u) + log σ(-l) + log(1 - e^(l - u)), stable in both tails
        # Two edges of 16 bits are so near to each other that their difference is rounding.
        width = upper - lower if self.levels <= 256 else 2 * half * inverse
        inner = log_sigmoid(upper) + log_sigmoid(-lower) + torch.log(-torch.expm1(-width))
        log_probability = torch.where(data < half, log_sigmoid(upper), inner)
        log_probability = torch.where(data > 1 - half, log_sigmoid(-lower), log_probability)
        return -log_probability

    def mean(self, output: Tensor) -> Tensor:
        return self._mean_and_precision(output)[0].clamp(0, 1)

    def draw(self, output: Tensor, uniform: Tensor) -> Tensor:
        mean, inverse = self._mean_and_precision(output)
        value = mean + torch.logit(uniform, eps=1e-6) / inverse
        return self.level(value.clamp(0, 1)).float() / (self.levels - 1)


class Gaussian(EntryLikelihood):
    """A normal density around each entry whose one scale is learned (Rybkin et al. 2021, σ-VAE)."""

    discrete = False

    def __init__(self, levels: int) -> None:
        super().__init__(levels)
        self.log_variance = nn.Parameter(torch.tensor(-2.0))

    def _log_variance(self) -> Tensor:
        """Bounded from below, at a deviation of 1/403 of the range."""
        return self.log_variance.clamp(min=-12.0)

    def nats(self, output: Tensor, data: Tensor) -> Tensor:
        return -_normal_log_density(data, self.mean_raw(output), self._log_variance())

    def mean_raw(self, output: Tensor) -> Tensor:
        return output + 0.5

    def mean(self, output: Tensor) -> Tensor:
        return self.mean_raw(output).clamp(0, 1)

    def draw(self, output: Tensor, uniform: Tensor) -> Tensor:
        normal: Tensor = torch.special.ndtri(uniform.double().clamp(1e-7, 1 - 1e-7)).float()
        return (self.mean_raw(output) + normal * torch.exp(0.5 * self._log_variance())).clamp(0, 1)


LIKELIHOODS: dict[str, type[EntryLikelihood]] = {
    "bernoulli": Bernoulli,
    "categorical": Categorical,
    "discretised_logistic": DiscretisedLogistic,
    "gaussian": Gaussian,
}


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, diag exp log_variance) || N(0, I)) of each latent, (B, L) (VAE paper, app. B)."""
    mean, log_variance = widened(mean), widened(log_variance)
    # expm1: where the posterior is nearly the prior, e^v - 1 - v is the small difference of large numbers.
    return 0.5 * (mean.square() + (log_variance.expm1() - log_variance))


def gaussian_log_density(x: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log N(x; mean, diag exp log_variance), summed over the last axis."""
    return _normal_log_density(widened(x), widened(mean), widened(log_variance)).sum(-1)


def _normal_log_density(x: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log N(x; mean, exp log_variance) of each number."""
    squared = (x - mean).square() * torch.exp(-log_variance)
    return -0.5 * (squared + log_variance + math.log(2 * math.pi))
