"""What a stranger's numbers and pictures do to a report, a table and a listing: nothing."""

from __future__ import annotations

import struct
import zlib

import pytest
import torch

from genkit import rows
from genkit.cli.show import _terms
from genkit.core.errors import CheckpointError, ConfigError
from genkit.core.plain import MAX_FOLDERS, find_links
from genkit.report.figures import LONGEST_NAME, _short
from genkit.report.numbers import number
from genkit.report.page import _picture
from genkit.report.reading import _curves


def png(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


@pytest.mark.parametrize(("sides", "shown"), [((8, 8), True), ((60_000, 60_000), False), ((0, 8), False)])
def test_a_picture_that_no_browser_could_hold_is_left_out(sides, shown, tmp_path):
    (tmp_path / "a.png").write_bytes(png(*sides))
    assert _picture(tmp_path / "a.png").startswith("data:image/png") == shown


def test_a_signature_alone_is_no_picture(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    assert _picture(tmp_path / "a.png") == ""


def test_rows_that_json_does_not_know_are_none_and_endless_ones_are_refused(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"metric": "kid", "value": NaN, "low": Infinity}\n')
    row = rows.read(file)[0]
    assert (row["value"], row["low"]) == (None, None)
    file.write_text('{"metric": "kid", "note": "' + "a" * rows.MAX_ROW_BYTES + '"}\n')
    with pytest.raises(ConfigError, match="a line of more than 1,000,000 bytes"):
        rows.read(file)


def test_numbers_that_no_axis_shows_are_left_out(tmp_path):
    (tmp_path / "metrics.csv").write_text("step,val/nll\n1,2.5\n1e308,2.4\n2,-1e308\n3,nan\n")
    assert _curves(tmp_path / "metrics.csv") == {"val/nll": ([1.0], [2.5])}
    (tmp_path / "metrics.csv").write_text("step,val/nll\n1,2.5\n2,0.0")  # of 0.0625, say
    assert _curves(tmp_path / "metrics.csv") == {"val/nll": ([1.0], [2.5])}
    assert number(float("nan")) == "nan"
    assert _terms({"val/nll": None, "val/kl": 1.0}) == "val/kl 1.0000"


def test_names_in_figures_are_short_and_without_controls():
    assert _short("kid\x1b[31m\x00" + "a" * 1_000).startswith("kid")
    assert "\x1b" not in _short("kid\x1b[31m")
    assert len(_short("a" * 100_000)) == LONGEST_NAME


def test_folders_without_end_are_named_and_not_walked(tmp_path):
    deep = tmp_path
    for _ in range(MAX_FOLDERS + 5):
        deep = deep / "d"
    deep.mkdir(parents=True)
    assert [kind for _, kind in find_links(tmp_path)] == ["a folder too deep in others"]


def test_an_average_of_another_model_is_refused(tmp_path, monkeypatch):
    from genkit import sampling
    from genkit.checkpoints import Checkpoint

    class Fake:
        def __getattr__(self, name):
            return lambda *_, **__: Fake()

    saved = Checkpoint(step=1, weights={}, ema={"other": torch.zeros(3)})
    for name in ("load_frozen",):
        monkeypatch.setattr(sampling.config, name, lambda *_: {"model": {}})
    monkeypatch.setattr(sampling.runs, "find", lambda *_: tmp_path)
    monkeypatch.setattr(sampling.runs, "spec", lambda *_: None)
    for name in ("check_belongs", "check_finite", "restore_module"):
        monkeypatch.setattr(sampling.checkpoints, name, lambda *_: None)
    monkeypatch.setattr(sampling.checkpoints, "load_named", lambda *_: (tmp_path / "step-1", saved))
    monkeypatch.setattr(sampling.runs, "spec_digest", lambda *_: "")
    monkeypatch.setattr(sampling.config, "digest", lambda *_: "")
    monkeypatch.setattr(sampling, "check_size", lambda *_: None)
    monkeypatch.setattr(sampling, "build_module", lambda *_: torch.nn.Linear(2, 2))
    with pytest.raises(CheckpointError, match="is no average of this model"):
        sampling.load(str(tmp_path))
