"""`python -m tools.reliability.guards trace=FILE|sample=N [seed=0] [met=true] [of=PACKAGE,…]`

A guard that can be deleted without a failing test is a missing test.  Every statement of genkit that raises
one of its errors is a guard (see `switched/sitecustomize.py`).

- `trace` runs tests with the guards recorded: which test meets which, and how long each takes.
- `sample` switches so many of them off, one at a time, and runs the tests that meet it until one fails, which
  passes again with every guard: then the guard is killed.  What survives, or was met by no test, is listed.
  `met=true` draws from those alone that a test meets, `only=FILE:LINE,…` names them.

Of 150 guards drawn (seed 0) from the 258 of 524 that 2,025 traced tests met, quick unit tests met 99 and
killed 95.  Three of the four others have a second guard behind them that says the same; one, a checkpoint
that is deleted while it is read, has a test that passes without it.  What only slower tests meet was not
switched off.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

SWITCHED = Path(__file__).with_name("switched")
ROOT = SWITCHED.parents[2]
sys.path.insert(0, str(SWITCHED))
TESTS = ("tests/unit", "tests/integration", "tests/numerics", "tests/contract")
MANY = 20  # tests that are run for one guard, the quickest
LONGEST = 60  # seconds until a test without a guard counts as hanging, and so as failing


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


class Beside:
    """In pytest's eyes a test of the same module: what is made for one test alone is taken down before it."""

    def __init__(self, item: Any) -> None:
        self._parents = item.listchain()[:-1]

    def listchain(self) -> list[Any]:
        return list(self._parents)


class Switching:
    """A plugin of pytest: each test runs once with every guard, then without each of those that it meets.

    A test that fails by itself says nothing, and one that fails again with every guard neither.

    Args:
        asked: the guards that each test is run without, as long as none has failed.
        place: a folder, where `said` and `killed` are written down as they come.
    """

    def __init__(self, asked: dict[str, list[str]], place: Path) -> None:
        self._place = place
        self._asked, self.killed, self.said = asked, dict[str, str](), set[str]()

    def pytest_runtest_protocol(self, item: Any, nextitem: Any) -> bool:
        guards = [guard for guard in self._asked[item.nodeid] if guard not in self.killed]
        if guards and self._passes(item, ""):
            self.said.update(guards)
            for guard in guards:
                if not self._passes(item, guard) and self._passes(item, ""):
                    self.killed[guard] = item.nodeid
            told = {"killed": self.killed, "said": sorted(self.said)}
            (self._place / "so-far.json").write_text(json.dumps(told, indent=1) + "\n")
        item.session._setupstate.teardown_exact(nextitem)
        return True

    def _passes(self, item: Any, guard: str) -> bool:
        from _pytest.runner import runtestprotocol

        os.environ["GENKIT_GUARD_OFF"] = guard
        reports = runtestprotocol(item, log=False, nextitem=Beside(item))
        return not any(report.failed for report in reports)


def sample(place: Path, chosen: list[str]) -> dict[str, str]:
    """What becomes of each guard: a test that kills it, `survived`, or `unmet`: no test comes upon it."""
    import pytest

    _environment()
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = tempfile.mkdtemp(prefix="genkit-guards-")
    met, shown = meeting(place), every()
    asked: dict[str, list[str]] = defaultdict(list)
    for guard in chosen:
        for test in met.get(guard, [])[:MANY]:
            asked[test].append(guard)
    switching = Switching(asked, place)
    words = ["-q", "-p", "no:cacheprovider", f"--timeout={LONGEST}"]
    pytest.main([*words, *asked], plugins=[switching])
    fates = {g: switching.killed.get(g) or ("survived" if g in switching.said else "unmet") for g in chosen}
    (place / "fates.json").write_text(json.dumps(fates, indent=1) + "\n")
    for guard, found in fates.items():
        if found in ("survived", "unmet"):
            print(f"{found} ({len(met.get(guard, []))} tests): {guard}: {shown[guard][:200]}")
    return fates


def main(arguments: list[str]) -> int:
    typed = dict(word.split("=", 1) for word in arguments)
    place = Path(typed["trace"])
    if "sample" not in typed and "only" not in typed:
        return trace(place, typed.get("tests", ",".join(TESTS)).split(","))
    names = [name for name in every() if name.startswith(tuple(typed.get("of", "genkit").split(",")))]
    if typed.get("met") == "true":
        met = meeting(place)
        names = [name for name in names if met.get(name)]
    drawn = random.Random(int(typed.get("seed", 0))).sample(
        names, min(len(names), int(typed.get("sample", 0)))
    )
    chosen = typed["only"].split(",") if "only" in typed else drawn
    fates = sample(place, chosen)
    unmet = sum(found == "unmet" for found in fates.values())
    killed = len(fates) - unmet - sum(found == "survived" for found in fates.values())
    print(f"{killed} of {len(fates)} guards killed by tests, {unmet} met by none ({len(names)} in all)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
