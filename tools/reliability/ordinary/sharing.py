"""Runs that are shared: put on a hub and drawn from there, served as a page and drawn from there."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from tests.fake_hub import FakeHub
from tools.reliability.ordinary.asking import TIMEOUT, Situation, ask, expect, trial
from tools.reliability.ordinary.trained import KINDS, laid_out
from tools.reliability.processes import Answer, Process
from tools.reliability.rows import Trial

LOOPBACK, NOWHERE = "127.0.0.1", "http://127.0.0.1:9"
TOKEN = "hf_canary"


def _of_hub(words: tuple[str, ...], folder: Path, address: str, token: str = TOKEN) -> Answer:
    """What is answered to a user of a hub."""
    own = {"HF_TOKEN": token, "HF_HUB_DISABLE_TELEMETRY": "1"}
    return ask(words, folder, own, ("hub_at", address, str(folder / "user")))


def _drawn(run: str, folder: Path, address: str) -> dict[str, np.ndarray]:
    """What a run draws, as an archive has it, but for where it was drawn from."""
    file = folder / f"{run[:2]}.npz"
    expect(_of_hub(("sample", f"run={run}", "n=2", "seed=5", f"out={file}"), folder, address), 0)
    with np.load(file) as kept:
        return {key: kept[key] for key in kept.files if kept[key].dtype.kind in "uif" or key == "texts"}


def pushed(kind: str) -> Trial:
    """A run that is pushed is drawn from by its name on the hub as by its folder, and its digest is said."""

    def attempt(folder: Path) -> None:
        laid_out(kind)(folder)
        hub = FakeHub()
        try:
            answer = _of_hub(("push", "run=run", "to=ada/one", "license=mit"), folder, hub.address)
            expect(answer, 0, ("ada/one", 'digest="'))
            assert TOKEN not in answer.out + answer.err
            assert {"README.md", "config.yaml", "run.json"} <= {*hub.files("ada/one")}
            here, there = (_drawn(run, folder, hub.address) for run in ("run", "hf:ada/one"))
        finally:
            hub.shutdown()
            hub.server_close()
        assert here.keys() == there.keys() != set()
        assert all(np.array_equal(here[key], there[key]) for key in here)

    return attempt


def not_pushed(words: tuple[str, ...], code: int, said: tuple[str, ...], token: str = TOKEN) -> Trial:
    """A VAE that is not put on a hub that is not there."""

    def attempt(folder: Path) -> None:
        laid_out("vae")(folder)
        expect(_of_hub(("push", "run=run", *words), folder, NOWHERE, token), code, said)

    return attempt


def served(kind: str) -> Trial:
    """A run that is served is drawn from by its page, and Ctrl-C ends it."""

    def attempt(folder: Path) -> None:
        laid_out(kind)(folder)
        with socket.create_server((LOOPBACK, 0)) as free:
            port = free.getsockname()[1]
        own = {"GENKIT_RUNS_DIR": str(folder / "runs"), "CUDA_VISIBLE_DEVICES": ""}
        process = Process(("app", "run=run", f"port={port}"), (), own)
        try:
            run = json.loads(_answered(process, port, "GET", "/runs"))["runs"][0]
            assert "draw" in run["verbs"], run
            asked = {"run": run["run"], "words": {"n": 2, "seed": 5}}
            lines = _answered(process, port, "POST", "/draw", json.dumps(asked)).splitlines()
        finally:
            process.kill(signal.SIGINT)
            answer = process.wait(TIMEOUT)
        events = [json.loads(line)["event"] for line in lines]
        assert (events.count("sample"), events[-1]) == (2, "done"), events
        assert answer.code == 128 + signal.SIGINT, answer
        assert "Traceback" not in answer.err, answer.err

    return attempt


def _answered(process: Process, port: int, method: str, path: str, body: str | None = None) -> bytes:
    """What the page answers, as soon as somebody listens."""
    end = time.monotonic() + TIMEOUT
    while True:
        assert process.is_alive, "it has ended"
        try:
            with closing(http.client.HTTPConnection(LOOPBACK, port, timeout=TIMEOUT)) as connection:
                connection.request(method, path, body, {"content-type": "application/json"})
                answer = connection.getresponse()
                assert answer.status == 200, answer.read()
                return answer.read()
        except ConnectionRefusedError:
            assert time.monotonic() < end, "nobody listens"
            time.sleep(0.1)


def _taken(folder: Path) -> None:
    """Another program has the port."""
    laid_out("vae")(folder)
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        expect(ask(("app", "run=run", f"port={port}"), folder), 2, (f"port={port}", "another program"))


NOT_PUSHED = {
    "no name": (("to=digits",), 2, ("USER/NAME",)),
    "a revision": (("to=ada/x@v1",), 2, ("@v1",)),
    "a licence in words": (("to=ada/x", "license=My Own"), 2, ("mit",)),
    "nobody is known": (("to=ada/x",), 2, ("hf auth login",), ""),
    "no hub": (("to=ada/x",), 6, ("to=ada/x", "cannot be reached")),
    "no language model": (("to=ada/x", "format=hf"), 2, ("no language model",)),
}
NOT_SERVED = {
    "app, no such run": Situation(("app", "run=nobody", "port=0"), 2, ("nobody",), laid_out("vae")),
    "app, no such checkpoint": Situation(
        ("app", "run=run", "port=0", "checkpoint=step-99"), 3, ("step-3",), laid_out("vae")
    ),
    "app, no address": Situation(
        ("app", "run=run", "port=0", "host=192.0.2.1"), 2, ("127.0.0.1",), laid_out("vae")
    ),
    "app, no time": Situation(("app", "run=run", "port=0", "seconds=0"), 2, ("seconds",), laid_out("vae")),
}
TRIALS: dict[str, Trial] = {
    **{f"verb push, {kind}": pushed(kind) for kind in KINDS},
    **{f"verb app, {kind}": served(kind) for kind in KINDS},
    **{f"verb push, {name}": not_pushed(*words) for name, words in NOT_PUSHED.items()},
    **{f"verb {name}": trial(situation) for name, situation in NOT_SERVED.items()},
    "verb app, a port that is taken": _taken,
}
