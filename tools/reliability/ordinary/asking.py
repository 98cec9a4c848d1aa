"""A situation that people have, what they type, and the answer that they may expect."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tools.reliability.processes import Answer, Process
from tools.reliability.rows import Trial

TIMEOUT = 90.0  # seconds of a process; what takes longer hangs
Make = Callable[[Path], object]
Judge = Callable[[Path, Answer], None]
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


@dataclass(frozen=True)
class Situation:
    """What there is, what is typed, how it is answered.

    Attributes:
        words: as typed, with `{f}` for the trial's folder.
        code: the exit code.
        said: words of the answer, wherever they stand.
        make: prepares the folder.
        judge: looks at what was made; it has the folder and the answer.
        environment: of the process, with `{f}` for the trial's folder.
    """

    words: tuple[str, ...]
    code: int = 0
    said: tuple[str, ...] = ()
    make: Make | None = None
    judge: Judge | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def ask(
    words: tuple[str, ...] | list[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    before: tuple[str, ...] = (),
) -> Answer:
    """The answer of a process that may take so long, and neither breaks nor steers a terminal; `before` is
    called in it first, as `Process` has it."""
    own = {"GENKIT_RUNS_DIR": str(folder / "runs"), "GENKIT_CACHE_DIR": str(folder / "cache")}
    typed = [word.replace("{f}", str(folder)) for word in words]
    given = {name: value.replace("{f}", str(folder)) for name, value in (environment or {}).items()}
    answer = Process(typed, before, {**own, "CUDA_VISIBLE_DEVICES": "", **given}).wait(TIMEOUT)
    assert "Traceback" not in answer.err, answer.err[-900:]
    assert not CONTROLS.search(answer.out + answer.err), "it writes controls"
    return answer


def expect(answer: Answer, code: int, said: tuple[str, ...] = ()) -> None:
    """That it is the answer, and a refusal is one line."""
    assert answer.code == code, (answer.code, answer.out[-300:], answer.err[-600:])
    if code:
        assert answer.is_one_line, answer.err
        assert len(answer.err.strip().splitlines()[-1]) < 700, answer.err
    whole = " ".join((answer.out + answer.err).split())
    for expected in said:
        assert expected in whole, (expected, whole[-700:])


def trial(situation: Situation) -> Trial:
    def attempt(folder: Path) -> None:
        if situation.make:
            situation.make(folder)
        answer = ask(situation.words, folder, situation.environment)
        expect(answer, situation.code, situation.said)
        if situation.judge:
            situation.judge(folder, answer)

    return attempt


# ---------------------------------------------------------------------- what was packed


def packed(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The folder of the cache, and its description, read without genkit."""
    made = [file.parent for name in ("images", "train") for file in (folder / "cache").glob(f"*/{name}.npy")]
    assert len(made) == 1, made
    return made[0], json.loads((made[0] / "dataset.json").read_text())


def images_are(wanted: np.ndarray, levels: int = 256, within: int = 0) -> Judge:
    """The packed images are these, (N, C, H, W)."""

    def judge(folder: Path, answer: Answer) -> None:
        place, about = packed(folder)
        found = np.load(place / "images.npy")
        assert found.shape == wanted.shape, (found.shape, wanted.shape)
        assert about.get("levels", 256) == levels, about.get("levels")
        apart = np.abs(found.astype(int) - wanted.astype(int))
        assert apart.max() <= within, (int(apart.max()), found[0, 0, 0], wanted[0, 0, 0])

    return judge


def labels_are(names: list[str]) -> Judge:
    """The class of every image goes by this name."""

    def judge(folder: Path, answer: Answer) -> None:
        place, about = packed(folder)
        found = [about["classes"][number] for number in np.load(place / "labels.npy")]
        assert found == names, (found[:12], names[:12])

    return judge


def counts_are(train: int, validation: int, test: int) -> Judge:
    """How many examples each part has."""

    def judge(folder: Path, answer: Answer) -> None:
        found = re.search(r"train ([\d,]+), validation ([\d,]+), test ([\d,]+)", answer.out)
        assert found, answer.out
        numbers = tuple(int(number.replace(",", "")) for number in found.groups())
        assert numbers == (train, validation, test), numbers

    return judge


def both(*judges: Judge) -> Judge:
    def judge(folder: Path, answer: Answer) -> None:
        for one in judges:
            one(folder, answer)

    return judge
