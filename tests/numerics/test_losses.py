"""The losses and penalties of the two-player games: by hand, by torch's criteria, by finite differences."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from genkit.core.noise import Noise
from genkit.nn.adversarial import (
    GAMES,
    gradient_penalty,
    squared_gradient_norms,
    squared_slopes,
    zero_centred,
)
from genkit.nn.augment import POLICIES, colour, cutout, translation
from genkit.nn.truncation import truncated

REAL, FAKE = torch.tensor([2.0, -1.0]), torch.tensor([0.5, -3.0])
BY_HAND = {  # (discriminator, generator) at REAL and FAKE
    "non_saturating": (
        (math.log1p(math.exp(-2)) + math.log1p(math.e)) / 2
        + (math.log1p(math.exp(0.5)) + math.log1p(math.exp(-3))) / 2,
        (math.log1p(math.exp(-0.5)) + math.log1p(math.exp(3))) / 2,
    ),
    "hinge": ((0 + 2) / 2 + (1.5 + 0) / 2, 1.25),
    "least_squares": (0.5 * (1 + 4) / 2 + 0.5 * (0.25 + 9) / 2, 0.5 * (0.25 + 16) / 2),
    "wasserstein": (-1.25 - 0.5, 1.25),
    "relativistic": (
        (math.log1p(math.exp(-1.5)) + math.log1p(math.exp(-2))) / 2,
        (math.log1p(math.exp(1.5)) + math.log1p(math.exp(2))) / 2,
    ),
}


@pytest.mark.parametrize("name", GAMES)
def test_each_game_has_its_value_by_hand(name):
    game, (discriminator, generator) = GAMES[name], BY_HAND[name]
    assert float(game.discriminator(REAL, FAKE)) == pytest.approx(discriminator, rel=1e-6)
    seen = FAKE - REAL if game.relative else FAKE
    assert float(game.generator(seen)) == pytest.approx(generator, rel=1e-6)


def test_the_relativistic_game_is_a_cross_entropy_of_pairs_that_the_players_want_the_other_way_round():
    torch.manual_seed(0)
    real, fake = torch.randn(7), torch.randn(7)
    game = GAMES["relativistic"]
    torch.testing.assert_close(game.discriminator(real, fake), bce(real - fake, torch.ones(7)))
    torch.testing.assert_close(game.generator(fake - real), bce(real - fake, torch.zeros(7)))
    # What is added to all logits says nothing.
    torch.testing.assert_close(game.discriminator(real + 5, fake + 5), game.discriminator(real, fake))


@pytest.mark.parametrize(
    ("name", "accuracy", "signs"),
    [
        ("non_saturating", 0.5, [1, -1]),  # two of four on their side of 0
        ("least_squares", 0.5, [1, -1]),  # two of four on their side of ½: 0.5 itself is on neither
        ("wasserstein", None, [1, 1]),
        ("relativistic", 1.0, [1, 1]),  # either pair is in order
    ],
)
def test_what_a_discriminator_knows_is_counted_by_examples_or_by_pairs(name, accuracy, signs):
    game = GAMES[name]
    found = game.accuracy(REAL, FAKE)
    assert (None if found is None else float(found)) == accuracy
    assert game.signs(REAL, FAKE).tolist() == signs


def test_the_non_saturating_game_is_a_pair_of_cross_entropies():
    torch.manual_seed(0)
    real, fake = torch.randn(7), torch.randn(7)
    ones, zeros = torch.ones(7), torch.zeros(7)
    game = GAMES["non_saturating"]
    torch.testing.assert_close(game.discriminator(real, fake), bce(real, ones) + bce(fake, zeros))
    torch.testing.assert_close(game.generator(fake), bce(fake, ones))


# ---------------------------------------------------------------------- penalties


class Critic(nn.Module):
    """Smooth, and not linear in its input."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(9, 5), nn.Tanh(), nn.Linear(5, 1)).double()

    def forward(self, images):
        return self.layers(images).squeeze(1)


def pair():
    torch.manual_seed(1)
    return torch.randn(2, 3, 1, 3, 3, dtype=torch.float64).unbind()


def of_what_was_seen(critic, images):
    """By the same pass as a loss would take."""
    images.requires_grad_(True)
    return squared_slopes(critic(images), images)


PENALTIES = {
    "r1": lambda critic: zero_centred(squared_gradient_norms(critic, pair()[0])),
    "r2": lambda critic: zero_centred(squared_gradient_norms(critic, pair()[1])),
    "seen": lambda critic: zero_centred(of_what_was_seen(critic, pair()[0])),
    "gradient_penalty": lambda critic: gradient_penalty(
        critic, *pair(), torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64)
    ),
}


def gradient_norms(critic, images, step=1e-5):
    """‖∇ critic‖ of each image by central differences."""
    squares = torch.zeros(len(images), dtype=torch.float64)
    for i in range(9):
        moved = torch.zeros(9, dtype=torch.float64)
        moved[i] = step
        moved = moved.view(1, 1, 3, 3)
        with torch.no_grad():
            squares += ((critic(images + moved) - critic(images - moved)) / (2 * step)) ** 2
    return squares.sqrt()


def test_penalties_are_functions_of_the_gradient_norm():
    critic, (real, fake) = Critic(), pair()
    share = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64)[:, None, None, None]
    mixed = share * real + (1 - share) * fake
    r1, between = PENALTIES["r1"](critic), PENALTIES["gradient_penalty"](critic)
    torch.testing.assert_close(r1, 0.5 * gradient_norms(critic, real).square().mean(), rtol=1e-6, atol=0)
    r2, seen = PENALTIES["r2"](critic), PENALTIES["seen"](critic)
    torch.testing.assert_close(r2, 0.5 * gradient_norms(critic, fake).square().mean(), rtol=1e-6, atol=0)
    torch.testing.assert_close(seen, r1, rtol=1e-12, atol=0)
    expected = (gradient_norms(critic, mixed) - 1).square().mean()
    torch.testing.assert_close(between, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", PENALTIES)
def test_penalty_gradients_agree_with_finite_differences(name):
    critic, step = Critic(), 1e-5
    weight = critic.layers[1].weight
    PENALTIES[name](critic).backward()
    for place in [(0, 0), (2, 4), (4, 8)]:
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                weight[place] += sign * step
            values.append(float(PENALTIES[name](critic).detach()))
            with torch.no_grad():
                weight[place] -= sign * step
        assert float(weight.grad[place]) == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-5)


# ---------------------------------------------------------------------- augmentation and truncation


def test_translation_shifts_whole_pixels_and_fills_with_black():
    image = torch.arange(64.0).view(1, 1, 8, 8)
    moved = translation(image, torch.tensor([[0.99, 0.0]]))  # one down, one to the left
    assert torch.equal(moved[0, 0, 1:, :-1], image[0, 0, :-1, 1:])
    assert (moved[0, 0, 0] == -1).all()
    assert (moved[0, 0, :, -1] == -1).all()


def test_colour_at_the_middle_of_its_ranges_changes_nothing():
    torch.manual_seed(0)
    images = torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(colour(images, torch.full((2, 3), 0.5)), images)
    brighter = colour(images, torch.tensor([[1.0, 0.5, 0.5]] * 2))
    torch.testing.assert_close(brighter, images + 0.5)


def test_cutout_blanks_a_quarter_of_the_image_at_its_middle():
    image = cutout(torch.ones(1, 1, 8, 8), torch.tensor([[0.5, 0.5]]))
    assert (image[0, 0, 2:6, 2:6] == 0).all()
    assert int((image == 0).sum()) == 16


@pytest.mark.parametrize("name", POLICIES)
def test_every_augmentation_passes_gradients_and_depends_on_its_numbers(name):
    policy = POLICIES[name]
    torch.manual_seed(0)
    images = torch.randn(4, 2, 8, 8, requires_grad=True)
    first, second = (policy.change(images, torch.rand(4, policy.numbers[2])) for _ in range(2))
    assert not torch.equal(first, second)
    first.square().sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


def test_truncation_bounds_latents_and_keeps_their_order_and_law():
    latent = Noise(0, range(4000)).normal("latent", 1)
    bounded = truncated(latent, 1.0)
    assert bounded.abs().max() <= 1
    assert torch.equal(latent.argsort(0), bounded.argsort(0))
    # the variance of a standard normal cut at ±1: 1 - 2 φ(1) / (2 Φ(1) - 1)
    assert float(bounded.var()) == pytest.approx(1 - 2 * 0.2419707 / 0.6826895, rel=0.05)
    torch.testing.assert_close(truncated(latent, 10.0), latent, atol=1e-4, rtol=0)
