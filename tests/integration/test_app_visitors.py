"""The page of runs bears whoever asks too much or leaves, several at once, and the command that serves it."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import threading

import pytest

pytest.importorskip("starlette", reason="the extra app is not installed")
pytest.importorskip("uvicorn", reason="the extra app is not installed")

from tests.integration.conftest import start
from tests.page_server import Page, said, served, texts

VAE, GPT, FLOW = "0", "1", "2"


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


def test_a_run_that_was_deleted_is_said_to_be(served_runs, tmp_path):
    copy = shutil.copytree(served_runs["vae"], tmp_path / "gone")
    with served(copy) as page:
        assert page.asked("draw", "0")[0] == 200
        shutil.rmtree(copy / "checkpoints" / "step-4")
        status, line = page.asked("draw", "0")
        assert (status, "step-4 was deleted" in line) == (410, True)
        shutil.rmtree(copy)
        assert "gone was deleted" in page.asked("draw", "0")[1]
        assert (page.ask("GET", "/")[0], page.ask("GET", "/runs")[0]) == (200, 200)


def test_what_takes_too_long_gives_way(served_runs):
    with served(served_runs["gpt"], seconds=1) as page:
        events = page.asked("draw", "0", max_new_tokens=10**6, stop="☃", temperature=2)[1]
    assert events[-1]["said"].startswith("stopped after 1 s")


# ---------------------------------------------------------------------- the command


def test_a_port_in_use_is_said_before_anything_is_loaded(genkit, served_runs):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = genkit("app", f"run={served_runs['vae']}", f"port={port}")
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
def test_words_that_are_wrong_are_refused(genkit, served_runs, words, what):
    code, _, err = genkit("app", f"run={served_runs['vae']}", "port=0", *words)
    assert code in (2, 3)
    assert what in err
    assert err.count("\n") == 1


def test_the_command_says_its_address_and_ends_by_ctrl_c(served_runs):
    process = start("app", f"run={served_runs['gpt']}", "port=0")
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
