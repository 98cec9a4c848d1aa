"""A factorial study: several data, each with its arms, under several budgets; one family of comparisons.

question: which family for which medium, at which budget?
blocks:                     # of each dataset what a study says: common, arms, evaluate
  digits:
    common: [data=digits]
    arms: {gpt: [model=gpt_pixels], vae: [model=vae]}
    evaluate: {metrics: [kid, recall]}
  sounds: …
common: [trainer=cpu]       # words of every block, before its own
seeds: 8                    # of every arm
budgets: {flops: [1e11, 1e12]}
primary: kid                # one metric decides everywhere
evaluate: {n: 500}          # of every block; what a block says itself goes before

A block under a budget is a cell, which is a study in a folder of its own:

runs/<name>/factorial.yaml      as declared
            <block>-<budget>/   the study of a cell
            report/             of all of them
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from genkit import runs
from genkit.runs.studies import DECLARATION, FACTORIAL, cell_name
from genkit.study.declaring import MAX_MEMBERS, Declaration, check, check_name
from genkit.study.folder import Plan
from genkit.study.planning import open_study
from genkit.system.errors import ConfigError, StorageError, nearest
from genkit.system.plain import inside

KEYS = ("name", "question", "blocks", "common", "seeds", "budgets", "primary", "evaluate")
OF_BLOCKS = ("common", "arms", "evaluate")


@dataclass(frozen=True)
class Factorial:
    """A checked factorial study.

    Attributes:
        budgets: (unit, amounts from the least to the most).
        cells: the studies of all blocks under the least budget, then under the next, so that what there is at
            any time can be compared.
        plain: as declared.
    """

    name: str
    question: str
    budgets: tuple[str, tuple[float, ...]]
    cells: Sequence[Declaration]
    plain: Mapping[str, Any]

    @property
    def size(self) -> int:
        """Members of all cells."""
        return sum(study.size for study in self.cells)

    @property
    def comparisons(self) -> int:
        """Every two arms of every cell, over all of which Holm's correction goes."""
        return sum(len(study.arms) * (len(study.arms) - 1) // 2 for study in self.cells)

    def folder(self, paths: Mapping[str, str]) -> Path:
        """Where its cells are."""
        return inside(Path(paths["runs_dir"]), self.name)

    def opened(self, paths: Mapping[str, str], *, yes: bool = False) -> list[Plan]:
        """The plan of each cell, as `open_study` has it.

        Raises:
            ConfigError: more members than `MAX_MEMBERS` without `yes`, the folder is something else's, or a
                cell that is no study, or another than its folder was made with.
            CheckpointError: a folder holds links, pipes or devices.
        """
        if self.size > MAX_MEMBERS and not yes:
            raise ConfigError(
                f"{self.size:,} members are more than {MAX_MEMBERS:,}; add yes=true to run them all."
            )
        folder = self.folder(paths)
        if (folder / runs.CONFIG).is_file() or (folder / DECLARATION).is_file():
            raise ConfigError(f"{folder} is no factorial study; choose another name=.")
        below, plans = {**paths, "runs_dir": str(folder)}, []
        for study in self.cells:
            try:
                plans.append(open_study(study, below))
            except ConfigError as error:
                raise ConfigError(f"{study.name}: {error}") from None
        return plans

    def write(self, folder: Path) -> None:
        """`factorial.yaml`.

        Raises:
            StorageError: the folder cannot be written.
        """
        unit, amounts = self.budgets
        plain = {**self.plain, "budgets": {unit: list(amounts)}}
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot make {folder}: {error.strerror}. Set paths.runs_dir.") from None
        runs.write_atomically(folder / FACTORIAL, yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))


def check_factorial(plain: Mapping[str, object], where: str) -> Factorial:
    """The factorial study, every cell of it checked as a study.

    Raises:
        ConfigError: a key that no factorial study has, no blocks, no budgets, or a cell that is no study.
    """
    for key in plain:
        if key not in KEYS:
            raise ConfigError(f"{where}: a factorial study has no {key}.{nearest(str(key), KEYS)}")
    if plain.get("primary") is None:
        raise ConfigError(f"{where}: a factorial study needs a metric that decides; write primary: kid.")
    blocks = plain.get("blocks")
    if not isinstance(blocks, dict) or not blocks:
        raise ConfigError(f"{where}: blocks: is no mapping; write a name, and its arms, for each dataset.")
    unit, said = _budgets(plain.get("budgets"), where)
    cells = [
        _cell(plain, block, own, unit, amount, f"{where}: block {block}")
        for amount in said
        for block, own in blocks.items()
    ]
    amounts = tuple(float(study.budget[1]) for study in cells[:: len(blocks)])
    if sorted(set(amounts)) != list(amounts):
        raise ConfigError(f"{where}: budgets: give each amount of {unit} once, from the least to the most.")
    return Factorial(
        check_name(plain["name"], where), str(plain.get("question") or ""), (unit, amounts), cells, plain
    )


def _budgets(budgets: object, where: str) -> tuple[str, list[object]]:
    """The unit, and the amounts as they are written."""
    if isinstance(budgets, dict) and len(budgets) == 1:
        unit, amounts = next(iter(budgets.items()))
        if isinstance(amounts, list) and amounts:
            return str(unit), amounts
    raise ConfigError(f"{where}: budgets: write one unit and its amounts: {{flops: [1e11, 1e12]}}.")


def _cell(
    plain: Mapping[str, object], block: object, own: object, unit: str, amount: Any, where: str
) -> Declaration:
    """The study of a block under a budget."""
    if not isinstance(own, dict):
        raise ConfigError(f"{where} is no mapping; write its arms.")
    for key in own:
        if key not in OF_BLOCKS:
            raise ConfigError(f"{where} has no {key}.{nearest(str(key), OF_BLOCKS)}")
    common, measured = list[object](), dict[object, object]()
    for said in (plain, own):
        words, settings = said.get("common") or [], said.get("evaluate") or {}
        if not isinstance(words, list):
            raise ConfigError(f"{where}: common: is no list; write common: [data=digits].")
        if not isinstance(settings, dict):
            raise ConfigError(f"{where}: evaluate: is no mapping; write evaluate: {{n: 1000}}.")
        common, measured = [*common, *words], {**measured, **settings}
    try:
        name = cell_name(str(block), float(amount))
    except (TypeError, ValueError):
        raise ConfigError(f"{where}: budgets: {amount} is no number of {unit}.") from None
    study: dict[str, object] = {
        "name": name,
        "question": plain.get("question"),
        "arms": own.get("arms"),
        "common": common,
        "seeds": plain.get("seeds"),
        "budget": {unit: amount},
        "primary": plain["primary"],
        "evaluate": measured,
    }
    return check(study, where)
