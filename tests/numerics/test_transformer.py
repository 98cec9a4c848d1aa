"""The transformer against transformers' GPT-2, and its cache against reading everything anew."""

import itertools
import shutil

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from genkit.core.codecs import ByteCodec, PatchCodec, PixelCodec
from genkit.core.spec import ArraySpec, TokenSpec
from genkit.families.gpt import GPT
from genkit.generation.decoding import decode
from genkit.generation.reading import read_prompts
from genkit.nn.incremental import Stepper
from genkit.nn.key_value_cache import KVCache
from genkit.nn.products import ROUNDED
from genkit.nn.rotary import rotate
from genkit.nn.transformer import Transformer
from genkit.nn.transformer_config import TransformerConfig
from genkit.system.errors import ConfigError

SIZES = {"vocab_size": 37, "block_size": 16, "n_layer": 3, "n_head": 4, "n_embd": 32}
GREEDY = {"temperature": 0.0, "top_k": None, "top_p": None, "min_p": None, "repetition_penalty": 1.0}


def hugging_face_twin(network: Transformer) -> GPT2LMHeadModel:
    """The same weights in transformers' GPT-2, whose linear layers are stored transposed."""
    torch.manual_seed(1)
    twin = GPT2LMHeadModel(
        GPT2Config(vocab_size=37, n_positions=16, n_embd=32, n_layer=3, n_head=4, attn_pdrop=0, resid_pdrop=0)
    ).eval()
    with torch.no_grad():
        for parameter in network.parameters():  # biases and gains that differ from 0 and 1
            parameter.add_(0.1 * torch.randn_like(parameter))
        body = twin.transformer
        body.wte.weight.copy_(network.tokens.weight)
        body.wpe.weight.copy_(network.places.weight)
        body.ln_f.load_state_dict(network.norm.state_dict())
        for theirs, ours in zip(body.h, network.blocks, strict=True):
            theirs.ln_1.load_state_dict(ours.norm_1.state_dict())
            theirs.ln_2.load_state_dict(ours.norm_2.state_dict())
            for target, source in (
                (theirs.attn.c_attn, ours.attention.qkv),
                (theirs.attn.c_proj, ours.attention.proj),
                (theirs.mlp.c_fc, ours.feed_forward.up),
                (theirs.mlp.c_proj, ours.feed_forward.down),
            ):
                target.weight.copy_(source.weight.T)
                target.bias.copy_(source.bias)
    return twin


def test_logits_and_gradients_equal_gpt2():
    torch.manual_seed(0)
    network = Transformer(TransformerConfig(**SIZES, bias=True, activation="gelu_tanh"))
    twin = hugging_face_twin(network)
    tokens = torch.randint(0, 37, (2, 16))
    ours, theirs = network(tokens), twin(tokens).logits
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    ours.square().mean().backward()
    theirs.square().mean().backward()
    torch.testing.assert_close(
        network.tokens.weight.grad, twin.transformer.wte.weight.grad, rtol=1e-4, atol=1e-6
    )
    for theirs_block, block in zip(twin.transformer.h, network.blocks, strict=True):
        torch.testing.assert_close(
            block.attention.qkv.weight.grad.T, theirs_block.attn.c_attn.weight.grad, rtol=1e-4, atol=1e-6
        )


AXIAL = {"positions": "axial", "grid": (2, 3, 2), "level_vectors": True, "levels": (2, 5), "tie": False}
MODERN = {"norm": "rms", "positions": "rotary", "activation": "swiglu", "qk_norm": True, "n_kv_head": 2}


ROTARY = {"norm": "rms", "positions": "rotary", "activation": "swiglu", "n_kv_head": 2, "tie": False}
NEOX = {"bias": True, "positions": "rotary", "rotary_share": 0.5, "rotary_base": 10000.0, "parallel": True}
MISTRAL = {**ROTARY, "window": 5, "window_from": 1, "hidden": 48, "qkv_bias": True, "proj_bias": True}
QWEN3 = {**ROTARY, "head_size": 12, "qk_norm": True, "qk_scales": True, "norm_eps": 1e-3}
LLAMA3 = {
    **ROTARY,
    "rotary_base": 500.0,
    "rotary_scaling": "llama3",
    "rotary_factor": 4.0,
    "rotary_original": 8,
    "rotary_high": 4.0,
}
YARN = {**ROTARY, "rotary_base": 500.0, "rotary_scaling": "yarn", "rotary_factor": 4.0, "mlp_bias": True}
KINDS = {
    "gpt2": {},
    "modern": MODERN,
    "axial": AXIAL,
    "neox": NEOX,
    "mistral": MISTRAL,
    "qwen3": QWEN3,
    "llama3": LLAMA3,
    "yarn": YARN,
}


@pytest.mark.parametrize("blocks", KINDS.values(), ids=KINDS)
@torch.no_grad()
def test_cache_equals_reading_anew(blocks):
    torch.manual_seed(0)
    network = Transformer(TransformerConfig(**SIZES, **blocks)).eval()
    tokens = torch.randint(0, 37, (2, 16))
    cache = KVCache(network.config, 2, network.tokens.weight)
    pieces = [network(part, cache) for part in tokens.split([5, 1, 1, 7, 2], dim=1)]
    torch.testing.assert_close(torch.cat(pieces, dim=1), network(tokens), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "blocks",
    [{"bias": True, "activation": "relu2"}, {"activation": "gelu_tanh"}, *KINDS.values()],
    ids=["bias", "tanh", *KINDS],
)
@pytest.mark.parametrize("lengths", [(5,), (5, 5, 5), (2, 7, 1)], ids=["one", "equal", "unequal"])
@torch.no_grad()
def test_steps_equal_reading_anew(blocks, lengths):
    """One row, several, and several of unequal length take ways of their own through the stepper."""
    torch.manual_seed(0)
    network = Transformer(TransformerConfig(**SIZES, **blocks)).eval()
    for parameter in network.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    rows = [torch.randint(0, 37, (n + 5,)) for n in lengths]
    cache = KVCache(network.config, len(rows), network.tokens.weight)
    step = Stepper(network, cache)
    read_prompts(step, [row[:n] for row, n in zip(rows, lengths, strict=True)])
    for i in range(5):
        logits = step(torch.stack([row[n + i] for row, n in zip(rows, lengths, strict=True)]))
        for b, (row, n) in enumerate(zip(rows, lengths, strict=True)):
            expected = network(row[None, : n + i + 1])[0, -1]
            torch.testing.assert_close(logits[b], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("precision", "tolerance"), [("bfloat16", 0.02), (ROUNDED, 0.02), ("int8", 0.02)])
@pytest.mark.parametrize("rows", [1, 3])
@torch.no_grad()
def test_narrow_weights_stay_close(precision, tolerance, rows):
    """And are narrow: exactly equal logits would mean that the option does nothing."""
    torch.manual_seed(0)
    network = Transformer(TransformerConfig(**SIZES, bias=True)).eval()
    for parameter in network.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    tokens = torch.randint(0, 37, (rows, 6))
    cache = KVCache(network.config, rows, network.tokens.weight)
    network(tokens[:, :5], cache)
    logits, exact = Stepper(network, cache, precision)(tokens[:, 5]), network(tokens)[:, -1]
    error = (logits - exact).norm() / exact.norm()
    assert 1e-6 < float(error) < tolerance


@pytest.mark.parametrize("blocks", [{}, MODERN], ids=["gpt2", "modern"])
@torch.no_grad()
def test_prompts_of_unequal_length_decode_as_if_alone(blocks):
    """Also past the context: each row's window moves by its own length."""
    torch.manual_seed(0)
    network = Transformer(TransformerConfig(**SIZES, **blocks)).eval()
    prompts = [torch.randint(0, 37, (n,)) for n in (1, 7, 16, 20)]
    uniform = torch.rand(4, 40)
    options = {**GREEDY, "temperature": 1.0}
    together = torch.stack(list(decode(network, prompts, uniform.unbind(1), options)), dim=1)
    for b, prompt in enumerate(prompts):
        alone = torch.stack(list(decode(network, [prompt], uniform[b : b + 1].unbind(1), options)), dim=1)
        assert torch.equal(alone[0], together[b])


@pytest.mark.parametrize("blocks", [kind for name, kind in KINDS.items() if name != "axial"])
@torch.no_grad()
def test_examples_in_one_window_are_read_as_if_alone(blocks):
    torch.manual_seed(0)
    network = Transformer(TransformerConfig(**SIZES, **blocks)).eval()
    examples = [torch.randint(0, 37, (n,)) for n in (3, 9, 4)]
    segments = torch.repeat_interleave(torch.tensor([0, 1, 4]), torch.tensor([3, 9, 4]))
    together = network(torch.cat(examples)[None], segments=segments[None])[0]
    alone = torch.cat([network(example[None])[0] for example in examples])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)
    # And whatever stands beside an example changes nothing of it, to the last bit.
    others = torch.cat((torch.randint(0, 37, (3,)), examples[1], torch.randint(0, 37, (4,))))
    beside = network(others[None], segments=segments[None])[0]
    assert torch.equal(beside[3:12], together[3:12])
    assert not torch.equal(beside[12:], together[12:])


@torch.no_grad()
def test_a_window_reaches_so_many_tokens_a_layer():
    torch.manual_seed(0)
    network = Transformer(TransformerConfig(**{**SIZES, "n_layer": 2}, window=3)).eval()
    tokens = torch.randint(0, 37, (1, 16))
    changed = tokens.clone()
    changed[0, 5] += 1
    same = (network(tokens) == network(changed)).all(-1)[0]
    # Two layers of three tokens reach four places back.
    assert same.tolist() == [not 5 <= place <= 9 for place in range(16)]


@torch.no_grad()
def test_greedy_decoding_equals_the_definition():
    torch.manual_seed(0)
    network = Transformer(TransformerConfig(**SIZES)).eval()
    prompt = torch.randint(0, 37, (4,))
    drawn = torch.cat(list(decode(network, [prompt], torch.zeros(12, 1), GREEDY)))
    expected = prompt
    for _ in range(12):
        expected = torch.cat((expected, network(expected[None])[0, -1].argmax()[None]))
    assert torch.equal(drawn, expected[4:])


def test_rotation_is_the_product_with_a_complex_number():
    x = torch.randn(2, 3, 5, 8, dtype=torch.float64, requires_grad=True)
    angles = torch.rand(5, 4, dtype=torch.float64)
    turned = torch.complex(*x.chunk(2, dim=-1)) * torch.polar(torch.ones_like(angles), angles)
    expected = torch.cat((turned.real, turned.imag), dim=-1)
    found = rotate(x, angles.cos(), angles.sin())
    torch.testing.assert_close(found, expected)
    weight = torch.randn_like(expected)
    ours, theirs = (torch.autograd.grad((y * weight).sum(), x)[0] for y in (found, expected))
    torch.testing.assert_close(ours, theirs)


def test_rotary_scores_depend_on_distance_alone():
    torch.manual_seed(0)
    network = Transformer(TransformerConfig(**SIZES, positions="rotary"))
    from genkit.nn.rotary import rotate

    q, k = torch.randn(8), torch.randn(8)

    def score(i: int, j: int) -> float:
        return float(rotate(q, network.cos[i], network.sin[i]) @ rotate(k, network.cos[j], network.sin[j]))

    assert score(5, 2) == pytest.approx(score(12, 9), abs=1e-5)
    assert score(5, 2) != pytest.approx(score(5, 3), abs=1e-3)


def test_a_place_along_axes_is_that_of_the_token_to_come():
    """Of 2 + 12 tokens of context the third is read where the first of the grid is to come."""
    torch.manual_seed(0)
    sizes = {**SIZES, "block_size": 14}
    places = Transformer(TransformerConfig(**sizes, positions="axial", grid=(2, 3, 2))).places
    assert torch.equal(places.weight[:2], torch.zeros(2, 32))
    for place, index in enumerate(itertools.product(range(2), range(3), range(2))):
        expected = sum(table[i] for table, i in zip(places.tables, index, strict=True))
        torch.testing.assert_close(places.weight[2 + place], expected)


def test_rows_of_levels_are_those_of_the_codec():
    """A token's row is its own and, for each place of its patch, that of the codec's level there."""
    torch.manual_seed(0)
    codec = PatchCodec(ArraySpec(1, (2, 4), 3), (1, 2))
    spec = TokenSpec(codec)
    network = GPT(spec, n_layer=1, n_head=2, n_embd=8, level_vectors=True).network
    plain = GPT(spec, n_layer=1, n_head=2, n_embd=8).network
    for layer in (network.tokens, network.head):
        rule = layer.parametrizations.weight
        assert torch.equal(layer.weight, rule.original)  # they begin at 0
        with torch.no_grad():
            rule[0].levels.normal_()
        vectors = rule[0].levels.view(2, 3, 8)  # place, level
        for token in range(9):
            levels = codec.to_levels([token, 0, 0, 0])[:2].tolist()
            expected = rule.original[token] + vectors[0, levels[0]] + vectors[1, levels[1]]
            torch.testing.assert_close(layer.weight[token], expected)
    assert torch.equal(network.tokens.weight[9], network.tokens.parametrizations.weight.original[9])
    assert network.head.weight.shape == plain.head.weight.shape


@pytest.mark.parametrize(
    ("spec", "knobs", "said"),
    [
        (TokenSpec(ByteCodec()), {"positions": "axial"}, "positions=axial is of pixels or samples"),
        (TokenSpec(ByteCodec()), {"level_vectors": True}, "level_vectors=true is of pixels or samples"),
        (
            TokenSpec(PixelCodec(ArraySpec(1, (2, 4), 3))),
            {"positions": "axial", "block_size": 7},
            "example of 8",
        ),
    ],
    ids=["text", "levels", "windows"],
)
def test_places_and_levels_are_of_whole_arrays(spec, knobs, said):
    with pytest.raises(ConfigError, match=said):
        GPT(spec, n_layer=1, n_head=2, n_embd=8, **knobs)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_network_computes_the_same_whatever_the_batch():
    torch.manual_seed(0)
    blocks = {"norm": "rms", "activation": "relu2", "positions": "rotary", "qk_norm": True}
    network = Transformer(TransformerConfig(**{**SIZES, "n_layer": 1}, **blocks))
    batches = [torch.randint(0, 37, (rows, 16)) for rows in (8, 32, 5)]  # training, validation, its last
    plain = [network(batch) for batch in batches]
    gradients = torch.autograd.grad(plain[0].sum(), list(network.parameters()))
    network.compile()
    for batch, expected in zip(batches, plain, strict=True):
        found = network(batch)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
        if batch is batches[0]:
            again = torch.autograd.grad(found.sum(), list(network.parameters()))
    for one, other in zip(again, gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_a_network_is_all_on_one_device_where_torch_has_forgotten_linspace():
    """As it does in a process in which transformers has loaded a model before."""
    known = torch.utils._device._device_constructors()
    remembered = torch.linspace in known
    known.discard(torch.linspace)
    try:
        with torch.device("meta"):
            network = Transformer(TransformerConfig(**SIZES, positions="rotary"))
    finally:
        known |= {torch.linspace} if remembered else set()
    assert {tensor.device.type for tensor in (network.cos, network.sin, *network.parameters())} == {"meta"}
