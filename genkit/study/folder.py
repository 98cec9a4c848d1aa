"""A study's folder: what was declared, and each member's configuration, frozen before the first one runs.

runs/<study>/study.yaml          as declared
             members.json        number, arm, seed and run folder of each member
             members/0000.yaml   the configuration of each
             arms/<arm>.yaml     that of each arm, where a search decides the rest
             codecs/<arm>.yaml   that of the codec of each arm which trains one
             search.json         what the search tried and found
             looks.json          the seeds of each time that results were there before seeds were added
             outcomes/0000.json  how each ended
             <arm>-<seed>/       its run folder
             <arm>-<seed>-codec/ that of its codec
             rows.jsonl          the table: every number of every member, and why there is none
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from genkit import config, runs
from genkit.config import Config
from genkit.runs.studies import (
    ARMS,
    CODECS,
    CONFIGS,
    DECLARATION,
    LOOKS,
    MEMBERS,
    OUTCOMES,
    Outcome,
    Planned,
    check_plain,
    outcome_file,
    read_looks,
    read_members,
    read_outcome,
)
from genkit.study.declaring import Declaration, check
from genkit.study.stages import codec_name, of_member
from genkit.system.errors import CheckpointError, ConfigError, GenkitError, StorageError
from genkit.system.plain import MAX_YAML_BYTES, inside, parse_yaml, read_text, read_yaml
from genkit.system.schemas import conform


@dataclass(frozen=True)
class Plan:
    """A study that has a folder, or would have one.

    Attributes:
        configs: of the members, by number; those that a search has still to decide are not among them.
        arms: configurations of the arms, where a search decides the rest.
        codecs: those of the codecs that arms train.
        new: whether the folder is still to be written, or extended.
        looks: the seeds of each look before: results that were there when seeds were added.
    """

    folder: Path
    declaration: Declaration
    members: list[Planned]
    configs: dict[int, str]
    arms: dict[str, str] = field(default_factory=dict)
    codecs: dict[str, str] = field(default_factory=dict)
    new: bool = False
    looks: tuple[tuple[int, ...], ...] = ()

    def outcome(self, member: Planned) -> Outcome:
        """How a member ended; nothing while it has not."""
        return read_outcome(self.folder, member.number)

    def path(self, member: Planned) -> Path:
        """A member's run folder."""
        return inside(self.folder, member.name)

    def missing(self, retry: bool = False) -> list[Planned]:
        """Members that are to run: those that have not ended, and those whose folder is gone."""
        return [m for m in self.members if not self._done(m, retry)]

    def _done(self, member: Planned, retry: bool) -> bool:
        outcome = self.outcome(member)
        if outcome.finished:
            return (self.path(member) / runs.CONFIG).is_file()
        return outcome.ended and not retry

    def write(self) -> None:
        """Freeze the plan.

        Raises:
            StorageError: the folder cannot be written.
        """
        try:
            now_and_then = [*([ARMS] if self.arms else []), *([CODECS] if self.codecs else [])]
            for name in (CONFIGS, OUTCOMES, *now_and_then):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot make {self.folder}: {error.strerror}. Set paths.runs_dir.") from None
        for number, text in self.configs.items():
            runs.write_atomically(_config_file(self.folder, number), text)
        for arm, text in self.arms.items():
            runs.write_atomically(self.folder / ARMS / f"{arm}.yaml", text)
        for arm, text in self.codecs.items():
            runs.write_atomically(self.folder / CODECS / f"{arm}.yaml", text)
        if self.looks:
            runs.write_atomically(self.folder / LOOKS, json.dumps(self.looks) + "\n")
        listed = [member.to_dict() for member in self.members]
        runs.write_atomically(self.folder / MEMBERS, json.dumps(listed, indent=1) + "\n")
        # The declaration stands last: a folder that has it is whole.
        runs.write_atomically(self.folder / DECLARATION, _dump(self.declaration.to_dict()))

    def freeze(self, member: Planned, values: Mapping[str, object]) -> None:
        """Decide a member's configuration: that of its arm, with other values of some keys.

        Raises:
            StorageError: it cannot be written.
        """
        base = config.typed(parse_yaml(self.arms[member.arm]))
        own = of_member(member.arm, member.seed, member.name, coded=member.arm in self.codecs)
        cfg = config.replace(base, {**values, **own})
        self.configs[member.number] = config.freeze(cfg)
        runs.write_atomically(_config_file(self.folder, member.number), self.configs[member.number])


def load_plan(folder: Path) -> Plan:
    """The plan of a study's folder.

    Raises:
        CheckpointError: the folder holds links, pipes or devices.
        ConfigError: it is damaged.
    """
    check_plain(folder)
    try:
        members = read_members(folder)
        declared = load_declaration(folder)
        files = {m.number: _config_file(folder, m.number) for m in members}
        configs = {
            number: read_text(file, MAX_YAML_BYTES)
            for number, file in files.items()
            if declared.search is None or file.is_file()
        }
        arms = _read(folder, ARMS, declared.arms if declared.search else ())
        codecs = _read(folder, CODECS, declared.codecs)
        for text in (*configs.values(), *arms.values(), *codecs.values()):
            conform(parse_yaml(text), {"model": dict, "name?": str | None})
        if unknown := [member.arm for member in members if member.arm not in declared.arms]:
            raise ValueError(f"{MEMBERS} speaks of an arm {unknown[0][:40]}")
        looks = read_looks(folder)
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())[:200]
        raise ConfigError(f"{folder} holds a damaged study: {said}; restore it, or delete it.") from None
    return Plan(folder, declared, members, configs, arms, codecs, looks=looks)


def load_declaration(folder: Path) -> Declaration:
    """What a study's folder declares, whatever its members are.

    Raises:
        OSError, ValueError: its file cannot be read.
        ConfigError: it declares no study.
    """
    return check(read_yaml(folder / DECLARATION, dict), str(folder / DECLARATION))


def _read(folder: Path, below: str, arms: Iterable[str]) -> dict[str, str]:
    return {arm: read_text(inside(folder, below, f"{arm}.yaml"), MAX_YAML_BYTES) for arm in arms}


def member_config(folder: Path, number: int, paths: Mapping[str, str]) -> Config:
    """The whole configuration of a member's training; it goes on where there is a run of it.

    Raises:
        CheckpointError: the frozen configuration is damaged, or speaks of another member.
        ConfigError: the run folder belongs to another study, or is none.
    """
    cfg, file = config.load_frozen(_config_file(folder, number)), _config_file(folder, number)
    try:
        member = next((m for m in read_members(folder) if m.number == number), None)
        if member is None or (cfg.name, cfg.seed) != (member.name, member.seed):
            raise ValueError("its name= and seed= are not what the study lists")
        return _going_on(folder, cfg, member.name, paths)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file}: {error}; restore it from a copy.") from None


def codec_config(folder: Path, number: int, paths: Mapping[str, str]) -> Config | None:
    """The whole configuration of the training of a member's codec, as `member_config`; None: it trains none.

    Raises:
        CheckpointError, ConfigError: as `member_config`.
    """
    cfg = _codec(folder, number)
    return cfg and _going_on(folder, cfg, str(cfg.name), paths)


def _codec(folder: Path, number: int) -> Config | None:
    """The frozen configuration of a member's codec."""
    member = next(m for m in read_members(folder) if m.number == number)
    name = codec_name(member.arm, member.seed)
    if config.load_frozen(_config_file(folder, number)).data.coded_by != name:
        return None
    file = inside(folder, CODECS, f"{member.arm}.yaml")
    return config.replace(config.load_frozen(file), {"seed": member.seed, "name": name})


def _going_on(folder: Path, cfg: Config, name: str, paths: Mapping[str, str]) -> Config:
    """A configuration in its study's folder, of a run that goes on where there is one of that name.

    Raises:
        ValueError: the name leads elsewhere.
        ConfigError: the run folder belongs to another study, or is none.
    """
    path, resume = inside(folder, name), None
    if path.is_dir() and not (path / runs.CONFIG).is_file():
        if not runs.is_abandoned(path):
            raise ConfigError(f"{path} is no run's folder; move it away, or choose another name=.")
        shutil.rmtree(path)  # made, but never written
    if path.is_dir():
        check_belongs(path, cfg)
        resume = str(path.absolute())
    own = {"paths": {**paths, "runs_dir": str(folder)}, "experiment": None, "debug": None}
    return config.replace(cfg, {**own, "resume": resume, "init_from": None, "accept_new_data": False})


def member_trainer(folder: Path, number: int) -> Mapping[str, object]:
    """The devices that a member's configuration asks for; one CPU where it is damaged."""
    try:
        trainer = config.load_frozen(_config_file(folder, number)).trainer
        return {"accelerator": trainer.accelerator, "devices": trainer.devices}
    except GenkitError:  # the member itself says what is wrong
        return {"accelerator": "cpu", "devices": 1}


def member_families(folder: Path, number: int) -> list[str]:
    """The families of a member's configuration, and of its codec's; none where they are damaged."""
    try:
        stages = [config.load_frozen(_config_file(folder, number)), _codec(folder, number)]
        return [str(cfg.model.family) for cfg in stages if cfg is not None]
    except (GenkitError, OSError, ValueError):  # the member itself says what is wrong
        return []


def check_belongs(path: Path, cfg: Config) -> None:
    """See that a run folder is a member's own.

    Raises:
        ConfigError: it holds a run with another configuration.
    """
    try:
        found = config.load_frozen(path / runs.CONFIG)
    except CheckpointError as error:
        raise ConfigError(f"{path}: {error} Delete the folder to train this member again.") from None
    if found.plain != parse_yaml(config.freeze(cfg)):
        raise ConfigError(f"{path} is a run of another study; move it away, or choose another name=.")


def write_outcome(folder: Path, number: int, ended: Outcome) -> None:
    plain = json.dumps(ended.to_dict(), ensure_ascii=False)
    runs.write_atomically(outcome_file(folder, number), plain + "\n")


def _config_file(folder: Path, number: int) -> Path:
    return folder / CONFIGS / f"{number:04d}.yaml"


def _dump(plain: Mapping[str, object]) -> str:
    return str(yaml.safe_dump(dict(plain), sort_keys=False, allow_unicode=True))
