"""GPT from its own methods and from the command line: streaming, forbidden tokens, long samples, scores."""

import io
import json
import resource

import pytest
import torch

from genkit import load, train
from genkit.cli import main
from genkit.core.codecs import ByteCodec, CharCodec
from genkit.core.spec import TokenSpec
from genkit.data.sources.grammar import sentences
from genkit.families.gpt import GPT
from genkit.nn.incremental import Stepper
from genkit.nn.key_value_cache import KVCache
from genkit.system.errors import ConfigError

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


# ---------------------------------------------------------------------- from the command line


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory):
    """A folder with a run `r` of a small GPT on sentences about colours."""
    folder = tmp_path_factory.mktemp("runs")
    words = ["data=colors", "model=gpt_tiny", "budget.steps=5", "trainer=cpu", "callbacks.progress=none"]
    train([*words, "name=r", f"paths.runs_dir={folder}"])
    return folder


@pytest.fixture
def genkit(runs_dir, capsys, monkeypatch):
    """Run a command; the exit code and what it printed."""
    monkeypatch.setenv("GENKIT_RUNS_DIR", str(runs_dir))

    def run(*words):
        capsys.readouterr()
        code = main(list(words))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_streaming_prints_the_sample(genkit, runs_dir):
    code, out, _ = genkit("sample", "run=r", "stream=true", "prompt=我", "max_new_tokens=20", "seed=3")
    sampled = load("r", runs_dir=runs_dir).sample(1, seed=3, prompt="我", max_new_tokens=20).texts[0]
    assert code == 0
    assert out == sampled + "\n"
    for word in ("n=2", "out=x", "batch_size=3"):
        code, _, said = genkit("sample", "run=r", "stream=true", word)
        assert code == 2
        assert word.partition("=")[0] in said


def test_prompts_come_from_a_file_or_standard_input(genkit, runs_dir, tmp_path, monkeypatch):
    module = load("r", runs_dir=runs_dir)
    (tmp_path / "prompts.txt").write_text("我\n\n你\n", encoding="utf-8")
    options = ["n=2", "max_new_tokens=5", f"out={tmp_path / 'out.jsonl'}"]
    assert genkit("sample", "run=r", f"prompt_file={tmp_path / 'prompts.txt'}", *options)[0] == 0
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    assert texts == module.sample(2, prompt=["我", "你"], max_new_tokens=5).texts
    monkeypatch.setattr("sys.stdin", io.StringIO("我\n"))
    assert genkit("sample", "run=r", "prompt=-", *options)[0] == 0
    assert genkit("sample", "run=r", f"prompt_file={tmp_path / 'none.txt'}")[0] == 4
    assert genkit("sample", "run=r", f"prompt_file={tmp_path / 'prompts.txt'}", "prompt=我")[0] == 2


def test_scores_from_the_command_line(genkit, tmp_path):
    out = tmp_path / "scores.jsonl"
    assert genkit("score", "run=r", "text=我喜欢", "text=我", f"out={out}")[0] == 0
    first, second = map(json.loads, out.read_text(encoding="utf-8").splitlines())
    assert first["tokens"] == 3
    assert first["pieces"] == ["我", "喜", "欢"]
    assert first["nats"] == pytest.approx(-sum(first["log_probabilities"]))
    assert first["log_probabilities"][0] == pytest.approx(second["log_probabilities"][0], abs=1e-5)
    assert genkit("score", "run=r", "split=validation", f"out={out}", "stride=64")[0] == 0
    row = json.loads(out.read_text(encoding="utf-8"))
    shown = genkit("runs", "run=r")[1]
    assert f"{row['nats_per_token']:.4f}"[:5] in shown  # the last validation's number


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["text=xyz"], "'x' 'y' 'z'"),
        (["text="], "empty"),
        (["text=我", "split=test"], "one of text=, file= and split="),
        (["split=tset"], "Did you mean test?"),
        (["stirde=3"], "Did you mean stride?"),
        (["text=我", "out=x.csv"], ".jsonl"),
        (["text=我", "stride=65"], "stride=65 is not from 1 to the context of 64"),
    ],
)
def test_bad_scores_are_refused(genkit, words, said):
    code, out, err = genkit("score", "run=r", *words)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1
    assert not out


def test_export_from_the_command_line(genkit, tmp_path):
    assert genkit("export", "run=r", f"out={tmp_path / 'hf'}")[0] == 0
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {
        p.name for p in (tmp_path / "hf").iterdir()
    }
    for words in (["out="], [f"out={tmp_path / 'hf'}"], ["out=x", "format=gguf"], ["out=x", "foo=1"]):
        assert genkit("export", "run=r", *words)[0] == 2


def test_narrow_weights_cost_a_trained_model_at_most_a_hundredth(tmp_path):
    words = ["data=colors", "model=gpt_tiny", "budget.steps=60", "optim.lr=1e-2", "optim.warmup=5"]
    run = train([*words, "trainer=cpu", "callbacks.progress=none", f"paths.runs_dir={tmp_path}", "name=n"])
    module = load("n", runs_dir=tmp_path)
    ids = torch.from_numpy(module.spec.codec.encode("\n" + "\n".join(sentences()[:20])))
    tokens = ids[: len(ids) // 65 * 65].view(-1, 65)
    nats = {}
    for precision in ("float32", "bfloat16", "int8"):
        cache = KVCache(module.network.config, len(tokens), module.network.tokens.weight)
        with torch.inference_mode():
            step = Stepper(module.network, cache, precision)
            logits = torch.stack([step(tokens[:, place]) for place in range(64)], dim=1)
        nats[precision] = float(
            torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        )
    assert nats["float32"] < 3.0, run  # it has learned something: a uniform choice has more than 4
    for narrow in ("bfloat16", "int8"):
        assert nats[narrow] != nats["float32"]
        assert nats[narrow] / nats["float32"] == pytest.approx(1, abs=0.01)
