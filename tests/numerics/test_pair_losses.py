"""The loss and the scores of pairs against one example at a time; no example sees its neighbours."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from genkit.core.noise import Noise
from genkit.core.pairs import Pair
from genkit.core.phase import StepNoise
from genkit.core.spec import View
from genkit.data.loading import DataModule
from genkit.data.pair_knobs import PairKnobs
from genkit.data.pair_table import PairTable
from genkit.data.pair_views import pair_windows
from genkit.families.gpt import GPT
from genkit.inference.scoring import score_split


def some_pairs(count):
    drawn = np.random.default_rng(3)
    return [
        Pair("".join(drawn.choice(list("abcd"), drawn.integers(1, 12))), str(drawn.integers(0, 10**5)))
        for _ in range(count)
    ]


def opened(tmp_path, block_size, **knobs):
    every = some_pairs(60)
    parts = {"train": every[:40], "validation": every[40:50], "test": every[50:]}
    data = PairKnobs(name="made", **knobs)
    view = View("tokens", block_size=block_size)
    return pair_windows("made", PairTable(parts, "made"), data, {"cache_dir": str(tmp_path)}, view)


def gpt(spec, block_size=64, **knobs):
    torch.manual_seed(0)
    sizes = {"n_layer": 2, "n_head": 2, "n_embd": 32, "block_size": block_size}
    module = GPT(spec, **{**sizes, **knobs}).eval()
    with torch.no_grad():  # far from uniform, so that every mistake is seen
        for parameter in module.parameters():
            parameter.mul_(3 if parameter.ndim == 2 else 1)
    return module


def alone(module, pair):
    """-log p(answer and its end | prompt), token by token, of one example read by itself."""
    codec = module.spec.codec
    ids = torch.from_numpy(codec.encode(f"\x1e{pair.prompt}\n{pair.answer}\x1e"))
    logits = module.network(ids[None, :-1])[0]
    nll = F.cross_entropy(logits, ids[1:], reduction="none")
    return nll[len(pair.prompt) + 1 :]


def batch_of(dataset, part):
    gather = DataModule(dataset, seed=0, batch_size=2).gather(part)
    return gather(np.arange(len(gather)), range(len(gather)))


@pytest.mark.parametrize("positions", ["learned", "rotary"])
@torch.no_grad()
def test_the_loss_is_that_of_one_example_at_a_time(tmp_path, positions):
    dataset = opened(tmp_path, 64)
    module = gpt(dataset.spec, positions=positions)
    batch = module.prepare(batch_of(dataset, "train"))
    assert len(batch) < 20  # windows hold several examples each
    expected = torch.cat([alone(module, pair) for pair in some_pairs(60)[:40]])
    (phase,) = module.phases()
    loss = phase.loss(batch, _noise(batch)).total
    assert float(loss) == pytest.approx(float(expected.mean()), rel=1e-5)
    scores = module.score_batch(batch, Noise(0, batch.rows))["nll"]
    assert batch.weight is not None
    mean = (scores * batch.weight).sum() / batch.weight.sum()
    assert float(mean) == pytest.approx(float(expected.mean()), rel=1e-5)
    assert float(batch.weight.sum()) == len(expected)


def _noise(batch):
    return StepNoise(0, batch.rows, step=0)


@torch.no_grad()
def test_no_example_sees_its_neighbours(tmp_path):
    dataset = opened(tmp_path, 64)
    module = gpt(dataset.spec, positions="rotary")
    batch = module.prepare(batch_of(dataset, "train"))
    packing = batch.packing
    changed = batch.data.clone()
    for row, segments in zip(changed, packing.segments, strict=True):
        middle = segments[:-1] == 1  # the second example of each window, without its separators
        places = 1 + torch.nonzero(middle & (segments[1:] == 1))[:, 0]
        row[places] = (row[places] + 1) % dataset.spec.vocab_size
    before = module.token_log_likelihood(batch.data, packing.segments)
    after = module.token_log_likelihood(changed, packing.segments)
    others = packing.segments != 1
    assert torch.equal(before[others], after[others])
    assert not torch.equal(before, after)
    # Without the segments they would.
    assert not torch.equal(
        module.token_log_likelihood(batch.data)[others], module.token_log_likelihood(changed)[others]
    )


def test_no_gradient_comes_from_what_is_not_scored(tmp_path):
    """The gradient of the loss is that of the answers alone: prompts as targets leave no trace."""
    dataset = opened(tmp_path, 64)
    module = gpt(dataset.spec)
    (phase,) = module.phases()
    batch = module.prepare(batch_of(dataset, "train"))
    logits = module.network(batch.data[:, :-1].clamp(min=0), segments=batch.packing.segments)
    logits.retain_grad()
    nll = F.cross_entropy(logits.flatten(0, 1), batch.data[:, 1:].clamp(min=0).flatten(), reduction="none")
    (nll.view_as(batch.packing.segments)[batch.packing.scored].mean()).backward()
    expected = [p.grad.clone() for p in module.parameters()]
    module.zero_grad()
    phase.loss(batch, _noise(batch)).total.backward()
    for parameter, own in zip(module.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, own)


@torch.no_grad()
def test_the_scores_are_the_same_whatever_the_packing(tmp_path):
    for block_size in (24, 40, 64):
        dataset = opened(tmp_path, block_size)
        module = gpt(dataset.spec)
        for part in ("train", "test"):
            scores = score_split(module, dataset.split(part), batch_size=3)
            sums = np.add.reduceat(scores.values, scores.bounds[:-1])
            pairs = some_pairs(60)[slice(0, 40) if part == "train" else slice(50, 60)]
            plain = [-float(alone(module, pair).sum()) for pair in pairs]
            np.testing.assert_allclose(sums, plain, rtol=1e-5)
            assert scores.size == sum(len(pair.answer) for pair in pairs)
            assert scores.given == "prompts"
            np.testing.assert_allclose(scores.bits, -sum(plain) / np.log(2) / scores.size, rtol=1e-5)


@torch.no_grad()
def test_what_is_drawn_continues_the_very_tokens_that_were_trained_on(tmp_path):
    dataset = opened(tmp_path, 64)
    module, codec = gpt(dataset.spec), dataset.spec.codec
    pair = some_pairs(60)[0]
    samples = module.sample(1, prompt=[pair.prompt, "abc"], temperature=0.0, max_new_tokens=9, stop="never")
    assert list(samples.captions) == [pair.prompt, "abc"]
    for prompt, drawn in zip(samples.captions, samples.data, strict=True):
        ids = codec.encode(f"\x1e{prompt}\n").tolist()
        for token in drawn.tolist():
            assert token == int(module.network(torch.tensor([ids]))[0, -1].argmax())
            ids.append(token)
    assert samples.texts == [codec.decode(drawn) for drawn in samples.data]
    assert (
        "".join(module.stream(pair.prompt, temperature=0.0, max_new_tokens=9, stop="never"))
        == samples.texts[0]
    )


def test_an_answer_ends_where_its_end_is_drawn(tmp_path):
    dataset = opened(tmp_path, 64)
    module = gpt(dataset.spec)
    long = module.sample(8, prompt="ab", max_new_tokens=60, stop=["never to be seen"]).texts
    short = module.sample(8, prompt="ab", max_new_tokens=60).texts
    assert [text.partition("\x1e")[0] for text in long] == short
    assert any("\x1e" in text for text in long)
