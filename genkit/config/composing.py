"""From the words of a person to a checked configuration, by Hydra."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from genkit.config.class_section import FAMILY, section_of, with_words
from genkit.config.declared import declarations
from genkit.config.files import OPTIONAL_GROUPS, groups, plain_of, set_outside
from genkit.config.frozen import RESUMED_KEYS, check_given, is_given
from genkit.config.hydra import compose_by_hydra
from genkit.config.refusals import check_known, check_set, settle
from genkit.config.settings import Config
from genkit.config.values import copied, leaves, put, refuse_targets
from genkit.config.words import (
    FREE_GROUP,
    Word,
    check_places,
    nearest_key,
    parse,
    split_free_text,
    texts_of,
)
from genkit.core.budget import UNITS
from genkit.families import FAMILIES
from genkit.interop import pretrained
from genkit.system.errors import CheckpointError, ConfigError, enumerated, nearest

PATHS_FILE = "paths/default"  # of the configuration folder
# A run that goes on is watched and placed anew, and keeps all that decides its numbers.
RESUMED_GROUPS = ("trainer", "callbacks", "logger")
# What comes with the choice, and is no knob.
KEPT = {"model": ("family", "view", "sizes", "axes"), "data": ("name",)}


# ---------------------------------------------------------------------- composing


def compose(command: str, arguments: Sequence[str]) -> Config:
    """The checked configuration of a command; `choices` names the options of the groups.

    Args:
        command: a file of the configuration folder without its suffix ("train").
        arguments: `key=value` and `group=option` words as a person types them.

    Raises:
        ConfigError: an unknown key, group or option, a value of the wrong type or out of its range.
    """
    check_places(arguments)
    texts, words = split_free_text(arguments)
    typed = parse(words)
    choices, values = sorted_words(typed)
    defaults = compose_by_hydra(command, choices)
    held = [word for word in values if word.key.startswith("model.")] if is_given(defaults) else []
    if is_given(defaults):
        defaults["model"] = section_of(next((word.value for word in held if word.key == FAMILY), None))
    _check_keys([word.key for word in values], defaults)
    more = [word for word in (*values, *_other_units(values)) if word not in held]
    cfg = compose_by_hydra(command, [*choices, *more]) if more else copied(defaults)
    cfg["model"] = with_words(defaults["model"], held) if is_given(defaults) else cfg["model"]
    _attach(texts, cfg)
    FAMILIES.check(cfg["model"].get("family"))
    for group in KEPT:
        _keep(defaults, cfg, group)
    given = [*texts, *(word.key for word in values)]
    pretrained.apply(cfg, given)
    return _checked(cfg, [*given, *(word.key for word in choices)])


def paths(arguments: Sequence[str]) -> dict[str, str]:
    """Where runs, data and caches are: `paths.*` as typed, else from the environment, else the defaults.

    Their group alone is composed, a third of what a training is, since every command asks.

    Raises:
        ConfigError: an unknown key, or a place that can be none.
    """
    given = [word for word in arguments if word.startswith(FREE_GROUP)]
    check_places(given)
    texts, words = split_free_text(given)
    cfg = compose_by_hydra(PATHS_FILE, [])
    _check_keys([word.key for word in parse(words)], cfg)
    _attach(texts, cfg)
    return _expanded(cfg["paths"])


def typed(frozen: dict[str, Any]) -> Config:
    """A run's configuration, if its values have the types and keep the ranges of what it was chosen from.

    Keys that it lacks have the defaults of its options.  What describes the model stays as it is written: a
    checkpoint has its digest.

    Raises:
        ConfigError: a value is none of its knob, or there is no such knob of the model.
    """
    known = groups()
    choices = {str(k): str(v) for k, v in (frozen.get("choices") or {}).items() if v is not None}
    made = copied(frozen)
    if choices and all(option in known.get(group, {}) for group, option in choices.items()):
        defaults = _defaults(tuple(choices.items()))
        for group, section in defaults.items():
            if group == "paths":  # of this machine, which no run says
                continue
            if isinstance(section, dict) and isinstance(made.get(group, {}), dict):
                made[group] = {**copied(section), **made.get(group, {})}
            else:
                made.setdefault(group, section)
        if "data" in choices:
            _keep(defaults, made, "data")
    declared = declarations(made)
    check_known({"model": declared["model"]}, {"model": frozen["model"], "choices": {}})
    plain = {**frozen, "data": made["data"]} if "data" in frozen else frozen
    return settle(declared, made, plain=plain)


def replace(cfg: Config, values: Mapping[str, object]) -> Config:
    """A configuration with other values of dotted keys, or of whole groups.

    Raises:
        ConfigError: a value is none of its knob.
    """
    plain = copied(cfg.plain)
    for key, value in values.items():
        put(plain, key, copied(value))
    made = copied(plain)
    return settle(declarations(made), made, plain=plain)


@cache
def _defaults(choices: tuple[tuple[str, str], ...]) -> dict[str, object]:
    """What these options of the groups are without a word more; not to be changed."""
    return compose_by_hydra("train", [Word(group, option, f"{group}={option}") for group, option in choices])


def resume(run: Config, arguments: Sequence[str]) -> Config:
    """The configuration of a run that goes on: its own, with what a person changes now.

    Args:
        run: what the run's config.yaml holds.
        arguments: as typed, `resume=` included.

    Raises:
        ConfigError: as `compose`, or a change of what decides the run's numbers.
        CheckpointError: the run's configuration has keys that this version has not, or its family is a class
            that has to be given.
    """
    frozen = run.plain
    check_given(frozen)
    check_places(arguments)
    texts, words = split_free_text(arguments)
    choices, values = sorted_words(parse(words))
    for key in [word.key for word in (*choices, *values)] + list(texts):
        group = key.partition(".")[0]
        fixed = group in RESUMED_KEYS and key != "data.path"
        if fixed or (key in groups() and key not in RESUMED_GROUPS):
            raise ConfigError(
                f"{key}: a resumed run keeps its {group}; leave it out, or start anew with init_from=RUN."
            )
    before = {k: v for k, v in frozen.get("choices", {}).items() if str(v) in groups().get(k, {})}
    known = [Word(k, v, f"{k}={v}") for k, v in before.items() if k not in [word.key for word in choices]]
    defaults = compose_by_hydra("train", [*known, *choices])
    if is_given(defaults):
        defaults["model"] = section_of(frozen["model"].get("family"))
    kept = {k: v for k, v in copied(frozen).items() if k not in [word.key for word in choices]}
    _check_version(kept, defaults)
    # The model stays as its checkpoints know it: a knob that came later is where its declaration has it.
    defaults = {
        key: {**value, **kept[key]}
        if isinstance(value, Mapping) and key in kept and key != "model"
        else kept.get(key, value)
        for key, value in {**kept, **defaults}.items()
    }
    cfg = copied(defaults)
    _check_keys([word.key for word in values], defaults)
    for word in (*values, *_other_units(values)):
        if any("${" in text for text in texts_of(word.value)):
            raise ConfigError(f"{word.line}: nothing is looked up when a run goes on; give the value itself.")
        put(cfg, word.key, word.value)
    _attach(texts, cfg)
    cfg["choices"] = {**before, **{word.key: word.value for word in choices}}
    return _checked(cfg, [*texts, *(word.key for word in (*values, *choices))])


def _check_version(frozen: Mapping[str, object], defaults: Mapping[str, object]) -> None:
    """See that every value of a run's own configuration would be read.

    Raises:
        CheckpointError: it has keys that this version has not: of a renamed one the default would be used.
    """
    known = dict(leaves(defaults))
    unknown = [key for key in dict(leaves(frozen)) if key not in known and key.split(".")[0] in defaults]
    if unknown:
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        raise CheckpointError(
            f"the run's config.yaml has {', '.join(key[:60] for key in unknown[:3])}{more}, which this"
            " version does not know and would leave out: go on with the version that began it (run.json names"
            " it), or begin anew with init_from=RUN."
        )


def sorted_words(words: Sequence[Word]) -> tuple[list[Word], list[Word]]:
    """Choices of options, and values.

    Raises:
        ConfigError: an option that a group does not have, or whose file is empty.
    """
    known = groups()
    choices = [word for word in words if word.key in known]
    for word in choices:
        if word.value is None and word.key in OPTIONAL_GROUPS:
            continue
        options = known[word.key]
        if str(word.value) not in options:
            hint = nearest(str(word.value), options)
            listed = "" if hint.startswith(" Known") else f" Known: {enumerated(options)}."
            folders = [name for name in options if name.endswith("_folder")]
            if folders and os.path.isdir(str(word.value)):
                listed = f" For your own folder: {word.key}={' or '.join(folders)}, with {word.key}.path=."
            raise ConfigError(f"{word.line}: there is no such {word.key}.{hint}{listed}")
        if plain_of(options[str(word.value)]) is None:
            raise ConfigError(f"{word.line}: {options[str(word.value)]} is empty; write its keys.")
    return choices, [word for word in words if word.key not in known]


def _other_units(values: Sequence[Word]) -> list[Word]:
    """A budget that a person types replaces the default one, whatever its unit."""
    typed = [word.key for word in values]
    if not any(f"budget.{unit}" in typed for unit in UNITS):
        return []
    return [Word(key, None, f"{key}=null") for unit in UNITS if (key := f"budget.{unit}") not in typed]


# ---------------------------------------------------------------------- checking


def _check_keys(typed: Sequence[str], defaults: Mapping[str, Any]) -> None:
    keys = dict(leaves(defaults))
    for key in typed:
        if key in keys:
            continue
        if section := [name for name in keys if name.startswith(f"{key}.")]:
            raise ConfigError(f"{key} is a group of keys; set one of them: {', '.join(section[:8])}.")
        elsewhere = _options_with(key)
        if elsewhere and (chosen := defaults["choices"].get(key.partition(".")[0])):
            group = key.partition(".")[0]
            raise ConfigError(f"{group}={chosen} has no key {key}; {', '.join(elsewhere)} has.")
        raise ConfigError(f"there is no key {key}.{nearest_key(key, [*keys, *groups()])}")


def _options_with(key: str) -> list[str]:
    """The options, as typed, of the key's group whose files hold it."""
    group, _, name = key.partition(".")
    found = []
    for option, file in groups().get(group, {}).items():
        plain = plain_of(file) or {}
        if name and name in {**plain, **(plain.get(group) or {})}:
            found.append(f"{group}={option}")
    return found


def _attach(texts: Mapping[str, object], cfg: dict[str, object]) -> None:
    keys = dict(leaves(cfg))
    for key, value in texts.items():
        if key not in keys:
            _check_keys([key], cfg)
        if not value and key.startswith("paths."):
            raise ConfigError(f"{key}= is empty; give a folder, or leave it out.")
        put(cfg, key, value)


def _keep(defaults: Mapping[str, Any], cfg: Mapping[str, Any], group: str) -> None:
    """What a model is, and what reads the data, stands in their files; only the knobs are turned."""
    if group == "model" and is_given(defaults):
        return
    for key in KEPT[group]:
        if group in cfg and cfg[group].get(key) != defaults[group].get(key):
            raise ConfigError(
                f"{group}.{key} comes with {group}=; choose one of {', '.join(groups()[group])}."
            )


def _checked(cfg: dict[str, Any], given: Sequence[str]) -> Config:
    """The configuration, if it is one.

    Args:
        given: the keys and the groups that a person typed.

    Raises:
        ConfigError: there is a rule or a `_target_`, a value is not given, something is no knob or no value
            of one, or the budget is not one number.
    """
    _refuse_rules(cfg)
    refuse_targets(cfg)
    check_set(cfg)
    declared = declarations(cfg)
    check_known(declared, cfg)
    units = [f"budget.{unit}" for unit in UNITS if cfg["budget"].get(unit) is not None]
    said = [key for key in units if key in given]
    if len(units) != 1:
        listed = " and ".join(said or units) or "none of " + ", ".join(f"budget.{unit}" for unit in UNITS)
        raise ConfigError(f"a budget is one number in one unit, not {listed}; give one of them.")
    cfg["paths"] = _expanded(cfg["paths"])
    return settle(declared, cfg, [*given, *_given_outside(cfg["choices"], given)])


def _expanded(places: Mapping[str, object]) -> dict[str, str]:
    """Each place with the home that `~` stands for."""
    return {key: os.path.expanduser(str(place)) for key, place in places.items()}


def _given_outside(choices: Mapping[str, object], given: Sequence[str]) -> list[str]:
    """What files of other distributions set, in groups of which a person has typed nothing else."""
    found = []
    for key, file in set_outside(choices).items():
        group = key.partition(".")[0]
        chosen_anew = group in given and group != file
        if not chosen_anew and not any(word.startswith(f"{group}.") for word in given):
            found.append(key)
    return found


def _refuse_rules(cfg: Mapping[str, Any]) -> None:
    """Rules are code beside what they are of, and none of a file's.

    Raises:
        ConfigError: a file has some.
    """
    for group, section in cfg.items():
        if group == "rules" or (isinstance(section, Mapping) and "rules" in section):
            chosen = cfg["choices"].get(group)
            where = f"{group}={chosen} has" if chosen else "a file has"
            raise ConfigError(
                f"{where} rules:, and a file holds values alone; declare the knobs in Python"
                " (genkit.core.knobs says how)."
            )
