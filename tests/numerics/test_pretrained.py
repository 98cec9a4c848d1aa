"""Folders of transformers as the beginning of a training, and GPT-2 in and out; what is refused."""

import json
import subprocess
import sys

import pytest
import torch
from tokenizers import processors
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
)

from genkit import load, train
from genkit.config import compose
from genkit.core.codecs import ByteCodec, CharCodec, SubwordCodec
from genkit.core.spec import TokenSpec
from genkit.families.gpt import GPT
from genkit.interop import model_folder, pretrained
from genkit.interop.tokenizer_json import tokenizer_json
from genkit.system.errors import CheckpointError, ConfigError
from tests.tokenisers import made

TEXT = "To be, or not to be, that is the question:\n" * 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A random GPT-2 with a tokeniser of bytes, as transformers saves it."""
    place = tmp_path_factory.mktemp("models") / "gpt2"
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=256, n_positions=32, n_embd=16, n_layer=2, n_head=2))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(place)
    (place / "tokenizer.json").write_text(tokenizer_json(ByteCodec()), encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    file = tmp_path_factory.mktemp("text") / "text.txt"
    file.write_text(TEXT, encoding="utf-8")
    return file


def built(folder, **knobs) -> GPT:
    knobs = {**pretrained.knobs_of(pretrained.network_of(folder)[1]), **knobs}
    module = GPT(TokenSpec(SubwordCodec((folder / "tokenizer.json").read_text("utf-8"))), **knobs).eval()
    model_folder.read(module, folder)
    return module


def test_weights_come_in_exactly(folder):
    ours, theirs = built(folder), GPT2LMHeadModel.from_pretrained(folder).eval()
    tokens = torch.randint(0, 256, (2, 32), generator=torch.Generator().manual_seed(0))
    mine, peers = ours.network(tokens), theirs(tokens).logits
    torch.testing.assert_close(mine, peers, rtol=1e-5, atol=1e-5)
    mine.square().mean().backward()
    peers.square().mean().backward()
    torch.testing.assert_close(
        ours.network.tokens.weight.grad, theirs.transformer.wte.weight.grad, rtol=1e-4, atol=1e-6
    )
    torch.testing.assert_close(
        ours.network.blocks[1].feed_forward.up.weight.grad.T,
        theirs.transformer.h[1].mlp.c_fc.weight.grad,
        rtol=1e-4,
        atol=1e-6,
    )
    shorter = built(folder, block_size=8)
    torch.testing.assert_close(shorter.network(tokens[:, :8]), mine[:, :8], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("codec", "blocks"),
    [
        (CharCodec.of("abc é\n颜"), {}),
        (ByteCodec(), {"bias": True, "activation": "gelu_tanh", "tie": False}),
        (ByteCodec(), {"activation": "relu2", "lora_rank": 2}),
    ],
    ids=["chars", "bytes-bias", "bytes-lora"],
)
def test_weights_and_tokens_go_out_exactly(codec, blocks, tmp_path):
    torch.manual_seed(0)
    module = GPT(TokenSpec(codec), block_size=16, n_layer=2, n_head=2, n_embd=16, **blocks).eval()
    with torch.no_grad():
        for parameter in module.parameters():  # low-rank updates that are not zero, too
            parameter.add_(0.1 * torch.randn_like(parameter))
    out = model_folder.write(module, tmp_path / "out")
    theirs, tokenizer = AutoModelForCausalLM.from_pretrained(out).eval(), AutoTokenizer.from_pretrained(out)
    ids = codec.encode("ab cé\n颜a")
    assert tokenizer("ab cé\n颜a")["input_ids"] == ids.tolist()
    assert tokenizer.decode(ids.tolist()) == "ab cé\n颜a"
    tokens = torch.as_tensor(ids)[None]
    torch.testing.assert_close(theirs(tokens).logits, module.network(tokens), rtol=1e-5, atol=1e-5)
    with pytest.raises(ConfigError, match="exists"):
        model_folder.write(module, out)


ENDED = SubwordCodec(made("gpt2").to_str())


@pytest.mark.parametrize(
    ("codec", "separator", "end"),
    [
        (ByteCodec(), None, None),
        (CharCodec.of("abc é\n颜"), None, None),
        (ENDED, None, None),
        (ByteCodec(), "\x1e", 0x1E),
        (ByteCodec(), "\n", ord("\n")),
        (ENDED, "<|endoftext|>", int(ENDED.encode("<|endoftext|>")[0])),
        (ENDED, "\x1e\x1e", None),  # two tokens, and transformers ends at one
    ],
)
def test_generate_ends_where_documents_do_and_nowhere_else(codec, separator, end, tmp_path):
    """A network that knows line ends and the document's end, and draws both often."""
    torch.manual_seed(0)
    spec = TokenSpec(codec, separator)
    module = GPT(spec, block_size=64, n_layer=1, n_head=2, n_embd=16, tie=False).eval()
    line_end = int(codec.mark("\n")[-1])
    with torch.no_grad():
        for favoured in {line_end, line_end if end is None else end}:
            module.network.head.weight[favoured] *= 40
    out = model_folder.write(module, tmp_path / "out")
    theirs = AutoModelForCausalLM.from_pretrained(out).eval()
    assert theirs.generation_config.eos_token_id == theirs.config.eos_token_id == end
    assert theirs.config.bos_token_id == spec.opening[-1]
    torch.manual_seed(0)
    prompt = torch.tensor([spec.encode("a b").tolist()])
    drawn = theirs.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=50, do_sample=True, pad_token_id=0
    )[0, prompt.shape[1] :].tolist()
    if end is None:
        assert len(drawn) == 50
        assert line_end in drawn[:-1]  # which ended it after some tokens
    else:
        assert drawn.index(end) == len(drawn) - 1 < 49
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert tokenizer.decode(drawn) == codec.decode(drawn)


@pytest.mark.parametrize("rank", [None, 2])
def test_fine_tuning_begins_at_the_pretrained_model(folder, text, tmp_path, rank):
    """The first validation would be the peer's; after some steps the loss is lower and only updates moved."""
    words = [
        *("model=gpt", f"pretrained={folder}", "data=text_file", f"data.path={text}", "batch_size=4"),
        *("trainer=cpu", "budget.steps=8", "optim.warmup=0", "callbacks.progress=none", "name=fine"),
        *(f"model.lora_rank={rank or 'null'}", f"paths.runs_dir={tmp_path}", f"paths.cache_dir={tmp_path}/c"),
    ]
    record = train(words)
    tuned, start = load("fine", runs_dir=tmp_path), built(folder)
    moved = {
        name: not torch.equal(tensor, dict(start.network.named_parameters())[plain])
        for name, tensor in tuned.network.named_parameters()
        if (plain := name.replace("base_layer.", "")) in dict(start.network.named_parameters())
    }
    assert any(moved.values()) == (rank is None)
    assert len(moved) == len(list(start.network.parameters()))
    if rank:
        trained = tuned.phases()[0].parameters
        assert {p.shape[0] for p in trained if p.shape[1] == 16} == {rank}
        assert len(trained) == 2 * 4 * 2
    ids = torch.as_tensor(ByteCodec().encode(TEXT[:33]))[None]
    before, after = (
        torch.nn.functional.cross_entropy(module.network(ids[:, :-1])[0], ids[0, 1:]).item()
        for module in (start, tuned)
    )
    assert after < before
    assert record["final"]["val/nll"] < before
    assert len(tuned.sample(1, prompt="To be", max_new_tokens=5).texts[0]) >= 5
    theirs = AutoModelForCausalLM.from_pretrained(model_folder.write(tuned, tmp_path / "out")).eval()
    torch.testing.assert_close(theirs(ids[:, :-1]).logits, tuned.network(ids[:, :-1]), rtol=1e-4, atol=1e-5)


# ---------------------------------------------------------------------- what is refused, before torch


def refused(folder, text, kind, *words):
    of_text = ["data=text_file", f"data.path={text}"] * all(not word.startswith("data=") for word in words)
    with pytest.raises(kind) as caught:
        compose("train", [f"pretrained={folder}", *of_text, *words])
    assert "\n" not in str(caught.value)
    return str(caught.value)


def copied(folder, tmp_path, without=()):
    place = tmp_path / "copy"
    place.mkdir()
    for file in folder.iterdir():
        if file.name not in without:
            (place / file.name).write_bytes(file.read_bytes())
    return place


def with_settings(folder, tmp_path, **settings):
    place = copied(folder, tmp_path)
    plain = json.loads((place / "config.json").read_text())
    (place / "config.json").write_text(json.dumps({**plain, **settings}))
    return place


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("qwen3_moe", "qwen3"),
        ("gpt_neo", "gpt_neox"),
        ("llama4", "llama"),
        ("mixtral", "mistral"),
        (None, ""),
    ],
)
def test_another_architecture_is_refused_with_those_known_the_most_alike_first(
    kind, first, folder, text, tmp_path
):
    said = refused(with_settings(folder, tmp_path, model_type=kind), text, ConfigError)
    assert f"model_type={kind} is none that genkit reads" in said
    assert f"first: {first}" in said
    assert all(known in said for known in ("gpt2", "gpt_neox", "llama", "mistral", "qwen2", "qwen3"))


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    place = tmp_path_factory.mktemp("models") / "llama"
    LlamaForCausalLM(LlamaConfig(vocab_size=256, **SMALL)).save_pretrained(place)
    (place / "tokenizer.json").write_text(tokenizer_json(ByteCodec()), encoding="utf-8")
    return place


SMALL = {
    **{"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2},
    **{"max_position_embeddings": 32, "bos_token_id": None, "eos_token_id": None},
}
TURNS = ["sliding_attention", "full_attention"]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"hidden_act": "gelu"}, "hidden_act=gelu is not computed here, only silu"),
        ({"rope_parameters": {"rope_type": "longrope"}}, "rope_type=longrope is not computed here"),
        ({"rope_scaling": {"type": "longrope"}}, "rope_type=longrope is not computed here"),
        ({"rope_parameters": {"rope_type": "yarn", "factor": 2.0, "truncate": False}}, "truncate=false"),
        ({"rope_parameters": {"mrope_section": [2, 3, 3]}}, "rope_parameters.mrope_section"),
        ({"partial_rotary_factor": 0.5}, "partial_rotary_factor=0.5"),
        ({"num_local_experts": 8}, "num_local_experts=8 is not known here"),
        ({"model_type": "mistral", "layer_types": TURNS}, "layer_types="),
        (
            {"model_type": "qwen2", "use_sliding_window": True, "layer_types": TURNS},
            "only a window from one layer on",
        ),
        ({"auto_map": {"AutoModelForCausalLM": "modeling.Mine"}}, "auto_map says that it names code"),
        ({"quantization_config": {"bits": 4}}, "quantization_config says"),
        (
            {"model_type": "gpt2", "n_embd": 16, "scale_attn_by_inverse_layer_idx": True},
            "by_inverse_layer_idx",
        ),
    ],
)
def test_a_setting_that_is_not_computed_is_refused(settings, named, llama, text, tmp_path):
    assert named in refused(with_settings(llama, tmp_path, **settings), text, ConfigError)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"hidden_size": None}, "it has no hidden_size"),
        ({"hidden_size": "wide"}, "hidden_size is no whole number above 0"),
        ({"num_key_value_heads": -1}, "num_key_value_heads is no whole number above 0"),
        ({"rms_norm_eps": True}, "rms_norm_eps is no number above 0"),
        ({"tie_word_embeddings": "yes"}, "tie_word_embeddings is not true or false"),
        ({"rope_parameters": [1]}, "rope_parameters is no mapping"),
        ({"rope_parameters": {"rope_type": "linear"}}, "it has no rope_parameters.factor"),
    ],
)
def test_half_a_config_is_refused(settings, named, llama, text, tmp_path):
    said = refused(with_settings(llama, tmp_path, **settings), text, CheckpointError)
    assert "config.json is damaged" in said
    assert named in said


@pytest.mark.parametrize(
    "settings",
    [
        {"attention_dropout": 0.1, "pretraining_tp": 2, "use_cache": False, "initializer_range": 0.5},
        {"_name_or_path": "x", "transformers_version": "4.1", "torch_dtype": "bfloat16", "pad_token_id": 3},
        {"is_llama_config": True, "rope_interleaved": False, "unsloth_fixed": True, "rope_scaling": None},
    ],
)
def test_what_changes_no_number_is_passed_over(settings, llama, text, tmp_path):
    place = with_settings(llama, tmp_path, **settings)
    cfg = compose("train", ["model=gpt", f"pretrained={place}", "data=text_file", f"data.path={text}"])
    assert cfg.model.positions == "rotary"


def test_tensors_that_are_too_many_or_too_few_are_named(llama, text, tmp_path):
    from safetensors.torch import load_file, save_file

    place = copied(llama, tmp_path)
    own = load_file(place / "model.safetensors")
    save_file({**own, "model.layers.0.self_attn.q_proj.bias": torch.zeros(16)}, place / "model.safetensors")
    assert "self_attn.q_proj.bias" in refused(place, text, ConfigError)
    del own["lm_head.weight"]
    save_file(own, place / "model.safetensors")
    assert "lm_head.weight (config.json does not tie it" in refused(place, text, CheckpointError)


def test_a_missing_shard_is_named(text, tmp_path):
    place = tmp_path / "several"
    model = LlamaForCausalLM(LlamaConfig(vocab_size=256, **SMALL))
    model.save_pretrained(place, max_shard_size="20KB")
    (place / "tokenizer.json").write_text(tokenizer_json(ByteCodec()), encoding="utf-8")
    shard = sorted(place.glob("*.safetensors"))[1]
    shard.unlink()
    assert f"{shard.name} is missing; copy" in refused(place, text, CheckpointError)


def test_a_tokeniser_with_more_tokens_than_the_embedding_has_rows_is_refused(llama, text, tmp_path):
    place = copied(llama, tmp_path)
    (place / "tokenizer.json").write_text(made("gpt2").to_str(), encoding="utf-8")
    tokens = SubwordCodec(made("gpt2").to_str()).vocab_size
    said = refused(place, text, CheckpointError)
    assert f"{tokens:,} tokens" in said
    assert "256 rows" in said


def opened(name: str, *marks: str) -> str:
    """A tokeniser with marks of its own, the first of which it puts before a text."""
    tokenizer = made(name)
    tokenizer.add_special_tokens([*marks])
    if marks:
        of_marks = [(marks[0], tokenizer.token_to_id(marks[0]))]
        tokenizer.post_processor = processors.TemplateProcessing(f"{marks[0]} $A", special_tokens=of_marks)
    return tokenizer.to_str()


@pytest.mark.parametrize(
    ("tokeniser", "settings", "separator"),
    [
        (opened("gpt2"), {"eos_token": "<|endoftext|>"}, "<|endoftext|>"),
        (opened("llama2", "<s>", "</s>"), {"eos_token": {"content": "</s>"}}, "</s><s>"),
        (
            opened("llama3", "<|begin_of_text|>", "<|end|>"),
            {"eos_token": "<|end|>"},
            "<|end|><|begin_of_text|>",
        ),
        (opened("gpt2"), {"eos_token": "nobody's"}, None),
        (opened("gpt2"), {}, None),
    ],
    ids=["gpt2", "llama2", "llama3", "unknown", "none"],
)
def test_texts_end_as_the_folder_says(tokeniser, settings, separator, llama, text, tmp_path):
    place = with_settings(llama, tmp_path, vocab_size=100_000)
    (place / "tokenizer.json").write_text(tokeniser, encoding="utf-8")
    (place / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    words = ["model=gpt", f"pretrained={place}", "data=text_file", f"data.path={text}"]
    assert compose("train", words).data.separator == separator
    assert compose("train", [*words, "data.separator='|'"]).data.separator == "|"
    if separator:
        codec = SubwordCodec(tokeniser)
        opening = TokenSpec(codec, separator).opening
        assert codec.decode(opening) == separator
        assert all(map(codec.is_mark, opening.tolist()))


def test_a_truncated_folder_is_refused(folder, text, tmp_path):
    place = copied(folder, tmp_path)
    weights = (place / "model.safetensors").read_bytes()
    for cut in (0, 5, 100, len(weights) - 1):
        (place / "model.safetensors").write_bytes(weights[:cut])
        assert "cut short" in refused(place, text, CheckpointError)
    (place / "tokenizer.json").unlink()
    (place / "model.safetensors").write_bytes(weights)
    assert "tokenizer.json is missing" in refused(place, text, CheckpointError)
    (place / "config.json").write_text("{")
    assert "config.json is damaged" in refused(place, text, CheckpointError)


def test_a_pickle_is_refused(folder, text, tmp_path):
    place = copied(folder, tmp_path, without=["model.safetensors"])
    torch.save({}, place / "pytorch_model.bin")
    assert "is a pickle" in refused(place, text, CheckpointError)


def test_contradictions_are_refused(folder, text):
    assert "model.n_layer=3" in refused(folder, text, ConfigError, "model.n_layer=3")
    assert "data.tokenizer=bytes" in refused(folder, text, ConfigError, "data.tokenizer=bytes")
    assert "block_size=64" in refused(folder, text, ConfigError, "model.block_size=64")
    assert "choose model=gpt" in refused(folder, text, ConfigError, "model=dcgan", "data=digits")
    assert "choose data=" in refused(folder, text, ConfigError, "model=gpt", "data=digits")
    assert "init_from" in refused(folder, text, ConfigError, "init_from=x")


def test_a_missing_tensor_is_refused(folder, tmp_path):
    from safetensors.torch import load_file, save_file

    place = copied(folder, tmp_path)
    tensors = load_file(place / "model.safetensors")
    tensors.pop("transformer.h.1.ln_2.bias")
    save_file(tensors, place / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"h\.1\.ln_2\.bias"):
        built(place)


def test_a_folder_is_read_and_refused_without_torch(llama, text, tmp_path):
    """By a process in which torch cannot be imported, whether the folder will do or not."""
    wrong = with_settings(llama, tmp_path, hidden_act="gelu")
    words = ["model=gpt", "data=text_file", f"data.path={text}"]
    program = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from genkit.config import compose\n"
        f"print(compose('train', {words} + ['pretrained={llama}']).model.norm)\n"
        "try:\n"
        f"    compose('train', {words} + ['pretrained={wrong}'])\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "rms",
        f"ConfigError {wrong / 'config.json'}: hidden_act=gelu is not computed here, only silu, swish.",
    ]
