"""Documents that are apart: no number of one depends on another, in training, scoring and drawing."""

import numpy as np
import pytest
import torch

from genkit.core.batch import Batch, Packing
from genkit.core.codecs import CharCodec
from genkit.core.noise import Noise
from genkit.core.spec import TokenSpec
from genkit.data.document_windows import DocumentWindows
from genkit.families.gpt import GPT
from genkit.inference.scoring import score_split, score_text, score_tokens

SEPARATORS = ["|", "<>", "==="]  # of one id, of several, of equal ones
POSITIONS = ["learned", "rotary"]


def model(separator, positions="learned", *, apart=True, block_size=24, codec=None):
    torch.manual_seed(0)
    spec = TokenSpec(codec or CharCodec.of("abcdefghi|<>=\n"), separator, apart=apart)
    module = GPT(spec, block_size=block_size, n_layer=2, n_head=2, n_embd=16, positions=positions).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return module


def split(module, text, *, moving=False):
    return DocumentWindows(
        module.spec.codec.encode(text), module.context, module.spec.mark, moving=moving, bytes=len(text)
    )


def batch(windows):
    rows = np.arange(len(windows))
    data, _, weights = windows.gather(rows)
    segments, _ = windows.packing(rows)
    given = Batch(
        *(torch.from_numpy(data).long(), range(len(rows)), None, torch.from_numpy(weights)),
        Packing(torch.from_numpy(segments)),
    )
    return given


def by_itself(module, document):
    """Log-probabilities of a document's ids and of its end, read alone behind the end of another."""
    ids = [
        *module.spec.opening.tolist(),
        *module.spec.codec.encode(document + module.spec.separator).tolist(),
    ]
    logits = module.network(torch.tensor([ids[:-1]]))[0].double().log_softmax(-1)
    return [float(logits[place, own]) for place, own in enumerate(ids[1:])]


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("separator", SEPARATORS)
@torch.no_grad()
def test_a_neighbour_changes_nothing_to_the_bit(separator, positions):
    module = model(separator, positions)
    documents = ["abcab", "ihghi", "defde"]
    own = [separator.join([first, *documents[1:], ""]) for first in ("abcab", "gidaf")]
    first, second = (
        module._token_nll(b.data, "none", b.packing) for b in map(batch, (split(module, t) for t in own))
    )
    changed = len("abcab") + len(separator)
    assert first.shape == second.shape == (1, 24)
    assert not torch.equal(first[0, :changed], second[0, :changed])
    assert torch.equal(first.flatten()[changed:], second.flatten()[changed:])
    scores = [score_text(module, text).values for text in own]
    assert (scores[0][changed:] == scores[1][changed:]).all()
    assert not (scores[0][:changed] == scores[1][:changed]).all()
    together = model(separator, positions, apart=False)  # of which the same cannot be said
    scores = [score_text(together, text).values for text in own]
    assert not (scores[0][changed:] == scores[1][changed:]).all()


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("separator", SEPARATORS)
@torch.no_grad()
def test_each_document_is_what_it_is_by_itself(separator, positions):
    """Training, validation and scoring see what a forward pass over each document alone does."""
    module = model(separator, positions)
    documents = ["abcab", "ih", "defdefdef", "a", "ghighighigh", *([""] if separator != "===" else [])]
    text = "".join(document + separator for document in documents)
    expected = [value for document in documents for value in by_itself(module, document)]
    given = batch(split(module, text))
    values = -module._token_nll(given.data, "none", given.packing)
    found = values[given.data[:, 1:] >= 0].double().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    # With every token seeing all that it can, windows that begin within a document see that alone.
    np.testing.assert_allclose(score_text(module, text, stride=1).values, expected, atol=1e-5)
    np.testing.assert_allclose(score_split(module, split(module, text), stride=1).values, expected, atol=1e-5)
    assert score_split(module, split(module, text)).size == len(text)
    noise = Noise(0, given.rows, purpose="validation")
    means = module.score_batch(given, noise)["nll"]
    assert float((means * given.weight).sum()) == pytest.approx(-sum(expected), rel=1e-5)
    loss = module._loss(given, type("Step", (), {"pieces": [], "rows": given.rows})())
    assert float(loss.total) == pytest.approx(-sum(expected) / len(expected), rel=1e-5)


@torch.no_grad()
def test_a_window_that_begins_within_a_document_sees_its_part_of_that_alone():
    module = model("|", block_size=6)
    ids = module.spec.codec.encode("ab|cdefghiabc|fg|")
    values = score_tokens(module, ids, stride=3)
    begins = {0: 0, 1: 0, 2: 0, 3: 0, 4: 0, 5: 0}
    for target in range(6, len(ids) - 1):
        begins[target] = 3 * (target // 3) + 3 - 6
    marks = np.flatnonzero(ids == module.spec.mark[0])
    for target in range(len(ids) - 1):
        opened = max([begins[target], *(int(mark) for mark in marks if mark <= target)])
        seen = torch.from_numpy(ids[opened : target + 1])[None]
        alone = module.network(seen)[0, -1].double().log_softmax(-1)[ids[target + 1]]
        assert values[target] == pytest.approx(float(alone), abs=1e-5)


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("separator", SEPARATORS)
@torch.no_grad()
def test_what_is_drawn_is_what_training_would_have_predicted(separator, positions):
    module = model(separator, positions)
    for prompt in ("", "abc", f"de{separator}abc", f"abc{separator}"):
        drawn = module.sample(1, prompt=prompt, temperature=0, max_new_tokens=8).data[0]
        own = drawn[len(module.spec.encode(prompt)) :].tolist()
        last = prompt.rpartition(separator)[2]
        beginning = [*module.spec.opening.tolist(), *module.spec.codec.encode(last).tolist()]
        # Behind two others in one window, as in training.
        before = module.spec.codec.encode(f"hi{separator}g{separator}")[: -len(module.spec.opening)].tolist()
        whole = torch.tensor([[*before, *beginning, *own]])
        marks = module.spec.mark
        begun = np.cumsum(
            [whole[0, : i + 1].tolist()[-len(marks) :] == marks.tolist() for i in range(whole.shape[1])]
        )
        begun[len(before) :] = begun[len(before)]  # what was drawn is one document
        logits = module.network(whole, segments=torch.from_numpy(begun)[None])[0]
        likeliest = logits[len(before) + len(beginning) - 1 : -1].argmax(-1).tolist()
        assert own == likeliest
        assert len(own) == 8 or separator in module.spec.codec.decode([*own, int(logits[-1].argmax())])


@torch.no_grad()
def test_a_sample_ends_with_its_document_whatever_else_ends_it():
    for apart in (True, False):
        module = model("|", apart=apart, codec=CharCodec.of("ab|"))
        drawn = {"temperature": 0, "max_new_tokens": 5, "bad_tokens": ["a", "b"]}  # the separator is left
        assert module.sample(1, prompt="ab", **drawn).texts[0] == "ab"
        assert module.sample(1, prompt="ab", stop="b", **drawn).texts[0] == "ab" + ("" if apart else "|||||")
