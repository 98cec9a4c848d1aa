"""The page of runs over HTTP: it draws, walks and completes bitwise as the commands that it shows."""

from __future__ import annotations

import base64
import io
import json
import shlex
import socket

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("starlette", reason="the extra app is not installed")
pytest.importorskip("uvicorn", reason="the extra app is not installed")

from genkit import load
from genkit.cli import main
from tests.page_server import said, served, texts

VAE, GPT, FLOW = "0", "1", "2"


def pixels(exhibit):
    content = base64.b64decode(exhibit["address"].partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)))


def repeated(command, out):
    """What the command that a page shows writes, as an archive has it."""
    words = shlex.split(command)
    assert words[0] == "genkit"
    assert main([*words[1:], f"out={out}"]) == 0
    return np.load(out)


def repeated_picture(command, out):
    """What the command that a page shows writes, as a picture has it."""
    assert main([*shlex.split(command)[1:], f"out={out}"]) == 0
    return np.asarray(Image.open(out))


def rows_of(picture, rows, columns):
    """Pictures of 8×8 that a sheet holds enlarged, with a border around each, (rows, columns, 8, 8)."""
    scale = picture.shape[0] // (9 * rows + 1)
    plain = picture[::scale, ::scale]
    return np.array(
        [[plain[1 + 9 * i : 9 + 9 * i, 1 + 9 * j : 9 + 9 * j] for j in range(columns)] for i in range(rows)]
    )


def png_of(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


# ---------------------------------------------------------------------- drawing


def test_the_page_knows_what_runs_declare(page, served_runs):
    runs = json.loads(page.ask("GET", "/runs")[2])["runs"]
    assert [[*run["verbs"]] for run in runs] == [
        ["draw", "walk", "complete", "denoise", "upscale"],
        ["draw"],
        ["draw", "walk", "complete", "denoise", "upscale", "restyle"],
    ]
    for run, place in zip(runs, served_runs.values(), strict=True):
        assert {own["name"] for own in run["verbs"]["draw"]} == {
            *("n", "seed"),
            *(option.name for option in load(place).options),
        }
    assert runs[2]["verbs"]["draw"][0]["name"] == "label"  # what says what is drawn stands first
    assert runs[2]["verbs"]["draw"][0]["choices"] == [str(digit) for digit in range(10)]


def test_pictures_are_bitwise_those_of_the_command(page, tmp_path):
    status, events = page.asked("draw", VAE, n=5, seed=7, temperature=0.7)
    assert status == 200
    drawn = np.stack([pixels(event) for event in said(events, "sample")])
    kept = repeated(said(events, "asked")[0]["command"], tmp_path / "of_command.npz")["images"]
    assert np.array_equal(drawn, kept[..., 0])
    assert events[-1] == {"event": "done"}


def test_labels_are_those_that_are_asked_for(page, tmp_path):
    events = page.asked("draw", FLOW, n=2, seed=1, label=["3", "8"], steps=2, solver="euler")[1]
    assert [event["caption"] for event in said(events, "sample")] == ["3", "3", "8", "8"]
    drawn = np.stack([pixels(event) for event in said(events, "sample")])
    kept = repeated(said(events, "asked")[0]["command"], tmp_path / "of_command.npz")["images"]
    assert np.array_equal(drawn, kept[..., 0])


@pytest.mark.parametrize(
    "options",
    [
        {"max_new_tokens": 30, "temperature": 0.9},
        {"prompt": ["她", "我\n"], "unk": "skip", "top_k": 3},
        {"max_new_tokens": 12, "logprobs": True},
    ],
)
def test_texts_are_those_of_the_command_also_where_they_are_streamed(page, tmp_path, options):
    events = page.asked("draw", GPT, n=2, seed=3, **options)[1]
    drawn = texts(events) if "logprobs" not in options else [e["text"] for e in said(events, "sample")]
    kept = repeated(said(events, "asked")[0]["command"], tmp_path / "of_command.npz")["texts"]
    assert drawn == kept.tolist()
    assert bool(said(events, "piece")) == ("logprobs" not in options)


def test_runs_beside_one_another_draw_from_the_same_seed(served_runs, tmp_path):
    """The same run twice is two columns, which show the same."""
    with served(served_runs["vae"], served_runs["vae"]) as page:
        both = [page.asked("draw", run, n=3, seed=5)[1] for run in ("0", "1")]
    one, other = ([event["address"] for event in said(events, "sample")] for events in both)
    assert one == other


# ---------------------------------------------------------------------- walks and completions


def test_a_walk_is_bitwise_that_of_the_command(page, tmp_path):
    events = page.asked("walk", VAE, n=2, seed=4, steps=5, path="linear")[1]
    walked = [[pixels(step) for step in event["steps"]] for event in said(events, "walk")]
    kept = rows_of(repeated_picture(said(events, "asked")[0]["command"], tmp_path / "walk.png"), 2, 5)
    assert np.array_equal(walked, kept)


def test_a_walk_of_a_class_stays_in_it(page):
    [way] = said(page.asked("walk", FLOW, steps=2, label="7")[1], "walk")
    assert (way["caption"], len(way["steps"])) == ("7", 2)


@pytest.mark.parametrize(
    "words", [{"mask": "left", "draws": 2}, {"in": "5", "split": "train", "seed": 9}, {}]
)
def test_a_completion_is_bitwise_that_of_the_command(page, tmp_path, words):
    events = page.asked("complete", VAE, **words)[1]
    shown = [pixels(event) for event in said(events, "sample")]
    kept = rows_of(repeated_picture(said(events, "asked")[0]["command"], tmp_path / "c.png"), len(shown), 1)
    assert np.array_equal(shown, kept[:, 0])
    assert said(events, "sample")[0]["caption"] == "input"


def test_what_is_painted_is_what_is_answered_and_its_command_reads_the_same_mask(page, tmp_path, monkeypatch):
    white = np.zeros((8, 8), np.uint8)
    white[2:5, 1:7] = 255
    mask = png_of(white)
    key = page.give("mask.png", mask)
    events = page.asked("complete", VAE, **{"in": "1", "mask": f"file:{key}", "draws": 1})[1]
    given, answer, truth = [pixels(event) for event in said(events, "sample")]
    assert np.array_equal(answer[white == 0], truth[white == 0])  # what is known stays as it is
    assert len(set(given[white > 0].tolist())) == 1  # what is hidden is one grey
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mask.png").write_bytes(mask)
    kept = rows_of(repeated_picture(said(events, "asked")[0]["command"], tmp_path / "c.png"), 3, 1)
    assert np.array_equal([given, answer, truth], kept[:, 0])


def test_a_picture_of_ones_own_is_begun_with(page, tmp_path, monkeypatch):
    picture = png_of(np.arange(64, dtype=np.uint8).reshape(8, 8) * 4)
    key = page.give("my picture.png", picture)
    events = page.asked("example/complete", VAE, **{"in": f"file:{key}"})[1]
    assert said(events, "note")[0]["said"].startswith("in=my picture.png: ")
    events = page.asked("complete", VAE, **{"in": f"file:{key}", "draws": 1})[1]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my picture.png").write_bytes(picture)
    shown = [pixels(event) for event in said(events, "sample")]
    kept = rows_of(repeated_picture(said(events, "asked")[0]["command"], tmp_path / "c.png"), 3, 1)
    assert np.array_equal(shown, kept[:, 0])


def test_of_a_model_with_labels_a_file_says_which_it_has(page):
    key = page.give("a.png", png_of(np.zeros((8, 8), np.uint8)))
    refused = page.asked("complete", FLOW, **{"in": f"file:{key}"})[1][-1]
    assert "was trained with labels: say which the picture has by label=" in refused["said"]


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ({"in": "/etc/passwd"}, "in=/etc/passwd is no number of an example"),
        ({"in": "file:none"}, "that file is not here any more"),
        ({"in": "-1"}, "in=-1 is no number"),
        ({"mask": "/etc/passwd.png"}, "is no part of an example"),
        ({"mask": "a.png"}, "is no part of an example"),
        ({"draws": 10**6}, "draws takes an integer from 1 to 16"),
        ({"split": "all"}, "split=all is none of"),
        ({"out": "x"}, "out= is not asked for here"),
        ({"prompt": "a cat"}, "prompt= is not asked for here"),
    ],
)
def test_what_cannot_be_completed_is_refused_in_one_line(page, words, what):
    status, line = page.asked("complete", VAE, **words)
    assert status == 400
    assert what in line


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ({"in": "999999"}, "the test part has examples 0 to"),
        ({"mask": "nose"}, "mask=nose is none of lower, upper"),
        ({"mask": "1:2"}, "is a stretch of time"),
    ],
)
def test_what_the_data_have_not_is_refused_in_one_line(page, words, what):
    assert what in page.asked("complete", VAE, **words)[1][-1]["said"]


def bomb(width, height):
    """A PNG that says that it is so large, in a few bytes."""
    import struct
    import zlib

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(width + 1) * 100, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bomb.png", bomb(50_000, 50_000)),
        ("text.png", b"<html>not found</html>"),
        ("empty.png", b""),
        ("cut.png", bomb(64, 64)[:60]),
        ("archive.npz", b"PK\x03\x04" + bytes(100)),
        ("no suffix", b"\x80\x04K\x01."),
    ],
)
@pytest.mark.parametrize("word", ["in", "mask"])
def test_a_file_that_is_no_picture_is_refused_in_one_line_by_its_own_name(page, name, content, word):
    key = page.give(name, content)
    status, found = page.asked("complete", VAE, **{word: f"file:{key}"})
    line = found if status == 400 else found[-1]["said"]
    assert "\n" not in line
    assert "genkit-app-" not in line
    assert page.asked("draw", VAE, n=1)[1][-1]["event"] == "done"


def test_a_mask_of_another_size_or_of_nothing_is_refused(page):
    for pixels_, what in ((np.full((9, 8), 255), "is 8×9"), (np.zeros((8, 8)), "is white nowhere")):
        key = page.give("mask.png", png_of(pixels_.astype(np.uint8)))
        assert what in page.asked("complete", VAE, mask=f"file:{key}")[1][-1]["said"]


def test_a_file_that_is_too_large_is_not_read(page):
    with socket.create_connection(("127.0.0.1", page.port), timeout=30) as line:
        head = (
            "POST /file?name=a.png HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
        )
        line.sendall(f"{head}Content-Length: {2 * 2**30}\r\n\r\n".encode())
        assert line.recv(4096).startswith(b"HTTP/1.1 413")
