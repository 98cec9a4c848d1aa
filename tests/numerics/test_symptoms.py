"""Numbers of trainings that go wrong, against hand-made ones."""

import numpy as np
import pytest
import torch
from torch import nn

from genkit.core.phase import LossTerms, Phase
from genkit.diagnostics import symptoms

NOISE = np.random.default_rng(0).normal(size=400)


# ---------------------------------------------------------------------- losses


def test_a_spike_is_counted_in_what_the_losses_before_it_scatter():
    calm = 2 + 0.5 * NOISE
    assert symptoms.highest_spike(calm) < 8
    struck = calm.copy()
    struck[200] = 2 + 0.5 * 30
    assert symptoms.highest_spike(struck) == pytest.approx(30, rel=0.35)  # of 32 losses the scatter is rough


def test_a_quiet_loss_is_taken_to_scatter_by_a_twentieth_of_its_level():
    quiet = np.full(100, 2.0)
    quiet[60] = 3.0
    assert symptoms.highest_spike(quiet) == pytest.approx(1.0 / (2.0 / 20))


def test_a_falling_loss_has_no_spikes_and_a_short_one_none_that_are_known():
    assert symptoms.highest_spike(np.linspace(4, 1, 100)) == 0
    assert symptoms.highest_spike(np.ones(32)) is None


@pytest.mark.parametrize(("trained", "validated", "told"), [(2, 3, 0.5), (2, 1, -0.5), (-1, 3, None)])
def test_the_gap_between_losses(trained, validated, told):
    assert symptoms.gap(trained, validated) == told


# ---------------------------------------------------------------------- weights


def test_a_network_moves_by_the_share_that_its_weights_change():
    module = nn.ModuleDict({"one": nn.Linear(100, 100), "other": nn.Linear(7, 3), "frozen": nn.Linear(5, 5)})
    module["frozen"].requires_grad_(False)
    phases = [Phase("p", (module,), lambda batch, noise: LossTerms(torch.zeros(())))]
    networks = symptoms.networks(module, phases)
    assert set(networks) == {"one", "other"}
    before = {name: symptoms.probe(parameters) for name, parameters in networks.items()}
    with torch.no_grad():
        for parameter in module["one"].parameters():
            parameter.mul_(1.25)
    shares = {name: symptoms.moved(before[name], symptoms.probe(networks[name])) for name in networks}
    assert shares == {"one": pytest.approx(0.25), "other": 0.0}
    assert len(before["one"]) <= symptoms.PROBES + 100


def test_weights_that_another_process_holds_are_not_judged():
    assert symptoms.moved(torch.zeros(0), torch.zeros(0)) is None


def test_numbers_and_weights_that_are_not_finite_are_counted():
    weights = [torch.ones(3), torch.tensor([1.0, torch.nan]), torch.tensor([torch.inf]), torch.tensor(5)]
    assert symptoms.count_not_finite({"a": 1.0, "b": [0.0, float("inf")], "c": float("nan")}, weights) == 4
    assert symptoms.count_not_finite({"a": 1.0}, weights[:1]) == 0


# ---------------------------------------------------------------------- samples


def test_pieces_that_come_again_within_a_text():
    unlike, loop = np.arange(50), np.tile([4, 5, 6], 20)
    assert symptoms.repeated([unlike]) == 0
    # 53 pieces of 8 tokens, three of them different
    assert symptoms.repeated([loop]) == pytest.approx(50 / 53)
    assert symptoms.repeated([loop, unlike]) == pytest.approx(50 / (53 + 43))
    assert symptoms.repeated([np.arange(5)]) == 0


def test_numbers_of_pieces_are_equal_where_the_pieces_are():
    tokens = np.random.default_rng(2).integers(0, 2, 3000)
    numbers = symptoms.pieces(tokens, 8)
    told = {}
    for i, number in enumerate(numbers.tolist()):
        told.setdefault(number, set()).add(tuple(tokens[i : i + 8]))
    assert all(len(pieces) == 1 for pieces in told.values())
    assert len(told) == len({tuple(tokens[i : i + 8]) for i in range(len(numbers))})


@pytest.mark.parametrize("count", [1, 3, 15, 16, 19, 64])
def test_examples_that_are_all_the_same_have_no_share_at_any_count(count):
    windows = torch.full((count, 9), 5)
    windows[-1, 4:] = -1  # the last window of a text is filled up
    assert symptoms.distinct(windows, running=True) == 0
    assert symptoms.distinct(torch.full((count, 1, 8, 8), 5), running=False) == (0 if count >= 16 else None)
    other = windows.clone()
    other[0, 0] = 6
    assert symptoms.distinct(other, running=True) == (None if count < 16 else pytest.approx(3 / count))
