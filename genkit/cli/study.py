"""`genkit study`: plan, say what the plan can show, run what is missing, evaluate, report."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from genkit import config
from genkit.cli.commands.member import MemberSettings
from genkit.cli.commands.study import StudySettings
from genkit.cli.hardware import check_device
from genkit.cli.outputs import check_writable
from genkit.cli.parser import read_words
from genkit.runs.studies import REPORT, TABLE, Outcome, Planned
from genkit.study import Plan, open_study, run_missing
from genkit.study.backends import check_launcher
from genkit.study.declaring import CHANGED, Declaration, check, find, is_factorial, read_plain
from genkit.study.factorial import Factorial, check_factorial
from genkit.study.running import MEMBER, held, write_table
from genkit.study.space import in_words as range_in_words
from genkit.study.timing import time_left
from genkit.system.errors import ConfigError
from genkit.system.plain import MAX_JSON_BYTES, read_text
from genkit.system.terminal import say


def study(settings: StudySettings) -> int:
    launcher = config.launching(settings.launcher)
    find(settings.study)
    check_launcher(launcher)
    check_device("device", settings.device, "device=auto")
    plain, where = read_plain(settings.study, _changes(settings))
    if is_factorial(plain):
        return _factorial(check_factorial(plain, where), settings, launcher)
    plan = open_study(check(plain, where), settings.paths, yes=settings.yes)
    say(in_words(plan, settings.retry), flush=True)
    if settings.dry:
        return 0
    check_writable(plan.folder)
    page = _run(plan, settings, launcher)
    say(read_text(page.parent / "verdict.txt", MAX_JSON_BYTES).strip())
    say(f"table: {plan.folder / TABLE}\nreport: {page}")
    return ended([plan.outcome(member) for member in plan.members])


def _factorial(factorial: Factorial, settings: StudySettings, launcher: Sequence[str]) -> int:
    """Every cell of a factorial study in turn, and the page of all of them after each."""
    plans = factorial.opened(settings.paths, yes=settings.yes)
    folder = factorial.folder(settings.paths)
    say(factorial_in_words(factorial, plans, settings.retry), flush=True)
    if settings.dry:
        return 0
    page = run_cells(factorial, plans, folder, lambda plan: _run(plan, settings, launcher), settings.retry)
    say(read_text(page.parent / "verdict.txt", MAX_JSON_BYTES).strip())
    say(f"report: {page}")
    return ended([plan.outcome(member) for plan in plans for member in plan.members])


def run_cells(
    factorial: Factorial,
    plans: Sequence[Plan],
    folder: Path,
    run: Callable[[Plan], object],
    retry: bool = False,
) -> Path:
    """Run every cell that has something to run, in turn; the page of all of them, which is made after each.

    Args:
        plans: of the cells.
        folder: of the factorial study.
        run: what is missing of a cell, and reports on it.
        retry: whether what failed is missing.

    Raises:
        StorageError: the folder cannot be written.
    """
    check_writable(folder)
    factorial.write(folder)
    from genkit.report import factorial_report

    for plan in plans:
        if plan.missing(retry) or not (plan.folder / TABLE).is_file():
            say(f"{plan.declaration.name}:", flush=True)
            run(plan)
            factorial_report(folder, folder / REPORT)  # of what there is, should it be stopped
    return factorial_report(folder, folder / REPORT)


def _changes(settings: StudySettings) -> dict[str, str]:
    """What the words say in the place of the study's file."""
    changed = {key: getattr(settings, key) for key in CHANGED if key in settings.given}
    return {**changed, **read_words([*settings.budget, *settings.evaluate])}


def _run(plan: Plan, settings: StudySettings, launcher: Sequence[str]) -> Path:
    """Run what is missing of a study; the page of its report."""
    with held(plan):
        try:
            run_missing(plan, settings.paths, launcher, retry=settings.retry, **_program(settings))
        except KeyboardInterrupt as error:
            error.add_note("What ran is saved; the same command goes on.")
            raise
        write_table(plan)
        from genkit.report import report

        return report(plan.folder, plan.folder / REPORT)


def _program(settings: StudySettings) -> dict[str, Sequence[str]]:
    """What runs a member, where it is told the device."""
    return {"program": (*MEMBER, f"device={settings.device}")} if "device" in settings.given else {}


def ended(outcomes: Sequence[Outcome]) -> int:
    """Say how many runs failed; the exit code is that of the first one, 0 only where none did."""
    failed = [outcome for outcome in outcomes if not outcome.finished]
    if not failed:
        return 0
    say(f"{len(failed)} of {len(outcomes)} runs failed; the report says why; retry=true tries them again.")
    return (failed[0].code or 1) % 256 or 1


def in_words(plan: Plan, retry: bool = False) -> str:
    """What will run, for how long as far as that is known, and what so many seeds can show."""
    from genkit.statistics import reach_in_words

    declared, missing = plan.declaration, plan.missing(retry)
    unit, amount = declared.budget
    lines = [
        f"study {declared.name} in {plan.folder}: {len(declared.arms)} arms × {len(declared.seeds)} seeds"
        f"{f' and {declared.search.trials} trials' if declared.search else ''}"
        f" = {declared.size} runs of {amount:,g} {unit}; {len(missing)} of them to run",
        *(line for arm in declared.arms for line in _arm(declared, arm)),
    ]
    if declared.question:
        lines.insert(1, f"  {declared.question}")
    lines += _search(declared)
    reach = reach_in_words(len(declared.arms), len(declared.seeds), declared.looks)
    return "\n".join([*lines, _time(plan, missing), _looked(plan) or reach])


def factorial_in_words(factorial: Factorial, plans: Sequence[Plan], retry: bool = False) -> str:
    """What will run of every cell, and what so many seeds can show in all comparisons together."""
    from genkit.statistics import reach_of_blocks

    unit, amounts = factorial.budgets
    missing = [(plan, plan.missing(retry)) for plan in plans]
    lines = [
        f"factorial study {factorial.name} in {plans[0].folder.parent}: {len(plans) // len(amounts)} blocks ×"
        f" {len(amounts)} budgets of {unit}, {factorial.size} runs;"
        f" {sum(len(to_run) for _, to_run in missing)} of them to run",
        *([f"  {factorial.question}"] if factorial.question else []),
        *(
            f"  {plan.declaration.name}: {', '.join(plan.declaration.arms)} ×"
            f" {len(plan.declaration.seeds)} seeds; {len(to_run)} to run; {_time(plan, to_run)}"
            for plan, to_run in missing
        ),
        reach_of_blocks(factorial.comparisons, min(len(study.seeds) for study in factorial.cells)),
    ]
    return "\n".join(lines)


def _arm(declared: Declaration, arm: str) -> list[str]:
    """What an arm trains, and in which order."""
    words, first = " ".join(declared.arms[arm]), declared.codecs.get(arm)
    if first is None:
        return [f"  {arm}: {words}"]
    unit, amount = declared.budget
    own, left = first.divided(amount, unit)
    return [
        f"  {arm}: first its codec for {own:,g} {unit}: {' '.join(first.words)}",
        f"  {' ' * len(arm)}  then on its codes for {left:,g} {unit}: {words}",
    ]


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


def _time(plan: Plan, missing: Sequence[Planned]) -> str:
    """The time of the runs that are missing, one after another, by those that have finished."""
    unit, amount = plan.declaration.budget
    if not missing:
        return "nothing is to run"
    outcomes = {member.number: plan.outcome(member) for member in plan.members}
    if (seconds := time_left(plan.members, outcomes, missing)) is not None:
        return f"about {seconds / 60:.1f} minutes, by the runs that have finished"
    if unit == "seconds":
        return f"{len(missing) * amount / 60:.1f} minutes of training, and their evaluations"
    return "time: not known before a run of each arm has finished"


def member(settings: MemberSettings) -> int:
    """One member of a study, in a process of its own."""
    words = settings.words
    if len(words) != 2 or not Path(words[0]).is_dir() or not re.fullmatch("[0-9]{1,9}", words[1]):
        raise ConfigError("member takes a study folder and a number; genkit study starts it.")
    from genkit.study import run_member

    device = None if settings.device == "auto" else settings.device.replace("gpu", "cuda")
    run_member(Path(words[0]), int(words[1]), device)
    return 0
