"""A small model as people have them, to try things out with: `python tests/make_model.py my-model`.

A Llama of 0.7 M random parameters in bfloat16, with heads that share keys and values and a tokeniser of byte
pairs learnt from the language reference that every Python holds, written by transformers.
"""

from __future__ import annotations

import sys
from pathlib import Path
from pydoc_data.topics import topics

CONTEXT, TOKENS, END = 256, 1_024, "<|endoftext|>"


def make(folder: Path) -> Path:
    """Write it into a new folder."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=TOKENS, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(topics.values(), trainer)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=TOKENS,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=0,
    )
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, bos_token=END).save_pretrained(folder)
    return folder


if __name__ == "__main__":
    place = Path(sys.argv[1] if len(sys.argv) > 1 else "my-model")
    if place.exists():
        sys.exit(f"{place} exists; name a new folder.")
    sys.stdout.write(f"a Llama of random weights, and its tokeniser: {make(place)}\n")
