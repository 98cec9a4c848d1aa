"""Every architecture of transformers in and out: its logits, its tokens and its weights are ours."""

import json

import pytest
import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from genkit.core.codecs import ByteCodec, SubwordCodec
from genkit.core.noise import Noise
from genkit.core.spec import TokenSpec
from genkit.families.gpt import GPT
from genkit.interop import model_folder, pretrained
from genkit.interop.architecture import parameter_names
from genkit.interop.architectures import ARCHITECTURES
from genkit.interop.tokenizer_json import tokenizer_json
from genkit.nn.incremental import Stepper
from genkit.nn.key_value_cache import KVCache
from genkit.system.errors import ConfigError

CONTEXT, DRAWN = 256, 200
SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": CONTEXT,
}
GATED = {**SIZES, "num_key_value_heads": 2}
# What transformers is asked for: the architecture, its settings, and how rotary positions are spelled.
LLAMA3 = {
    **{"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0},
    "original_max_position_embeddings": 32,
}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}
MODELS = {
    "gpt2": ("gpt2", {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": CONTEXT}),
    "gpt2-inner": (
        "gpt2",
        {
            **{"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": CONTEXT, "n_inner": 72},
            **{"layer_norm_epsilon": 1e-3, "activation_function": "gelu", "tie_word_embeddings": False},
        },
    ),
    "llama": ("llama", GATED),
    "llama-tied": ("llama", {**GATED, "tie_word_embeddings": True, "rms_norm_eps": 1e-3}),
    "llama-biases": (
        "llama",
        {**SIZES, "head_dim": 16, "attention_bias": True, "mlp_bias": True, "num_key_value_heads": 1},
    ),
    "llama-theta": ("llama", {**GATED, "rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}}),
    "llama-linear": ("llama", {**GATED, "rope_parameters": {"rope_type": "linear", "factor": 4.0}}),
    "llama-dynamic": ("llama", {**GATED, "rope_parameters": {"rope_type": "dynamic", "factor": 3.0}}),
    "llama-llama3": ("llama", {**GATED, "rope_parameters": {**LLAMA3, "rope_theta": 500000.0}}),
    "llama-yarn": ("llama", {**GATED, "rope_parameters": YARN}),
    "llama-yarn-mscale": (
        "llama",
        {
            **GATED,
            "rope_parameters": {
                **{**YARN, "mscale": 0.7, "mscale_all_dim": 1.4, "beta_fast": 20.0, "beta_slow": 2.0}
            },
        },
    ),
    "llama-yarn-attention": ("llama", {**GATED, "rope_parameters": {**YARN, "attention_factor": 1.7}}),
    "mistral": ("mistral", {**GATED, "sliding_window": 24}),
    "mistral-whole": ("mistral", {**GATED, "sliding_window": None, "head_dim": 12}),
    "qwen2": ("qwen2", GATED),
    "qwen2-window": (
        "qwen2",
        {
            **{**GATED, "use_sliding_window": True, "sliding_window": 24, "max_window_layers": 1},
            "tie_word_embeddings": True,
        },
    ),
    "qwen2-yarn": ("qwen2", {**GATED, "rope_parameters": {**YARN, "rope_theta": 1e6}}),
    "qwen3": ("qwen3", {**GATED, "head_dim": 16}),
    "qwen3-tied": ("qwen3", {**GATED, "tie_word_embeddings": True, "rms_norm_eps": 1e-2, "head_dim": 8}),
    "qwen3-window": (
        "qwen3",
        {
            **{**GATED, "attention_bias": True, "use_sliding_window": True, "sliding_window": 9},
            **{"head_dim": 16, "layer_types": ["full_attention", "full_attention", "sliding_attention"]},
        },
    ),
    "gpt_neox": ("gpt_neox", SIZES),
    "gpt_neox-serial": (
        "gpt_neox",
        {
            **{
                **SIZES,
                "use_parallel_residual": False,
                "tie_word_embeddings": True,
                "hidden_act": "gelu_new",
            },
            "rope_parameters": {"rope_type": "default", "rope_theta": 5000.0, "partial_rotary_factor": 0.5},
        },
    ),
    "gpt_neox-linear": (
        "gpt_neox",
        {
            **{**SIZES, "attention_bias": False, "layer_norm_eps": 1e-3},
            "rope_parameters": {"rope_type": "linear", "factor": 2.0, "partial_rotary_factor": 1.0},
        },
    ),
}


def saved(place, kind: str, settings, *, dtype=torch.float32, **how):
    """A model of transformers with random weights, none of them trivial, and a tokeniser of bytes."""
    torch.manual_seed(0)
    given = {**settings, "vocab_size": 256, "bos_token_id": None, "eos_token_id": None}
    model = AutoModelForCausalLM.from_config(transformers.AutoConfig.for_model(kind, **given))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.15 * torch.randn_like(parameter))
    model.to(dtype).save_pretrained(place, **how)
    (place / "tokenizer.json").write_text(tokenizer_json(ByteCodec()), encoding="utf-8")
    return place


def built(folder, **knobs) -> GPT:
    given = {**pretrained.knobs_of(pretrained.network_of(folder)[1]), **knobs}
    spec = TokenSpec(SubwordCodec((folder / "tokenizer.json").read_text("utf-8")))
    module = GPT(spec, **given).eval()
    model_folder.read(module, folder)
    return module


@pytest.fixture(scope="module", params=list(MODELS))
def folder(request, tmp_path_factory):
    return saved(tmp_path_factory.mktemp("models") / request.param, *MODELS[request.param])


@pytest.fixture(scope="module")
def ours(folder):
    return built(folder)


@pytest.fixture(scope="module")
def theirs(folder):
    return AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()


@pytest.fixture(scope="module")
def tokens():
    return torch.randint(0, 256, (2, CONTEXT), generator=torch.Generator().manual_seed(1))


def test_logits_are_those_of_transformers(ours, theirs, tokens):
    with torch.no_grad():
        wanted, found = theirs(tokens).logits, ours.network(tokens)
    assert wanted.std() > 0.1
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_token_by_token_they_are_the_same(ours, tokens):
    """By the cache, in pieces and one at a time, and by the stepper."""
    network = ours.network
    with torch.no_grad():
        wanted = network(tokens)
        cache = KVCache(network.config, 2, network.tokens.weight)
        pieces = [network(tokens[:, :100], cache)]
        pieces += [network(tokens[:, place : place + 1], cache) for place in range(100, 120)]
        step = Stepper(network, cache)
        pieces += [step(tokens[:, place])[:, None] for place in range(120, CONTEXT)]
    torch.testing.assert_close(torch.cat(pieces, 1), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("penalty", [1.0, 1.3])  # with one, none of these networks draws the same for ever
def test_greedy_continuations_are_those_of_generate(penalty, ours, theirs, tokens):
    prompt = tokens[:1, :20]
    wanted = theirs.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        max_new_tokens=DRAWN,
        do_sample=False,
        repetition_penalty=penalty,
        pad_token_id=0,
    )[0].tolist()
    options = {option.name: option.default for option in ours.options}
    options |= {"temperature": 0.0, "max_new_tokens": DRAWN, "repetition_penalty": penalty}
    found = ours.draw(Noise(0, range(1), purpose="sample"), [prompt[0]], options)[0].tolist()
    assert found == wanted
    assert len(found) == 20 + DRAWN
    assert len({*found[20:]}) > 5 or penalty == 1


def test_out_and_in_and_out_again_nothing_changes(folder, ours, theirs, tokens, tmp_path):
    first = model_folder.write(ours, tmp_path / "first")
    read = AutoModelForCausalLM.from_pretrained(first, attn_implementation="eager").eval()
    windowless = pretrained.network_of(folder)[1].window is None  # Mistral without its window is Llama
    assert read.config.model_type == (
        "llama" if windowless and "mistral" in str(folder) else theirs.config.model_type
    )
    with torch.no_grad():
        assert torch.equal(read(tokens).logits, theirs(tokens).logits)
    again = model_folder.write(built(first), tmp_path / "again")
    for name in ("config.json", "model.safetensors"):
        assert (first / name).read_bytes() == (again / name).read_bytes()
    stored, own = load_file(first / "model.safetensors"), load_file(folder / "model.safetensors")
    assert {name: t.shape for name, t in stored.items()} == {name: t.shape for name, t in own.items()}
    assert all(torch.equal(stored[name], own[name]) for name in own)


def test_the_names_of_parameters_are_those_of_the_network(ours):
    assert set(parameter_names(ours.network.config)) == {name for name, _ in ours.network.named_parameters()}


# ---------------------------------------------------------------------- files


LLAMA = MODELS["llama"]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_of_half_precision_are_read_exactly(dtype, tmp_path):
    folder = saved(tmp_path / "half", *LLAMA, dtype=dtype)
    ours = built(folder)
    own = load_file(folder / "model.safetensors")
    assert {tensor.dtype for tensor in own.values()} == {dtype}
    out = load_file(model_folder.write(ours, tmp_path / "out") / "model.safetensors")
    assert all(torch.equal(out[name], own[name].float()) for name in own)


def test_several_files_are_read_and_written(tmp_path):
    folder = saved(tmp_path / "several", *LLAMA, max_shard_size="40KB")
    assert len(list(folder.glob("*.safetensors"))) > 2
    whole = saved(tmp_path / "one", *LLAMA)
    ours, same = built(folder), built(whole)
    assert all(map(torch.equal, ours.parameters(), same.parameters()))
    out = model_folder.write(ours, tmp_path / "out", max_shard=40e-6)
    files = sorted(out.glob("*.safetensors"))
    assert len(files) > 2
    assert all(file.stat().st_size < 60_000 for file in files)
    index = json.loads((out / "model.safetensors.index.json").read_text())
    assert {*index["weight_map"].values()} == {file.name for file in files}
    read = AutoModelForCausalLM.from_pretrained(out)
    with safe_open(whole / "model.safetensors", framework="pt") as file:
        assert all(
            torch.equal(read.state_dict()[name], file.get_tensor(name)) for name in index["weight_map"]
        )


def test_a_tied_folder_may_hold_either_matrix_or_both(tmp_path):
    from safetensors.torch import save_file

    folder = saved(tmp_path / "tied", *MODELS["llama-tied"])
    wanted, file = built(folder).network.tokens.weight, folder / "model.safetensors"
    own = load_file(file)
    assert "lm_head.weight" not in own
    embedding = own.pop("model.embed_tokens.weight")
    save_file({**own, "lm_head.weight": embedding}, file)
    assert torch.equal(built(folder).network.tokens.weight, wanted)
    both = {**own, "lm_head.weight": embedding.clone(), "model.embed_tokens.weight": embedding}
    save_file(both, file)
    assert torch.equal(built(folder).network.tokens.weight, wanted)
    save_file({**both, "lm_head.weight": embedding + 1}, file)
    with pytest.raises(ConfigError, match=r"lm_head\.weight is not model\.embed_tokens\.weight"):
        built(folder)


def test_an_embedding_may_have_more_rows_than_there_are_tokens(tmp_path):
    """Rows of no token are left out, so that none is ever drawn."""
    torch.manual_seed(0)
    kind, settings = MODELS["qwen3"]
    config = transformers.AutoConfig.for_model(kind, **settings, vocab_size=300)
    model = AutoModelForCausalLM.from_config(config).eval()
    model.save_pretrained(tmp_path / "padded")
    (tmp_path / "padded" / "tokenizer.json").write_text(tokenizer_json(ByteCodec()), encoding="utf-8")
    ours = built(tmp_path / "padded")
    tokens = torch.randint(0, 256, (1, 30))
    with torch.no_grad():
        torch.testing.assert_close(
            ours.network(tokens), model(tokens).logits[..., :256], rtol=1e-4, atol=1e-4
        )


def test_both_spellings_of_rotary_positions_say_the_same(tmp_path):
    folder = saved(tmp_path / "newer", *MODELS["llama-llama3"])
    plain = json.loads((folder / "config.json").read_text())
    wanted = pretrained.network_of(folder)[1]
    own = plain.pop("rope_parameters")
    plain |= {"rope_theta": own.pop("rope_theta"), "rope_scaling": own, "torch_dtype": plain.pop("dtype")}
    (folder / "config.json").write_text(json.dumps(plain))
    assert pretrained.network_of(folder)[1] == wanted
    assert wanted.rotary_scaling == "llama3"
    plain["rope_scaling"] = {**own, "type": own["rope_type"]}
    del plain["rope_scaling"]["rope_type"]
    (folder / "config.json").write_text(json.dumps(plain))
    assert pretrained.network_of(folder)[1] == wanted


# ---------------------------------------------------------------------- which architecture a network is


@pytest.mark.parametrize(
    ("knobs", "kind"),
    [
        ({}, "gpt2"),
        ({"bias": True, "hidden": 24}, "gpt2"),
        ({"norm": "rms", "positions": "rotary", "activation": "swiglu"}, "llama"),
        ({"norm": "rms", "positions": "rotary", "activation": "swiglu", "qkv_bias": True}, "qwen2"),
        ({"norm": "rms", "positions": "rotary", "activation": "swiglu", "window": 5}, "mistral"),
        (
            {"norm": "rms", "positions": "rotary", "activation": "swiglu", "window": 5, "window_from": 1},
            "qwen2",
        ),
        (
            {
                "norm": "rms",
                "positions": "rotary",
                "activation": "swiglu",
                "qk_norm": True,
                "qk_scales": True,
            },
            "qwen3",
        ),
        ({"positions": "rotary", "rotary_share": 0.5, "tie": False}, "gpt_neox"),
    ],
)
def test_a_network_goes_out_as_the_architecture_that_it_is(knobs, kind, tmp_path):
    torch.manual_seed(0)
    module = GPT(TokenSpec(ByteCodec()), block_size=32, n_layer=2, n_head=2, n_embd=16, **knobs).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    theirs = AutoModelForCausalLM.from_pretrained(model_folder.write(module, tmp_path / "out")).eval()
    assert theirs.config.model_type == kind
    tokens = torch.randint(0, 256, (2, 32))
    with torch.no_grad():
        torch.testing.assert_close(module.network(tokens), theirs(tokens).logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("knobs", "named"),
    [
        ({"norm": "rms", "positions": "rotary", "activation": "relu2"}, r"model\.activation=relu2\."),
        (
            {"norm": "rms", "positions": "rotary", "activation": "swiglu", "qk_norm": True},
            r"model\.qk_norm=True\.",
        ),
        ({"n_kv_head": 1}, r"gpt2, has no model\.n_kv_head=1\."),
    ],
)
def test_a_network_that_none_has_does_not_go_out(knobs, named, tmp_path):
    module = GPT(TokenSpec(ByteCodec()), n_embd=16, n_head=2, n_layer=1, **knobs)
    with pytest.raises(ConfigError, match=named):
        model_folder.write(module, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_each_architecture_is_met_here():
    assert {kind for kind, _ in MODELS.values()} == {*ARCHITECTURES.names()}
