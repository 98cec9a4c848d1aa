"""The page and what it asks for, over HTTP: plain values in, a line of JSON for each event out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from importlib.resources import files

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from genkit.app.draw_request import DrawRequest, draw_controls
from genkit.app.drawing_queue import Busy, DrawingQueue, Tell
from genkit.app.example_request import EXAMPLE_VERBS, ExampleRequest, example_verbs
from genkit.app.served_run import ServedRun
from genkit.app.talk_request import TalkRequest, able, talk_controls
from genkit.app.uploads import MOST_BYTES as MOST_OF_A_FILE
from genkit.app.uploads import Uploads
from genkit.app.walk_request import WalkRequest, walk_words
from genkit.system.errors import CheckpointError, ConfigError, GenkitError
from genkit.system.plain import parse_json
from genkit.system.terminal import in_one_line

PAGE = files("genkit.app") / "page"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
MOST_BYTES = 8_000_000  # of what is asked, but for uploads: a prompt that is too long is told so in words
LINES = "application/x-ndjson"


class BodyTooLarge(ConfigError):
    """More bytes than are read."""


STATUS: Mapping[type[GenkitError], int] = {Busy: 503, BodyTooLarge: 413, CheckpointError: 410}


class Web:
    """The application.

    Args:
        runs: that are served.
        drawings: where what is asked waits.
        uploads: files that were given.
    """

    def __init__(self, runs: Sequence[ServedRun], drawings: DrawingQueue, uploads: Uploads) -> None:
        self._runs = {run.number: run for run in runs}
        self._queue, self._uploads = drawings, uploads
        self._known = [_described(run) for run in runs]  # as they were opened, whatever becomes of a folder

    @property
    def app(self) -> Starlette:
        routes = [
            Route("/", self._page, methods=["GET"]),
            Route("/page/{name}", self._page, methods=["GET"]),
            Route("/runs", self._said, methods=["GET"]),
            Route("/draw", self._drawn, methods=["POST"]),
            Route("/walk", self._walked, methods=["POST"]),
            Route("/chat", self._answered, methods=["POST"]),
            Route("/example/{verb}", self._example, methods=["POST"]),
            *(Route(f"/{verb}", self._made, methods=["POST"]) for verb in EXAMPLE_VERBS),
            Route("/file", self._given, methods=["POST"]),
        ]
        return Starlette(routes=routes, exception_handlers={GenkitError: _refused, Exception: _fault})

    async def _page(self, request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        known = {file.name: file for file in PAGE.iterdir()}
        if name not in known:
            return JSONResponse({"said": "there is no such page."}, 404)
        suffix = name[name.rindex(".") :]
        return Response(known[name].read_bytes(), media_type=TYPES.get(suffix, "application/octet-stream"))

    async def _said(self, request: Request) -> Response:
        """What a page is made of."""
        return JSONResponse({"runs": self._known})

    async def _drawn(self, request: Request) -> Response:
        asked = DrawRequest.of(*await self._asked(request))
        return self._lines(request, asked.command, asked.draw)

    async def _walked(self, request: Request) -> Response:
        asked = WalkRequest(*await self._asked(request))
        return self._lines(request, asked.command, asked.draw)

    async def _answered(self, request: Request) -> Response:
        asked = TalkRequest(*await self._asked(request))
        return self._lines(request, asked.command, asked.draw)

    async def _example(self, request: Request) -> Response:
        """What one of these verbs begins with."""
        verb = str(request.path_params["verb"])
        if verb not in EXAMPLE_VERBS:
            return JSONResponse({"said": "there is no such page."}, 404)
        asked = await self._of_example(request, verb, whole=False)
        return self._lines(request, asked.command, asked.show)

    async def _made(self, request: Request) -> Response:
        asked = await self._of_example(request, request.url.path.strip("/"))
        return self._lines(request, asked.command, asked.draw)

    async def _of_example(self, request: Request, verb: str, *, whole: bool = True) -> ExampleRequest:
        """
        Raises:
            ConfigError: as `_asked`; the run cannot do it.
        """
        run, words = await self._asked(request)
        if not EXAMPLE_VERBS[verb].able(run):
            raise ConfigError(f"{run.folder.name} is not asked to {verb} here; load the page anew.")
        return EXAMPLE_VERBS[verb](run, words, self._uploads, whole=whole)

    async def _given(self, request: Request) -> Response:
        """A file, by whose key it can be asked for."""
        if request.headers.get("content-type") != "application/octet-stream":
            raise ConfigError("a file comes as application/octet-stream; load the page anew.")
        key, name = self._uploads.add(
            request.query_params.get("name", ""), await body(request, MOST_OF_A_FILE)
        )
        return JSONResponse({"key": key, "name": name})

    async def _asked(self, request: Request) -> tuple[ServedRun, dict[str, object]]:
        """A run, and words for it.

        Raises:
            ConfigError: no such run is served, or there are no words.
            CheckpointError: it has been deleted since.
        """
        plain = await _json(request)
        run, given = self._runs.get(str(plain.get("run"))), plain.get("words", {})
        if run is None:
            raise ConfigError("no such run is served; load the page anew.")
        if not isinstance(given, dict):
            raise ConfigError("words are no mapping; load the page anew.")
        run.check_there()
        return run, {name: value for name, value in given.items() if value is not None}

    def _lines(self, request: Request, command: str, work: Callable[[Tell], None]) -> Response:
        """What is told while something is drawn, as it comes; whoever leaves stops it."""
        job, before = self._queue.add(work)

        async def lines() -> AsyncIterator[str]:
            yield _line({"event": "asked", "command": command, "before": before})
            async for events in job.events(gone=request.is_disconnected):
                yield "".join(map(_line, events))

        return StreamingResponse(lines(), media_type=LINES)


def _described(run: ServedRun) -> dict[str, object]:
    """A run, and what it can be asked for: by verb the controls, and what else the page has to ask."""
    array, verbs = run.module.spec.array, {"draw": draw_controls(run)}
    if able(run):
        verbs["chat"] = talk_controls(run)
    if run.walks:
        verbs["walk"] = walk_words(run).controls()
    said, of_examples = {**run.said(), "verbs": verbs}, example_verbs(run)
    if array is None or not of_examples:
        return said
    verbs |= {request.verb: request.controls(run) for request in of_examples}
    size = dict(zip(array.names, array.sizes, strict=True))
    apart = {request.verb: request.apart() for request in of_examples}
    return {**said, "apart": apart, "parts": array.parts, "rest": array.rest, "size": size}


def _line(event: Mapping[str, object]) -> str:
    return json.dumps(event, ensure_ascii=False) + "\n"


async def body(request: Request, most: int) -> bytes:
    """What is sent, of so many bytes at most; nothing is read of what says that it has more.

    Raises:
        BodyTooLarge: it has more.
    """
    refused = BodyTooLarge(
        f"what is sent has more than {most:,} bytes, which is all that is read; send less."
    )
    said = request.headers.get("content-length", "0")
    if not said.isdecimal() or int(said[:20]) > most:
        raise refused
    found = bytearray()
    async for part in request.stream():
        found += part
        if len(found) > most:
            raise refused
    return bytes(found)


async def _json(request: Request) -> dict[str, object]:
    """What is asked.

    Raises:
        ConfigError: it is none.
    """
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise ConfigError("what is asked comes as application/json; load the page anew.")
    try:
        plain = parse_json((await body(request, MOST_BYTES)).decode("utf-8"))
    except ValueError as error:
        raise ConfigError(f"what is asked is no JSON that is read: {error}.") from None
    if not isinstance(plain, dict):
        raise ConfigError("what is asked is no mapping; load the page anew.")
    return plain


async def _refused(request: Request, error: Exception) -> Response:
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 400)
    return JSONResponse({"said": in_one_line(str(error))}, status)


async def _fault(request: Request, error: Exception) -> Response:
    if isinstance(error, ClientDisconnect):
        return Response(status_code=400)
    said = in_one_line(f"{type(error).__name__}: {error}")
    return JSONResponse({"said": f"a fault of the program, {said}; the terminal has more."}, 500)
