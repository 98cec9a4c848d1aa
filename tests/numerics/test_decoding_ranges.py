"""Every mixture of options within the declared ranges against the chain written out with wide numbers."""

import itertools

import numpy as np
import pytest
import torch

from genkit.core.options import resolve_options
from genkit.families.gpt import GPT
from genkit.generation.decoding import choose, filter_logits
from genkit.system.errors import ConfigError

# With the ends of the ranges, and what float32 (1e-38) and float64 (1e-308) only just hold.
TEMPERATURES = (5e-324, 1e-300, 1e-45, 1e-38, 1e-30, 1e-20, 1e-6, 0.3, 1, 2.7, 100)
PENALTIES = (1e-6, 0.003, 0.8, 1, 1.3, 100)
TOP_K = (None, 1, 4)
TOP_P = (None, 5e-324, 0.62, 1)
MIN_P = (None, 0.17, 1)
GRID = list(itertools.product(TEMPERATURES, PENALTIES, TOP_K, TOP_P, MIN_P))
ROWS, TOKENS = 6, 12

wide = pytest.mark.skipif(np.finfo(np.longdouble).maxexp < 16384, reason="needs numbers beyond float64")


def reference(logits: np.ndarray, seen: np.ndarray, options: dict) -> np.ndarray:
    """Probabilities (B, V), in numbers of 15 bits of exponent."""
    penalty, temperature = (np.longdouble(options[name]) for name in ("repetition_penalty", "temperature"))
    scores = logits.astype(np.longdouble)
    scores = np.where(seen, np.where(scores > 0, scores / penalty, scores * penalty), scores) / temperature
    order = (-scores).argsort(1)  # the likeliest first
    masses = np.exp(np.take_along_axis(scores, order, 1) - scores.max(1, keepdims=True))
    masses[:, options["top_k"] or TOKENS :] = 0
    masses /= masses.sum(1, keepdims=True)
    if options["top_p"] is not None:
        for row in masses:
            needed, total = 0, 0
            while needed < len(row) and (needed == 0 or total < np.longdouble(options["top_p"])):
                total += row[needed]
                needed += 1
            row[needed:] = 0
        masses /= masses.sum(1, keepdims=True)
    if options["min_p"] is not None:
        masses[masses < np.longdouble(options["min_p"]) * masses[:, :1]] = 0
        masses /= masses.sum(1, keepdims=True)
    found = np.zeros_like(masses)
    np.put_along_axis(found, order, masses, 1)
    return found


def ours(logits, seen, options) -> np.ndarray:
    kept_logits, kept = filter_logits(logits, options, seen)
    probabilities = kept_logits.softmax(-1)
    if kept is not None:
        probabilities = torch.zeros_like(logits).scatter(-1, kept, probabilities)
    return probabilities.numpy()


@pytest.fixture(scope="module")
def rows():
    """Logits (B, V), and which of the tokens are seen: some, none, all, all of the positive ones, …"""
    draw = np.random.default_rng(11)
    logits = draw.normal(0, 3, (ROWS, TOKENS)).astype("f4")
    logits[4] = -np.abs(logits[4])
    logits[5, 3] = -np.inf  # a forbidden token
    seen = draw.random((ROWS, TOKENS)) < 0.4
    seen[1], seen[2], seen[3] = False, True, logits[3] > 0
    return torch.from_numpy(logits), torch.from_numpy(seen)


@wide
def test_every_mixture_is_computed(rows):
    logits, seen = rows
    assert len(GRID) >= 2000
    names = ("temperature", "repetition_penalty", "top_k", "top_p", "min_p")
    wrong = []
    with np.errstate(over="ignore", under="ignore"):
        for values in GRID:
            given = dict(zip(names, values, strict=True))
            options = resolve_options(GPT.options, given, "gpt")  # none of them is refused
            found = ours(logits, seen, options)
            wanted = reference(logits.numpy(), seen.numpy(), options)
            same = np.allclose(found, wanted.astype(float), rtol=2e-5, atol=2e-6)  # false of NaN
            if not (same and np.allclose(found.sum(1), 1, atol=1e-6)):
                wrong.append(given)
            chosen = choose(logits, torch.full((ROWS,), 0.37), options, seen)
            if not (wanted[np.arange(ROWS), chosen] > 0).all():
                wrong.append(("chosen", given))
    assert not wrong, f"{len(wrong)} of {len(GRID)}, the first: {wrong[:3]}"


@pytest.mark.parametrize("penalty", PENALTIES)
def test_without_a_temperature_the_likeliest_after_the_penalty_is_chosen(rows, penalty):
    logits, seen = rows
    options = resolve_options(GPT.options, {"temperature": 0, "repetition_penalty": penalty}, "gpt")
    scores = logits.numpy().astype(np.longdouble)
    scores = np.where(seen, np.where(scores > 0, scores / penalty, scores * penalty), scores)
    assert choose(logits, torch.zeros(ROWS), options, seen).tolist() == scores.argmax(1).tolist()


@pytest.mark.parametrize("penalty", [5e-324, 1e-40, 1e-30, 9.9e-7, 0, 101])
def test_a_penalty_beyond_all_sense_is_refused_with_its_range(penalty):
    with pytest.raises(ConfigError, match="repetition_penalty takes a number from 1e-06 to 100"):
        resolve_options(GPT.options, {"repetition_penalty": penalty}, "gpt")


def test_devices_without_float64_can_draw(rows):
    """MPS has none: no step of the choice may ask for it."""
    logits, seen = rows
    kinds = set()

    class Watched(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            result = super().__torch_function__(function, types, args, kwargs or {})
            kinds.update(
                r.dtype for r in (result if isinstance(result, tuple) else (result,)) if hasattr(r, "dtype")
            )
            return result

    for temperature, penalty in itertools.product((0, *TEMPERATURES), PENALTIES):
        options = {
            "temperature": temperature,
            "repetition_penalty": penalty,
            "top_k": 5,
            "top_p": 0.9,
            "min_p": 0.1,
        }
        choose(logits.as_subclass(Watched), torch.full((ROWS,), 0.5), options, seen)
    assert torch.float32 in kinds
    assert torch.float64 not in kinds
