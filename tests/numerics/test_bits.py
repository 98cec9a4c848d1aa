"""Bits per byte under every kind of tokeniser, recomputed by tokenizers, transformers and numpy alone."""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import GPT2LMHeadModel

from genkit.core.codecs import ByteCodec, CharCodec, SubwordCodec
from genkit.core.spec import TokenSpec
from genkit.data.dataset import TokenWindows
from genkit.evaluation.text_quality import documents
from genkit.families.gpt import GPT
from genkit.inference.scoring import score_split, score_text
from genkit.interop import model_folder
from tests.tokenisers import KINDS, LOSSLESS, made

TEXT = "the colour of 3 apples isn't 1234 times blue.\n\n  Café naïve 颜色 you"
OWN = ("chars", "bytes")


def codec_of(name: str):
    if name in OWN:
        return CharCodec.of(TEXT) if name == "chars" else ByteCodec()
    return SubwordCodec(made(name).to_str())


def network(codec, separator=None) -> GPT:
    torch.manual_seed(0)
    module = GPT(TokenSpec(codec, separator), block_size=128, n_layer=1, n_head=2, n_embd=16).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return module


@torch.no_grad()
def nats_by_others(folder, text: str, *, opened: bool) -> list[float]:
    """-log p of every token of a text by the exported network, the first after a line end.

    Args:
        opened: whether the line end is seen by the others, too.
    """
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    theirs = GPT2LMHeadModel.from_pretrained(folder).eval()
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    start = [theirs.config.bos_token_id]

    def nats(before: list[int], tokens: list[int]) -> list[float]:
        logits = theirs(torch.tensor([[*before, *tokens]])).logits[0].double().numpy()
        logits -= logits.max(1, keepdims=True)
        log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        every = [*before, *tokens]
        return [-log_p[i, every[i + 1]] for i in range(len(every) - 1)]

    return nats(start, ids) if opened else [*nats(start, ids[:1]), *nats([], ids)]


@pytest.mark.parametrize("name", [*OWN, *KINDS])
def test_bits_per_byte_of_a_text_and_of_a_split(name, tmp_path):
    module = network(codec_of(name))
    lossless = name in (*OWN, *LOSSLESS, "phi", "qwen2")  # NFC keeps this text
    folder, size = model_folder.write(module, tmp_path / "out"), len(TEXT.encode("utf-8"))
    tokens = module.spec.codec.encode(TEXT).astype(np.uint16)
    lost = "" if lossless else "loses some"
    split = TokenWindows(tokens, 128, moving=False, bytes=size, lost=lost)
    found = {
        True: score_text(module, TEXT, stride=128),
        False: score_split(module, split, stride=128),
    }
    for opened, scores in found.items():
        nats = nats_by_others(folder, TEXT, opened=opened)
        np.testing.assert_allclose(-scores.values, nats, rtol=1e-4, atol=1e-4)
        if lossless:
            assert scores.bits == pytest.approx(sum(nats) / np.log(2) / size, rel=1e-5)
            assert scores.size == size  # the same for every tokeniser
        else:
            assert scores.size == 0
            assert scores.to_dict()["bits_per_byte"] is None


@pytest.mark.parametrize("name", LOSSLESS)
def test_a_document_is_scored_as_it_stands_in_training(name):
    """With a context that holds both documents, and a network that looks at the last token alone."""
    tokenizer = made(name)
    module = network(SubwordCodec(tokenizer.to_str()), "\n")
    with torch.no_grad():  # nothing of earlier tokens, and no places
        module.network.places.weight.zero_()
        for block in module.network.blocks:
            block.attention.proj.weight.zero_()
    ids = tokenizer.encode("a Café\nblue apples", add_special_tokens=False).ids
    with torch.no_grad():
        log_p = module.network(torch.tensor([ids]))[0].double().log_softmax(-1)
    every = [float(log_p[i, token]) for i, token in enumerate(ids[1:])]
    found = score_text(module, "blue apples").values
    np.testing.assert_allclose(found, every[-len(found) :], atol=1e-5)
    cut = documents(np.array(ids), module.spec)
    assert [tokenizer.decode(part.tolist()) for part in cut] == ["a Café", "blue apples"]
    assert len(found) == len(cut[1])
