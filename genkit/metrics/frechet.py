"""Fréchet distance of two sets of features, and its limit for infinitely many generated samples.

Legend: n samples of d features; μ mean (d,), Σ covariance (d, d); r real, g generated.
References: Heusel et al. 2017 (FID); Chong & Forsyth 2020 (FID∞).
"""

from __future__ import annotations

import torch
from torch import Tensor

from genkit.core.identity import named
from genkit.metrics.feature_intervals import normal
from genkit.metrics.features import Features, check_enough, check_pair
from genkit.metrics.measure import Measure

Moments = tuple[Tensor, Tensor]
PARTS = (1, 2, 4)  # FID∞ fits FID at n, n/2 and n/4 samples
REPEATS = 8  # times that the samples are dealt into those parts, where d is small
SMALL = 512
INFINITE = "the distance of this network's distribution, real pictures held fixed"


def fid(real: Features, generated: Features) -> Measure:
    """|μr - μg|² + tr(Σr + Σg - 2 (Σr Σg)^½), with unbiased covariances; named after whose features they are.

    Raises:
        DataError: not more samples than features, so that a covariance has no full rank.
        ConfigError: features of two extractors.
    """
    value, variance = _checked(real, generated, "fid", real.size + 1)
    return normal(_measure("fid", value, real, generated), variance)


def fid_infinity(real: Features, generated: Features, seed: int = 0) -> Measure:
    """FID extrapolated to infinitely many generated samples; the real ones stay as they are.

    FID at N samples is FID∞ + c/N and smaller terms, so a line through its means over disjoint parts of
    n, n/2 and n/4 samples meets 1/N = 0 at FID∞.  To first order all three have one and the same noise, and
    the weights of the fit sum to one: the interval is that of FID's influence values.

    Raises:
        DataError: not more than 4 d samples.
        ConfigError: features of two extractors.
    """
    _, variance = _checked(real, generated, "fid_infinity", PARTS[-1] * (real.size + 1))
    target = moments(real.vectors)
    root = square_root(target[1])
    generator = torch.Generator().manual_seed(seed)
    repeats = REPEATS if real.size <= SMALL else 1
    means = []
    for parts in PARTS:
        found = [
            frechet(target, moments(generated.vectors[rows]), root)
            for _ in range(repeats if parts > 1 else 1)
            for rows in torch.randperm(len(generated), generator=generator).chunk(parts)
        ]
        means.append(sum(found) / len(found))
    inverse = torch.tensor([parts / len(generated) for parts in PARTS], dtype=torch.float64)
    design = torch.stack([torch.ones_like(inverse), inverse], 1)
    fitted = torch.linalg.lstsq(design, torch.tensor(means, dtype=torch.float64)[:, None]).solution
    return normal(_measure("fid_infinity", float(fitted[0]), real, generated), variance, INFINITE)


def moments(vectors: Tensor) -> Moments:
    """Mean and unbiased covariance in float64."""
    vectors = vectors.double()
    mean = vectors.mean(0)
    centred = vectors - mean
    return mean, centred.T @ centred / (len(vectors) - 1)


def square_root(covariance: Tensor) -> Tensor:
    """The symmetric square root of a positive semi-definite matrix."""
    values, vectors = torch.linalg.eigh(covariance)
    root: Tensor = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    return root


def frechet(first: Moments, second: Moments, root: Tensor | None = None) -> float:
    """Squared 2-Wasserstein distance of two Gaussians (Dowson & Landau 1982).

    tr (Σ₁Σ₂)^½ is the sum of the square roots of the eigenvalues of the symmetric Σ₁^½ Σ₂ Σ₁^½.

    Args:
        root: Σ₁^½, where it is known.
    """
    root = square_root(first[1]) if root is None else root
    mixed = torch.linalg.eigvalsh(root @ second[1] @ root).clamp(min=0).sqrt().sum()
    difference = (first[0] - second[0]).square().sum()
    return float(difference + first[1].trace() + second[1].trace() - 2 * mixed)


def _checked(real: Features, generated: Features, metric: str, least: int) -> tuple[float, float]:
    """FID and the variance of its estimate.

    The variance of influence values, V, sees the distance as linear in the moments.  Near zero it is
    quadratic, and there V is twice too large: V = A/n + C/n² where the truth is A/n + C/2n².  The mean of V
    over halves tells C from A, so that the truth is 3/2 V(n) - 1/4 V(n/2).
    """
    check_pair(real, generated)
    check_enough(metric, real.size + 1, real, generated)
    check_enough(metric, least, None, generated)
    target = moments(real.vectors)
    root = square_root(target[1])
    value, variance = with_variance(target, root, generated.vectors)
    if len(generated) >= 2 * (real.size + 1):
        generator = torch.Generator().manual_seed(0)
        deal = torch.randperm(len(generated), generator=generator).chunk(2)
        halves = [with_variance(target, root, generated.vectors[rows])[1] for rows in deal]
        corrected = 1.5 * variance - 0.25 * sum(halves) / 2
        variance = min(max(corrected, variance / 2), variance)
    return value, variance


def with_variance(target: Moments, root: Tensor, vectors: Tensor) -> tuple[float, float]:
    """The distance of vectors (n, d) to a Gaussian with that root of its covariance, and the variance of it
    as the mean of influence values.

    For one more x at c = x - μg the distance changes by 2 (μg - μr)·c + cᵀGc - tr(GΣg), where
    G = I - Σr^½ (Σr^½ Σg Σr^½)^-½ Σr^½.
    """
    found = moments(vectors)
    values, basis = torch.linalg.eigh(root @ found[1] @ root)
    inverse = torch.where(values > values.max() * 1e-12, values.clamp(min=1e-300) ** -0.5, 0.0)
    gradient = torch.eye(len(root), dtype=torch.float64) - root @ (basis * inverse) @ basis.T @ root
    centred = vectors.double() - found[0]
    influence = 2 * centred @ (found[0] - target[0]) + ((centred @ gradient) * centred).sum(1)
    return frechet(target, found, root), float(influence.var()) / len(vectors)


def _measure(kind: str, value: float, real: Features, generated: Features) -> Measure:
    protocol = {**generated.protocol, "version": 1}
    metric = named(kind, generated.protocol.get("extractor"))
    return Measure(metric, value, "1", "lower", "estimate", len(generated), len(real), protocol=protocol)
