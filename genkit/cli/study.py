"""`genkit study`: plan, say what the plan can show, run what is missing, evaluate, report."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from genkit import config
from genkit.cli.outputs import check_writable
from genkit.study import Plan, open_study, read_declaration, run_missing
from genkit.study.backends import check_launcher
from genkit.study.declaring import Declaration, find
from genkit.study.running import write_table
from genkit.study.space import in_words as range_in_words
from genkit.system.errors import ConfigError, Locked
from genkit.system.plain import MAX_JSON_BYTES, read_text
from genkit.system.terminal import say

FLAGS = ("dry", "yes", "retry")


def study(words: list[str]) -> int:
    launcher = config.launching(words)
    paths = config.paths(words)
    given = {}
    for word in words:
        if word in launcher or word.startswith("paths."):
            continue
        key, value = config.key_and_value(word)
        if key in given:
            raise ConfigError(f"{key}= is given twice; give it once.")
        if key in FLAGS and value not in ("true", "false"):
            raise ConfigError(f"{key}={value}: write {key}=true or {key}=false.")
        given[key] = value
    dry, yes, retry = (given.pop(flag, "false") == "true" for flag in FLAGS)
    if "study" not in given:
        known = ", ".join(config.groups().get("study", {})) or "none"
        raise ConfigError(f"study needs study=NAME or study=FILE.yaml. Known: {known}.")
    name = given.pop("study")
    find(name)
    check_launcher(launcher)
    declaration = read_declaration(name, given)
    plan = open_study(declaration, paths, yes=yes)
    say(in_words(plan, retry), flush=True)
    if dry:
        return 0
    check_writable(plan.folder)
    return _run(plan, paths, launcher, retry)


def _run(plan: Plan, paths: Mapping[str, str], launcher: Sequence[str], retry: bool) -> int:
    plan.folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(plan.folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise Locked(f"{plan.folder} is being run by another process; wait for it, or stop it.") from None
    with lock:
        if plan.new:
            plan.write()
        try:
            run_missing(plan, paths, launcher, retry=retry)
        except KeyboardInterrupt as error:
            error.add_note("What ran is saved; the same command goes on.")
            raise
        table = write_table(plan)
        from genkit.report import report

        page = report(plan.folder, plan.folder / "report")
    say(read_text(page.parent / "verdict.txt", MAX_JSON_BYTES).strip())
    say(f"table: {table}\nreport: {page}")
    return ended([plan.outcome(member) for member in plan.members])


def ended(outcomes: Sequence[Mapping[str, Any]]) -> int:
    """Say how many runs failed; the exit code is that of the first one, 0 only where none did."""
    failed = [ended for ended in outcomes if ended.get("status") != "finished"]
    if not failed:
        return 0
    say(f"{len(failed)} of {len(outcomes)} runs failed; the report says why; retry=true tries them again.")
    return int(failed[0].get("code") or 1) % 256 or 1


def in_words(plan: Plan, retry: bool = False) -> str:
    """What will run, for how long as far as that is known, and what so many seeds can show."""
    from genkit.statistics import reach_in_words

    declared, missing = plan.declaration, plan.missing(retry)
    unit, amount = declared.budget
    lines = [
        f"study {declared.name} in {plan.folder}: {len(declared.arms)} arms × {len(declared.seeds)} seeds"
        f"{f' and {declared.search.trials} trials' if declared.search else ''}"
        f" = {declared.size} runs of {amount:,g} {unit}; {len(missing)} of them to run",
        *(f"  {arm}: {' '.join(words)}" for arm, words in declared.arms.items()),
    ]
    if declared.question:
        lines.insert(1, f"  {declared.question}")
    lines += _search(declared)
    reach = reach_in_words(len(declared.arms), len(declared.seeds), declared.looks)
    return "\n".join([*lines, _time(plan, missing), _looked(plan) or reach])


def _looked(plan: Plan) -> str:
    """That no further verdict is to be had, where seeds were added after the last look; "" else."""
    looks = plan.declaration.looks
    if len(plan.looks) < looks:
        return ""
    times, first = "" if looks == 1 else f" {looks} times", len(plan.looks[looks - 1])
    return (
        f"The seeds were added after the results had been looked at{times}: they tell the means more"
        f" precisely, and the verdict stays that of the first {first} seeds."
    )


def _search(declared: Declaration) -> list[str]:
    """What is tried before the seeds run."""
    search = declared.search
    if search is None:
        return []
    lines = [
        f"first {search.trials} trials of every arm from seed {search.seed}; the best {declared.primary} on"
        " the validation part decides:"
    ]
    for arm, keys in search.space.items():
        tried = "; ".join(f"{key} of {range_in_words(values)}" for key, values in keys.items())
        lines.append(f"  {arm}: {tried}")
    return lines


def _time(plan: Plan, missing: Sequence[object]) -> str:
    """The time of the runs that are missing, one after another, by those that have finished."""
    unit, amount = plan.declaration.budget
    if not missing:
        return "nothing is to run"
    taken: dict[str, list[float]] = {}
    for member in plan.members:
        ended = plan.outcome(member)
        if ended.get("status") == "finished":
            taken.setdefault(member.arm, []).append(float(ended["seconds"]))
    arms = [getattr(member, "arm", "") for member in missing]
    if all(arm in taken for arm in arms):
        seconds = sum(statistics.mean(taken[arm]) for arm in arms)
        return f"about {seconds / 60:.1f} minutes, by the runs that have finished"
    if unit == "seconds":
        return f"{len(missing) * amount / 60:.1f} minutes of training, and their evaluations"
    return "time: not known before a run of each arm has finished"


def member(words: list[str]) -> int:
    """One member of a study, in a process of its own."""
    if len(words) != 2 or not Path(words[0]).is_dir() or not re.fullmatch("[0-9]{1,9}", words[1]):
        raise ConfigError("member takes a study folder and a number; genkit study starts it.")
    from genkit.study import run_member

    run_member(Path(words[0]), int(words[1]))
    return 0
