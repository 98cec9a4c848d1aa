"""Image metrics against torch-fidelity, torchmetrics, prdc and scipy on the same features."""

from __future__ import annotations

import contextlib
import io
import math

import numpy as np
import pytest
import torch
from prdc import compute_prdc
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist, pdist
from scipy.stats import mannwhitneyu, wasserstein_distance
from torch import Tensor

from genkit.metrics.distances import blocks
from genkit.metrics.features import Features
from genkit.metrics.frechet import fid, fid_infinity, frechet
from genkit.metrics.memorisation import memorisation
from genkit.metrics.panel import diversity, inception_score, kid, neighbour_measures, sliced_wasserstein

TOLERANCE = 1e-5
PROTOCOL = {"extractor": "none", "shape": "1×8×8"}


def features(n: int, d: int = 12, seed: int = 0, scale: float = 1.0, shift: float = 0.0) -> Features:
    """Correlated features of no particular form, rectified as those of networks are."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(d, d, generator=torch.Generator().manual_seed(99))
    vectors = (torch.randn(n, d, generator=generator) @ mixing * scale + shift).relu()
    logits = 2 * torch.randn(n, 7, generator=generator)
    projections = torch.randn(n, 64, generator=generator) * scale + shift
    keys = torch.randint(0, 2**62, (n,), generator=generator)
    return Features(vectors, logits.softmax(1), projections, keys, PROTOCOL)


REAL, GENERATED = features(600), features(500, seed=1, scale=1.1, shift=0.2)


def test_fid_agrees_with_torch_fidelity_torchmetrics_and_scipy():
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torchmetrics.image.fid import _compute_fid

    value = fid(REAL, GENERATED).value
    pair = [fid_features_to_statistics(f.vectors.double()) for f in (REAL, GENERATED)]
    theirs = fid_statistics_to_metric(*pair, verbose=False)["frechet_inception_distance"]
    assert value == pytest.approx(theirs, rel=TOLERANCE)

    (m1, s1), (m2, s2) = ((torch.from_numpy(p["mu"]), torch.from_numpy(p["sigma"])) for p in pair)
    assert value == pytest.approx(float(_compute_fid(m1, s1, m2, s2)), rel=TOLERANCE)
    root = np.trace(np.real(sqrtm((s1 @ s2).numpy())))
    by_scipy = float((m1 - m2).square().sum() + s1.trace() + s2.trace()) - 2 * root
    assert value == pytest.approx(by_scipy, rel=TOLERANCE)


def test_fid_of_gaussians_is_the_closed_form():
    """Diagonal covariances: Σ (μ₁ - μ₂)² + (σ₁ - σ₂)²; and a rotation of both changes nothing."""
    generator = torch.Generator().manual_seed(3)
    m1, m2 = torch.randn(2, 9, generator=generator, dtype=torch.float64)
    s1, s2 = torch.rand(2, 9, generator=generator, dtype=torch.float64) + 0.1
    closed = float((m1 - m2).square().sum() + (s1 - s2).square().sum())
    turn = torch.linalg.qr(torch.randn(9, 9, generator=generator, dtype=torch.float64)).Q
    plain = frechet((m1, s1.square().diag()), (m2, s2.square().diag()))
    turned = [(turn @ m, turn @ s.square().diag() @ turn.T) for m, s in ((m1, s1), (m2, s2))]
    assert plain == pytest.approx(closed, rel=1e-10)
    assert frechet(*turned) == pytest.approx(closed, rel=1e-10)


def test_fid_of_drawn_gaussians_nears_the_closed_form_and_fid_infinity_is_nearer():
    generator = torch.Generator().manual_seed(4)
    scales = torch.linspace(0.5, 2, 16)
    real = Features(torch.randn(40_000, 16, generator=generator))
    closed = float((scales - 1).square().sum())
    plain, infinite = [], []
    for _ in range(5):
        generated = Features(torch.randn(800, 16, generator=generator) * scales)
        plain.append(fid(real, generated).value - closed)
        infinite.append(fid_infinity(real, generated).value - closed)
    assert np.mean(plain) > 0.05  # the bias of 800 samples
    assert abs(np.mean(infinite)) < np.mean(plain) / 3


def test_kid_agrees_with_torch_fidelity_and_torchmetrics():
    from torch_fidelity.metric_kid import kernel_poly, mmd2
    from torchmetrics.image.kid import poly_mmd

    generated = GENERATED[slice(None)]
    real = REAL[slice(0, 500)]  # both take equal numbers only
    x, y = (f.vectors.double().numpy() for f in (real, generated))
    value = kid(real, generated).value
    theirs = mmd2(kernel_poly(x, x), kernel_poly(x, y), kernel_poly(y, y))
    assert value == pytest.approx(theirs, rel=TOLERANCE)
    theirs = float(poly_mmd(real.vectors.double(), generated.vectors.double()))
    assert value == pytest.approx(theirs, rel=TOLERANCE)


def test_kid_of_unequal_numbers_is_the_plain_double_sum():
    real, generated = features(30, seed=5), features(20, seed=6, shift=0.3)

    def kernel(a: Tensor, b: Tensor) -> float:
        return (float(a.double() @ b.double()) / 12 + 1) ** 3

    xx = np.mean([kernel(a, b) for i, a in enumerate(real.vectors) for b in real.vectors[:i]])
    yy = np.mean([kernel(a, b) for i, a in enumerate(generated.vectors) for b in generated.vectors[:i]])
    xy = np.mean([kernel(a, b) for a in real.vectors for b in generated.vectors])
    assert kid(real, generated).value == pytest.approx(xx + yy - 2 * xy, rel=1e-9)


def test_inception_score_agrees_with_torch_fidelity():
    from torch_fidelity.metric_isc import isc_features_to_metric

    assert GENERATED.probabilities is not None
    theirs = isc_features_to_metric(GENERATED.probabilities.log(), splits=1, shuffle=False)
    ours = inception_score(GENERATED).value
    assert ours == pytest.approx(theirs["inception_score_mean"], rel=TOLERANCE)


def test_neighbour_metrics_agree_with_prdc():
    ours = {m.metric: m.value for m in neighbour_measures(REAL, GENERATED)}
    with contextlib.redirect_stdout(io.StringIO()):
        x, y = REAL.vectors.double().numpy(), GENERATED.vectors.double().numpy()
        three, five = compute_prdc(x, y, 3), compute_prdc(x, y, 5)
    for metric, theirs in (("precision", three), ("recall", three), ("density", five), ("coverage", five)):
        assert ours[metric] == pytest.approx(theirs[metric], rel=TOLERANCE), metric


def test_sliced_wasserstein_agrees_with_scipy():
    assert REAL.projections is not None
    assert GENERATED.projections is not None
    each = [
        wasserstein_distance(x, y)
        for x, y in zip(REAL.projections.T.double(), GENERATED.projections.T.double(), strict=True)
    ]
    assert sliced_wasserstein(REAL, GENERATED).value == pytest.approx(np.mean(each), rel=TOLERANCE)


def test_diversity_and_distances_agree_with_scipy():
    assert diversity(GENERATED).value == pytest.approx(
        pdist(GENERATED.vectors.double()).mean(), rel=TOLERANCE
    )
    ours = torch.cat([squared.sqrt() for _, squared in blocks(REAL.vectors, GENERATED.vectors)])
    np.testing.assert_allclose(ours, cdist(REAL.vectors.double(), GENERATED.vectors.double()), rtol=1e-7)


def test_equal_vectors_are_at_distance_zero_wherever_they_lie():
    vectors = REAL.vectors[:50] + 1000
    (_, squared), *_ = blocks(vectors, vectors)
    assert (squared.diagonal() == 0).all()
    assert (squared + squared.new_full((50,), math.inf).diag() > 0).all()


def test_memorisation_agrees_with_scipy():
    train, held_out = features(300, seed=7), features(200, seed=8)
    measures, pairs = memorisation(GENERATED, train, held_out)
    ours = {m.metric: m.value for m in measures}

    def to(a: Features, b: Features) -> np.ndarray:
        distances = cdist(a.vectors.double(), b.vectors.double())
        if a is b:
            np.fill_diagonal(distances, np.inf)
        return distances

    ratios = to(GENERATED, train).min(1) / to(GENERATED, held_out).min(1)
    calibration = to(held_out, train).min(1) / to(held_out, held_out).min(1)
    u = mannwhitneyu(calibration, ratios).statistic / (len(ratios) * len(calibration))
    assert ours["memorisation"] == pytest.approx(u, rel=TOLERANCE)
    assert ours["memorised_share"] == pytest.approx(
        np.mean(ratios < np.quantile(calibration, 0.05)), abs=2e-3
    )
    assert ours["nearest_train"] == pytest.approx(to(GENERATED, train).min(1).mean(), rel=TOLERANCE)
    distances = to(GENERATED, train)
    assert pairs.generated[0] == distances.min(1).argmin()
    assert pairs.train[0] == distances[pairs.generated[0]].argmin()
