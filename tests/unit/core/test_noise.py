"""Noise: a pure function of seed, purpose, step, name and row; the right distributions; no global state."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from genkit.core.noise import Noise, mix


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**64 - 1), st.integers(0, 10**6), st.integers(1, 20), st.data())
def test_a_row_does_not_depend_on_its_neighbours(seed, start, count, data):
    shape = data.draw(st.lists(st.integers(1, 5), max_size=2))
    whole = Noise(seed, range(start, start + count))
    row = data.draw(st.integers(0, count - 1))
    alone = Noise(seed, range(start + row, start + row + 1))
    for kind in ("uniform", "normal"):
        assert torch.equal(getattr(whole, kind)("z", *shape)[row], getattr(alone, kind)("z", *shape)[0])


def draws():
    """One draw for each way to differ."""
    return {
        "base": Noise(0, range(4)).normal("z", 8),
        "seed": Noise(1, range(4)).normal("z", 8),
        "high seed": Noise(2**63, range(4)).normal("z", 8),
        "rows": Noise(0, range(4, 8)).normal("z", 8),
        "purpose": Noise(0, range(4), purpose="train").normal("z", 8),
        "step": Noise(0, range(4), step=1).normal("z", 8),
        "name": Noise(0, range(4)).normal("y", 8),
    }


def test_whatever_differs_gives_other_numbers():
    values = torch.cat([draw.flatten() for draw in draws().values()])
    assert len(values.unique()) == len(values)


def test_asking_twice_gives_the_same_numbers():
    for name, draw in draws().items():
        assert torch.equal(draw, draws()[name])


def test_the_first_number_is_that_of_philox_itself():
    """An independent reading of the counter: NumPy's generator set to row 3's block."""
    import hashlib

    def word(name):
        return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")

    counter = np.array([3 * 2, word("z"), 5, 0], dtype=np.uint64)  # 7 numbers take two blocks of four
    key = np.array([9, word("sample")], dtype=np.uint64)
    raw = np.random.Philox(counter=counter, key=key).random_raw(7)
    expected = (raw >> np.uint64(40)).astype(np.float64) / 2**24
    assert Noise(9, range(3, 4), step=5).uniform("z", 7)[0].double().numpy() == pytest.approx(expected, abs=0)


def test_distributions():
    noise = Noise(0, range(2000))
    uniform, normal = noise.uniform("u", 20).numpy().ravel(), noise.normal("z", 20).numpy().ravel()
    assert 0 <= uniform.min() < uniform.max() < 1
    assert stats.kstest(uniform.astype(np.float64), "uniform").pvalue > 1e-3
    assert stats.kstest(normal.astype(np.float64), "norm").pvalue > 1e-3
    across = np.corrcoef(noise.normal("z", 20).numpy(), rowvar=False) - np.eye(20)
    assert np.abs(across).max() < 5 / np.sqrt(2000)


def test_the_global_generators_are_untouched():
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    Noise(0, range(4)).normal("z", 3)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002


def test_shapes_and_types():
    noise = Noise(0, range(3))
    assert len(noise) == 3
    assert noise.uniform("u").shape == (3,)
    assert noise.normal("z", 2, 5).shape == (3, 2, 5)
    assert noise.normal("z", 2).dtype == torch.float32


def test_mixed_seeds_fit_and_differ():
    mixed = [mix(a, b) for a in range(20) for b in range(20)]
    assert len(set(mixed)) == 400
    assert all(0 <= seed < 2**63 for seed in mixed)
    assert mix(1, 2) != mix(2, 1) != mix(12)
