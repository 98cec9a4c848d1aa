"""Prompts that are read once for all draw what each draws alone; narrow keys and values stay close."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from genkit.generation.decoding import decode
from genkit.generation.reading import SHARED, read_prompts
from genkit.nn import products
from genkit.nn.incremental import Stepper
from genkit.nn.key_value_cache import KVCache
from genkit.nn.products import kept_in
from genkit.nn.transformer import Transformer
from genkit.nn.transformer_config import TransformerConfig

PLAIN = {"temperature": 1.0, "top_k": None, "top_p": None, "min_p": None, "repetition_penalty": 1.0}
KINDS = {
    "gpt2": {},
    "modern": {"norm": "rms", "positions": "rotary", "activation": "swiglu", "n_kv_head": 2},
    "window": {"positions": "rotary", "window": 9, "window_from": 1},
}
CPU = torch.device("cpu")


def network(context: int = 96, **blocks: object) -> Transformer:
    torch.manual_seed(0)
    made = Transformer(
        TransformerConfig(vocab_size=37, block_size=context, n_layer=2, n_head=4, n_embd=32, **blocks)
    ).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, int]]]:
    """Rows and tokens of everything that is read at once."""
    shapes: list[tuple[int, int]] = []
    whole = Stepper.read

    def counted(self: Stepper, tokens: Tensor, cache: KVCache | None = None) -> Tensor:
        shapes.append((tokens.shape[0], tokens.shape[1]))
        return whole(self, tokens, cache)

    monkeypatch.setattr(Stepper, "read", counted)
    return shapes


def drawn(model: Transformer, prompts: list[Tensor], uniform: Tensor, **options: object) -> Tensor:
    return torch.stack(list(decode(model, prompts, uniform.unbind(1), {**PLAIN, **options})), dim=1)


def check_as_alone(model: Transformer, prompts: list[Tensor], steps: int, **options: object) -> None:
    uniform = torch.rand(len(prompts), steps, generator=torch.Generator().manual_seed(1))
    together = drawn(model, prompts, uniform, **options)
    for b, prompt in enumerate(prompts):
        assert torch.equal(drawn(model, [prompt], uniform[b : b + 1], **options)[0], together[b]), b


@pytest.mark.parametrize("blocks", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_equal_prompts_are_read_once(read, blocks, penalty):
    one, other = torch.arange(9) % 37, torch.arange(3) + 20
    longer = torch.cat((torch.zeros(1, dtype=torch.int64), one))  # as one with its padding would be
    prompts = [one, other, one, longer, one, other]
    uniform = torch.rand(6, 12, generator=torch.Generator().manual_seed(1))
    model = network(**blocks)
    together = drawn(model, prompts, uniform, repetition_penalty=penalty)
    assert read == [(3, 10)]
    assert not torch.equal(together[0], together[2])  # each goes on in its own way
    check_as_alone(model, prompts, 12, repetition_penalty=penalty)


@pytest.mark.parametrize("blocks", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("rests", [(4, 4, 4), (1, 7, 3), (1, 40, 2)], ids=["equal", "unequal", "beyond"])
def test_a_common_beginning_is_read_once(read, blocks, rests):
    """`beyond`: a row whose padding is longer than what all begin with."""
    generator = torch.Generator().manual_seed(2)
    beginning = torch.randint(0, 36, (SHARED,), generator=generator)
    prompts = []
    for number, n in enumerate(rests):
        rest = torch.randint(0, 37, (n,), generator=generator)
        rest[0] = number  # they part here, or are no longer
        prompts.append(torch.cat((beginning, rest)))
    model = network(**blocks)
    uniform = torch.rand(3, 1)
    drawn(model, prompts, uniform)
    assert read == [(1, SHARED), (3, max(rests))]
    check_as_alone(model, prompts, 12)


def test_a_prompt_that_begins_all_others_keeps_its_last_token_to_read(read):
    short = torch.arange(SHARED + 1) % 37
    prompts = [torch.cat((short, torch.tensor([5, 6]))), short]
    model = network()
    drawn(model, prompts, torch.rand(2, 1))
    assert read == [(1, SHARED), (2, 3)]
    check_as_alone(model, prompts, 8)


def test_a_short_common_beginning_is_read_with_the_rest(read):
    prompts = [torch.tensor([*range(SHARED - 1), last, 0]) for last in (1, 2)]
    drawn(network(), prompts, torch.rand(2, 1))
    assert read == [(2, SHARED + 1)]


def test_full_contexts_are_read_anew_each_as_they_are_and_equal_ones_once(read):
    model = network(16)
    prompts = [torch.arange(10), torch.arange(10), torch.arange(4)]
    check_as_alone(model, prompts, 40)
    read.clear()
    drawn(model, prompts[:2], torch.zeros(2, 40), temperature=0.0)  # so they stay equal
    assert len(read) > 3
    assert {rows for rows, _ in read} == {1}


@pytest.mark.parametrize("blocks", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("lengths", [(70,), (70, 3, 40)], ids=["one", "unequal"])
def test_a_narrow_cache_is_half_as_large_and_stays_close(blocks, lengths):
    """Beside float32 matrices, so that the cache alone differs; equal logits would say that it is wide."""
    model = network(**blocks)
    rows = [torch.randint(0, 37, (n,), generator=torch.Generator().manual_seed(n)) for n in lengths]
    like, logits = model.tokens.weight, {}
    sizes = {}
    for dtype in (torch.float32, torch.bfloat16):
        cache = KVCache(model.config, len(rows), like, dtype)
        step = Stepper(model, cache)
        with torch.inference_mode():
            read_prompts(step, rows)
            logits[dtype] = torch.stack([step(torch.full((len(rows),), token)) for token in range(5)])
        sizes[dtype] = cache.pairs.nbytes
    error = (logits[torch.bfloat16] - logits[torch.float32]).norm() / logits[torch.float32].norm()
    assert 1e-5 < float(error) < 0.01
    assert 2 * sizes[torch.bfloat16] == sizes[torch.float32]


@pytest.mark.parametrize("batch", [1, 3])
def test_bfloat16_reads_and_steps_close_to_float32(batch):
    model = network(**KINDS["modern"])
    rows = [torch.randint(0, 37, (50 + n,)) for n in range(batch)]
    found = {}
    for precision in ("float32", "bfloat16"):
        cache = KVCache(model.config, batch, model.tokens.weight, kept_in(precision, CPU))
        step = Stepper(model, cache, precision)
        with torch.inference_mode():
            first = read_prompts(step, rows)
            found[precision] = torch.stack([first, *(step(torch.full((batch,), t)) for t in range(5))])
    off, size = found["bfloat16"] - found["float32"], found["float32"].flatten(1).norm(dim=1)
    error = off.flatten(1).norm(dim=1) / size
    assert float(error.max()) < 0.03
    assert float(error.min()) > 1e-6


def test_keys_and_values_are_narrow_only_where_the_processor_multiplies_them(monkeypatch):
    monkeypatch.setattr(products, "_multiplies_bfloat16", lambda device: True)
    assert kept_in("bfloat16", CPU) == torch.bfloat16
    assert {kept_in(precision, CPU) for precision in ("float32", "int8")} == {torch.float32}
    monkeypatch.setattr(products, "_multiplies_bfloat16", lambda device: False)
    assert kept_in("bfloat16", CPU) == torch.float32
