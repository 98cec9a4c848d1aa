"""A hub of this machine: what huggingface_hub asks of one to make a repository, commit, list and read."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


class FakeHub(ThreadingHTTPServer):
    """Repositories as files by path, one commit each at a time.

    Attributes:
        repos: by USER/NAME its commits, oldest first, each its id and its files.
        asked: method and path of every request.
        tokens: of the requests that came with one.
        refuses: the status by which every request that writes is answered; None: none is refused.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.repos: dict[str, list[tuple[str, dict[str, bytes]]]] = {}
        self.private: set[str] = set()
        self.asked: list[str] = []
        self.tokens: set[str] = set()
        self.refuses: int | None = None
        self.address = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def put(self, repo: str, files: dict[str, bytes]) -> str:
        """A further commit, of these files alone."""
        commits = self.repos.setdefault(repo, [])
        said = json.dumps(
            [len(commits), repo, sorted((k, hashlib.sha1(v).hexdigest()) for k, v in files.items())]
        )
        commits.append((hashlib.sha1(said.encode()).hexdigest(), files))
        return commits[-1][0]

    def files(self, repo: str) -> dict[str, bytes]:
        return dict(self.repos[repo][-1][1])

    def find(self, repo: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        commits = self.repos.get(repo) or []
        if revision == "main":
            return commits[-1] if commits else None
        return next((commit for commit in commits if commit[0] == revision), None)


class Answer(BaseHTTPRequestHandler):
    server: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _send(self, status: int, content: bytes = b"{}", head: bool = False, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if not head:
            self.wfile.write(content)

    def _json(self, plain: object, status: int = 200) -> None:
        self._send(status, json.dumps(plain).encode(), Content_Type="application/json")

    def _lacking(self, code: str) -> None:
        self._send(404, b"{}", X_Error_Code=code)

    def _noted(self) -> list[str]:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(f"{self.command} {path}")
        if said := self.headers.get("authorization"):
            self.server.tokens.add(said.removeprefix("Bearer "))
        return path.strip("/").split("/")

    def do_POST(self) -> None:
        parts = self._noted()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.refuses is not None:
            return self._send(self.server.refuses)
        if parts[1] == "validate-yaml":
            return self._json({"warnings": [], "errors": []})
        if parts[1:] == ["repos", "create"]:
            asked = json.loads(body)
            repo = f"{asked['organization']}/{asked['name']}"
            if repo in self.server.repos:
                return self._json({"url": f"{self.server.address}/{repo}"}, 409)
            if asked.get("private") or asked.get("visibility") == "private":
                self.server.private.add(repo)
            self.server.put(repo, {".gitattributes": b""})
            return self._json({"url": f"{self.server.address}/{repo}"})
        repo = "/".join(parts[2:4])
        if parts[4] == "preupload":
            files = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False}
                for f in json.loads(body)["files"]
            ]
            return self._json({"files": files})
        made = self.server.files(repo)
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                made[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            elif line["key"] == "deletedFile":
                del made[line["value"]["path"]]
        oid = self.server.put(repo, made)
        return self._json(
            {"success": True, "commitOid": oid, "commitUrl": f"{self.server.address}/{repo}/commit/{oid}"}
        )

    def do_GET(self) -> None:
        parts = self._noted()
        api = parts[0] == "api"
        repo = "/".join(parts[2:4] if api else parts[:2])
        if repo not in self.server.repos:
            return self._lacking("RepoNotFound")
        what, revision = (parts[4:6] if len(parts) > 5 else ("revision", "main")) if api else parts[2:4]
        found = self.server.find(repo, revision)
        if found is None:
            return self._lacking("RevisionNotFound")
        commit, files = found
        if what == "revision":
            return self._json(
                {"id": repo, "sha": commit, "siblings": [{"rfilename": name} for name in files]}
            )
        if what == "tree":
            return self._json(
                [
                    {"type": "file", "path": k, "size": len(v), "oid": hashlib.sha1(v).hexdigest()}
                    for k, v in files.items()
                ]
            )
        name = "/".join(parts[4:])
        if name not in files:
            return self._lacking("EntryNotFound")
        etag = f'"{hashlib.sha1(files[name]).hexdigest()}"'
        return self._send(200, files[name], self.command == "HEAD", ETag=etag, X_Repo_Commit=commit)

    do_HEAD = do_GET
