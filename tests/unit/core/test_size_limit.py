"""What is described is counted before it is made."""

import pytest
import torch
from torch import nn

from genkit.core.size_limit import TooLarge, check_size


def test_a_network_within_the_limit_is_fine_and_leaves_the_generator_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    check_size(lambda: nn.Linear(10, 10), 1_000)
    assert torch.equal(torch.get_rng_state(), before)
    assert nn.Linear(2, 2).weight.device.type == "cpu"


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.Linear(1_000_000, 1_000_000_000),
        lambda: [nn.Linear(1, 1) for _ in iter(int, 1)],  # without an end
        lambda: torch.zeros(10_001),
    ],
)
def test_more_numbers_than_allowed_are_refused_before_they_take_memory(build):
    with pytest.raises(TooLarge):
        check_size(build, 10_000)
