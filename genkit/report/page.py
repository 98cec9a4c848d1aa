"""report: one HTML file that needs nothing else, and beside it tables and figures.

The page holds no script, and its policy allows none: `default-src 'none'`, pictures from the page itself,
and the one style sheet by its hash.  What a model or a person wrote goes through jinja2's escaping.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from genkit.core.references import bibtex
from genkit.report import embedded, latex, methods, tables
from genkit.report.analysis import Analysis, analyse
from genkit.report.budgets import SHARES, sensitivity
from genkit.report.compute import AXES, Compute
from genkit.report.illustrations import Illustrations, illustrate
from genkit.report.lines import Line, key_of
from genkit.report.numbers import number, summary_text
from genkit.report.sources import Member, Told, Tried, read
from genkit.runs import Provenance, write_atomically
from genkit.runs.rows import Row
from genkit.runs.studies import Trial
from genkit.statistics import Comparison, at_most, expected_best, pair_in_words, reach_in_words
from genkit.system.errors import StorageError
from genkit.system.terminal import without_controls

HERE = Path(__file__).parent
PAGE = "report.html"
NOTHING = "No metric decides: nothing is compared."


def report(source: Path | Sequence[Path], out: Path) -> Path:
    """Write `report.html`, tables and figures into the folder `out`; returns the page.

    `verdict.txt` holds the one sentence.

    Args:
        source: a study's folder, or run folders.

    Raises:
        ConfigError: no study, no run, or a damaged one.
        StorageError: the folder cannot be written.
    """
    return write(read(source), out)


def write(told: Told, out: Path) -> Path:
    """`report` of what was read.

    Raises:
        StorageError: the folder cannot be written.
    """
    members, analysis = told.members, analysed(told)
    try:
        (out / "figures").mkdir(parents=True, exist_ok=True)
        (out / "tables").mkdir(exist_ok=True)
        (out / "paper").mkdir(exist_ok=True)
        drawn = illustrate(members, analysis, out / "figures")
    except OSError as error:
        raise StorageError(f"cannot write {out}: {error.strerror}. Give another out=.") from error
    _write_tables(members, analysis, out / "tables")
    _write_paper(told, analysis, out / "paper")
    write_atomically(out / "verdict.txt", without_controls(" ".join(in_words(analysis).split())) + "\n")
    write_atomically(out / PAGE, _page(told, analysis, drawn, out))
    return out / PAGE


def analysed(told: Told) -> Analysis:
    """What the numbers say together, by the primary metric and the margin of a study."""
    return analyse(told.members, told.declared.primary, told.looks, told.declared.equivalence_margin)


def in_words(analysis: Analysis) -> str:
    """The verdict, and what it is not of."""
    said = analysis.verdict.words if analysis.verdict else "" if analysis.remark else NOTHING
    return " ".join(part for part in (said, analysis.remark, analysis.selected) if part)


def _write_tables(members: Sequence[Member], analysis: Analysis, folder: Path) -> None:
    short = tables.summary(analysis)
    write_atomically(folder / "values.csv", tables.csv(tables.values(members)))
    write_atomically(folder / "summary.csv", tables.csv(short))
    write_atomically(folder / "summary.md", tables.markdown(short))
    write_atomically(folder / "summary.tex", tables.in_latex(short))
    if analysis.comparisons:
        write_atomically(folder / "pairs.csv", tables.csv(tables.pairs(analysis)))
        write_atomically(folder / "pairs.tex", tables.in_latex(tables.pairs(analysis)))


def _write_paper(told: Told, analysis: Analysis, folder: Path) -> None:
    """The methods as text and in LaTeX, what they cite, and a paper of all that compiles."""
    said = methods.sentences(told, analysis)
    primary = analysis.primary.name if analysis.primary and analysis.comparisons else ""
    words = without_controls(" ".join(map(methods.in_words, said)))
    write_atomically(folder / "methods.txt", f"{words}\n")
    write_atomically(folder / "methods.tex", latex.paragraph(said))
    write_atomically(folder / "references.bib", bibtex(methods.references(told, analysis)))
    write_atomically(folder / "paper.tex", latex.page(primary))


def _page(told: Told, analysis: Analysis, drawn: Illustrations, out: Path) -> str:
    members = told.members
    shown = [_member(number, member, analysis.primary, out) for number, member in enumerate(members)]
    examples, real = examples_of(members, analysis.arms), real_of(members)
    embedded.bounded([real, *examples])
    seeds = {arm: len([m for m in members if m.arm == arm]) for arm in analysis.arms}
    return rendered(
        "page.html",
        verdict=in_words(analysis),
        question=told.declared.question or "",
        budget=told.declared.budget,
        title=told.declared.name or "Runs beside one another",
        analysis=analysis,
        lines=[row_of(line) for line in analysis.lines],
        reach=_reach(analysis, min(seeds.values())),
        pairs=pairs_of(analysis.comparisons, len(analysis.comparisons) * analysis.looks.declared),
        budgets=sensitivity(analysis.compute, next(iter(told.declared.budget), None)),
        shares=[f"{share:.0%}".replace("%", "\N{NO-BREAK SPACE}%") for share in SHARES],
        drawn=drawn.pictures,
        front=drawn.fronts,
        against=_against(drawn, analysis.compute),
        validated=any(member.curves for member in members),
        at_most=at_most,
        members=shown,
        examples=examples,
        real=real,
        methods=" ".join(map(methods.in_words, methods.sentences(told, analysis))),
        references=methods.references(told, analysis),
        tried=_tried(told.search),
        failures=[m for m in shown if not m["member"].finished or m["member"].worthless],
    )


def rendered(template: str, **shown: object) -> str:
    """A page of what is shown, which holds no script, and whose policy allows none."""
    style = (HERE / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    policy = (
        "default-src 'none'; img-src data:; media-src data:; base-uri 'none'; form-action 'none';"
        f" style-src 'sha256-{digest}'"
    )
    return environment.get_template(template).render(policy=policy, style=Markup(style), **shown)


def _against(drawn: Illustrations, compute: Sequence[Compute]) -> list[dict[str, object]]:
    """What learning curves are drawn against: each axis, and what is reached on it."""
    reached = {cost: [w for of in compute if of.cost == cost and (w := of.words())] for cost in AXES}
    axes = [(f"curves_{cost}", words, reached[cost]) for cost, words in AXES.items()]
    axes += [("curves", "steps", [])]
    return [
        {"name": name, "words": words, "reached": found}
        for name, words, found in axes
        if name in drawn.pictures
    ]


def _reach(analysis: Analysis, seeds: int) -> str:
    """What so many seeds can show; "" where the verdict says that they can show nothing."""
    if analysis.verdict is not None and analysis.verdict.kind == "too few seeds":
        return ""
    return reach_in_words(len(analysis.arms), seeds, analysis.looks.declared)


def row_of(line: Line) -> dict[str, object]:
    """One line of the main table, ready to be shown."""
    cells = {}
    for arm, cell in line.cells.items():
        s = cell.summary
        about = cell.reason
        if s is not None:
            about = f"{s.n} {'run' if s.n == 1 else 'runs'}"
            about = about if s.n == cell.planned else f"{s.n} of {cell.planned} trained"
            if s.most == s.least:  # as numbers of parameters are
                about += "; the same in each" if s.n > 1 else ""
            elif s.n > 2:
                about += f"; median {number(s.median)}; interquartile mean {number(s.iqm)}"
            about += f"; {s.method}" if s.method else ""
            about += f"; one run ±\N{NO-BREAK SPACE}{cell.noise:.2g}" if cell.noise else ""
        # An interval stays in one piece, and may stand below its mean.
        text = summary_text(s, "≤ " if cell.bound else "").replace(", ", ",\N{NO-BREAK SPACE}")
        cells[arm] = {"text": text, "about": about, "n": s.n if s else 0}
    return {"line": line, "cells": cells, "floor": number(line.floor), "ceiling": number(line.ceiling)}


def pairs_of(comparisons: Sequence[Comparison], count: int) -> list[dict[str, object]]:
    """Every two arms, corrected for so many comparisons, ready to be shown."""
    return [
        {"c": c, "words": pair_in_words(c, count), "number": number, "at_most": at_most} for c in comparisons
    ]


def _tried(found: Mapping[str, Tried]) -> list[dict[str, object]]:
    """A search, arm by arm: what the best was, every trial, what fewer would have found, and the cost."""

    def words(trial: Trial) -> str:
        values = ", ".join(f"{key}={value}" for key, value in trial.values.items())
        return f"{values}: {number(trial.value)}"

    return [
        {
            "arm": arm,
            "best": words(of.searched.best) if of.searched.best else "none",
            "trials": [words(trial) for trial in of.searched.trials],
            "expected": _expected(of.searched.trials),
            "cost": _cost(of.seconds),
        }
        for arm, of in found.items()
    ]


def _expected(trials: Sequence[Trial]) -> str:
    """The best that 1, 2, 4, … of the trials are expected to have; "" where fewer than two gave a number."""
    values = [trial.value for trial in trials]
    if sum(value is not None for value in values) < 2:
        return ""
    higher = any(trial.direction == "higher" for trial in trials if trial.value is not None)
    best = expected_best(values, "higher" if higher else "lower")
    sizes = [n for n in (2**k for k in range(len(best))) if n < len(best)] + [len(best)]
    return "; ".join(f"{n}: {number(best[n - 1])}" for n in sizes)


def _cost(seconds: Sequence[float | None]) -> str:
    known = [s for s in seconds if s is not None]
    if not known:
        return ""
    of = "" if len(known) == len(seconds) else f" of {len(known)} of {len(seconds)}"
    return f"{number(sum(known) / len(known))} s a trial, {number(sum(known))} s in all{of}"


def _member(number_: int, member: Member, primary: Line | None, out: Path) -> dict[str, Any]:
    """One run: its number, its command, its configuration, its place."""
    provenance = member.record.provenance or Provenance()
    git = provenance.git
    found = [row for row in member.rows if row.role == "model"]
    own = [row.value for row in found if primary and member.finished and key_of(row) == primary.key]
    return {
        "member": member,
        "number": number_,
        "name": member.path.name,
        "value": number(own[0] if own else None),
        "rows": [_measured(row) for row in found],
        "command": shlex.join(provenance.command),
        "versions": ", ".join(f"{name} {version}" for name, version in provenance.versions.items()),
        "revision": f"{git.revision}{' with changes' if git.dirty else ''}" if git else "",
        "hardware": ", ".join(f"{name} {value}" for name, value in provenance.hardware.items()),
        "place": quote(os.path.relpath(member.path, out)),
        "findings": member.findings,
        "codec": _codec(member),
    }


def _codec(member: Member) -> str:
    """Whose codes a run reads, and what those took; "" of a run that reads none."""
    if (codec := member.record.codec) is None:
        return ""
    spent = (
        (codec.step, "steps"),
        (codec.parameters, "parameters"),
        (None if codec.seconds is None else round(codec.seconds, 1), "s of training"),
    )
    return f"{codec}; {', '.join(f'{value:,} {unit}' for value, unit in spent if value is not None)}"


def _measured(row: Row) -> dict[str, str]:
    """A number of a run in words; of what a row leaves out nothing is said."""
    return {
        "metric": row.metric,
        "text": number(row.value),
        "about": row.note or row.interval,
        "checkpoint": row.place.checkpoint,
    }


def examples_of(members: Sequence[Member], arms: Sequence[str]) -> list[dict[str, Any]]:
    """Of each arm the first finished run's samples and nearest training examples."""
    shown = []
    for arm in arms:
        member = next((m for m in members if m.arm == arm and m.finished), None)
        if member is None:
            continue
        entry: dict[str, Any] = {"arm": arm, "seed": member.seed, "picture": None, "text": "", "pairs": None}
        entry |= {"step": None, "remark": "", "players": [], "pair_players": []}
        entry |= {"moving": None, "pair_moving": None}
        if member.samples is not None:
            entry["step"] = int(member.samples.stem.removeprefix("step-"))
            if member.step not in (None, entry["step"]):
                entry["remark"] = f" (none were drawn at step {member.step})"
            entry |= embedded.shown(member.samples, member.path)
        if member.pairs is not None:
            entry["pairs"] = embedded.sheet(member.pairs, member.path)
            entry["pair_players"] = embedded.players(member.pairs, member.path)
            entry["pair_moving"] = embedded.moving(member.pairs, member.path)
        shown.append(entry)
    return shown


def real_of(members: Sequence[Member]) -> dict[str, Any]:
    """Real examples of the part that judged the first run that has some; empty without any."""
    member = next((m for m in members if m.finished and m.real is not None), None)
    if member is None or member.real is None:
        return {}
    # The picture is of the run's own data.
    split = next((row.place.split for row in member.rows if not row.place.own), "")
    return {"split": split, "remark": "", **embedded.shown(member.real, member.path)}
