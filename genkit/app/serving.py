"""`genkit app`: an address, the runs, and a server that answers until somebody ends it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import importlib.util
import socket
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from genkit.cli.commands.app import LOOPBACK, AppSettings
from genkit.system.errors import ConfigError
from genkit.system.terminal import say

if TYPE_CHECKING:
    import uvicorn

    from genkit.app.drawing_queue import DrawingQueue

PACKAGES = ("starlette", "uvicorn")  # of the extra
MOST_RUNS = 16
MOST_CONNECTIONS = 128
LAST = 2  # seconds that drawings have to end in


def serve(settings: AppSettings) -> int:
    """Load the runs and answer until a signal comes."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"genkit app needs {' and '.join(missing)}: pip install 'generator-kit[app]'.")
    if len(settings.runs) > MOST_RUNS:
        raise ConfigError(f"genkit app serves up to {MOST_RUNS} runs at once, not {len(settings.runs)}.")
    with listening(settings.host, settings.port) as listener, server(settings) as made:
        asyncio.run(_answering(*made, listener, settings.host))
    return 0


async def _answering(
    made: uvicorn.Server, drawings: DrawingQueue, listener: socket.socket, host: str
) -> None:
    """Answer until a signal comes; the address is said when signals are seen to."""
    serving = asyncio.create_task(made.serve(sockets=[listener]))
    while not (made.started or serving.done()):
        await asyncio.sleep(0.01)
    say(f"genkit app: {address(listener)} (Ctrl-C ends it)", flush=True)
    if host != LOOPBACK:
        say(
            "note: whoever reaches this address can draw; without host= this machine alone is answered.",
            file=sys.stderr,
        )
    while not (made.should_exit or serving.done()):
        await asyncio.sleep(0.1)
    drawings.close()  # so that every stream comes to its end
    await serving


@contextlib.contextmanager
def server(settings: AppSettings) -> Iterator[tuple[uvicorn.Server, DrawingQueue]]:
    """What answers, its runs loaded, and where drawings wait; it writes no log, and says nothing of itself.

    Raises:
        GenkitError: as `ServedRun.all_of`.
    """
    from genkit.app.served_run import ServedRun

    runs = ServedRun.all_of(settings)
    import uvicorn

    from genkit.app.drawing_queue import DrawingQueue
    from genkit.app.guard import Guard
    from genkit.app.uploads import Uploads
    from genkit.app.web import Web

    with DrawingQueue(settings.seconds) as drawings, Uploads() as uploads:
        config = uvicorn.Config(
            Guard(Web(runs, drawings, uploads).app, names(settings.host)),
            log_level="error",
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            http="h11",
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=LAST,
        )
        yield uvicorn.Server(config), drawings


def listening(host: str, port: int) -> socket.socket:
    """A socket that is bound, before anything takes time.

    Raises:
        ConfigError: the port is taken, or the address is none of this machine.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError):
        raise ConfigError(
            f"host={host} is no address of this machine; leave it out for {LOOPBACK}."
        ) from None
    try:
        if sys.platform != "win32":  # where it would let two servers have one port
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(place)
        found.listen()
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"port={port} of {host} is taken by another program; give another one, or port=0 for any."
            ) from None
        if error.errno == errno.EACCES:
            raise ConfigError(f"port={port} is not for everybody; give one from 1024.") from None
        raise ConfigError(
            f"host={host} is no address of this machine ({error.strerror}); leave it out for {LOOPBACK}."
        ) from None
    return found


def address(listener: socket.socket) -> str:
    """What a person types into a browser."""
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def names(host: str) -> list[str]:
    """The hosts that this is: none but the usual ones, or with what was typed the machine's own names."""
    return [] if host == LOOPBACK else [host, socket.gethostname(), socket.getfqdn()]
