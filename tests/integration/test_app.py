"""The page of runs over HTTP: it draws what its commands draw, and bears whoever asks too much, or leaves."""

from __future__ import annotations

import base64
import io
import json
import shlex
import shutil
import signal
import socket
import threading

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("starlette", reason="the extra app is not installed")
pytest.importorskip("uvicorn", reason="the extra app is not installed")

from genkit import load
from genkit.cli import main
from tests.integration.conftest import start
from tests.page_server import Page, served


@pytest.fixture(scope="module")
def folder(trained):
    """Of the runs that are served; they are made once."""
    return {family: trained(family) for family in ("vae", "gpt", "flow")}


@pytest.fixture(scope="module")
def page(folder):
    with served(folder["vae"], folder["gpt"], folder["flow"]) as found:
        yield found


VAE, GPT, FLOW = "0", "1", "2"


def said(events, name):
    return [event for event in events if event["event"] == name]


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


def texts(events):
    found = {}
    for event in said(events, "piece"):
        found[event["number"]] = found.get(event["number"], "") + event["text"]
    return [found.get(event["number"], "") for event in said(events, "sample")]


# ---------------------------------------------------------------------- drawing


def test_the_page_knows_what_runs_declare(page, folder):
    runs = json.loads(page.ask("GET", "/runs")[2])["runs"]
    assert [[*run["verbs"]] for run in runs] == [
        ["draw", "walk", "complete"],
        ["draw"],
        ["draw", "walk", "complete"],
    ]
    for run, place in zip(runs, folder.values(), strict=True):
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


def test_runs_beside_one_another_draw_from_the_same_seed(folder, tmp_path):
    """The same run twice is two columns, which show the same."""
    with served(folder["vae"], folder["vae"]) as page:
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
    events = page.asked("example", VAE, **{"in": f"file:{key}"})[1]
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


# ---------------------------------------------------------------------- what is asked wrongly


@pytest.mark.parametrize(
    ("asked", "what"),
    [
        ({"run": VAE, "words": {"n": 10**6}}, "n takes an integer from 1 to 64, not 1000000"),
        ({"run": VAE, "words": {"n": 0}}, "n takes an integer from 1 to 64"),
        ({"run": VAE, "words": {"n": "many"}}, "n takes an integer from 1 to 64, not 'many'"),
        ({"run": VAE, "words": {"seed": -1}}, "seed takes an integer from 0"),
        ({"run": VAE, "words": {"temperature": -1}}, "temperature takes a number from 0 to 100"),
        ({"run": VAE, "words": {"temperature": "__import__('os')"}}, "temperature takes a number"),
        ({"run": VAE, "words": {"prompt": "a"}}, "no sampling option 'prompt'"),
        ({"run": VAE, "words": []}, "words are no mapping"),
        ({"run": GPT, "words": {"prompt": "a" * 10**6}}, "1,000,000 letters"),
        ({"run": GPT, "words": {"prompt": "a\0"}}, "NUL"),
        ({"run": GPT, "words": {"n": 64, "prompt": ["a", "b", "c", "d", "e"]}}, "320 samples"),
        ({"run": "9"}, "no such run is served"),
        ({"run": {"a": 1}}, "no such run is served"),
        ([], "no mapping"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(page, asked, what):
    status, line = page.post("/draw", asked)
    assert status == 400
    assert what in line
    assert "\n" not in line


def test_an_option_that_only_the_model_can_judge_is_refused_in_one_line(page):
    events = page.asked("draw", GPT, prompt="☃")[1]
    assert events[-1]["event"] == "error"
    assert "☃" in events[-1]["said"]
    events = page.asked("draw", FLOW, label="zebra")[1]
    assert "label=zebra is no class of the data" in events[-1]["said"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 10**5, b'{"run": "\\ud800"}', b'{"run": NaN}'])
def test_what_is_no_json_is_refused(page, body):
    status, _, answer = page.ask("POST", "/draw", body, {"content-type": "application/json"})
    assert status == 400
    assert json.loads(answer)["said"]


def test_no_form_of_another_page_is_read(page):
    assert page.ask("POST", "/draw", b'{"run": "0"}', {"content-type": "text/plain"})[0] == 400
    own = {"content-type": "application/json"}
    for headers in ({"origin": "http://evil.example"}, {"host": "evil.example"}):
        status, _, answer = page.ask("POST", "/draw", b'{"run": "0"}', {**own, **headers})
        assert status == 403
        assert json.loads(answer)["said"].count("\n") == 0
    assert page.ask("GET", "/runs", headers={"host": "evil.example"})[0] == 403


@pytest.mark.parametrize(
    "path", ["/page/../serving.py", "/page/..%2fserving.py", "/page/nothing.js", "/etc/passwd"]
)
def test_nothing_but_the_page_is_given(page, path):
    assert page.ask("GET", path)[0] == 404


def test_every_answer_tells_the_browser_to_fetch_nothing_from_elsewhere(page):
    for path in ("/", "/page/main.js", "/page/app.css", "/runs", "/nothing"):
        headers = page.ask("GET", path)[1]
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "server" not in headers
        assert "set-cookie" not in headers


def test_two_gigabytes_are_not_read(page):
    with socket.create_connection(("127.0.0.1", page.port), timeout=30) as line:
        head = "POST /draw HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        line.sendall(f"{head}Content-Length: {2 * 2**30}\r\n\r\n{{".encode())
        assert line.recv(4096).startswith(b"HTTP/1.1 413")


def test_what_says_no_length_is_read_to_its_bound(page):
    def parts():
        for _ in range(9):
            yield b" " * 10**6

    try:
        status = page.ask("POST", "/draw", parts(), {"content-type": "application/json"})[0]
    except (BrokenPipeError, ConnectionResetError):  # it was not read to its end
        return
    assert status == 413


# ---------------------------------------------------------------------- others


def test_two_visitors_at_once_get_what_each_asked_for(page):
    alone = {
        seed: page.asked("draw", run, n=3, seed=seed)[1] for seed, run in enumerate([VAE, GPT, FLOW, GPT])
    }
    found = {}

    def visit(seed, run):
        found[seed] = page.asked("draw", run, n=3, seed=seed)[1]

    visitors = [
        threading.Thread(target=visit, args=(seed, run)) for seed, run in enumerate([VAE, GPT, FLOW, GPT])
    ]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    for seed, events in alone.items():
        assert said(found[seed], "sample") == said(events, "sample")
        assert texts(found[seed]) == texts(events)


def endless_text(page, run="0"):
    """The answer to who asks for a text without an end; its connection ends with it."""
    words = {"n": 1, "max_new_tokens": 10**6, "stop": "☃", "temperature": 2}
    headers = {"content-type": "application/json", "connection": "close"}
    connection = page.connection()
    connection.request("POST", "/draw", json.dumps({"run": run, "words": words}), headers)
    return connection.getresponse()


def endless(monkeypatch):
    """From now on texts go on until they are stopped; those that are being drawn, and a sign of each end."""
    import genkit.families.gpt as family

    begun, ended = threading.Event(), threading.Event()
    real = family.decode

    def forever(*given):
        try:
            for token in real(*given):
                begun.set()
                yield token
        finally:
            ended.set()

    monkeypatch.setattr(family, "decode", forever)
    return begun, ended


def test_a_browser_that_leaves_in_the_middle_of_a_stream_stops_it(page, monkeypatch):
    begun, ended = endless(monkeypatch)
    answer = endless_text(page, GPT)
    assert json.loads(answer.readline())["event"] == "asked"
    assert begun.wait(30)
    answer.close()
    assert ended.wait(30)
    # The weights are the plain ones again, and the next in line is answered.
    assert page.asked("draw", GPT, n=1, max_new_tokens=3)[1][-1]["event"] == "done"


def test_a_run_that_was_deleted_is_said_to_be(folder, tmp_path):
    copy = shutil.copytree(folder["vae"], tmp_path / "gone")
    with served(copy) as page:
        assert page.asked("draw", "0")[0] == 200
        shutil.rmtree(copy / "checkpoints" / "step-4")
        status, line = page.asked("draw", "0")
        assert (status, "step-4 was deleted" in line) == (410, True)
        shutil.rmtree(copy)
        assert "gone was deleted" in page.asked("draw", "0")[1]
        assert (page.ask("GET", "/")[0], page.ask("GET", "/runs")[0]) == (200, 200)


def test_what_takes_too_long_gives_way(folder):
    with served(folder["gpt"], seconds=1) as page:
        events = page.asked("draw", "0", max_new_tokens=10**6, stop="☃", temperature=2)[1]
    assert events[-1]["said"].startswith("stopped after 1 s")


# ---------------------------------------------------------------------- the command


def test_a_port_in_use_is_said_before_anything_is_loaded(genkit, folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = genkit("app", f"run={folder['vae']}", f"port={port}")
    assert code == 2
    assert f"port={port} of 127.0.0.1 is taken by another program" in err


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["host=no.such.host.invalid"], "is no address of this machine"),
        (["host=192.0.2.1"], "is no address of this machine"),
        (["seconds=0"], "seconds takes an integer from 1"),
        (["run=nowhere"], "no run 'nowhere'"),
        (["checkpoint=step-99"], "checkpoint=step-99 is not in"),
        ([f"run={i}" for i in range(17)], "up to 16 runs"),
    ],
)
def test_words_that_are_wrong_are_refused(genkit, folder, words, what):
    code, _, err = genkit("app", f"run={folder['vae']}", "port=0", *words)
    assert code in (2, 3)
    assert what in err
    assert err.count("\n") == 1


def test_the_command_says_its_address_and_ends_by_ctrl_c(folder):
    process = start("app", f"run={folder['gpt']}", "port=0")
    try:
        line = process.stdout.readline()
        assert line.startswith("genkit app: http://127.0.0.1:")
        page = Page(int(line.split("/")[2].rpartition(":")[2]))
        answers = [endless_text(page) for _ in range(2)]
        assert [json.loads(answers[0].readline())["event"] for _ in range(2)] == ["asked", "begun"]
        process.send_signal(signal.SIGINT)
        for answer in answers:  # the one that is drawn, and the one that waits, come to their end
            answer.read()
        assert process.wait(30) == 130
        assert process.stderr.read() == "genkit: interrupted by SIGINT.\n"
    finally:
        process.kill()
        process.communicate()
