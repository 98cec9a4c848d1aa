"""Filters against transformers' processors; the choice against the distribution that it is drawn from."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from transformers import (
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from genkit.core.codecs import ByteCodec, CharCodec
from genkit.generation.decoding import Drawn, choose, filter_logits
from genkit.generation.step_numbers import BLOCK

OFF = {"temperature": 1.0, "top_k": None, "top_p": None, "min_p": None, "repetition_penalty": 1.0}


@pytest.mark.parametrize(
    ("option", "processor"),
    [
        ({"temperature": 0.7}, TemperatureLogitsWarper(0.7)),
        ({"top_k": 5}, TopKLogitsWarper(5)),
        ({"top_p": 0.6}, TopPLogitsWarper(0.6)),
        ({"min_p": 0.2}, MinPLogitsWarper(0.2)),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_filters_equal_transformers(option, processor):
    logits = torch.randn(6, 50, generator=torch.Generator().manual_seed(0)) * 2
    kept_logits, kept = filter_logits(logits, {**OFF, **option})
    ours = kept_logits
    if kept is not None:
        ours = torch.full_like(logits, -torch.inf).scatter(-1, kept, kept_logits)
    torch.testing.assert_close(ours, processor(torch.zeros(6, 1, dtype=torch.long), logits.clone()))


def test_repetition_penalty_equals_transformers():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 20, generator=generator)
    used = torch.randint(0, 20, (3, 7), generator=generator)
    seen = torch.zeros(3, 20, dtype=torch.bool).scatter_(1, used, True)
    ours, _ = filter_logits(logits, {**OFF, "repetition_penalty": 1.7}, seen)
    torch.testing.assert_close(ours, RepetitionPenaltyLogitsProcessor(1.7)(used, logits.clone()))


def test_choice_follows_the_distribution():
    logits = torch.tensor([0.3, -1.0, 2.0, 0.0, -torch.inf, 1.0])
    n = 20_000
    uniform = (torch.arange(n) + 0.5) / n  # a stratified sample: frequencies are exact up to 1/n
    drawn = choose(logits.expand(n, -1), uniform, OFF)
    counts = torch.bincount(drawn, minlength=6)
    expected = logits.softmax(0) * n
    assert counts[4] == 0
    keep = expected > 0
    assert chisquare(counts[keep].numpy(), expected[keep].double().numpy(), sum_check=False).pvalue > 0.999


def test_extreme_uniforms_choose_tokens_with_probability():
    logits = torch.tensor([[-torch.inf, 0.0, 1.0, -torch.inf]])
    assert choose(logits, torch.tensor([0.0]), OFF).item() == 1
    assert choose(logits, torch.tensor([1.0 - 2**-24]), OFF).item() == 2


class Unread(torch.Tensor):
    """Tokens of a device that would be waited for."""

    def tolist(self):
        raise AssertionError("read")

    __int__ = __index__ = item = tolist


def test_without_stop_texts_no_token_is_read_while_drawing():
    drawn = Drawn(2, CharCodec.of("abc"), [])
    for token in range(5):
        assert not drawn.add(torch.tensor([token, 9 - token]).as_subclass(Unread))
    assert [row.as_subclass(torch.Tensor).tolist() for row in drawn.tokens()] == [
        [0, 1, 2, 3, 4],
        [9, 8, 7, 6, 5],
    ]
    streamed, pieces = Drawn(1, CharCodec.of("abc"), []), []
    for token in range(3):
        streamed.add(torch.tensor([token]))
        pieces += streamed.settle(False)
    assert [*pieces, *streamed.settle(True)] == [0, 1, 2]


@pytest.mark.parametrize("codec", [CharCodec.of("abc。\n"), ByteCodec()], ids=["chars", "bytes"])
def test_a_row_ends_before_its_stop_text(codec):
    drawn = Drawn(2, codec, ["。"])
    first, second = codec.encode("ab。a"), codec.encode("aaaaaaaa")
    for i in range(len(first)):
        drawn.add(torch.tensor([first[i], second[i]]))
    assert codec.decode(drawn.tokens()[0].numpy()) == "ab"
    assert codec.decode(drawn.tokens()[1].numpy()) == "aaaaaaaa"[: len(first)]


@pytest.mark.parametrize(
    "extreme",
    [
        {"temperature": 1e-38},
        {"temperature": 1e-300},
        {"top_p": 1e-300},
        {"top_p": 1e-45},
        {"repetition_penalty": 1e-6},
        {"repetition_penalty": 1e-6, "temperature": 1e-38},
        {"repetition_penalty": 1e-6, "temperature": 5e-324, "top_p": 5e-324},
    ],
)
def test_the_ends_of_declared_ranges_are_computed(extreme):
    """The limit is plain in float64: the largest logit after the penalty."""
    draw = np.random.default_rng(4)
    logits = torch.from_numpy(draw.normal(0, 5, (64, 9)).astype("f4"))
    seen = torch.from_numpy(draw.random((64, 9)) < 0.4) if "repetition_penalty" in extreme else None
    wanted = logits.double()
    if seen is not None:  # next to nothing: positive ones grow in their order, negative ones come to 0
        wanted = torch.where(seen, torch.where(wanted > 0, wanted * 1e9, wanted * 0), wanted)
    chosen = choose(logits, torch.full((64,), 0.999), {**OFF, **extreme}, seen)
    found = wanted.gather(1, chosen[:, None]).squeeze(1) == wanted.amax(1)
    # Where nothing positive is repeated the penalty decides nothing, and a temperature of 1 draws.
    decided = (
        wanted.amax(1) > 1e6 if set(extreme) == {"repetition_penalty"} else torch.ones(64, dtype=torch.bool)
    )
    assert decided.sum() > 20
    assert found[decided].all()


@pytest.mark.parametrize("steps", [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3])
def test_tokens_are_kept_and_settled_in_order_across_blocks(steps):
    drawn, settled = Drawn(2, CharCodec.of("ab"), ()), []
    for step in range(steps):
        drawn.add(torch.tensor([step, -step]))
        settled += drawn.settle(step == steps - 1)
    first, second = drawn.tokens()
    assert settled == first.tolist() == list(range(steps))
    assert second.tolist() == [-step for step in range(steps)]
