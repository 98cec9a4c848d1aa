"""`genkit.study` and `genkit.report`: what runs show together, as an object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from genkit import config, runs
from genkit.cli.outputs import check_writable
from genkit.cli.report import check_place, find_study
from genkit.data import objects
from genkit.library.own_family import holding, words_of
from genkit.system.errors import ConfigError

if TYPE_CHECKING:
    from genkit.core.module import GenerativeModule
    from genkit.runs.rows import Row
    from genkit.statistics import Comparison
    from genkit.study import Declaration

    Words = str | type[GenerativeModule] | Sequence[str | type[GenerativeModule]]
    Arm = Words | Mapping[str, Words | float]  # a mapping: of its codec, and of what learns the codes


@dataclass(frozen=True)
class Conclusion:
    """What runs show together.

    Of a factorial study the names of arms and runs begin with those of their cells: `digits-1e+11/vae`.

    Attributes:
        page: the report, `report.html`, with its tables and figures beside it.
        verdict: in a sentence or two; it may be that there are too few seeds to tell.
        comparisons: of each two arms by the primary metric: difference, interval, p.
        rows: every measured number, each with its place, protocol and interval.
        ended: how each run ended ("finished", "failed", "diverged", "killed", "missing", "damaged"), by name.
    """

    page: Path
    verdict: str
    comparisons: tuple[Comparison, ...]
    rows: tuple[Row, ...]
    ended: Mapping[str, str]


def study(
    declared: str | Path | Mapping[str, object] | None = None,
    *,
    data: object = None,
    launcher: Sequence[str] = (),
    runs_dir: str | Path | None = None,
    retry: bool = False,
    yes: bool = False,
    **said: object,
) -> Conclusion:
    """Run what is missing of a study, as `genkit study` does, and report on it.

    Args:
        declared: a study's name or file, or what such a file says; None: the keywords say all of it.
        data: what every arm learns from, as for `genkit.train`.
        launcher: Hydra's words for members that run at once, such as `["hydra/launcher=joblib"]`.
        runs_dir: where the study's folder is made; None: GENKIT_RUNS_DIR or `runs`.
        retry: whether to run those that failed again.
        yes: whether more than a thousand runs are meant.
        said: keys of a study's file, in place of what `declared` says: `name`, `arms`, `common`, `seeds`,
            `budget`, `primary`, `evaluate`, `search`, and others (see `genkit.study.declaring`), or those of
            a factorial study, `blocks` and `budgets` (see `genkit.study.factorial`).  An arm is a
            list of words, a class of one's own, or both in a list, or a mapping of two such stages
            (`{"codec": […], "words": […]}`); arms with a class run in this process.

    Raises:
        ConfigError: a declaration that no study can have, or another than its folder was made with.
        DataError: the data cannot be had, or are another by now.
        Locked: another process runs it.
        StorageError: its folder cannot be written.
        KeyboardInterrupt: it was stopped; what ran is saved, and the same call goes on.
    """
    from genkit.system.process import restored

    with restored():
        from genkit.study import open_study, run_missing
        from genkit.study.backends import check_launcher
        from genkit.study.declaring import is_factorial
        from genkit.study.running import held, write_table

        words = config.launching(launcher)
        check_launcher(words)
        paths = _paths(runs_dir)
        plain, where = _plain(declared)
        plain, families = _with_words({**plain, **said})
        if is_factorial(plain):
            if data is not None:
                raise ConfigError("data= is of a single dataset, and each of the blocks names its own.")
            with holding(*families):
                return _factorial(plain, where, paths, words, retry, yes)
        with holding(*families), _declared(plain, where, data, paths) as declaration:
            plan = open_study(declaration, paths, yes=yes)
            check_writable(plan.folder)
            with held(plan):
                run_missing(plan, paths, words, retry=retry)
                write_table(plan)
                return report(plan.folder)


def _factorial(
    plain: Mapping[str, object],
    where: str,
    paths: Mapping[str, str],
    launcher: Sequence[str],
    retry: bool,
    yes: bool,
) -> Conclusion:
    """Every cell of a factorial study in turn, and what all of them show together."""
    from genkit.cli.study import run_cells
    from genkit.study import Plan, run_missing
    from genkit.study.factorial import check_factorial
    from genkit.study.running import held, write_table

    def run(plan: Plan) -> None:
        with held(plan):
            run_missing(plan, paths, launcher, retry=retry)
            write_table(plan)
            report(plan.folder)

    factorial = check_factorial(plain, where)
    plans, folder = factorial.opened(paths, yes=yes), factorial.folder(paths)
    run_cells(factorial, plans, folder, run, retry)
    return report(folder)


def report(
    source: str | Path | Sequence[str | Path],
    out: str | Path | None = None,
    *,
    runs_dir: str | Path | None = None,
) -> Conclusion:
    """Report on a study, or on runs, as `genkit report` does.

    Args:
        source: a study's folder, a factorial one's too, or its name below `runs_dir`; or a list of runs.
        out: a folder for the page; None: `report` in the study's, or here.
        runs_dir: None: GENKIT_RUNS_DIR or `runs`.

    Raises:
        ConfigError: no such study or run, or `out` holds something else than a report.
        CheckpointError: a folder holds links, pipes or devices.
        StorageError: the page cannot be written.
    """
    from genkit.report import is_factorial
    from genkit.report.page import analysed, in_words, write
    from genkit.report.sources import read

    below = _paths(runs_dir)["runs_dir"]
    found: Path | list[Path]
    if isinstance(source, str | Path):
        found = find_study(str(source), below)
        folder = Path(out) if out is not None else found / "report"
    else:
        found = [runs.find(str(run), below) for run in source]
        folder = Path(out) if out is not None else Path("report")
    if folder.suffix or folder.is_file():
        raise ConfigError(f"out={folder}: a report is a folder; leave the suffix out.")
    check_place(folder)
    check_writable(folder)
    if isinstance(found, Path) and is_factorial(found):
        return _of_cells(found, folder)
    told = read(found)
    page, analysis = write(told, folder), analysed(told)
    rows = tuple(row for member in told.members for row in member.rows)
    ended = {member.path.name: member.status for member in told.members}
    return Conclusion(page, in_words(analysis), tuple(analysis.comparisons), rows, ended)


def _of_cells(source: Path, out: Path) -> Conclusion:
    """What a factorial study shows; its page is written into `out`."""
    from genkit.report import factorial_page
    from genkit.report.factorials import analyse_factorial, in_words

    found = analyse_factorial(source)
    page = factorial_page.write(found, out)
    comparisons: list[Comparison] = []
    rows: list[Row] = []
    ended: dict[str, str] = {}
    for key, cell in found.cells.items():
        name = cell.folder.name
        for c in found.comparisons.get(key, ()):
            better = c.better and f"{name}/{c.better}"
            comparisons.append(
                replace(c, first=f"{name}/{c.first}", second=f"{name}/{c.second}", better=better)
            )
        for member in cell.members:
            ended[f"{name}/{member.path.name}"] = member.status
            rows += [
                replace(row, place=replace(row.place, run=f"{name}/{row.place.run}")) for row in member.rows
            ]
    return Conclusion(page, in_words(found), tuple(comparisons), tuple(rows), ended)


# ---------------------------------------------------------------------- what a study is declared by


def _paths(runs_dir: str | Path | None) -> dict[str, str]:
    return config.paths([] if runs_dir is None else [f"paths.runs_dir={runs_dir}"])


def _plain(declared: str | Path | Mapping[str, object] | None) -> tuple[dict[str, object], str]:
    """What a declaration says, and where that stands."""
    from genkit.study.declaring import read_plain

    if isinstance(declared, str | Path):
        return read_plain(str(declared))
    return dict(declared or {}), "study"


def _with_words(plain: Mapping[str, object]) -> tuple[dict[str, object], list[type]]:
    """A declaration in which each class stands for the words that choose it; and the classes."""
    from genkit.study.arms import STAGES

    arms, families = plain.get("arms"), list[type]()
    if isinstance(blocks := plain.get("blocks"), Mapping):
        written: dict[object, object] = {}
        for block, own in blocks.items():
            written[block] = own
            if isinstance(own, Mapping):
                written[block], theirs = _with_words(own)
                families += [family for family in theirs if family not in families]
        plain = {**plain, "blocks": written}
    if not isinstance(arms, Mapping):
        return dict(plain), families
    made: dict[object, object] = {}
    for arm, given in arms.items():
        if isinstance(given, Mapping):
            made[arm] = {
                stage: _in_words(said, families) if stage in STAGES[:2] else said
                for stage, said in given.items()
            }
        else:
            made[arm] = _in_words(given, families)
    common = plain.get("common")
    return {**plain, "arms": made, "common": list(common) if isinstance(common, tuple) else common}, families


def _in_words(given: object, families: list[type]) -> list[object]:
    """Words, and a class as those that choose it; it is put among the classes."""
    items = list(given) if isinstance(given, list | tuple) else [given]
    own = [item for item in items if isinstance(item, type)]
    families += [family for family in own if family not in families]
    chosen = [word for family in own for word in words_of(family)]
    return [*chosen, *(item for item in items if not isinstance(item, type))]


@contextmanager
def _declared(
    plain: Mapping[str, object], where: str, data: object, paths: Mapping[str, str]
) -> Iterator[Declaration]:
    """The checked declaration; what every arm learns from is kept, where it is an object."""
    from genkit.study.declaring import check

    if data is None:
        yield check(plain, where)
        return
    with objects.given(data, paths["cache_dir"]) as given:
        declaration = check(plain, where)
        for words in _stages(declaration):
            given.beside(words)
        common = plain.get("common") or []
        declaration = check(
            {**plain, "common": [*given.words, *(common if isinstance(common, list) else [])]}, where
        )
        places = [f"paths.{key}={value}" for key, value in paths.items()]
        for words in _stages(declaration):
            given.keep(config.compose("train", [*words, *places]).data, paths)
        yield declaration


def _stages(declaration: Declaration) -> Iterator[Sequence[str]]:
    """The words of every training of an arm."""
    yield from declaration.arms.values()
    yield from (codec.words for codec in declaration.codecs.values())
