"""A study's folder: what was declared, and each member's configuration, frozen before the first one runs.

runs/<study>/study.yaml          as declared
             members.json        number, arm, seed and run folder of each member
             members/0000.yaml   the configuration of each
             arms/<arm>.yaml     that of each arm, where a search decides the rest
             search.json         what the search tried and found
             outcomes/0000.json  how each ended
             <arm>-<seed>/       its run folder
             rows.jsonl          the table: every number of every member, and why there is none
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from genkit import config, runs
from genkit.core.errors import CheckpointError, ConfigError, StorageError
from genkit.study.declaring import Declaration, check

DECLARATION, MEMBERS, CONFIGS, OUTCOMES = "study.yaml", "members.json", "members", "outcomes"
ARMS, SEARCH = "arms", "search.json"


@dataclass(frozen=True)
class Planned:
    """One member.

    Attributes:
        trial: its place among the trials of its arm's search; None: it is one of the study's own runs.
    """

    number: int
    arm: str
    seed: int
    name: str
    trial: int | None = None

    def to_dict(self) -> dict[str, Any]:
        trial = {} if self.trial is None else {"trial": self.trial}
        return {"number": self.number, "arm": self.arm, "seed": self.seed, "name": self.name, **trial}


@dataclass(frozen=True)
class Plan:
    """A study that has a folder, or would have one.

    Attributes:
        configs: of the members, by number; those that a search has still to decide are not among them.
        arms: configurations of the arms, where a search decides the rest.
        new: whether the folder is still to be written, or extended.
    """

    folder: Path
    declaration: Declaration
    members: list[Planned]
    configs: dict[int, str]
    arms: dict[str, str] = field(default_factory=dict)
    new: bool = False

    def outcome(self, member: Planned) -> dict[str, Any]:
        """How a member ended; empty while it has not."""
        return read_outcome(self.folder, member.number)

    def missing(self, retry: bool = False) -> list[Planned]:
        """Members that are to run: those that have not ended, and those whose folder is gone."""
        return [m for m in self.members if not self._done(m, retry)]

    def _done(self, member: Planned, retry: bool) -> bool:
        status = self.outcome(member).get("status")
        if status == "finished":
            return (self.folder / member.name / runs.CONFIG).is_file()
        return bool(status) and not retry

    def write(self) -> None:
        """Freeze the plan.

        Raises:
            StorageError: the folder cannot be written.
        """
        try:
            for name in (CONFIGS, OUTCOMES, *([ARMS] if self.arms else [])):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot make {self.folder}: {error.strerror}. Set paths.runs_dir.") from None
        for number, text in self.configs.items():
            runs.write_atomically(_config_file(self.folder, number), text)
        for arm, text in self.arms.items():
            runs.write_atomically(self.folder / ARMS / f"{arm}.yaml", text)
        listed = [member.to_dict() for member in self.members]
        runs.write_atomically(self.folder / MEMBERS, json.dumps(listed, indent=1) + "\n")
        # The declaration stands last: a folder that has it is whole.
        runs.write_atomically(self.folder / DECLARATION, _dump(self.declaration.to_dict()))

    def freeze(self, member: Planned, values: Mapping[str, Any]) -> None:
        """Decide a member's configuration: that of its arm, with other values of some keys.

        Raises:
            StorageError: it cannot be written.
        """
        base = yaml.safe_load(self.arms[member.arm])
        cfg = {**config.with_values(base, values), "seed": member.seed, "name": member.name}
        self.configs[member.number] = config.freeze(cfg)
        runs.write_atomically(_config_file(self.folder, member.number), self.configs[member.number])


def load_plan(folder: Path) -> Plan:
    """The plan of a study's folder.

    Raises:
        ConfigError: it is damaged.
    """
    try:
        plain = yaml.safe_load((folder / DECLARATION).read_text(encoding="utf-8"))
        listed = json.loads((folder / MEMBERS).read_text(encoding="utf-8"))
        members = [
            Planned(int(m["number"]), str(m["arm"]), int(m["seed"]), str(m["name"]), m.get("trial"))
            for m in listed
        ]
        declared = check(plain, str(folder / DECLARATION))
        files = {m.number: _config_file(folder, m.number) for m in members}
        configs = {
            number: file.read_text(encoding="utf-8")
            for number, file in files.items()
            if declared.search is None or file.is_file()
        }
        names = declared.arms if declared.search else ()
        arms = {arm: (folder / ARMS / f"{arm}.yaml").read_text(encoding="utf-8") for arm in names}
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ConfigError(f"{folder} holds a damaged study: {error}; restore it, or delete it.") from None
    for member in members:
        runs.check_run_name(member.name)
    return Plan(folder, declared, members, configs, arms)


def member_config(folder: Path, number: int, paths: Mapping[str, str]) -> dict[str, Any]:
    """The whole configuration of a member's training; it goes on where there is a run of it.

    Raises:
        CheckpointError: the frozen configuration is damaged.
        ConfigError: the run folder belongs to another study.
    """
    cfg = config.load_frozen(_config_file(folder, number))
    path = folder / cfg["name"]
    resume = None
    if path.is_dir() and not (path / runs.CONFIG).is_file():
        shutil.rmtree(path)  # made, but never written
    if path.is_dir():
        check_belongs(path, cfg)
        resume = str(path.absolute())
    own = {"paths": {**paths, "runs_dir": str(folder)}, "experiment": None, "debug": None}
    return {**cfg, **own, "resume": resume, "init_from": None, "accept_new_data": False}


def check_belongs(path: Path, cfg: Mapping[str, Any]) -> None:
    """See that a run folder is a member's own.

    Raises:
        ConfigError: it holds a run with another configuration.
    """
    try:
        found = config.load_frozen(path / runs.CONFIG)
    except CheckpointError as error:
        raise ConfigError(f"{path}: {error} Delete the folder to train this member again.") from None
    if found != yaml.safe_load(config.freeze(cfg)):
        raise ConfigError(f"{path} is a run of another study; move it away, or choose another name=.")


def read_outcome(folder: Path, number: int) -> dict[str, Any]:
    try:
        found = json.loads(_outcome_file(folder, number).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_outcome(folder: Path, number: int, **ended: Any) -> None:
    runs.write_atomically(_outcome_file(folder, number), json.dumps(ended, ensure_ascii=False) + "\n")


def _config_file(folder: Path, number: int) -> Path:
    return folder / CONFIGS / f"{number:04d}.yaml"


def _outcome_file(folder: Path, number: int) -> Path:
    return folder / OUTCOMES / f"{number:04d}.json"


def _dump(plain: Mapping[str, Any]) -> str:
    return str(yaml.safe_dump(dict(plain), sort_keys=False, allow_unicode=True))
