"""`python -m tests.reliability.guards trace=FILE|sample=N [seed=0] [of=PACKAGE,…] [only=FILE:LINE,…]`

A guard that can be deleted without a failing test is a missing test.  Every statement of genkit that raises
one of its errors is a guard (see `switched/sitecustomize.py`).

- `trace` runs tests with the guards recorded: which test meets which, and how long each takes.
- `sample` switches so many of them off, one at a time, and runs the tests that meet it, quickest first, until
  one fails: then the guard is killed.  What survives, or was met by no test, is listed.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pkgutil
import random
import signal
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

SWITCHED = Path(__file__).with_name("switched")
ROOT = SWITCHED.parents[2]
sys.path.insert(0, str(SWITCHED))
TESTS = ("tests/unit", "tests/integration", "tests/numerics", "tests/contract")
FEW, MANY = 12, 60  # tests that are run for one guard: the quickest first, then more
LONGEST = 300.0  # seconds until tests without a guard count as hanging


class Timed:
    """A plugin of pytest: how long each test takes, written down at once."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "call":
            with open(self._file, "a") as file:
                file.write(f"{report.nodeid}\t{report.duration:.3f}\t{report.outcome}\n")


def trace(place: Path, tests: list[str]) -> int:
    """Run tests, with what they meet written into a folder."""
    import pytest

    place.mkdir(parents=True, exist_ok=True)
    _environment(GENKIT_GUARD_LOG=str(place.absolute() / "met"))
    return int(pytest.main(["-q", "-p", "no:cacheprovider", *tests], plugins=[Timed(place / "timed")]))


def _environment(**values: str) -> None:
    import sitecustomize

    before = os.environ.get("PYTHONPATH", "")
    os.environ.update(PYTHONPATH=f"{SWITCHED}{os.pathsep}{before}", **values)
    if sitecustomize._Finder not in sys.meta_path:
        sys.meta_path.insert(0, sitecustomize._Finder)


def every() -> dict[str, str]:
    """All guards by name, each with the line that raises."""
    import sitecustomize

    found = {}
    for file in sorted((ROOT / "genkit").rglob("*.py")):
        lines = file.read_text().splitlines()
        for name, node in sitecustomize.guards(file):
            shown = " ".join(line.strip() for line in lines[node.lineno - 1 : node.end_lineno])
            found[name] = shown
    return found


def meeting(place: Path) -> dict[str, list[str]]:
    """The tests that meet each guard, quickest first."""
    met: dict[str, set[str]] = defaultdict(set)
    for line in (place / "met").read_text().splitlines():
        guard, _, test = line.partition("\t")
        met[guard].add(test)
    timed = {}
    for line in (place / "timed").read_text().splitlines():
        test, seconds, outcome = line.split("\t")
        if outcome == "passed":
            timed[test] = float(seconds)
    return {
        guard: sorted((test for test in tests if test in timed), key=timed.__getitem__)
        for guard, tests in met.items()
    }


class Failing:
    """A plugin of pytest: the first test that fails, written down."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and not self._file.exists():
            self._file.write_text(report.nodeid)


def failing(guard: str, tests: list[str]) -> str:
    """The first test that fails without a guard ("" : with all), in a forked process; "" where none does."""
    with tempfile.TemporaryDirectory(prefix="genkit-guard-") as folder:
        process = os.fork()
        if not process:
            _work(guard, tests, Path(folder))
        deadline = time.monotonic() + LONGEST
        while time.monotonic() < deadline:
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                told = Path(folder) / "failed"
                return told.read_text() if told.exists() else "" if status == 0 else f"status {status}"
            time.sleep(0.02)
        os.killpg(process, signal.SIGKILL)
        os.waitpid(process, 0)
        return "hangs"


def _work(guard: str, tests: list[str], folder: Path) -> None:
    try:
        import pytest

        os.setpgid(0, 0)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):
            os.dup2(nowhere, descriptor)
        os.environ.update(GENKIT_GUARD_OFF=guard, HYPOTHESIS_STORAGE_DIRECTORY=str(folder / "hypothesis"))
        words = ["-x", "-q", "-p", "no:cacheprovider", f"--basetemp={folder / 'tmp'}", *tests]
        os._exit(int(pytest.main(words, plugins=[Failing(folder / "failed")])))
    finally:
        os._exit(9)


def sample(place: Path, chosen: list[str]) -> dict[str, str]:
    """What becomes of each guard: a test that kills it, `survived`, or `unmet`: no test comes upon it."""
    _environment()
    _preload()
    met, shown, fates = meeting(place), every(), {}
    sound: set[str] = set()  # tests that pass in such a process, as long as every guard stands
    for guard in chosen:
        tests = met.get(guard, [])
        fates[guard] = "survived" if tests else "unmet"
        for some in (tests[:FEW], tests[FEW:MANY]):
            found = failing(guard, some) if some else ""
            if not found:
                continue
            if found in tests and found not in sound:
                assert not failing("", [found]), f"{found} fails by itself"
                sound.add(found)
            fates[guard] = found
            break
        if fates[guard] in ("survived", "unmet"):
            print(f"{fates[guard]} ({len(tests)} tests): {guard}: {shown[guard][:200]}", flush=True)
    return fates


def _preload() -> None:
    """Import once what every forked process needs; guards are asked whether they stand when they are met."""
    import hypothesis  # noqa: F401
    import scipy.stats  # noqa: F401
    import sklearn.datasets  # noqa: F401

    import genkit.testing

    for found in pkgutil.walk_packages(genkit.__path__, "genkit."):
        if not found.name.endswith("__main__"):
            with contextlib.suppress(ImportError):  # of what is not installed
                importlib.import_module(found.name)


def main(arguments: list[str]) -> int:
    typed = dict(word.split("=", 1) for word in arguments)
    place = Path(typed["trace"])
    if "sample" not in typed and "only" not in typed:
        return trace(place, typed.get("tests", ",".join(TESTS)).split(","))
    names = [name for name in every() if name.startswith(tuple(typed.get("of", "genkit").split(",")))]
    drawn = random.Random(int(typed.get("seed", 0))).sample(
        names, min(len(names), int(typed.get("sample", 0)))
    )
    chosen = typed["only"].split(",") if "only" in typed else sorted(drawn)
    fates = sample(place, chosen)
    unmet = sum(found == "unmet" for found in fates.values())
    killed = len(fates) - unmet - sum(found == "survived" for found in fates.values())
    print(f"{killed} of {len(fates)} guards killed by tests, {unmet} met by none ({len(names)} in all)")
    (place / f"fates-{typed.get('seed', 0)}.json").write_text(json.dumps(fates, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
