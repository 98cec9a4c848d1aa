"""A study's folder: what was declared, and each member's configuration, frozen before the first one runs.

runs/<study>/study.yaml          as declared
             members.json        number, arm, seed and run folder of each member
             members/0000.yaml   the configuration of each
             outcomes/0000.json  how each ended
             <arm>-<seed>/       its run folder
             rows.jsonl          the table: every number of every member, and why there is none
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from genkit import config, runs
from genkit.core.errors import CheckpointError, ConfigError, GenkitError, StorageError
from genkit.study.declaring import MAX_MEMBERS, Declaration, check

DECLARATION, MEMBERS, CONFIGS, OUTCOMES = "study.yaml", "members.json", "members", "outcomes"
# What may differ between the data of two arms: how texts become tokens, and what training does to images.
VIEW_KEYS = ("tokenizer", "vocab_size", "flip", "shift", "crop", "on_device", "rules")


@dataclass(frozen=True)
class Planned:
    """One member."""

    number: int
    arm: str
    seed: int
    name: str

    def to_dict(self) -> dict[str, Any]:
        return {"number": self.number, "arm": self.arm, "seed": self.seed, "name": self.name}


@dataclass(frozen=True)
class Plan:
    """A study that has a folder, or would have one.

    Attributes:
        configs: of the members, by number.
        new: whether the folder is still to be written, or extended.
    """

    folder: Path
    declaration: Declaration
    members: list[Planned]
    configs: dict[int, str]
    new: bool

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
            for name in (CONFIGS, OUTCOMES):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot make {self.folder}: {error.strerror}. Set paths.runs_dir.") from None
        for number, text in self.configs.items():
            runs.write_atomically(_config_file(self.folder, number), text)
        listed = [member.to_dict() for member in self.members]
        runs.write_atomically(self.folder / MEMBERS, json.dumps(listed, indent=1) + "\n")
        # The declaration stands last: a folder that has it is whole.
        runs.write_atomically(self.folder / DECLARATION, _dump(self.declaration.to_dict()))


def open_study(declaration: Declaration, paths: Mapping[str, str], *, yes: bool = False) -> Plan:
    """The plan of a study: that of its folder, as far as it has one, with what is declared anew added.

    Seeds and arms may be added to a study that has a folder; whatever else changed is refused.  A study that
    is declared as it was is not composed again, so that no change of a configuration file reaches it.

    Raises:
        ConfigError: more members than `MAX_MEMBERS` without `yes`, arms with different data, or a folder of
            another study.
    """
    if declaration.size > MAX_MEMBERS and not yes:
        raise ConfigError(
            f"{declaration.size:,} members are more than {MAX_MEMBERS:,}; add yes=true to run them all."
        )
    folder = Path(paths["runs_dir"]) / declaration.name
    if (folder / runs.CONFIG).is_file():
        raise ConfigError(f"{folder} is a run, no study; choose another name=.")
    if not (folder / DECLARATION).is_file():
        members = _members(declaration, [])
        return Plan(folder, declaration, members, _compose(declaration, members, paths), new=True)
    before = load_plan(folder)
    if before.declaration == declaration:
        return before
    _check_extends(before.declaration, declaration, folder)
    members = _members(declaration, before.members)
    configs = _compose(declaration, members, paths)
    for member in before.members:
        if configs[member.number] != before.configs[member.number]:
            raise ConfigError(
                f"{folder} was made with another configuration of {member.name};"
                " choose another name=, or declare the study as it was."
            )
    return Plan(folder, declaration, members, configs, new=True)


def load_plan(folder: Path) -> Plan:
    """The plan of a study's folder.

    Raises:
        ConfigError: it is damaged.
    """
    try:
        plain = yaml.safe_load((folder / DECLARATION).read_text(encoding="utf-8"))
        listed = json.loads((folder / MEMBERS).read_text(encoding="utf-8"))
        members = [Planned(int(m["number"]), str(m["arm"]), int(m["seed"]), str(m["name"])) for m in listed]
        configs = {m.number: _config_file(folder, m.number).read_text(encoding="utf-8") for m in members}
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ConfigError(f"{folder} holds a damaged study: {error}; restore it, or delete it.") from None
    for member in members:
        runs.check_run_name(member.name)
    return Plan(folder, check(plain, str(folder / DECLARATION)), members, configs, new=False)


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


def _members(declaration: Declaration, before: list[Planned]) -> list[Planned]:
    """Every arm with every seed, seed by seed so that pairs end together; known ones keep their numbers."""
    known = {(m.arm, m.seed) for m in before}
    new = [(a, s) for s in declaration.seeds for a in declaration.arms if (a, s) not in known]
    first = len(before)
    return [*before, *(Planned(first + i, arm, seed, f"{arm}-{seed}") for i, (arm, seed) in enumerate(new))]


def _check_extends(before: Declaration, after: Declaration, folder: Path) -> None:
    """See that a declaration only adds arms or seeds to the one that the folder holds.

    Raises:
        ConfigError: it changes something, or leaves something out.
    """
    old, new = before.to_dict(), after.to_dict()
    for key in ("budget", "evaluate"):
        if old[key] != new[key]:
            raise ConfigError(
                f"{folder} was made with {key} {old[key]}, not {new[key]}; choose another name=."
            )
    for arm, words in before.arms.items():
        if list(after.arms.get(arm, ())) != list(words):
            raise ConfigError(f"{folder} has an arm {arm} with other words; choose another name=.")
    if gone := set(before.seeds) - set(after.seeds):
        raise ConfigError(f"{folder} has seed {min(gone)} too; add it to seeds, or choose another name=.")


def _compose(declaration: Declaration, members: list[Planned], paths: Mapping[str, str]) -> dict[int, str]:
    """The frozen configuration of every member, one composition an arm.

    Raises:
        ConfigError: an arm's words are wrong, its data differ, or its budget cannot be counted.
    """
    arms = {arm: _compose_arm(declaration, arm, paths) for arm in declaration.arms}
    check_same_data(arms, paths)
    return {
        member.number: config.freeze({**arms[member.arm], "seed": member.seed, "name": member.name})
        for member in members
    }


def _compose_arm(declaration: Declaration, arm: str, paths: Mapping[str, str]) -> dict[str, Any]:
    unit, amount = declaration.budget
    words = [*declaration.arms[arm], *(f"paths.{key}={value}" for key, value in paths.items())]
    typed = [word.partition("=")[0] for word in words]
    if "callbacks.progress" not in typed:
        words.append("callbacks.progress=none")
    try:
        if unit != "flops":
            return config.compose("train", [*words, f"budget.{unit}={amount}"])
        from genkit.study.flops import steps_within

        cfg = config.compose("train", words)
        return config.compose("train", [*words, f"budget.steps={steps_within(cfg, amount)}"])
    except GenkitError as error:
        raise type(error)(f"arm {arm}: {error}") from None


def check_same_data(arms: Mapping[str, Mapping[str, Any]], paths: Mapping[str, str]) -> None:
    """See that all arms learn from, and are judged by, the same examples.

    Images must have one fingerprint.  Texts, which each arm may cut into tokens of its own, must come from
    one configuration of data but for that.

    Raises:
        ConfigError: two arms differ; in what is said.
    """
    from genkit.data import open_dataset

    first: tuple[str, dict[str, Any], Any] | None = None
    for arm, cfg in arms.items():
        data = {k: v for k, v in cfg["data"].items() if not k.startswith(VIEW_KEYS)}
        dataset = open_dataset(cfg["data"], paths, config.view(dict(cfg)))
        if cfg["batch_size"] > len(dataset.split("train")):
            raise ConfigError(
                f"arm {arm}: batch_size={cfg['batch_size']}, but there are {len(dataset.split('train'))}"
                " training examples."
            )
        if first is None:
            first = arm, data, dataset
            continue
        other, expected, reference = first
        if differing := [k for k in {"name": 0, **expected, **data} if expected.get(k) != data.get(k)]:
            key = differing[0]
            raise ConfigError(
                f"the arms {other} and {arm} have different data: data.{key} is {expected.get(key)} and"
                f" {data.get(key)}; a study compares on one dataset."
            )
        shapes = [d.spec.image for d in (reference, dataset)]
        if shapes[0] != shapes[1]:
            said = [f"{s.channels}×{s.height}×{s.width}, {s.levels} levels" if s else "texts" for s in shapes]
            raise ConfigError(
                f"the arms {other} and {arm} have different data: images of {said[0]} and {said[1]};"
                " set data.size and data.levels for all arms."
            )
        if shapes[0] is not None and reference.fingerprint != dataset.fingerprint:
            raise ConfigError(f"the arms {other} and {arm} have different data: another fingerprint.")
