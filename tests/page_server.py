"""A page of runs, served for a test on a free port in a thread of this process."""

from __future__ import annotations

import http.client
import json
import threading
import urllib.parse
from contextlib import closing, contextmanager

from genkit.app.serving import listening, server
from genkit.cli.commands.app import AppSettings


class Page:
    """A page that is served, and what it answers.

    Attributes:
        port: of 127.0.0.1.
    """

    def __init__(self, port):
        self.port = port
        self.address = f"http://127.0.0.1:{port}/"

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, method, path, body=None, headers=()):
        """Status, headers and what is answered."""
        with closing(self.connection()) as connection:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()

    def post(self, path, plain, **headers):
        """Status, and the events or the refusal that are answered."""
        own = {"content-type": "application/json", **headers}
        status, _, body = self.ask("POST", path, json.dumps(plain), own)
        lines = [json.loads(line) for line in body.decode().splitlines()]
        return status, lines if status == 200 else lines[0]["said"]

    def asked(self, verb, run, **words):
        """What is answered to words for a run."""
        return self.post(f"/{verb}", {"run": run, "words": words})

    def give(self, name, content):
        """The key of a file."""
        path = f"/file?name={urllib.parse.quote(name)}"
        status, _, answer = self.ask("POST", path, content, {"content-type": "application/octet-stream"})
        assert status == 200, answer
        return json.loads(answer)["key"]


@contextmanager
def served(*runs, **words):
    """`with served(folder, …) as page`: runs by their folders, and words of `genkit app`."""
    settings = AppSettings(runs=tuple(map(str, runs)), **words)
    with listening("127.0.0.1", 0) as listener, server(settings) as (made, drawings):
        thread = threading.Thread(target=lambda: made.run(sockets=[listener]))
        thread.start()
        try:
            yield Page(listener.getsockname()[1])
        finally:
            made.should_exit = True
            drawings.close()
            thread.join()


def said(events, name):
    """The events of a name."""
    return [event for event in events if event["event"] == name]


def texts(events):
    """Those that came piece by piece, whole."""
    found = {}
    for event in said(events, "piece"):
        found[event["number"]] = found.get(event["number"], "") + event["text"]
    return [found.get(event["number"], "") for event in said(events, "sample")]
