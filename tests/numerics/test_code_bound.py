"""The likelihood through a codec, on arrays so small that all of them can be listed."""

import sys
from itertools import product

import numpy as np
import pytest
import torch

from genkit.core.array_spec import ArraySpec
from genkit.core.codecs import LearnedCodec
from genkit.core.spec import TokenSpec, spec_from_dict
from genkit.data.array_windows import CodeWindows
from genkit.data.arrays.treatments import Levels
from genkit.data.dataset import ArrayExamples
from genkit.families.gpt import GPT
from genkit.inference.run_coder import as_codec
from genkit.inference.scoring import score_split
from tests.outside_site import OUTSIDE

SPEC = ArraySpec(1, (2, 4), 2)


@pytest.fixture(scope="module")
def parts():
    """All 256 pictures of 2×4 black and white pixels, a codec with weights of chance, a GPT of its codes."""
    sys.path.insert(0, str(OUTSIDE / "codec"))
    from genkit_blocks.blocks import Blocks

    torch.manual_seed(0)
    blocks = Blocks(SPEC).eval()
    torch.nn.init.normal_(blocks.table.weight, 0, 2)
    codec = as_codec(blocks, "0" * 64)
    gpt = GPT(TokenSpec(codec), n_layer=1, n_embd=16, n_head=2, dropout=0.0).eval()
    torch.nn.init.normal_(gpt.network.tokens.weight, 0, 1)
    every = np.array(list(product(range(2), repeat=8)), np.uint8).reshape(-1, 1, 2, 4)
    return blocks, codec, gpt, every


def exact(blocks, gpt, every):
    """log Σ_c p(c) p(x | c) over all pairs of codes, float64 (256,), by the networks themselves."""
    codes = torch.tensor(list(product(range(blocks.codes), repeat=2)))  # (25, 2)
    tokens = torch.cat((torch.full((len(codes), 1), gpt.spec.codec.start), codes), 1)
    with torch.no_grad():
        prior = (
            gpt.network(tokens[:, :-1]).double().log_softmax(-1).gather(-1, tokens[:, 1:, None]).sum((1, 2))
        )
        assert prior.exp().sum().item() == pytest.approx(1, abs=1e-5)
        data = torch.from_numpy(every).float()
        given = torch.stack(
            [blocks.coded_log_likelihood(data, c.view(1, 1, 2).expand(len(data), 1, 2)) for c in codes]
        )
    return (prior[:, None] + given.double()).logsumexp(0).numpy()


def test_the_bound_is_below_the_exact_value_and_is_what_the_two_parts_say(parts):
    blocks, codec, gpt, every = parts
    images = ArrayExamples(every, None, np.arange(len(every)), Levels(2, 2))
    ids = codec.to_ids(every)
    remainder = codec.coder.log_likelihood(every, codec.on_grid(ids))
    scored = score_split(gpt, CodeWindows(images, codec, ids, remainder))
    truth = exact(blocks, gpt, every)
    assert np.exp(truth).sum() == pytest.approx(1, abs=1e-5)  # (so it is the exact one)
    assert (scored.values <= truth + 1e-6).all()
    assert (scored.values < truth - 0.01).any()  # (and it is a bound, no other name for it)
    assert scored.likelihood.kind == "bound"
    assert scored.likelihood.of == "probability"
    assert np.exp(scored.values).sum() <= 1
    assert scored.size == every.size


def test_ids_stand_in_the_order_of_tokens_and_come_back(parts):
    blocks, codec, _, every = parts
    sums = every.reshape(-1, 1, 2, 2, 2).sum((1, 2, 4))  # (256, 2): blocks from left to right
    assert np.array_equal(codec.to_ids(every), sums)
    assert np.array_equal(codec.on_grid(codec.to_ids(every)), sums[:, None])
    unit = codec.to_unit(codec.to_ids(every))
    assert np.allclose(unit, blocks.reconstruct(torch.from_numpy(every).float()).detach().numpy(), atol=1e-6)


def test_a_codec_of_time_has_the_slowest_axis_of_its_medium_first():
    """A grid of bands and time, as a log-mel has: column by column, low to high."""
    from genkit.core.codecs.learned_codec import Origin
    from genkit.core.media.audio import AUDIO
    from genkit.core.representations.log_mel import LogMel

    stand = LogMel.usual(8_000, 4_096, levels=16)
    array = ArraySpec(1, stand.sizes((4_096,)), 16, medium=AUDIO, rate=8_000.0, representation=stand)
    codec = LearnedCodec(array, (2, 3), 100, Origin("0" * 64))
    codes = np.arange(6).reshape(1, 2, 3)
    expected = codes.transpose(0, *(axis + 1 for axis in array.axes)).reshape(1, -1)
    assert np.array_equal(codec.in_order(codes), expected)
    assert np.array_equal(codec.on_grid(expected), codes)
    assert array.names[array.axes[0]] == "time"


def test_what_is_written_of_it_is_plain_and_comes_back_without_its_model(parts):
    _, codec, _, _ = parts
    spec = TokenSpec(codec, classes=("a", "b"))
    read = spec_from_dict(spec.to_dict())
    assert read.to_dict() == spec.to_dict()
    assert read.learned_codec.grid == (1, 2)
    assert read.vocab_size == 6
    assert read.length == 2
    assert read.array.shape == (1, 2, 4)
    with pytest.raises(Exception, match=r"genkit\.load"):
        read.shown(np.zeros((1, 3), np.int64))
    for broken in ({"grid": [1]}, {"codes": 1}, {"codes": "many"}, {"data": {}}, {"sha256": 3}):
        with pytest.raises((ValueError, TypeError, LookupError)):
            spec_from_dict({**spec.to_dict(), "codec": {**codec.to_dict(), **broken}})
