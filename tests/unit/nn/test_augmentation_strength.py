"""Augmentation that follows overfitting: up with it, down with it, no faster than it may."""

import pytest
import torch

from genkit.nn.augmentation_strength import MEMORY, AugmentationStrength


def seen(strength, share, batches, size=32):
    """After so many batches of whose examples a share is taken for real."""
    right = round(share * size)
    signs = torch.tensor([1.0] * right + [-1.0] * (size - right))
    found = []
    for _ in range(batches):
        strength.follow(signs, size, first=True, last=True)
        found.append(float(strength.probability))
    return found


def test_it_rises_while_the_discriminator_overfits_and_returns_when_it_does_not():
    strength = AugmentationStrength(0.6, 10_000)
    assert float(strength.probability) == 0
    up = seen(strength, 1.0, 200)
    # r has to reach 0.6 from 0 first: 1 - (1 - 32/512)^n > 0.6 at n = 15, then 32/10,000 a batch.
    assert up[:14] == [0] * 14
    assert up[14] == pytest.approx(32 / 10_000)
    assert up[-1] == pytest.approx(186 * 32 / 10_000, rel=1e-4)
    down = seen(strength, 0.75, 400)  # r = 0.5
    assert down[-1] == 0
    assert min(down) == 0
    longest = max(abs(a - b) for a, b in zip(up[1:] + down, up + down[:-1], strict=False))
    assert longest == pytest.approx(32 / 10_000, rel=1e-3)


def test_it_is_a_probability_however_long_it_rises():
    strength = AugmentationStrength(0.5, 100)
    assert max(seen(strength, 1.0, 60)) == 1
    assert float(strength.overfitting) == pytest.approx(1 - (1 - 32 / MEMORY) ** 60, rel=1e-5)


def test_pieces_of_a_batch_move_it_as_the_whole_does():
    torch.manual_seed(0)
    whole, pieces = AugmentationStrength(0.1, 5_000), AugmentationStrength(0.1, 5_000)
    for _ in range(20):
        signs = torch.randn(32).add(0.5).sign()
        whole.follow(signs, 32, first=True, last=True)
        before = float(pieces.probability)
        for i, part in enumerate(signs.chunk(4)):
            assert float(pieces.probability) == before  # all pieces of a step see one strength
            pieces.follow(part, 32, first=i == 0, last=i == 3)
    assert torch.equal(whole.probability, pieces.probability)
    assert torch.equal(whole.overfitting, pieces.overfitting)
    assert float(whole.probability) > 0


def test_what_it_is_is_saved_with_the_weights():
    strength = AugmentationStrength(0.6, 1_000)
    seen(strength, 1.0, 40)
    other = AugmentationStrength(0.6, 1_000)
    other.load_state_dict(strength.state_dict())
    assert seen(other, 0.9, 30) == seen(strength, 0.9, 30)
