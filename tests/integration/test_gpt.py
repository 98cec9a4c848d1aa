"""GPT from its own methods: streaming, forbidden tokens, long samples."""

import resource

import pytest
import torch

from genkit.core.errors import ConfigError
from genkit.core.spec import TokenSpec
from genkit.core.tokens import ByteCodec, CharCodec
from genkit.families.gpt import GPT

SIZES = {"block_size": 16, "n_layer": 2, "n_head": 2, "n_embd": 16}


def model(spec: TokenSpec, **blocks) -> GPT:
    torch.manual_seed(0)
    return GPT(spec, **{**SIZES, **blocks}).eval()


BYTES, CHARS = TokenSpec(ByteCodec()), TokenSpec(CharCodec.of("abcd\n"))
LINES = TokenSpec(CharCodec.of("abcd\n"), separator="\n")


@pytest.mark.parametrize(
    ("spec", "prompt", "options"),
    [
        (CHARS, "ab", {}),
        (CHARS, "", {"stop": ["dd", "abc"]}),
        (LINES, "a", {}),
        (BYTES, "é颜", {}),  # random bytes are mostly no text
        (BYTES, "", {"stop": "\x00"}),
    ],
)
@pytest.mark.parametrize("seed", range(4))
def test_a_stream_joins_to_the_sample(spec, prompt, options, seed):
    module = model(spec)
    pieces = list(module.stream(prompt, seed=seed, max_new_tokens=40, **options))
    assert (
        "".join(pieces) == module.sample(1, seed=seed, prompt=prompt, max_new_tokens=40, **options).texts[0]
    )
    assert all(pieces)
    assert spec is not CHARS or options or len(pieces) == 41  # the prompt, then each token by itself


def test_a_stream_restores_the_module_and_checks_its_options_at_once():
    module = model(CHARS).train()
    next(stream := module.stream("ab", max_new_tokens=5))
    stream.close()
    assert module.training
    with pytest.raises(ConfigError, match="temperature"):
        module.stream("ab", temperature=-1)


def test_forbidden_tokens_are_never_drawn():
    module = model(CHARS)
    free, bound = (
        module.sample(4, max_new_tokens=60, temperature=2.0, **options).texts
        for options in ({}, {"bad_tokens": ["a", "\n"]})
    )
    assert all("a" in text for text in free)
    assert not set("a\n") & set("".join(bound))
    with pytest.raises(ConfigError, match="'ab' is 2 tokens"):
        module.sample(1, bad_tokens="ab")
    with pytest.raises(ConfigError, match="no token to draw"):
        module.sample(1, bad_tokens=list("abcd\n"))


def test_a_longer_sample_begins_as_the_shorter_one():
    module = model(CHARS)
    short, long = (module.sample(2, max_new_tokens=steps).texts for steps in (20, 300))
    assert [text[:20] for text in long] == short


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"prompt": "abxyx"}, "'x' 'y'"),
        ({"prompt": "a" * 17}, "17 tokens.*at most 16"),
        ({"temperature": -1}, "temperature"),
        ({"top_p": 1.5}, "top_p"),
        ({"max_new_tokens": -3}, "max_new_tokens"),
        ({"precision": "int4"}, "int4 is none of float32, bfloat16, int8"),
    ],
)
def test_bad_options_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        model(CHARS).sample(1, **options)


def test_memory_does_not_grow_with_the_length():
    """What a sample may add beyond its context is its tokens: a few bytes each."""
    module = model(CHARS, block_size=64)
    module.sample(8, max_new_tokens=2_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    drawn = module.sample(1, max_new_tokens=20_000)
    assert len(drawn.data[0]) == 20_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8_000  # KiB
