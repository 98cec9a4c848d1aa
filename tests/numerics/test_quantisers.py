"""The quantisers against `vector-quantize-pytorch`, and what a codebook must keep."""

import math

import pytest
import torch
from torch import Tensor

from genkit.nn.quantisers import Codebook, CodeUse, FiniteScalars, perplexity

LEVELS = [(8, 8, 8), (8, 5, 5, 5), (7, 5, 5, 5, 5), (3, 4)]


def normal(*shape: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# ---------------------------------------------------------------------- finite scalars


@pytest.mark.parametrize("levels", LEVELS)
def test_finite_scalars_agree_with_another_implementation(levels):
    """Values, codes, gradients, and what codes stand for."""
    theirs_module = pytest.importorskip("vector_quantize_pytorch").FSQ(list(levels))
    ours_module = FiniteScalars(levels)
    points = [normal(500, len(levels), scale=2.0).requires_grad_(True) for _ in range(2)]
    theirs, their_codes = theirs_module(points[0][None])
    ours = ours_module(points[1])
    assert torch.equal(ours.codes, their_codes[0].long())
    assert torch.allclose(ours.vectors, theirs[0], atol=1e-6)
    weights = normal(500, len(levels), seed=1)
    (theirs[0] * weights).sum().backward()
    (ours.vectors * weights).sum().backward()
    assert float(points[0].grad.abs().min()) >= 0
    assert torch.allclose(points[1].grad, points[0].grad, atol=1e-6)
    codes = torch.arange(math.prod(levels))
    assert torch.allclose(ours_module.vectors(codes), theirs_module.indices_to_codes(codes), atol=1e-6)


@pytest.mark.parametrize("levels", LEVELS)
def test_every_code_of_finite_scalars_can_be_reached(levels):
    """Vectors spread wide give each code, and each code stands for the vectors that gave it."""
    quantiser = FiniteScalars(levels)
    found = quantiser(normal(200_000, len(levels), scale=1.5))
    assert len(found.codes.unique()) == quantiser.codes == math.prod(levels)
    assert torch.allclose(quantiser.vectors(found.codes), found.vectors, atol=1e-6)
    assert float(found.vectors.min()) == -1
    assert not found.commitment.any()


# ---------------------------------------------------------------------- the codebook


def pair(codes: int, width: int, decay: float = 0.8):
    """Ours and theirs with the same vectors, uses and sums."""
    module = pytest.importorskip("vector_quantize_pytorch")
    theirs = module.VectorQuantize(
        width, codes, decay=decay, commitment_weight=0.25, rotation_trick=False, threshold_ema_dead_code=0
    )
    ours = Codebook(codes, width, decay, dead=0.0)
    vectors = normal(codes, width, seed=5)
    ours.vectors_of.copy_(vectors)
    theirs._codebook.embed.data.copy_(vectors[None])
    ours.uses.fill_(2.0)
    theirs._codebook.cluster_size.data.fill_(2.0)
    ours.sums.copy_(2 * vectors)
    theirs._codebook.embed_avg.data.copy_(2 * vectors[None])
    return ours, theirs


def follow(codebook: Codebook, vectors: Tensor, codes: Tensor) -> None:
    codebook.follow(codebook.statistics(vectors, codes, torch.full((codebook.codes,), -1)))


def test_a_codebook_agrees_with_another_implementation():
    """Values, codes, commitment, gradients, and the codebook after several steps."""
    ours_module, theirs_module = pair(16, 3)
    theirs_module.train()
    for seed in range(4):
        points = [normal(200, 3, seed=seed).requires_grad_(True) for _ in range(2)]
        theirs, their_codes, their_loss = theirs_module(points[0][None])
        ours = ours_module(points[1])
        assert torch.equal(ours.codes, their_codes[0])
        assert torch.allclose(ours.vectors, theirs[0], atol=1e-5)
        our_loss = 0.25 * ours.commitment.mean()
        assert torch.allclose(our_loss, their_loss.squeeze(), rtol=1e-5)
        weights = normal(200, 3, seed=seed + 100)
        ((theirs[0] * weights).sum() + their_loss.sum()).backward()
        ((ours.vectors * weights).sum() + our_loss).backward()
        assert torch.allclose(points[1].grad, points[0].grad, atol=1e-5)
        follow(ours_module, points[1].detach(), ours.codes)
        assert torch.allclose(ours_module.vectors_of, theirs_module._codebook.embed[0], atol=1e-5)
        assert torch.allclose(ours_module.uses, theirs_module._codebook.cluster_size[0], atol=1e-5)


def test_a_codebook_finds_the_middles_of_clusters():
    """Codes that begin at drawn points of four far clusters: nearer to their points than the middles are."""
    middles = torch.tensor([[0.0, 10.0], [10.0, 0.0], [-10.0, 0.0], [0.0, -10.0]])
    codebook = Codebook(16, 2, decay=0.5, dead=0.2)
    for step in range(60):
        points = (middles[:, None] + normal(4, 50, 2, seed=step, scale=0.3)).flatten(0, 1)
        drawn = torch.randint(200, (16,), generator=torch.Generator().manual_seed(step))
        codebook.follow(codebook.statistics(points, codebook(points).codes, drawn))
    apart = torch.cdist(middles, codebook.vectors_of).min(1).values
    assert float(apart.max()) < 0.5
    assert float(codebook(points).commitment.mean()) < 0.3**2


def test_dead_codes_begin_at_the_points_that_were_drawn_and_live_ones_stay():
    codebook = Codebook(3, 2, decay=0.9, dead=0.1)
    codebook.vectors_of.copy_(torch.tensor([[0.0, 0.0], [50.0, 50.0], [60.0, 60.0]]))
    codebook.uses.copy_(torch.tensor([10.0, 1e-3, 1e-3]))
    points = normal(30, 2)
    found = codebook(points)
    assert set(found.codes.tolist()) == {0}
    codebook.follow(codebook.statistics(points, found.codes, torch.tensor([7, 11, 29])))
    assert torch.equal(codebook.vectors_of[1:], points[[11, 29]])
    assert not torch.equal(codebook.vectors_of[0], points[7])
    assert codebook.uses[1:].tolist() == [10.0, 10.0]  # as used evenly: not at once dead again


def test_statistics_of_parts_add_up_to_those_of_the_whole():
    """Also where a code begins, at whichever part holds the point."""
    codebook, points = Codebook(5, 3), normal(40, 3)
    codes, drawn = codebook(points).codes, torch.tensor([0, 39, 17, 20, 19])
    whole = codebook.statistics(points, codes, drawn)
    parts = [codebook.statistics(points[i : i + 20], codes[i : i + 20], drawn - i) for i in (0, 20)]
    assert torch.allclose(parts[0] + parts[1], whole, atol=1e-6)
    assert torch.equal(whole[:, 4:], points[drawn])


# ---------------------------------------------------------------------- the use of codes


def test_use_is_of_the_last_whole_epoch():
    use = CodeUse(4)
    assert use.shares().tolist() == [0.25] * 4
    use.add(torch.tensor([3, 1, 0, 0]))
    assert use.counts.tolist() == [3, 1, 0, 0]  # of the first epoch so far
    use.turn()
    use.add(torch.tensor([0, 0, 1, 1]))
    assert use.counts.tolist() == [3, 1, 0, 0]
    use.add(torch.tensor([0, 0, 1, 1]))  # this epoch is whole as well
    assert use.counts.tolist() == [0, 0, 2, 2]


def test_perplexity_counts_codes():
    even = torch.tensor([0.25, 0.25, 0.25, 0.25, 0.0], dtype=torch.float64)
    assert float(perplexity(even)) == pytest.approx(4.0)
    skew = torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64)
    assert float(perplexity(skew)) == pytest.approx(2**1.5)
