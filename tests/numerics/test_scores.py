"""Scores against a token at a time read by hand, and against transformers."""

import math

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from genkit import config
from genkit.core.batch import Batch
from genkit.core.codecs import ByteCodec, CharCodec
from genkit.core.spec import ArraySpec, TokenSpec, View
from genkit.data import open_dataset
from genkit.data.dataset import TokenWindows
from genkit.families.dcgan import DCGAN
from genkit.families.gpt import GPT
from genkit.families.vae import VAE
from genkit.inference.scoring import score_split, score_text, score_tokens, windows
from genkit.interop import model_folder
from genkit.system.errors import ConfigError

SIZES = {"block_size": 8, "n_layer": 2, "n_head": 2, "n_embd": 16}


def model(codec=None, separator=None) -> GPT:
    torch.manual_seed(0)
    module = GPT(TokenSpec(codec or CharCodec.of("abcdé\n"), separator=separator), **SIZES).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return module


@torch.no_grad()
def by_hand(module: GPT, tokens: list[int], seen: int) -> list[float]:
    """Each token but the first given the `seen` tokens before it, one forward pass each."""
    values = []
    for t in range(1, len(tokens)):
        context = torch.tensor([tokens[max(0, t - seen) : t]])
        values.append(float(module.network(context)[0, -1].double().log_softmax(-1)[tokens[t]]))
    return values


def test_a_text_within_the_context_is_scored_exactly():
    module = model()
    scores = score_text(module, "abéa")
    expected = by_hand(module, [module.spec.codec.start, *module.spec.codec.encode("abéa")], 8)
    np.testing.assert_allclose(scores.values, expected, atol=1e-5)
    assert scores.nats == pytest.approx(-sum(expected), abs=1e-5)
    assert scores.perplexity == pytest.approx(math.exp(-sum(expected) / 4), rel=1e-5)
    assert scores.bits == pytest.approx(-sum(expected) / math.log(2) / 5, rel=1e-5)  # é is two bytes
    assert scores.to_dict()["bits_per_byte"] == scores.bits


def test_a_text_of_documents_begins_after_the_separator():
    module = model(separator="\n")
    start = int(module.spec.codec.encode("\n")[0])
    expected = by_hand(module, [start, *module.spec.codec.encode("ab")], 8)
    np.testing.assert_allclose(score_text(module, "ab").values, expected, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 5])
def test_with_stride_1_every_token_sees_all_that_it_can(batch_size):
    module = model()
    tokens = np.random.default_rng(0).integers(0, 6, 40)
    values = score_tokens(module, tokens, stride=1, batch_size=batch_size)
    np.testing.assert_allclose(values, by_hand(module, tokens.tolist(), 8), atol=1e-5)


def test_with_the_context_as_stride_a_split_scores_as_validation_does():
    module = model()
    tokens = np.random.default_rng(0).integers(0, 6, 45).astype(np.uint16)
    split = TokenWindows(tokens, 8, moving=False)
    data, _, weight = split.gather(np.arange(len(split)))
    batch = Batch(torch.from_numpy(data).long(), range(len(split)))
    with torch.no_grad():
        nll = (module.score_batch(batch, None)["nll"] * torch.from_numpy(weight)).sum()
    scores = score_split(module, split, stride=8)
    assert len(scores.values) == 45  # validation leaves out the first, before which nothing stands
    assert -math.fsum(scores.values[1:]) == pytest.approx(float(nll), rel=1e-6)
    assert scores.values[0] == pytest.approx(by_hand(module, [module.spec.codec.start, int(tokens[0])], 8)[0])


@pytest.mark.parametrize(
    ("count", "context", "stride"), [(1, 8, 4), (8, 8, 4), (9, 8, 4), (40, 8, 3), (40, 8, 8)]
)
def test_windows_score_every_token_once_with_the_promised_context(count, context, stride):
    scored = []
    for begin, start, end in windows(count, context, stride):
        assert end - begin <= context
        for target in range(start, end):
            assert target - begin + 1 >= min(target + 1, context - stride + 1)
            scored.append(target)
    assert scored == list(range(count))


def test_perplexity_equals_transformers(tmp_path):
    module = model(ByteCodec())
    theirs = AutoModelForCausalLM.from_pretrained(model_folder.write(module, tmp_path / "out")).eval()
    ids = torch.as_tensor(ByteCodec().encode("abcdefgh"))[None]
    loss = theirs(ids, labels=ids).loss
    scores = score_tokens(module, ids[0].numpy())
    assert -scores.mean() == pytest.approx(loss.item(), rel=1e-5)


def test_bytes_of_a_split_are_those_of_its_text():
    module, text = model(), "aéb" * 30
    split = TokenWindows(module.spec.codec.encode(text), 8, moving=False)
    assert score_split(module, split).size == len(text.encode())


def test_every_family_with_a_likelihood_scores_a_split():
    cfg = config.compose("train", ["model=vae", "data=digits"])
    digits = open_dataset(cfg.data, cfg.paths.by_name, View("arrays"))
    spec = digits.spec
    assert isinstance(spec, ArraySpec)
    vae = VAE(spec, network="mlp", latent_size=2, hidden=8, likelihood="categorical").eval()
    scores = score_split(vae, digits.split("test"))
    assert len(scores.values) == len(digits.split("test"))
    assert scores.likelihood == vae.likelihood_kind()
    assert scores.bits == pytest.approx(scores.nats / math.log(2) / 64 / len(scores.values))
    with pytest.raises(ConfigError, match="no likelihood"):
        score_split(DCGAN(spec, latent_size=2, width=4), digits.split("test"))
    with pytest.raises(ConfigError, match="scores no texts"):
        score_text(vae, "a")


def test_importance_samples_tighten_a_bound_and_nothing_else():
    cfg = config.compose("train", ["model=vae", "data=digits", "data.levels=2"])
    digits = open_dataset(cfg.data, cfg.paths.by_name, View("arrays"))
    torch.manual_seed(0)
    vae = VAE(digits.spec, network="mlp", latent_size=4, hidden=8).eval()
    with torch.no_grad():
        vae.encoder.head[2].weight.mul_(20)  # far from the true posterior, so that the bound has a gap
    test = digits.split("test")
    scores = {k: score_split(vae, test, importance_samples=k) for k in (1, 20, 400)}
    nats = [found.nats / len(test) for found in scores.values()]
    assert [found.to_dict()["importance_samples"] for found in scores.values()] == list(scores)
    assert nats[0] > nats[1] + 0.1 > nats[2] + 0.2
    with pytest.raises(ConfigError, match="exact; leave them out"):
        score_split(model(), TokenWindows(np.zeros(20, np.uint16), 8, moving=False), importance_samples=2)


def test_what_cannot_be_scored_is_refused():
    for text, options, said in (
        ("", {}, "empty"),
        ("xyz", {}, "'x' 'y' 'z'"),
        ("a", {"stride": 9}, "stride=9"),
    ):
        with pytest.raises(ConfigError, match=said):
            score_text(model(), text, **options)
