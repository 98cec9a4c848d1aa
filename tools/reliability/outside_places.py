"""What the trials of `outsiders` put things into: a run, what lies beside it, secrets that nobody may see."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from genkit.runs import manifests
from tools.reliability.tiny import MODELS, QUICK

STEP = "checkpoints/step-6"
MARK = "<script>alert(1)</script>"
ATTRIBUTE = "\"><img src=x onerror=alert(1)>' onmouseover=alert(2) x='"
STEERS = "\x1b]0;stolen\x07\x1b[2J\x9b31m\r\n\u202egnp.exe"
FORMULA = "=cmd|'/C calc'!A0"
HREF = "javascript:alert(1)"
STYLE = "x;background:url(//host/a)"
WORDS = f"{MARK}{ATTRIBUTE}{STEERS}"


class Place:
    """A trial's folder: `runs/run` is a stranger's, `secret` is the reader's own."""

    secret = b"canary-of-outside-91c4"

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs, self.run, self.out = (
            folder,
            folder / "runs",
            folder / "runs/run",
            folder / "out",
        )

    def file(self, name: str) -> Path:
        path = self.run / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, name: str, content: str | bytes) -> None:
        path = self.file(name)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))


Tamper = Callable[[Place], tuple[str, str] | None]


@dataclass(frozen=True)
class Case:
    """One trial.

    Attributes:
        tamper: what is done to the place; it may return what is swapped while a command runs.
        commands: those that meet it, by their short names.
        expected: "refused", "inert" or "safe".
        unprivileged: whether the modes of files hold for the commands.
    """

    tamper: Tamper
    commands: str
    expected: str
    family: str = "vae"
    unprivileged: bool = False

    @property
    def model(self) -> list[str]:
        return [*MODELS[self.family], *QUICK, "callbacks.samples.n=0", "batch_size=8"]


def secret_files(place: Place) -> None:
    """A text, a picture, rows and a folder of them that lie outside."""
    folder = place.folder / "secret"
    (folder / "secret.txt").write_bytes(place.secret)
    (folder / "step-6.txt").write_bytes(place.secret)
    (folder / "step-6.png").write_bytes(png(4, 4) + place.secret)
    (folder / "config.yaml").write_text(f"model: {{family: {place.secret.decode()}}}\n")
    (folder / "run.json").write_text(json.dumps({"status": place.secret.decode()}))


def png(width: int, height: int, lines: int | None = None) -> bytes:
    """A grey picture; `lines`: how many it really has."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(b"\0" * (width + 1)) for _ in range(height if lines is None else lines))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    made = chunk(b"IHDR", head) + chunk(b"IDAT", rows + packer.flush()) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + made


def writes(name: str, content: str | bytes) -> Tamper:
    return lambda place: place.write(name, content)


def links(name: str, target: str) -> Tamper:
    """A symbolic link; `{folder}` is the trial's."""

    def tamper(place: Place) -> None:
        path = place.file(name)
        path.unlink(missing_ok=True)
        path.symlink_to(target.format(folder=place.folder))

    return tamper


def sparse(name: str, size: int) -> Tamper:
    def tamper(place: Place) -> None:
        with open(place.file(name), "wb") as file:
            file.truncate(size)

    return tamper


def folder(name: str) -> Tamper:
    """A folder in the place of a file."""

    def tamper(place: Place) -> None:
        place.file(name).unlink(missing_ok=True)
        place.file(name).mkdir()

    return tamper


def swaps(name: str, target: str, first: Tamper | None = None) -> Tamper:
    """While a command runs, something else lies there at the moment when the file is opened."""

    def tamper(place: Place) -> tuple[str, str]:
        if first is not None:
            first(place)
        return name, target.format(folder=place.folder)

    return tamper


def both(*tampers: Tamper) -> Tamper:
    def tamper(place: Place) -> None:
        for one in tampers:
            one(place)

    return tamper


def record(**entries: Any) -> Tamper:
    """Other entries of run.json."""

    def tamper(place: Place) -> None:
        file = place.run / "run.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **entries}))

    return tamper


def configured(change: Callable[[dict[str, Any]], object]) -> Tamper:
    """Another configuration, to which the checkpoint's manifest agrees."""

    def tamper(place: Place) -> None:
        from genkit import config

        file = place.run / "config.yaml"
        cfg = yaml.safe_load(file.read_text())
        change(cfg)
        file.write_text(yaml.safe_dump(cfg, allow_unicode=True))
        reseal(place, model_sha256=config.digest(cfg["model"]))

    return tamper


def reseal(place: Place, **entries: Any) -> None:
    """Let the manifest agree with the files of its folder again."""
    step = place.run / STEP
    manifest = {**json.loads((step / "manifest.json").read_text()), **entries}
    if "files" not in entries:
        manifest["files"] = {name: manifests.describe(step / name) for name in manifest["files"]}
    manifest["sha256"] = manifests.seal(manifest)
    (step / "manifest.json").write_text(json.dumps(manifest))


def manifest(**entries: Any) -> Tamper:
    return lambda place: reseal(place, **entries)


def spec(change: Callable[[dict[str, Any]], object]) -> Tamper:
    """Another spec.json, to which the record and the manifest agree."""

    def tamper(place: Place) -> None:
        plain = json.loads((place.run / "spec.json").read_text())
        text = change(plain)
        text = text if isinstance(text, str) else json.dumps(plain)
        (place.run / "spec.json").write_text(text)
        digest = manifests.describe(place.run / "spec.json")["sha256"]
        record(spec_sha256=digest)(place)
        reseal(place, spec_sha256=digest)

    return tamper


ROW: dict[str, Any] = {
    **{"metric": "nll", "value": 1.5, "low": 1.0, "high": 2.0, "unit": "nats", "direction": "lower"},
    **{"kind": "exact", "n": 8, "n_real": None, "interval": "examples", "fingerprint": "f", "note": ""},
    **{"protocol": {"k": 1}, "run": "run", "checkpoint": "last", "step": 6, "weights": "ema", "digest": "d"},
    **{"seed": 0, "split": "test", "data": "d", "judged": "j", "role": "model", "options": None},
}


def rows(*changes: dict[str, Any]) -> Tamper:
    """An evaluation.jsonl of such rows."""
    text = "".join(json.dumps({**ROW, **change}) + "\n" for change in changes)
    return writes("evaluation.jsonl", text)
