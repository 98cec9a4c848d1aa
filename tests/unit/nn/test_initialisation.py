"""Networks whose first numbers nobody needs."""

import torch
from torch import nn

from genkit.nn.initialisation import drawn, undrawn
from genkit.nn.transformer import Transformer
from genkit.nn.transformer_config import TransformerConfig


def test_no_number_of_a_parameter_is_drawn():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    with undrawn():
        nn.Linear(3, 4)
        nn.Conv2d(2, 3, 3)
        nn.Embedding(5, 2)
        Transformer(TransformerConfig(vocab_size=7, block_size=4, n_layer=1, n_head=1, n_embd=4))
    assert torch.equal(torch.get_rng_state(), before)
    nn.Linear(3, 4)
    assert not torch.equal(torch.get_rng_state(), before)


def test_other_numbers_are_drawn_and_made_as_ever():
    torch.manual_seed(0)
    wanted = torch.empty(3).normal_(), nn.Linear(3, 4).weight
    torch.manual_seed(0)
    with undrawn():
        buffer = torch.empty(3).normal_()
        with drawn():
            layer = nn.Linear(3, 4)
        norm = nn.LayerNorm(3)
    assert torch.equal(buffer, wanted[0])
    assert torch.equal(layer.weight, wanted[1])
    assert norm.weight.tolist() == [1, 1, 1]
