"""Windows of whole documents: each token is predicted once, none is cut that fits, none sees another."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genkit.core.separators import completed, completed_at, ends
from genkit.core.spec import View, spec_from_dict
from genkit.data.dataset import OUTSIDE
from genkit.data.document_windows import DocumentWindows
from tests.conftest import open_plain
from tests.unit.data.test_data_texts import opened, written

MARKS = [[9], [8, 9], [7, 8, 9]]


def text_of(documents, mark, ended):
    """The ids of documents, and the number of the document that each id is predicted in."""
    ids, numbers = [], []
    for number, document in enumerate(documents):
        own = [*document, *(mark if ended or number < len(documents) - 1 else [])]
        ids += own
        numbers += [number] * len(own)
    return np.array(ids, np.uint16), numbers


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.lists(st.integers(0, 5), max_size=14), min_size=1, max_size=8),
    st.sampled_from(MARKS),
    st.booleans(),
    st.integers(1, 9),
    st.booleans(),
    st.integers(0, 3),
)
def test_windows(documents, mark, ended, block_size, moving, epoch):
    ids, numbers = text_of(documents, mark, ended)
    if len(ids) < 2:
        return
    windows = DocumentWindows(ids, block_size, np.array(mark), moving=moving)
    every = np.arange(len(windows))
    data, _, weights = windows.gather(every, epoch=epoch, seed=5)
    places = windows.places(every, epoch=epoch, seed=5)
    segments, scored = windows.packing(every, epoch=epoch, seed=5)
    assert scored is None
    assert segments.shape == (len(windows), block_size)
    predicted = []
    for row, own, parts, weight in zip(data, places, segments, weights, strict=True):
        inside = own[1:] < len(ids)
        targets = own[1:][inside].tolist()
        assert weight == len(targets) > 0
        assert (row[1:][~inside] == OUTSIDE).all()
        assert row[1:][inside].tolist() == ids[targets].tolist()
        predicted += targets
        # What each input may see: it and those before it that are of the document of its target.
        for place, target in enumerate(targets):
            seen = [t for t in range(place + 1) if parts[t] == parts[place]]
            first = next(t for t in range(len(targets)) if numbers[targets[t]] == numbers[target])
            if row[place] == mark[-1] and place and numbers[targets[place - 1]] != numbers[target]:
                assert seen == [place]  # a document begins with the last id of a separator alone
            assert seen == list(range(first, place + 1))
    start = 0 if len(ends(ids, np.array(mark))) else 1
    assert sorted(predicted) == list(range(start, len(ids)))  # each once
    together = [set(own[1:].tolist()) for own in places]
    for number, document in enumerate(documents):
        own = [place for place, of in enumerate(numbers) if of == number and place >= start]
        if own and len(own) <= block_size:
            assert any(set(own) <= window for window in together), f"{document} fits, and is cut"


def test_what_is_cut_moves_with_the_epoch_and_whole_documents_do_not():
    ids = np.array([*range(1, 22), 0, 1, 2, 0, 3, 0], np.uint16)  # 21 ids and their end: 4 windows of 6
    windows = DocumentWindows(ids, 6, np.array([0]), moving=True)
    seen = {tuple(windows.gather(np.arange(4), epoch=epoch)[0][1].tolist()) for epoch in range(40)}
    assert 1 < len(seen) <= 3  # the last window holds 4 + 0 to 2
    last = {tuple(windows.gather(np.arange(len(windows)), epoch=e)[0][-1].tolist()) for e in range(40)}
    assert len(last) == 1
    still = DocumentWindows(ids, 6, np.array([0]), moving=False)
    assert (still.gather(np.arange(4), epoch=0)[0] == still.gather(np.arange(4), epoch=3)[0]).all()
    assert "the part has 1 of 3 documents that are longer" in windows.notices("the part")[0]
    assert "up to 22" in windows.notices("the part")[0]


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=40), st.lists(st.integers(0, 2), min_size=1, max_size=3)
)
def test_separators_are_found_wherever_a_text_is_cut(ids, mark):
    ids, mark = np.array(ids, np.int64), np.array(mark)
    own = [ids[max(0, i - len(mark) + 1) : i + 1].tolist() for i in range(len(ids))]
    naive = [found == mark.tolist() for found in own]
    assert completed(ids, mark).tolist() == naive
    places = np.arange(len(ids) + 2)
    assert completed_at(ids, mark, places).tolist() == [*naive, False, False]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genkit.core.separators.BLOCK", 3)
        assert ends(ids, mark).tolist() == [i + 1 for i, found in enumerate(naive) if found]


def test_data_that_are_apart_say_so_in_their_spec_and_name_what_is_cut(tmp_path):
    root = tmp_path / "docs"
    root.mkdir()
    for i in range(60):
        (root / f"{i:02}.txt").write_text(f"document {i}, with so many words" * (1 + i % 3))
    settings = {"separator": "<|end|>", "tokenizer": "bytes"}
    packed = opened(root, tmp_path / "c", "text_folder", 40, **settings)
    apart = opened(root, tmp_path / "c", "text_folder", 40, documents="reset", **settings)
    assert len(list((tmp_path / "c").glob("text_folder-*/dataset.json"))) == 1  # the tokens are the same
    assert not packed.spec.apart
    assert apart.spec.apart
    assert packed.split("train").packing(np.arange(1)) is None
    assert written(apart, "train") == written(packed, "train")
    assert bytes(packed.spec.opening.tolist()) == b"<|end|>"
    assert apart.spec.opening.tolist() == [ord(">")]  # as documents see it
    assert any("are longer than model.block_size=40" in notice for notice in apart.notices)
    assert spec_from_dict(apart.spec.to_dict()).to_dict() == apart.spec.to_dict()
    assert "apart" not in packed.spec.to_dict()


def test_documents_that_hold_the_separator_are_divided_and_counted(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"text": "one; two"}\n' * 40)
    settings = {"separator": ";", "column": "text"}
    apart = opened(file, tmp_path / "c", documents="reset", **settings)
    assert any("hold data.separator=';' themselves, 40 times" in notice for notice in apart.notices)
    assert not any("themselves" in notice for notice in opened(file, tmp_path / "c", **settings).notices)


def test_sentences_that_come_with_their_ends_may_be_apart_too():
    data = {"name": "colors", "tokenizer": "chars", "vocab_size": 300, "tokenizer_path": None}
    packed, apart = (
        open_plain({**data, "documents": documents}, {}, View("tokens", block_size=40))
        for documents in ("packed", "reset")
    )
    assert apart.spec.apart
    assert not packed.spec.apart
    windows = apart.split("validation")
    segments, _ = windows.packing(np.arange(len(windows)))
    rows = windows.gather(np.arange(len(windows)))[0]
    end = apart.spec.opening[0]
    assert (rows[:, 0] == end).all()  # each window begins with a sentence
    assert segments.max(1).tolist() == (rows[:, :-1] == end).sum(1).tolist()
