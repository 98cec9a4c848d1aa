"""Who is answered, and what an answer allows a browser: nothing from elsewhere, nothing to elsewhere.

A page of somebody else that runs in the same browser reaches this machine's own addresses, also under a name
of its own that leads here (DNS rebinding).  So whoever asks must name a host that this is, and what changes
something must come from this page.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Scripts, styles and requests of this page alone; pictures and sounds also as addresses that hold them.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Around an application.

    Args:
        names: hosts that this is, beside localhost and any address in numbers, which nobody can rebind.
    """

    def __init__(self, app: App, names: Iterable[str] = ()) -> None:
        self._app, self._names = app, {"localhost", *(name.lower() for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message.get("headers", ()), *own]
            await send(message)

        if reason := self.refusal(scope):
            await _refuse(guarded, reason)
        else:
            await self._app(scope, receive, guarded)

    def refusal(self, scope: Scope) -> str:
        """Why it is not answered; "": it is."""
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        hosts = [value for name, value in headers if name == "host"]
        if len(hosts) != 1 or not self._is_own(hosts[0]):
            return "this server answers under its own address alone; open the one that genkit app has said."
        if scope["method"] in ("GET", "HEAD"):
            return ""
        given = dict(headers)
        origin, site = given.get("origin"), given.get("sec-fetch-site", "same-origin")
        if site not in ("same-origin", "none") or (
            origin is not None and origin not in (f"http://{hosts[0]}", f"https://{hosts[0]}")
        ):
            return "this was sent by another page; open the one that genkit app has said."
        return ""

    def _is_own(self, host: str) -> bool:
        name = host.rsplit(":", 1)[0] if host.rpartition(":")[2].isdecimal() else host
        name = name.strip("[]").lower()
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


async def _refuse(send: Send, reason: str) -> None:
    body = json.dumps({"said": reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
