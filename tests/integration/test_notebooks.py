"""The notebooks of the site: a pair says one thing, and shows what its cells show when they run."""

from __future__ import annotations

import base64
import io
import re
import tempfile
from html.parser import HTMLParser
from itertools import groupby
from unittest.mock import MagicMock

import pytest
from PIL import Image

import genkit
from genkit import config

jupytext = pytest.importorskip("jupytext", reason="needs the extra test")
nbformat = pytest.importorskip("nbformat", reason="needs the extra test")
pytest.importorskip("ipykernel", reason="needs the extra test")
from tools import notebooks  # noqa: E402

SOURCES = {source.stem: source for source in notebooks.sources()}
PICTURES = ("image/png", "image/jpeg", "image/gif")
MOST = 500_000  # letters of a notebook, which a repository and a page have to hold


def stored(name):
    return nbformat.read(str(SOURCES[name].with_suffix(".ipynb")), as_version=4)


class Skeleton(HTMLParser):
    """The tags of a page, and of its pictures and players the kinds."""

    def __init__(self, page):
        super().__init__()
        self.tags = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        source = dict(attrs).get("src") or ""
        self.tags.append((tag, source.partition(",")[0] if source.startswith("data:") else source))


def form(output):
    """What an output is, whatever its numbers are: of a picture its size, of a page its tags."""
    if output.output_type == "stream":
        return (output.name,)
    found = {}
    for kind, data in output.data.items():
        if kind in PICTURES:
            found[kind] = Image.open(io.BytesIO(base64.b64decode(data))).size
        elif kind == "text/html":
            found[kind] = tuple(Skeleton(data).tags)
        else:
            found[kind] = None
    return output.output_type, tuple(sorted(found.items(), key=lambda item: item[0]))


def forms(cell):
    """Of all outputs of a cell, alike ones that follow one another once."""
    return [found for found, _ in groupby(map(form, cell.outputs))]


def test_there_is_one_for_each_medium_a_study_and_a_family():
    assert {"texts", "pictures", "sounds", "videos", "study", "family"} <= set(SOURCES)
    assert {file.stem for file in notebooks.FOLDER.glob("*.ipynb")} == set(SOURCES)


@pytest.mark.parametrize("name", SOURCES)
def test_a_pair_says_one_thing(name):
    written, shown = jupytext.read(SOURCES[name]), stored(name)
    assert [(c.cell_type, c.source) for c in written.cells] == [(c.cell_type, c.source) for c in shown.cells]
    nbformat.validate(shown)


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_shown_was_run_as_it_stands(name):
    """Whoever changes a cell runs the notebook again: `make notebooks`."""
    shown = stored(name)
    assert shown.metadata.genkit.ran == notebooks.digest(shown)
    counts = [cell.execution_count for cell in shown.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert SOURCES[name].with_suffix(".ipynb").stat().st_size <= MOST


@pytest.mark.parametrize("name", sorted({*SOURCES} - {"study"}))  # (a study goes on where it was)
def test_a_notebook_that_is_run_again_meets_no_run_of_its_own(name, monkeypatch, tmp_path):
    """Its cells up to those that train are run twice, as in a kernel that goes on; none of them trains."""
    met = []

    def train(words, **given):
        (called,) = (word for word in words if word.startswith("name="))
        met.append((config.paths([])["runs_dir"], called))

    monkeypatch.setenv("GENKIT_RUNS_DIR", "runs")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(genkit, "train", train)
    monkeypatch.setattr(genkit, "load", lambda *asked, **given: MagicMock())
    code = [cell.source for cell in stored(name).cells if cell.cell_type == "code"]
    first = next(number for number, source in enumerate(code) if "genkit.train(" in source)
    trained = [*code[: first + 1], *(source for source in code[first + 1 :] if "genkit.train(" in source)]
    names = {"__name__": "notebook"}
    for source in [*trained, *trained]:
        exec(source, names)
    assert len({*met}) == len(met) >= 2


@pytest.mark.parametrize("name", SOURCES)
def test_a_notebook_shows_no_fault_no_warning_and_no_place_of_a_machine(name):
    said = []
    for output in [output for cell in stored(name).cells for output in cell.get("outputs", ())]:
        assert output.output_type in ("execute_result", "display_data"), output
        said += [data for kind, data in output.data.items() if kind not in PICTURES]
    assert not re.search(r"Warning:|Traceback|/home/|/root/|/tmp/|site-packages", "\n".join(said))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SOURCES)
def test_a_notebook_runs_and_shows_what_is_stored(name, tmp_path):
    shown, made = stored(name), notebooks.run(SOURCES[name], tmp_path)
    for before, now in zip(shown.cells, made.cells, strict=True):
        assert now.source == before.source
        if now.cell_type == "code":
            assert forms(now) == forms(before), now.source
