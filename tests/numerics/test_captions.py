"""A GPT behind captions: what it scores, how it is led, what it leaves out, on networks made by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from genkit.core.batch import Batch
from genkit.core.captions import Captions
from genkit.core.codecs import ByteCodec, PixelCodec
from genkit.core.noise import Noise
from genkit.core.observation import mask
from genkit.core.options import Options
from genkit.core.phase import StepNoise
from genkit.core.spec import ArraySpec, TokenSpec
from genkit.data.array_windows import PixelWindows
from genkit.data.arrays.treatments import Levels
from genkit.data.dataset import ArrayExamples
from genkit.diagnostics import symptoms
from genkit.families.gpt import GPT
from genkit.inference import verbs
from genkit.inference.held_out import sample_held_out
from genkit.inference.scoring import score_split
from genkit.nn.incremental import Stepper
from genkit.nn.key_value_cache import KVCache
from genkit.system.errors import ConfigError
from genkit.testing import Case, check_family

ARRAY = ArraySpec(1, (2, 2), 3)
LENGTH = 4
SPEC = TokenSpec(PixelCodec(ARRAY), captions=Captions(ByteCodec(), LENGTH))


def made(dropout: float | None = None, strength: float = 4.0) -> GPT:
    torch.manual_seed(0)
    model = GPT(SPEC, caption_dropout=dropout, n_layer=1, n_head=2, n_embd=16).eval()
    for parameter in model.parameters():
        parameter.data.mul_(strength)  # so that tokens matter to one another
    return model


def window(caption: str, levels: tuple[int, ...]) -> list[int]:
    """By hand: bytes behind the 3 levels and the start, filled up with the id behind all bytes."""
    told = [4 + byte for byte in caption.encode()]
    return [*told, *[4 + 256] * (LENGTH - len(told)), 3, *levels]


def every() -> list[tuple[int, ...]]:
    return list(itertools.product(range(3), repeat=4))


def by_hand(model: GPT, caption: str, levels: tuple[int, ...]) -> float:
    """log p of the levels by one pass of the network for each, chosen from all logits."""
    total, own = 0.0, window(caption, levels)
    for place in range(LENGTH + 1, len(own)):
        logits = model.network(torch.tensor([own[:place]]))[0, -1, :3]
        total += logits.log_softmax(-1)[own[place]].item()
    return total


@pytest.fixture(scope="module")
def model() -> GPT:
    return made()


@torch.no_grad()
def test_a_score_is_of_the_array_alone_given_its_caption(model: GPT) -> None:
    arrays = np.array(every(), np.uint8).reshape(-1, 1, 2, 2)
    captions = ["ab" if number % 2 else "" for number in range(len(arrays))]
    examples = ArrayExamples(arrays, None, np.arange(len(arrays)), Levels(3, 3), captions=captions)
    windows = PixelWindows(examples, PixelCodec(ARRAY))
    windows.captions = SPEC.caption_ids(captions).astype(np.int16)
    found = score_split(model, windows)
    expected = [by_hand(model, text, levels) for text, levels in zip(captions, every(), strict=True)]
    assert found.values == pytest.approx(expected, abs=1e-4)
    assert found.given == "captions"
    assert found.size == len(arrays) * 4
    tokens = torch.tensor([window("ab", every()[5])])
    each = model.token_log_likelihood(tokens)[0]
    assert each[:LENGTH].tolist() == [0.0] * LENGTH
    assert float(each.sum()) == pytest.approx(by_hand(model, "ab", every()[5]), abs=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("caption", ["", "ab", "日"])
def test_probabilities_of_all_arrays_given_a_caption_sum_to_one(model: GPT, caption: str) -> None:
    tokens = torch.tensor([window(caption, levels) for levels in every()])
    found = model.log_likelihood(Batch(tokens, range(81)), Noise(0, range(81))).double()
    assert float(found.exp().sum()) == pytest.approx(1, rel=1e-5)


def led(model: GPT, caption: str, guidance: float, uniforms: Tensor) -> list[int]:
    """A sample by the formula of Ho and Salimans on probabilities: p(x | c)^g p(x)^(1 - g), normalised."""
    drawn: list[int] = []
    for number in uniforms.tolist():
        logs = [
            model.network(torch.tensor([[*window(text, ()), *drawn]]))[0, -1, :3].double().log_softmax(-1)
            for text in (caption, "")
        ]
        chances = (guidance * logs[0] + (1 - guidance) * logs[1]).softmax(-1)
        drawn.append(int((chances.cumsum(-1) <= number).sum()))
    return drawn


@torch.no_grad()
@pytest.mark.parametrize("guidance", [0.0, 0.5, 2.0, 7.5])
def test_guidance_is_a_product_of_powers_of_two_probabilities(model: GPT, guidance: float) -> None:
    samples = model.sample(40, prompt="ab", seed=3, guidance=guidance, batch_size=7)
    uniforms = Noise(3, range(40)).uniform("tokens/0", 256)[:, :4]
    expected = [led(model, "ab", guidance, row) for row in uniforms]
    assert [ids.tolist() for ids in samples.data] == expected
    plain = model.sample(40, prompt="" if guidance == 0 else "ab", seed=3)
    same = [bool((a == b).all()) for a, b in zip(samples.data, plain.data, strict=True)]
    assert all(same) == (guidance == 0)


def test_guidance_of_one_is_none_and_costs_nothing(model: GPT, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    stepped: list[int] = []
    reading, stepping = Stepper.read, Stepper.__call__

    def counted_reading(self: Stepper, tokens: Tensor, cache: KVCache | None = None) -> Tensor:
        read.append(len(tokens))
        return reading(self, tokens, cache)

    def counted_stepping(self: Stepper, tokens: Tensor) -> Tensor:
        stepped.append(len(tokens))
        return stepping(self, tokens)

    monkeypatch.setattr(Stepper, "read", counted_reading)
    monkeypatch.setattr(Stepper, "__call__", counted_stepping)
    plain = model.sample(6, prompt="ab", seed=1)
    off = model.sample(6, prompt="ab", seed=1, guidance=1.0)
    assert set(read) == {1}  # six of one caption
    assert set(stepped) == {6}
    assert all(torch.equal(a, b) for a, b in zip(plain.data, off.data, strict=True))
    model.sample(6, prompt="ab", seed=1, guidance=2.0)
    assert read[-1] == 2
    assert stepped[-1] == 12


def test_each_prompt_has_n_samples_which_say_what_was_asked(model: GPT) -> None:
    samples = model.sample(2, prompt=["ab", " c  d ", ""], seed=5)
    assert list(samples.captions) == ["ab", "ab", "c d", "c d", "", ""]
    assert samples.arrays.shape == (6, 1, 2, 2)
    parts = model.sample(2, prompt=["ab", "c d", ""], seed=5, batch_size=4)
    assert all(torch.equal(a, b) for a, b in zip(samples.data, parts.data, strict=True))
    later = model.sample(1, prompt="c d", seed=5, first=3)
    assert torch.equal(later.data[0], samples.data[3])


def test_a_family_of_captions_keeps_what_every_family_promises() -> None:
    def windows(n: int) -> Batch:
        captions = SPEC.caption_ids(["ab" if number % 2 else "" for number in range(n)])
        levels = torch.randint(0, 3, (n, 4), generator=torch.Generator().manual_seed(n))
        starts = torch.full((n, 1), 3)
        return Batch(
            torch.cat((torch.from_numpy(captions), starts, levels), 1), range(n), None, torch.full((n,), 4.0)
        )

    made_small = lambda: GPT(SPEC, n_layer=1, n_head=2, n_embd=16)  # noqa: E731
    for options in ({"prompt": "ab"}, {"prompt": "ab", "guidance": 2.0}):
        check_family(Case(made_small, windows, options=options))


def test_what_is_asked_of_no_captions_is_refused(model: GPT) -> None:
    bare = TokenSpec(PixelCodec(ARRAY), classes=("a", "b"))
    with pytest.raises(ConfigError, match=r"model\.caption_dropout=0\.5: these data have no captions"):
        GPT(bare, caption_dropout=0.5, n_layer=1, n_head=2, n_embd=16)
    with pytest.raises(ConfigError, match="has no sampling option 'guidance'"):
        GPT(bare, n_layer=1, n_head=2, n_embd=16).sample(1, guidance=2.0)
    captions = TokenSpec(PixelCodec(ARRAY), classes=("a", "b"), captions=Captions(ByteCodec(), LENGTH))
    with pytest.raises(ConfigError, match=r"model\.conditional=true: these data have captions"):
        GPT(captions, conditional=True, n_layer=1, n_head=2, n_embd=16)
    with pytest.raises(ConfigError, match=r"guidance=2: .* model\.caption_dropout=0"):
        made(dropout=0.0).sample(1, prompt="ab", guidance=2.0)
    with pytest.raises(ConfigError, match="the prompt has 5 tokens, captions here have 4 at most"):
        model.sample(1, prompt="abcde")
    with pytest.raises(ConfigError, match="has no sampling option 'unk'"):
        model.sample(1, prompt="ab", unk="skip")


def test_captions_are_left_out_by_their_row_and_step_alone(model: GPT) -> None:
    tokens = torch.tensor([window("ab", every()[number % 81]) for number in range(400)])
    whole = model.without_some(tokens, StepNoise(7, range(400), step=3))
    dropped = (whole != tokens).any(1)
    assert 20 <= int(dropped.sum()) <= 65  # 40 expected, 6 a deviation
    assert torch.equal(whole[:, LENGTH:], tokens[:, LENGTH:])
    assert whole[dropped][:, :LENGTH].unique().tolist() == [4 + 256]
    halves = [
        model.without_some(tokens[part], StepNoise(7, range(part.start, part.stop), step=3))
        for part in (slice(0, 100), slice(100, 400))
    ]
    assert torch.equal(torch.cat(halves), whole)
    assert not torch.equal(model.without_some(tokens, StepNoise(7, range(400), step=4)), whole)
    assert made(dropout=0.0).without_some(tokens, StepNoise(7, range(400), step=3)) is tokens


def test_the_loss_has_no_part_in_the_captions_themselves() -> None:
    model = made(dropout=0.0)
    tokens = torch.tensor([window("ab", levels) for levels in every()])
    loss = model.phases()[0].loss(Batch(tokens, range(81)), StepNoise(0, range(81), step=0)).total
    expected = -sum(by_hand(model, "ab", levels) for levels in every()) / (81 * 4)
    assert loss.item() == pytest.approx(expected, abs=1e-4)


@torch.no_grad()
def test_a_completion_is_drawn_given_a_caption(model: GPT) -> None:
    count = 3_000
    hidden = mask("lower", (2, 2))
    known = torch.tensor([[[[1.0, 0.5], [0.0, 0.0]]]]).expand(count, 1, 2, 2)
    for caption in ("ab", ""):
        labels = torch.from_numpy(SPEC.caption_ids([caption] * count))
        drawn = verbs.complete(model, hidden, hidden.measure(known), Batch(known, range(count), labels))
        rest = (drawn[:, 0, 1] * 2).round().long()
        chances = torch.tensor([by_hand(model, caption, (2, 1, a, b)) for a in range(3) for b in range(3)])
        counts = torch.bincount(rest[:, 0] * 3 + rest[:, 1], minlength=9) / count
        assert torch.equal(drawn[:, 0, 0], known[:, 0, 0])
        assert counts.numpy() == pytest.approx(chances.softmax(-1).numpy(), abs=0.04)


def test_samples_that_are_judged_are_asked_for_what_held_out_examples_are(model: GPT) -> None:
    arrays = np.zeros((5, 1, 2, 2), np.uint8)
    captions = ["a", "b", "c", "d", "e"]
    examples = PixelWindows(
        ArrayExamples(arrays, None, np.array([4, 2, 0]), Levels(3, 3), captions=captions), PixelCodec(ARRAY)
    )
    order = [["e", "c", "a"][place] for place in examples.some().tolist()]
    whole = sample_held_out(model, 7, examples, seed=2)
    assert list(whole.captions) == [*order, *order, order[0]]
    part = sample_held_out(model, 3, examples, seed=2, first=4)
    assert list(part.captions) == list(whole.captions)[4:]
    assert all(torch.equal(a, b) for a, b in zip(part.data, whole.data[4:], strict=True))
    asked = sample_held_out(model, 2, examples, prompt="zz")
    assert list(asked.captions) == ["zz", "zz"]
    assert len(sample_held_out(model, 0, examples)) == 0


def test_findings_look_at_samples_of_the_captions_beside_them(
    model: GPT, monkeypatch: pytest.MonkeyPatch
) -> None:
    captions = ["ab", "", "c", "日"] * 10
    told = torch.from_numpy(SPEC.caption_ids(captions))
    levels = torch.randint(0, 3, (40, 4), generator=torch.Generator().manual_seed(0))
    batch = Batch(torch.cat((told, torch.full((40, 1), 3), levels), 1), range(40))
    asked: list[list[str]] = []
    draw = model.draw

    def heard(noise: Noise, condition: list[str], options: Options) -> list[Tensor]:
        asked.append(list(condition))
        return draw(noise, condition, options)

    monkeypatch.setattr(model, "draw", heard)
    with torch.no_grad():
        found = symptoms.measure(model, batch)
        noise = Noise(model.plan.seed, batch.rows, purpose="health")
        drawn = symptoms.drawing(model, noise)(told).flatten(1)
    assert asked == [captions, captions]
    assert torch.equal(model.as_arrays(batch).data.flatten(1), levels / 2)
    expected = torch.pdist(drawn).mean() / torch.pdist(levels / 2).mean()
    assert found["diversity"] == pytest.approx(expected.item(), rel=1e-5)
    assert found["distinct_examples"] == pytest.approx(len(levels.unique(dim=0)) / 40)
