"""Small tokenisers of every kind that people use, made with the `tokenizers` library as their makers do."""

from __future__ import annotations

import json
from functools import cache

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

TEXT = (
    "Hello world, the colour of 3 apples isn't 1234 times blue.\n\n  Café naïve (déjà vu) 颜色 你好，世界。\n"
)
LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def _trained(tokenizer: Tokenizer, trainer: trainers.Trainer) -> Tokenizer:
    tokenizer.train_from_iterator([TEXT * 3], trainer)
    return tokenizer


def _byte_level() -> Tokenizer:
    return Tokenizer(models.BPE())


def gpt2() -> Tokenizer:
    tokenizer = _byte_level()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=330, initial_alphabet=alphabet, special_tokens=["<|endoftext|>"], show_progress=False
    )
    return _trained(tokenizer, trainer)


def roberta() -> Tokenizer:
    """Byte-level with a blank before the text, and a mask that takes the blank on its left."""
    tokenizer = _byte_level()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, initial_alphabet=alphabet, special_tokens=["<s>"], show_progress=False
    )
    _trained(tokenizer, trainer).add_special_tokens([AddedToken("<mask>", lstrip=True)])
    return tokenizer


def llama3() -> Tokenizer:
    tokenizer = _byte_level()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA_3), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=330, initial_alphabet=alphabet, special_tokens=["<|begin_of_text|>"], show_progress=False
    )
    return _trained(tokenizer, trainer)


def smollm() -> Tokenizer:
    """GPT-2's, with each digit a word."""
    tokenizer = gpt2()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    return tokenizer


def qwen2() -> Tokenizer:
    """Llama 3's with single digits, of composed letters."""
    tokenizer = llama3()
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA_3.replace(r"\p{N}{1,3}", r"\p{N}")), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    return tokenizer


def _pairs(normalised: list, pre_tokenised: object) -> Tokenizer:
    """Pairs of characters with bytes for what is unknown, as SentencePiece has them."""
    inner = Tokenizer(models.BPE())
    inner.normalizer = normalizers.Replace(" ", "▁")
    trainer = trainers.BpeTrainer(
        vocab_size=120, show_progress=False, special_tokens=["<unk>", "<s>", "</s>"]
    )
    _trained(inner, trainer)
    model = json.loads(inner.to_str())["model"]
    vocab = dict(model["vocab"])
    for byte in BYTES:
        vocab[byte] = len(vocab)
    merges = [tuple(pair) for pair in model["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    if normalised:
        tokenizer.normalizer = normalizers.Sequence(normalised)
    if pre_tokenised is not None:
        tokenizer.pre_tokenizer = pre_tokenised
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens(["<s>", "</s>"])
    return tokenizer


def llama2() -> Tokenizer:
    """No words at all: the whole text is one, with `▁` before it."""
    return _pairs([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")], None)


def mistral() -> Tokenizer:
    return _pairs([], pre_tokenizers.Metaspace("▁", prepend_scheme="first", split=False))


def gemma() -> Tokenizer:
    """Without a blank before the text."""
    tokenizer = _pairs([normalizers.Replace(" ", "▁")], pre_tokenizers.Split(" ", "merged_with_previous"))
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    return tokenizer


def bert() -> Tokenizer:
    """WordPiece, whose words come back without their blanks and capitals."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    return _trained(
        tokenizer, trainers.WordPieceTrainer(vocab_size=120, special_tokens=specials, show_progress=False)
    )


def _unigrams(scheme: str, *, split: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme=scheme, split=split)
    tokenizer.decoder = decoders.Metaspace("▁", prepend_scheme=scheme)
    trainer = trainers.UnigramTrainer(
        vocab_size=100, unk_token="<unk>", special_tokens=["<unk>", "</s>"], show_progress=False
    )
    return _trained(tokenizer, trainer)


def t5() -> Tokenizer:
    tokenizer = _unigrams("always", split=True)
    tokenizer.normalizer = normalizers.NFKC()
    return tokenizer


def unigrams() -> Tokenizer:
    """Of the text as one word, with bytes for what is unknown."""
    model = json.loads(_unigrams("first", split=False).to_str())
    vocab = [(token, score) for token, score in model["model"]["vocab"]]
    vocab += [(byte, -12.0) for byte in BYTES]
    tokenizer = Tokenizer(models.Unigram(vocab, unk_id=0, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return tokenizer


def words() -> Tokenizer:
    """A word a token; all others are one."""
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return _trained(tokenizer, trainers.WordLevelTrainer(special_tokens=["[UNK]"], show_progress=False))


def phi() -> Tokenizer:
    """GPT-2's with tokens added that stand for runs of blanks, and whose words are normalised."""
    tokenizer = gpt2()
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.add_tokens([AddedToken(" " * n, normalized=False) for n in (2, 4, 8)])
    tokenizer.add_tokens([AddedToken("blue", single_word=True), AddedToken("\n\n", rstrip=True)])
    return tokenizer


MAKERS = {
    make.__name__: make
    for make in (gpt2, roberta, llama3, smollm, qwen2, phi, llama2, mistral, gemma, bert, t5, unigrams, words)
}


@cache
def _plain(name: str) -> str:
    """Made once: unigrams are learnt a little differently each time."""
    return MAKERS[name]().to_str()


def made(name: str) -> Tokenizer:
    return Tokenizer.from_str(_plain(name))


KINDS = tuple(MAKERS)
LOSSLESS = ("gpt2", "llama3", "smollm", "llama2", "mistral", "gemma", "unigrams")
