"""From a declaration to a plan: who runs, with which configuration, and what may be added later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from genkit import config, runs
from genkit.config import Config
from genkit.core.budget import check_unit
from genkit.core.options import resolve_options
from genkit.families import FAMILIES
from genkit.runs.studies import DECLARATION, Planned, check_plain
from genkit.study.declaring import MAX_MEMBERS, Declaration
from genkit.study.feasibility import check_likelihoods
from genkit.study.folder import Plan, load_plan
from genkit.study.primary import check_primary
from genkit.study.samedata import check_same_data, check_three_parts, chooses_checkpoints
from genkit.study.stages import Stages, codec_name
from genkit.system.errors import ConfigError, GenkitError


def open_study(declaration: Declaration, paths: Mapping[str, str], *, yes: bool = False) -> Plan:
    """The plan of a study: that of its folder, as far as it has one, with what is declared anew added.

    Seeds and arms may be added to a study that has a folder; whatever else changed is refused.  A study that
    is declared as it was is not composed again, so that no change of a configuration file reaches it.

    Raises:
        ConfigError: more members than `MAX_MEMBERS` without `yes`, arms with different data, or a folder of
            another study.
        CheckpointError: the folder holds links, pipes or devices.
    """
    if declaration.size > MAX_MEMBERS and not yes:
        raise ConfigError(
            f"{declaration.size:,} members are more than {MAX_MEMBERS:,}; add yes=true to run them all."
        )
    folder = Path(paths["runs_dir"]) / declaration.name
    if (folder / runs.CONFIG).is_file():
        raise ConfigError(f"{folder} is a run, no study; choose another name=.")
    if folder.is_dir():
        check_plain(folder)
    if not (folder / DECLARATION).is_file():
        members = _members(declaration, [])
        return Plan(folder, declaration, members, *_compose(declaration, members, paths), new=True)
    before = load_plan(folder)
    if before.declaration == declaration:
        return before
    _check_extends(before.declaration, declaration, folder)
    members = _members(declaration, before.members)
    configs, arms, codecs = _compose(declaration, members, paths)
    changed = [m.name for m in before.members if arms == {} and configs[m.number] != before.configs[m.number]]
    changed += [arm for arm, text in before.arms.items() if arms[arm] != text]
    changed += [f"the codec of {arm}" for arm, text in before.codecs.items() if codecs[arm] != text]
    if changed:
        raise ConfigError(
            f"{folder} was made with another configuration of {changed[0]};"
            " choose another name=, or declare the study as it was."
        )
    looks = _looks(before, declaration)
    configs = {**before.configs, **configs}
    return Plan(folder, declaration, members, configs, arms, codecs, new=True, looks=looks)


def _looks(before: Plan, after: Declaration) -> tuple[tuple[int, ...], ...]:
    """The looks of a study that is extended: its results are one where all had ended and seeds are added.

    As long as a run was to come there was no verdict, so nothing was looked at.
    """
    seeds = tuple(before.declaration.seeds)
    own = [member for member in before.members if member.trial is None]
    looked = set(after.seeds) > set(seeds) and all(before.outcome(member).ended for member in own)
    return (*before.looks, seeds) if looked and seeds not in before.looks else before.looks


def _members(declaration: Declaration, before: list[Planned]) -> list[Planned]:
    """Every arm with every seed, seed by seed so that pairs end together; known ones keep their numbers.

    The trials of a search stand before the runs that wait for them.

    Raises:
        ConfigError: two of them would have one name.
    """
    members, search = list(before), declaration.search
    wanted: list[tuple[str, int, str, int | None]] = []
    if search is not None:
        for place in range(search.trials):
            wanted += [(arm, search.seed, f"{arm}-trial-{place}", place) for arm in declaration.arms]
    for seed in declaration.seeds:
        wanted += [(arm, seed, f"{arm}-{seed}", None) for arm in declaration.arms]
    known = {(member.arm, member.seed, member.trial) for member in before}
    for arm, seed, name, trial in wanted:
        if (arm, seed, trial) not in known:
            members.append(Planned(len(members), arm, seed, name, trial))
    names = [member.name.casefold() for member in members]
    if twice := [name for name in names if names.count(name) > 1] if search else []:
        raise ConfigError(f"two members would be named {twice[0]}; rename an arm.")
    return members


def _check_extends(before: Declaration, after: Declaration, folder: Path) -> None:
    """See that a declaration only adds arms or seeds to the one that the folder holds.

    Raises:
        ConfigError: it changes something, or leaves something out.
    """
    old, new = before.to_dict(), after.to_dict()
    usual = {"looks": 1, "equivalence_margin": "none"}
    for key in ("budget", "evaluate", *usual):
        was, now = (declared.get(key, usual.get(key)) for declared in (old, new))
        if was != now:
            raise ConfigError(f"{folder} was made with {key} {was}, not {now}; choose another name=.")
    tried = [_tried(declared, before.arms) for declared in (before, after)]
    if tried[0] != tried[1] or (before.search and before.primary != after.primary):
        raise ConfigError(f"{folder} was made with another search; choose another name=.")
    if before.equivalence_margin and before.primary != after.primary:
        raise ConfigError(
            f"{folder} has a margin of {before.primary}, not {after.primary}; choose another name=."
        )
    for arm, words in before.arms.items():
        stages = (list(after.arms.get(arm, ())), after.codecs.get(arm))
        if stages != (list(words), before.codecs.get(arm)):
            raise ConfigError(f"{folder} has an arm {arm} with other words; choose another name=.")
    if gone := set(before.seeds) - set(after.seeds):
        raise ConfigError(f"{folder} has seed {min(gone)} too; add it to seeds, or choose another name=.")


def _tried(declared: Declaration, arms: Iterable[str]) -> dict[str, object]:
    """A search as far as it concerns some arms."""
    plain = declared.search.to_dict() if declared.search else {}
    return {**plain, "space": {arm: plain["space"].get(arm) for arm in arms}} if plain else {}


def _compose(
    declaration: Declaration, members: list[Planned], paths: Mapping[str, str]
) -> tuple[dict[int, str], dict[str, str], dict[str, str]]:
    """The frozen configurations of members, one composition an arm; of the arms, where there is a search; and
    of the codecs that arms train.

    Raises:
        ConfigError: an arm's words are wrong, its data differ, its budget cannot be counted, or it cannot
            have the primary metric.
    """
    arms = {arm: _compose_arm(declaration, arm, paths) for arm in declaration.arms}
    dataset = check_same_data(arms, paths)
    check_unit(declaration.budget[0], dataset.spec.medium, dataset.name)
    if declaration.primary is not None:
        check_primary(declaration.primary, declaration.evaluate.get("metrics"), dataset.spec.medium)
        check_likelihoods(declaration.primary, arms, paths)
    chooses = "a search" if declaration.search else chooses_checkpoints(arms, declaration.evaluate)
    if chooses and not declaration.selected_on_test:
        check_three_parts(dataset, chooses)
    if sampling := declaration.evaluate.get("sampling"):
        _check_sampling(sampling, arms)
    codecs = {arm: config.freeze(stages.codec) for arm, stages in arms.items() if stages.codec}
    if declaration.search is not None:
        for arm in arms:
            for word in declaration.search.corners(arm):
                _compose_arm(declaration, arm, paths, word)
        return {}, {arm: stages.frozen(arm, 0, arm) for arm, stages in arms.items()}, codecs
    return {m.number: arms[m.arm].frozen(m.arm, m.seed, m.name) for m in members}, {}, codecs


def _check_sampling(sampling: Mapping[str, object], arms: Mapping[str, Stages]) -> None:
    """See that each option of sampling is one of some arm's family, with a value that it takes.

    Raises:
        ConfigError: it is not.
    """
    families = [FAMILIES.load(stages.run.model.family) for stages in arms.values()]
    declared = {option.name: option for one in families for option in one.options}
    resolve_options(declared.values(), sampling, "every family of the study")


def _compose_arm(
    declaration: Declaration, arm: str, paths: Mapping[str, str], trial: str | None = None
) -> Stages:
    """One arm's stages, by its own words and a word that a trial puts in the place of those of its run."""
    unit, amount = declaration.budget
    own, first = declaration.arms[arm], declaration.codecs.get(arm)
    if trial is not None:
        own = [*(word for word in own if word.partition("=")[0] != trial.partition("=")[0]), trial]
    if first is not None:
        own = [*own, f"data.codec={codec_name(arm, 0)}"]
    try:
        codecs_share: float = 0
        if unit == "flops":
            from genkit.study.flops import steps_within

            stages = Stages(_composed(own, paths), _composed(first.words, paths) if first else None)
            codecs_share, amount = steps_within(stages, first, amount, paths)
            unit = "steps"
        elif first is not None:
            codecs_share, amount = first.divided(amount, unit)
        codec = _composed([*first.words, f"budget.{unit}={codecs_share}"], paths) if first else None
        return Stages(_composed([*own, f"budget.{unit}={amount}"], paths), codec)
    except GenkitError as error:
        raise type(error)(f"arm {arm}: {error}") from None


def _composed(own: Sequence[str], paths: Mapping[str, str]) -> Config:
    words = [*own, *(f"paths.{key}={value}" for key, value in paths.items())]
    if "callbacks.progress" not in [word.partition("=")[0] for word in words]:
        words.append("callbacks.progress=none")
    return config.compose("train", words)
