"""A folder of runs and what should be in it: what a command may change there, and what a run must be.

Of each run is known which family, seed and steps made it; an undisturbed run of the same is trained once,
aside, and has its weights and samples, bitwise.
"""

from __future__ import annotations

import collections
import functools
import hashlib
import os
import random
import shutil
import signal
import tempfile
import threading
import time
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tools.reliability.processes import Answer, Process, genkit
from tools.reliability.tiny import strays, words

LONGEST = 1.0  # seconds until a kill
CODES = {0, 2, 3, 4, 5, 6, 7, 130, 143}  # as the reference lists them
DRAWN = {"vae": ".png", "gpt": ".txt"}  # (an .npz names its run)
DONE: collections.Counter[str] = collections.Counter()  # commands, by their first word
_lock = threading.Lock()


@dataclass(frozen=True)
class Made:
    """What made a run, and so its end."""

    family: str
    seed: int
    steps: int
    origin: Made | None = None  # whose weights it began with


@dataclass(frozen=True)
class Kept:
    """A run that should be there; `is_done`: it was trained to its end."""

    made: Made
    is_done: bool


def typed(made: Made, folder: Path, name: str, origin: Path | None = None) -> list[str]:
    began = [f"init_from={origin}"] if origin else []
    return words(made.family, folder, name, f"seed={made.seed}", f"budget.steps={made.steps}", *began)


@functools.cache
def _undisturbed(made: Made) -> tuple[dict[str, bytes], bytes]:
    folder = Path(tempfile.mkdtemp(prefix="genkit-undisturbed-"))
    try:
        if made.origin:
            answer = genkit(*typed(made.origin, folder, "origin"))
            assert answer.code == 0, answer.err
        answer = genkit(*typed(made, folder, "run", folder / "origin" if made.origin else None))
        assert answer.code == 0, answer.err
        out = folder / f"out{DRAWN[made.family]}"
        answer = genkit(*sample_words(folder / "run", out))
        assert answer.code == 0, answer.err
        return weights(folder / "run"), out.read_bytes()
    finally:
        shutil.rmtree(folder)


def undisturbed(made: Made) -> tuple[dict[str, bytes], bytes]:
    """Weights and samples of a run that nothing happened to, made once."""
    with _lock:
        return _undisturbed(made)


def weights(run: Path) -> dict[str, bytes]:
    """The last checkpoint's."""
    place = run / "checkpoints" / (run / "checkpoints" / "last").read_text().strip()
    return {file.name: file.read_bytes() for file in sorted(place.glob("*.safetensors"))}


def sample_words(run: Path, out: Path) -> list[str]:
    return ["sample", f"run={run}", "n=2", "seed=5", f"out={out}"]


def bytes_of(folder: Path) -> dict[str, str]:
    """A digest of every file below a folder; a folder has none."""
    found = {}
    for path in sorted(folder.rglob("*")):
        plain = path.is_file() and not path.is_symlink()
        found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest() if plain else ""
    return found


class Folder:
    """One person's folder, and what should be in it.

    Args:
        folder: of the trial; runs are in `here` and, once moved, in `there`.
        draw: where every choice comes from.
    """

    def __init__(self, folder: Path, draw: random.Random) -> None:
        self.here, self.there, self.out = folder / "here", folder / "there", folder / "out"
        for place in (self.here, self.there, self.out):
            place.mkdir()
        self.draw, self.runs, self.said = draw, dict[Path, Kept](), list[str]()

    # ------------------------------------------------------------------ the rules

    def do(self, typed: list[str], changes: Iterable[Path] = (), codes: Iterable[int] = (0,)) -> Answer:
        """A command that may change some folders, and ends with one of the codes."""
        self.said.append(" ".join(typed)[-160:])
        DONE[typed[0]] += 1
        before = self.bytes()
        answer = genkit(*typed)
        self.check(answer, codes)
        self.unchanged(before, changes)
        return answer

    def refused(self, typed: list[str], codes: Iterable[int] = (2,)) -> Answer:
        """A command that is refused, and so changes nothing."""
        return self.do(typed, codes=codes)

    def check(self, answer: Answer, codes: Iterable[int]) -> None:
        said = f"exit code {answer.code}: {answer.err[-600:]}"
        assert answer.code in CODES, f"no documented {said}"
        assert "Traceback" not in answer.err + answer.out, f"a traceback, {said}"
        assert answer.code in codes, said
        assert answer.code == 0 or answer.is_one_line, f"not one line, {said}"

    def bytes(self) -> dict[str, str]:
        return {**bytes_of(self.here), **bytes_of(self.there)}

    def unchanged(self, before: dict[str, str], changes: Iterable[Path] = ()) -> None:
        """That nothing outside some folders is other than before."""
        after, allowed = self.bytes(), tuple(str(path) for path in changes)
        differ = [path for path in {**before, **after} if before.get(path) != after.get(path)]
        wrong = [
            path for path in differ if not any(path == a or path.startswith(a + os.sep) for a in allowed)
        ]
        assert not wrong, f"changed: {wrong[:4]}"

    def any(self, *, done: bool | None = None, there: bool = True) -> Path | None:
        found = [p for p, kept in self.runs.items() if done in (None, kept.is_done)]
        found = [p for p in found if there or p.parent == self.here]
        return self.draw.choice(sorted(found)) if found else None

    def free(self, names: Iterable[str], place: Path) -> Path | None:
        """A name that nothing in a folder has, whatever its case and form of Unicode."""
        taken = {unicodedata.normalize("NFC", path.name).casefold() for path in place.iterdir()}
        free = [name for name in names if unicodedata.normalize("NFC", name).casefold() not in taken]
        return place / self.draw.choice(free) if free else None

    def killed(self, typed: list[str], path: Path) -> bool:
        """Kill a command at some time; whether it was done before."""
        seconds = self.draw.uniform(0, LONGEST)
        self.said.append(f"kill after {seconds:.2f} s: {' '.join(typed)[-160:]}")
        DONE["kill"] += 1
        before = self.bytes()
        process = Process(typed)
        time.sleep(seconds)
        process.kill()
        answer = process.wait()
        self.unchanged(before, [path])
        was_killed = answer.code in (-signal.SIGKILL, 255)
        if not was_killed:
            self.check(answer, (0,))
        return not was_killed

    # ------------------------------------------------------------------ what must hold of a run

    def look(self, path: Path) -> None:
        """A finished run draws what an undisturbed one draws; a killed one is sound as far as it came."""
        kept = self.runs[path]
        if not kept.is_done:
            return self.verify_one(path)
        out = self.out / f"drawn{DRAWN[kept.made.family]}"
        self.do(sample_words(path, out))
        assert out.read_bytes() == undisturbed(kept.made)[1], f"{path.name} draws otherwise"

    def verify_one(self, path: Path) -> None:
        # Killed before it had said what it is, or of what data: no run that anybody could go on from.
        said = all((path / name).exists() for name in ("run.json", "spec.json"))
        fine = (0,) if said else (3,)
        self.do(["verify", f"run={path}"], codes=fine)

    def sound(self, path: Path) -> None:
        """A run that was trained to its end has an undisturbed one's weights, and nothing beside them."""
        assert weights(path) == undisturbed(self.runs[path].made)[0], f"{path.name} has other weights"
        found = [file for file in strays(path.parent) if Path(file).parts[0] == path.name]
        found = [file for file in found if Path(file).name != "evaluation.jsonl"]
        assert not found, f"left over: {found}"
