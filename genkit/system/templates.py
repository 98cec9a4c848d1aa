"""Strangers' Jinja templates, rendered in bounded time, memory and size.

A sandbox of Jinja bounds `range`, but neither loops in loops nor what texts grow to.  So a template runs in a
process of its own, which has no more of the processor and of memory than it needs, and which is ended where
it does not answer.
"""

from __future__ import annotations

import atexit
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from genkit.system import template_worker
from genkit.system.plain import parse_json

LIMIT = 10_000_000  # characters of a text
SECONDS = 60  # of waiting, on a machine that has much else to do; the worker has limits of its own


@dataclass(frozen=True)
class Request:
    """What a template is to render.

    Attributes:
        messages: role and content of each.
        ask: whether an answer is to follow.
    """

    messages: Sequence[tuple[str, str]]
    ask: bool

    def plain(self) -> dict[str, object]:
        return {
            "messages": [{"role": role, "content": content} for role, content in self.messages],
            "ask": self.ask,
        }


@dataclass
class Worker:
    """A process for one template."""

    process: subprocess.Popen[bytes]
    lock: threading.Lock = field(default_factory=threading.Lock)

    def told(self, line: object) -> list[str]:
        """What it answers to a line.

        Raises:
            ValueError: the template failed, or takes too long; why, to follow "the template: ".
        """
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        timer = threading.Timer(SECONDS, self.process.kill)
        timer.start()
        try:
            stdin.write(json.dumps(line).encode() + b"\n")
            stdin.flush()
            answer = stdout.readline()
        except OSError:  # it has ended
            answer = b""
        finally:
            timer.cancel()
        if not answer:
            code = self.process.wait()
            slow = code in (-getattr(signal, "SIGXCPU", 0), -getattr(signal, "SIGKILL", 0))
            limit = f"takes more than {template_worker.SECONDS} seconds"
            raise ValueError(f"it {limit}" if slow else f"it ends its process ({code})")
        found = parse_json(answer.decode())
        if isinstance(found, dict):
            raise ValueError(str(found.get("error")).rstrip("."))
        return [str(text) for text in found]

    def close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process.kill()
        self.process.wait()


_workers: dict[str, Worker] = {}
_starting = threading.Lock()


def render(source: str, words: Mapping[str, str], requests: Sequence[Request]) -> list[str]:
    """The texts of a template.

    Args:
        words: texts that it knows by name, such as `bos_token`.

    Raises:
        ValueError: it cannot be read, fails, or takes too long or too much; why, to follow a colon.
    """
    about = {"source": source, "words": dict(words), "limit": LIMIT}
    key = json.dumps(about, sort_keys=True)
    with _starting:
        if key not in _workers:
            _workers[key] = _started(about)
        worker = _workers[key]
    with worker.lock:
        try:
            return worker.told([request.plain() for request in requests])
        finally:
            if worker.process.poll() is not None:
                _forget(key)


def _started(about: dict[str, object]) -> Worker:
    program = [sys.executable, "-I", str(Path(template_worker.__file__))]
    pipe = subprocess.PIPE
    worker = Worker(subprocess.Popen(program, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL))
    try:
        worker.told(about)
    except ValueError:
        worker.close()
        raise
    return worker


def _forget(key: str) -> None:
    if (worker := _workers.pop(key, None)) is not None:
        worker.close()


@atexit.register
def close() -> None:
    """End all of them."""
    for key in list(_workers):
        _forget(key)
