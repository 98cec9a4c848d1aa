"""What a stranger's numbers and pictures do to a report, a table and a listing: nothing."""

from __future__ import annotations

import os
import struct
import zlib

import numpy as np
import pytest
import torch

from genkit import config
from genkit.cli import main
from genkit.cli.show import _terms
from genkit.core.spec import ArraySpec
from genkit.report import embedded, report
from genkit.report.embedded import MOST_MOVING, MOST_PLAYERS, bounded, moving, players, sheet, text_of
from genkit.report.numbers import number
from genkit.report.plots import LONGEST_NAME, short
from genkit.report.sources import _curves
from genkit.runs import rows
from genkit.system.animations import gif_file
from genkit.system.errors import CheckpointError, ConfigError
from genkit.system.plain import MAX_FOLDERS, find_links
from genkit.system.wave_files import joined_file, wave_file
from tests.unit.report.report_runs import row, write_run


def png(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


@pytest.mark.parametrize(("sides", "shown"), [((8, 8), True), ((60_000, 60_000), False), ((0, 8), False)])
def test_a_picture_that_no_browser_could_hold_is_left_out(sides, shown, tmp_path):
    (tmp_path / "a.png").write_bytes(png(*sides))
    found = sheet(tmp_path / "a.png", tmp_path)
    assert (found is not None) == shown
    assert not shown or found.address.startswith("data:image/png")


def test_a_folder_that_becomes_a_link_meanwhile_leads_nowhere(tmp_path, monkeypatch):
    """The folder is swapped at the moment when the file in it is opened."""
    run, secret, real = tmp_path / "run", tmp_path / "secret", os.open
    for folder, said in ((run / "samples", "own"), (secret, "stolen")):
        folder.mkdir(parents=True)
        (folder / "step-6.txt").write_text(said)

    def swapped(path, *args, **how):
        if str(path).endswith("step-6.txt") and not (run / "samples").is_symlink():
            (run / "samples").rename(run / "moved")
            (run / "samples").symlink_to(secret)
        return real(path, *args, **how)

    monkeypatch.setattr(os, "open", swapped)
    monkeypatch.setattr(os, "supports_dir_fd", {*os.supports_dir_fd, swapped})
    assert text_of(run / "samples" / "step-6.txt", run) == "own"
    assert (run / "samples").is_symlink()
    assert text_of(run / "samples" / "step-6.txt", run) == ""  # a link by now


@pytest.mark.parametrize(
    "line",
    [
        '{"metric": "nll", "value": NaN, "low": -Infinity}',
        '{"metric": "x", "value": 1.0, "protocol": {"a": ' + "[" * 90 + "]" * 90 + "}}",
    ],
)
def test_rows_that_leave_out_what_ours_say_are_shown(line, tmp_path):
    run = write_run(tmp_path / "a", "vae", 0, [])
    (run / "evaluation.jsonl").write_text(line + "\n")
    assert "all numbers" in report([run], tmp_path / "out").read_text()


@pytest.mark.parametrize("name", ["run.json", "config.yaml"])
def test_a_run_that_cannot_be_read_is_named_on_the_page_and_by_the_exit_code(name, tmp_path, capsys):
    runs = [write_run(tmp_path / arm, arm, 0, [row("nll", 1.0)]) for arm in ("vae", "gpt")]
    (runs[0] / name).write_bytes(b"\xff{")
    words = [*(f"run={run}" for run in runs), f"out={tmp_path / 'out'}"]
    assert main(["report", *words]) == 3
    assert "1 of 2 runs cannot be read" in (err := capsys.readouterr().err)
    assert f"vae: {runs[0] / name}" in err
    assert "damaged" in (tmp_path / "out" / "report.html").read_text()
    assert main(["report", f"run={runs[1]}", f"out={tmp_path / 'whole'}"]) == 0


def test_a_signature_alone_is_no_picture(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    assert sheet(tmp_path / "a.png", tmp_path) is None


def test_rows_that_json_does_not_know_are_none_and_endless_ones_are_refused(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"metric": "kid", "value": NaN, "low": Infinity}\n')
    row = rows.read(file)[0]
    assert (row.value, row.low) == (None, None)
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
    assert short("kid\x1b[31m\x00" + "a" * 1_000).startswith("kid")
    assert "\x1b" not in short("kid\x1b[31m")
    assert len(short("a" * 100_000)) == LONGEST_NAME


def test_folders_without_end_are_named_and_not_walked(tmp_path):
    deep = tmp_path
    for _ in range(MAX_FOLDERS + 5):
        deep = deep / "d"
    deep.mkdir(parents=True)
    assert [kind for _, kind in find_links(tmp_path)] == ["a folder too deep in others"]


def test_an_average_of_another_model_is_refused(tmp_path, monkeypatch):
    from genkit.inference import models
    from genkit.runs.checkpoints import Checkpoint

    class Fake:
        def __getattr__(self, name):
            return lambda *_, **__: Fake()

    saved = Checkpoint(step=1, weights={}, ema={"other": torch.zeros(3)})
    cfg = config.compose("train", ["model=vae"])
    monkeypatch.setattr(models.config, "load_frozen", lambda *_: cfg)
    monkeypatch.setattr(models.runs, "find", lambda *_: tmp_path)
    monkeypatch.setattr(models.runs, "spec", lambda *_: ArraySpec(1, (8, 8)))
    for name in ("check_belongs", "check_finite", "restore_module"):
        monkeypatch.setattr(models.checkpoints, name, lambda *_: None)
    monkeypatch.setattr(models.checkpoints, "load_named", lambda *_: (tmp_path / "step-1", saved))
    monkeypatch.setattr(models.runs, "spec_digest", lambda *_: "")
    monkeypatch.setattr(models.config, "digest", lambda *_: "")
    monkeypatch.setattr(models, "check_size", lambda *_: None)
    monkeypatch.setattr(models, "build_module", lambda *_, **asked: torch.nn.Linear(2, 2))
    with pytest.raises(CheckpointError, match="is no average of this model"):
        models.load(str(tmp_path))


def test_a_comparison_with_a_run_that_cannot_be_read_is_refused(tmp_path, capsys):
    one, other = (write_run(tmp_path / arm, arm, 0, [row("nll", 1.0)]) for arm in ("vae", "gpt"))
    (other / "evaluation.jsonl").write_text("{")
    assert main(["compare", str(one), str(other)]) == 3
    assert "evaluation.jsonl holds no rows" in capsys.readouterr().err


def test_a_page_carries_so_much_and_says_what_it_leaves_out(tmp_path):
    runs = []
    for arm in ("a", "b", "c"):
        runs.append(write_run(tmp_path / arm, arm, 0, [row("kid", 1.0)]))
    entries = [
        {"arm": run.name, "remark": "", **embedded.shown(run / "samples" / "step-100.png", run)}
        for run in runs
    ]
    each = len(entries[0]["picture"].address)
    assert max(len(e["picture"].address) for e in entries) < 1.2 * each
    bounded(entries, int(2.5 * each))
    assert [e["picture"] is not None for e in entries] == [True, True, False]
    assert [e["remark"] for e in entries][1:] == ["", " (more than a page has room for is left out)"]
    empty: dict[str, object] = {}
    bounded([empty], 0)
    assert empty == {}


def test_a_file_of_sounds_that_lies_is_one_sound_or_none(tmp_path):
    clips = np.zeros((3, 1, 50), np.int16)
    told = joined_file(clips, 8_000, "genkit", {}, ["a", "b", "c"])
    (tmp_path / "a.wav").write_bytes(told)
    assert [player.caption for player in players(tmp_path / "a.png", tmp_path)] == ["a", "b", "c"]
    for wrong, count in (
        (told.replace(b'"count": 3', b'"count": 9'), 1),
        (told.replace(b'"captions": ["a", "b"', b'"captions": [1, 2,  3'), 1),
        (told[:60], 0),
        (told.replace(b"WAVEfmt ", b"WAVEdata"), 0),
        (
            wave_file(np.zeros((1, 0), np.int16), 8_000, "genkit", {"clips": {"count": 10**9, "samples": 0}}),
            1,
        ),
        (joined_file(np.zeros((500, 1, 1), np.int16), 1, "genkit", {}), MOST_PLAYERS),
    ):
        (tmp_path / "a.wav").write_bytes(wrong)
        found = players(tmp_path / "a.png", tmp_path)
        assert len(found) == count, wrong[:200]
        assert all(player.address.startswith("data:audio/wav;base64,UklGR") for player in found)
    (tmp_path / "b.wav").symlink_to(tmp_path / "a.wav")
    assert players(tmp_path / "b.png", tmp_path) == []


def test_what_moves_beside_a_picture_is_shown_as_far_as_it_is_sound(tmp_path):
    frames = np.zeros((4, 8, 8, 1), np.uint8)
    sound = gif_file(frames, 8, "genkit", {})
    wide = struct.pack("<HH", 8, 8)
    assert moving(tmp_path / "a.png", tmp_path) is None
    for wrong, shown in (
        (sound, True),
        (sound[:-9], False),
        (b"<script>" + sound, False),
        (b"RIFF" + sound[4:], False),
        (sound.replace(wide, struct.pack("<HH", 60_000, 60_000), 1), False),  # more than a browser could hold
        (sound.replace(wide, struct.pack("<HH", 4, 4), 1), False),  # a frame lies outside
        (sound.replace(wide, struct.pack("<HH", 0, 0), 1), False),
        (gif_file(frames, 8, "genkit", {"long": "a" * MOST_MOVING}), False),
        (sound[:-1] + sound[sound.index(b"!\xf9") : -1] * 200_000 + b";", False),  # a million frames
    ):
        (tmp_path / "a.gif").write_bytes(wrong)
        found = moving(tmp_path / "a.png", tmp_path)
        assert (found is not None) == shown
        assert not shown or found.address.startswith("data:image/gif;base64,R0lG")
    (tmp_path / "a.gif").write_bytes(sound)
    (tmp_path / "b.gif").symlink_to(tmp_path / "a.gif")
    assert moving(tmp_path / "b.png", tmp_path) is None
