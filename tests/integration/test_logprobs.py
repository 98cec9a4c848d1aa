"""Log-probabilities of drawn tokens: those that scoring gives the same tokens, kept with the samples."""

import json

import numpy as np
import pytest
import torch

from genkit import train
from genkit.cli import main
from genkit.core.codecs import CharCodec, PixelCodec
from genkit.core.spec import ArraySpec, TokenSpec
from genkit.families.gpt import GPT
from genkit.inference.scoring import score_text, score_tokens
from genkit.system.errors import ConfigError

CHARS = "abcdefgh\n"
LINES = TokenSpec(CharCodec.of(CHARS), separator="\n")
CONTEXT = 16
FILTERS = {"temperature": 0.6, "top_k": 4, "top_p": 0.9, "repetition_penalty": 1.4, "bad_tokens": ["c"]}


def model(spec: TokenSpec = LINES, **blocks: object) -> GPT:
    torch.manual_seed(0)
    made = GPT(spec, block_size=CONTEXT, n_layer=2, n_head=2, n_embd=16, **blocks).eval()
    with torch.no_grad():
        for parameter in made.parameters():  # away from a uniform distribution
            parameter.add_(0.3 * torch.randn_like(parameter))
    return made


@pytest.mark.parametrize("positions", ["learned", "rotary"])
@pytest.mark.parametrize("options", [{}, FILTERS, {"temperature": 0.0}], ids=["plain", "filters", "greedy"])
def test_they_are_those_of_a_score_also_beyond_the_context(positions, options):
    """Whatever was done to the distribution before drawing; a score has windows that move as drawing does."""
    module = model(positions=positions)
    prompts = ["ab", "", "hgfedcba", "ab"]
    samples = module.sample(
        2, prompt=prompts, stop="dd", max_new_tokens=60, batch_size=5, logprobs=True, seed=3, **options
    )
    assert len(samples.logprobs) == len(samples) == 8
    beyond = 0
    for number, (text, found) in enumerate(zip(samples.texts, samples.logprobs, strict=True)):
        drawn = len(text) - len(prompts[number // 2])
        assert len(found) == drawn
        expected = score_text(module, text).values if text else np.empty(0)
        np.testing.assert_allclose(found.numpy(), expected[len(expected) - drawn :], atol=1e-4, rtol=0)
        beyond += drawn > 2 * CONTEXT
    assert beyond  # some are longer than two contexts
    if not options:
        assert len({len(found) for found in samples.logprobs}) > 1  # some are ended by the stop text


def test_without_documents_a_prompt_is_what_is_read_first():
    module = model(TokenSpec(CharCodec.of(CHARS)))
    samples = module.sample(2, prompt="abcab", max_new_tokens=40, logprobs=True)
    for ids, found in zip(samples.data, samples.logprobs, strict=True):
        expected = score_tokens(module, ids.numpy())[4:]
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-4, rtol=0)


def test_they_change_nothing_and_are_not_there_unless_asked_for():
    module = model()
    plain = module.sample(5, prompt="ab", max_new_tokens=30)
    told = module.sample(5, prompt="ab", max_new_tokens=30, logprobs=True)
    assert all(torch.equal(a, b) for a, b in zip(plain.data, told.data, strict=True))
    assert not plain.logprobs
    assert plain.drawn_tokens == []
    assert "ln p" not in str(plain)


def test_a_sample_of_no_tokens_has_none():
    samples = model().sample(2, prompt="ab", max_new_tokens=0, logprobs=True)
    assert [len(found) for found in samples.logprobs] == [0, 0]
    assert "no tokens" in str(samples)
    assert len(model().sample(0, logprobs=True).logprobs) == 0


def test_slices_and_files_keep_them(tmp_path):
    samples = model().sample(3, prompt=["ab", "h"], max_new_tokens=20, logprobs=True)
    part = samples[2:5]
    assert all(torch.equal(a, b) for a, b in zip(part.logprobs, samples.logprobs[2:5], strict=True))
    assert samples[2] == samples.texts[2]
    rows = [json.loads(line) for line in part.save(tmp_path / "part.jsonl").read_text("utf-8").splitlines()]
    with np.load(part.save(tmp_path / "part.npz")) as held:
        ends = held["lengths"].cumsum()
        flat = [np.split(held[name], ends[:-1]) for name in ("tokens", "logprobs")]
    for i, (row, found, data) in enumerate(zip(rows, part.logprobs, part.data, strict=True)):
        count = len(found)
        assert row["text"] == part.texts[i]
        assert row["tokens"] == data[len(data) - count :].tolist() == flat[0][i].tolist()
        assert "".join(row["pieces"]) == row["text"][-count:] if count else row["pieces"] == []
        assert row["logprobs"] == found.tolist() == flat[1][i].tolist()
        total = f"ln p = {sum(row['logprobs']):.4f}"
        assert not count or total in str(part)
    assert part.save(tmp_path / "part.txt").read_text("utf-8") == "\n\n".join(part.texts) + "\n"


def test_pictures_have_none_and_streams_neither():
    array = ArraySpec(1, (2, 2), levels=3)
    pictures = GPT(TokenSpec(PixelCodec(array)), n_layer=1, n_head=2, n_embd=16).eval()
    with pytest.raises(ConfigError, match="logprobs=true is of texts"):
        pictures.sample(1, logprobs=True)
    with pytest.raises(ConfigError, match="logprobs"):
        model().stream("ab", logprobs=True)


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    words = ["data=colors", "model=gpt_tiny", "budget.steps=5", "trainer=cpu", "callbacks.progress=none"]
    train([*words, "name=r", f"paths.runs_dir={folder}"])
    return folder


def test_the_command_line_keeps_them_beside_the_texts(runs_dir, capsys, monkeypatch):
    """Scored by the command for that, from the very file."""
    monkeypatch.setenv("GENKIT_RUNS_DIR", str(runs_dir))
    assert main(["sample", "run=r", "n=3", "prompt=我", "max_new_tokens=90", "logprobs=true"]) == 0
    out = capsys.readouterr().out
    file = runs_dir / "r" / "samples" / "sample-seed0-n3.jsonl"
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert out.count("ln p = ") == 3
    scores = runs_dir / "scores.jsonl"
    assert main(["score", "run=r", *(f"text={row['text']}" for row in rows), f"out={scores}"]) == 0
    for row, line in zip(rows, scores.read_text("utf-8").splitlines(), strict=True):
        scored = json.loads(line)["log_probabilities"]
        assert row["logprobs"] == pytest.approx(scored[1:], abs=1e-4)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["logprobs=true", "out=x.txt"], "logprobs are kept in .jsonl and .npz alone"),
        (["logprobs=true", "out=folder"], "logprobs are kept in .jsonl and .npz alone"),
        (["logprobs=true", "stream=true"], "without logprobs"),
        (["logprobs=yes"], "logprobs=yes is none of true or false"),
    ],
)
def test_what_would_lose_them_is_refused(runs_dir, capsys, monkeypatch, words, said):
    monkeypatch.setenv("GENKIT_RUNS_DIR", str(runs_dir))
    assert main(["sample", "run=r", *words]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
