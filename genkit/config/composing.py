"""From the words of a person to a checked configuration, by Hydra."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from genkit.config.frozen import RESUMED_KEYS
from genkit.config.rules import check_rules, check_set, check_types, copied, leaves, put, refuse_targets
from genkit.config.words import (
    FREE_GROUP,
    Word,
    check_places,
    launching,
    nearest_key,
    parse,
    parse_sweep,
    refuse_calls,
    split_free_text,
    texts_of,
)
from genkit.core import registry
from genkit.core.budget import UNITS
from genkit.interop import pretrained
from genkit.system.errors import CheckpointError, ConfigError, nearest
from genkit.system.plain import MAX_YAML_BYTES, parse_yaml, read_text

OPTIONAL_GROUPS = ("experiment", "debug")
# A run that goes on is watched and placed anew, and keeps all that decides its numbers.
RESUMED_GROUPS = ("trainer", "callbacks", "logger")
MAX_JOBS = 1_000
KEPT = {"model": ("family", "view", "sizes"), "data": ("name",)}  # comes with the choice, and is no knob
VERSION_BASE = "1.3"  # of Hydra's behaviour
_session, _composing = threading.RLock(), threading.RLock()


def conf_dir() -> Path:
    """The folder with our configurations: beside the package in a checkout, inside it in a wheel.

    Raises:
        ConfigError: it is missing.
    """
    package = Path(__file__).resolve().parents[1]
    for path in (package / "conf", package.parent / "conf"):
        if (path / "train.yaml").is_file():
            return path
    raise ConfigError(
        f"no configurations in {package / 'conf'} or {package.parent / 'conf'}: install genkit again."
    )


@cache
def groups() -> dict[str, dict[str, Path]]:
    """Every group with its options and their files, those of other distributions included.

    A file whose name begins with an underscore is a part of others, no option.
    """
    from genkit.core.registry import outside_conf_folders

    found: dict[str, dict[str, Path]] = {}
    for root in (conf_dir(), *outside_conf_folders()):
        for file in sorted(root.glob("*/[!_]*.yaml")):
            found.setdefault(file.parent.name, {}).setdefault(file.stem, file)
    return found


def about(file: Path) -> str:
    """The line that a configuration file says of itself: its first comment."""
    lines = _text(file).splitlines()
    return next((line[2:] for line in lines if line.startswith("# ") and "@package" not in line), "")


def _text(file: Path) -> str:
    """A configuration file.

    Raises:
        ConfigError: it cannot be read, is too large, or is no UTF-8.
    """
    try:
        # (A link is fine here: who installs a distribution trusts it, and editable ones have links.)
        return read_text(file.resolve(), MAX_YAML_BYTES)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} cannot be read: {error}; write it in UTF-8.") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}.") from None


def _plain(file: Path) -> Any:
    """What a configuration file holds, before Hydra reads it.

    Raises:
        ConfigError: it is no YAML of plain values: a tag of Python's, an alias, a key that stands twice.
    """
    try:
        return parse_yaml(_text(file))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file} cannot be read: {str(error)[:200]}") from None


@cache
def _check_outside() -> None:
    """See that what other distributions add to the configurations is YAML of plain values."""
    from genkit.core.registry import outside_conf_folders

    for folder in outside_conf_folders():
        for file in sorted(folder.rglob("*.yaml")):
            _plain(file)


# ---------------------------------------------------------------------- composing


def compose(command: str, arguments: Sequence[str]) -> dict[str, Any]:
    """The checked configuration of a command, as plain values; `choices` names the options of the groups.

    Args:
        command: a file of the configuration folder without its suffix ("train").
        arguments: `key=value` and `group=option` words as a person types them.

    Raises:
        ConfigError: an unknown key, group or option, a value of the wrong type or out of its range.
    """
    check_places(arguments)
    texts, words = split_free_text(arguments)
    typed = parse(words)
    choices, values = _sort(typed)
    defaults = _hydra_compose(command, choices)
    _check_keys([word.key for word in values], defaults)
    more = [*values, *_other_units(values)]
    cfg = _hydra_compose(command, [*choices, *more]) if more else copied(defaults)
    _attach(texts, cfg)
    registry.check_name(cfg["model"].get("family"))
    for group in KEPT:
        _keep(defaults, cfg, group)
    pretrained.apply(cfg, [*texts, *(word.key for word in values)])
    return _checked(defaults, cfg, values)


def paths(arguments: Sequence[str]) -> dict[str, str]:
    """Where runs, data and caches are: `paths.*` as typed, else from the environment, else the defaults."""
    return compose("train", [word for word in arguments if word.startswith(FREE_GROUP)])["paths"]


def check_values(frozen: Mapping[str, Any]) -> dict[str, Any]:
    """See that a run's configuration has values of the types and in the ranges of what it was chosen from.

    Returns:
        The configuration, with defaults for keys that it lacks; as it is where an option is not installed.

    Raises:
        ConfigError: one has not.
    """
    known = groups()
    choices = {str(k): str(v) for k, v in (frozen.get("choices") or {}).items() if v is not None}
    if not choices or any(option not in known.get(group, {}) for group, option in choices.items()):
        return dict(frozen)
    made = copied(_defaults(tuple(choices.items())))
    for group, section in copied(frozen).items():
        if isinstance(made.get(group), dict) and isinstance(section, dict):
            section = {**made[group], **section}
        made[group] = section
    defaults = _defaults(tuple(choices.items()))
    if "data" in choices:
        _keep(defaults, made, "data")
    check_types(defaults, made)
    check_rules(made)
    for section in made.values():
        if isinstance(section, dict):
            section.pop("rules", None)
    return made


@cache
def _defaults(choices: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """What these options of the groups are without a word more; not to be changed."""
    return _hydra_compose("train", [Word(group, option, f"{group}={option}") for group, option in choices])


def resume(frozen: Mapping[str, Any], arguments: Sequence[str]) -> dict[str, Any]:
    """The configuration of a run that goes on: its own, with what a person changes now.

    Args:
        frozen: what the run's config.yaml holds.
        arguments: as typed, `resume=` included.

    Raises:
        ConfigError: as `compose`, or a change of what decides the run's numbers.
        CheckpointError: the run's configuration has keys that this version has not.
    """
    check_places(arguments)
    texts, words = split_free_text(arguments)
    choices, values = _sort(parse(words))
    for key in [word.key for word in (*choices, *values)] + list(texts):
        group = key.partition(".")[0]
        fixed = group in RESUMED_KEYS and key != "data.path"
        if fixed or (key in groups() and key not in RESUMED_GROUPS):
            raise ConfigError(
                f"{key}: a resumed run keeps its {group}; leave it out, or start anew with init_from=RUN."
            )
    before = {k: v for k, v in frozen.get("choices", {}).items() if str(v) in groups().get(k, {})}
    known = [Word(k, v, f"{k}={v}") for k, v in before.items() if k not in [word.key for word in choices]]
    defaults = _hydra_compose("train", [*known, *choices])
    kept = {k: v for k, v in copied(frozen).items() if k not in [word.key for word in choices]}
    _check_version(kept, defaults)
    defaults = {
        key: {**value, **kept[key]} if isinstance(value, Mapping) and key in kept else kept.get(key, value)
        for key, value in {**kept, **defaults}.items()
    }
    cfg = copied(defaults)
    _check_keys([word.key for word in values], defaults)
    for word in (*values, *_other_units(values)):
        if any("${" in text for text in texts_of(word.value)):
            raise ConfigError(f"{word.line}: nothing is looked up when a run goes on; give the value itself.")
        put(cfg, word.key, word.value)
    _attach(texts, cfg)
    return {**_checked(defaults, cfg, values), "choices": {**before, **{w.key: w.value for w in choices}}}


def _check_version(frozen: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
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


def sweep(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Free text and words of a sweep (`-m`), whose keys and options are all known.

    Raises:
        ConfigError: an unknown key or option, `name=`, or more than `MAX_JOBS` jobs without `yes=true`.
    """
    words = [word for word in arguments if word != "yes=true"]
    texts = [word for word in words if split_free_text([word])[0]]
    words = [word for word in words if word not in texts]
    if any(text.startswith("name=") for text in texts):
        raise ConfigError("name= is one run's; leave it out of a sweep, and each run gets a name of its own.")
    jobs, own = 1, launching(words)
    for key, values in parse_sweep([word for word in words if word not in own]):
        for value in values or []:
            _sort(parse([f"{key}={value}"]))
        jobs *= len(values or [None])
    if jobs > MAX_JOBS and "yes=true" not in arguments:
        raise ConfigError(f"{jobs:,} jobs are more than {MAX_JOBS:,}; add yes=true to run them all.")
    return texts, words


def jobs(words: Sequence[str]) -> list[list[str]]:
    """The words of each job of a sweep; to be called within a `hydra_session`.

    Raises:
        ConfigError: values that only another sweeper than Hydra's basic one could list.
    """
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.override_parser.overrides_parser import OverridesParser

    with one_line_errors():
        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
        overrides = parser.parse_overrides([word for word in words if not word.startswith("hydra")])
        return BasicSweeper.split_arguments(overrides, None)[0]


def _sort(words: Sequence[Word]) -> tuple[list[Word], list[Word]]:
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
            listed = "" if hint.startswith(" Known") else f" Known: {', '.join(options)}."
            raise ConfigError(f"{word.line}: there is no such {word.key}.{hint}{listed}")
        if _plain(options[str(word.value)]) is None:
            raise ConfigError(f"{word.line}: {options[str(word.value)]} is empty; write its keys.")
    return choices, [word for word in words if word.key not in known]


def _other_units(values: Sequence[Word]) -> list[Word]:
    """A budget that a person types replaces the default one, whatever its unit."""
    typed = [word.key for word in values]
    if not any(f"budget.{unit}" in typed for unit in UNITS):
        return []
    return [Word(key, None, f"{key}=null") for unit in UNITS if (key := f"budget.{unit}") not in typed]


@contextlib.contextmanager
def hydra_session() -> Iterator[Any]:
    """Hydra over our configurations and those of other distributions, whatever Hydra is at work around it.

    There is one Hydra in a process: a second thread waits until the first has left.
    """
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    with _session:
        register_outside_conf()
        outer = GlobalHydra.instance().hydra
        GlobalHydra.instance().clear()
        try:
            with initialize_config_dir(str(conf_dir()), job_name="genkit", version_base=VERSION_BASE):
                yield GlobalHydra.instance().hydra
        finally:
            GlobalHydra.instance().hydra = outer


@contextlib.contextmanager
def _loading() -> Iterator[Any]:
    """What loads configurations for Hydra, without the Hydra of this process; one thread at a time."""
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra._internal.utils import create_config_search_path
    from hydra.core.utils import setup_globals
    from hydra.version import VersionBase, setbase

    with _composing:
        register_outside_conf()
        outer = VersionBase.instance().getbase()
        setbase(VERSION_BASE)
        setup_globals()
        try:
            yield ConfigLoaderImpl(create_config_search_path(str(conf_dir())))
        finally:
            VersionBase.instance().version_base = outer


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Hydra's and OmegaConf's refusals as ours."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        yield
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        said = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ConfigError("; ".join(said[:3])[:300]) from None


def _hydra_compose(command: str, words: Sequence[Word]) -> dict[str, Any]:
    from hydra.types import RunMode
    from omegaconf import OmegaConf, open_dict

    _check_outside()
    with one_line_errors(), _loading() as loader:
        lines = [word.line for word in words]
        cfg = loader.load_configuration(command, lines, run_mode=RunMode.RUN, from_shell=False)
        choices = {k: v for k, v in cfg.hydra.runtime.choices.items() if "/" not in k}
        with open_dict(cfg):
            del cfg["hydra"]
        for key, value in leaves(OmegaConf.to_container(cfg)):  # type: ignore[arg-type]
            refuse_calls(key, value)
        plain = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(plain, dict)
    for group, option in choices.items():
        if group in plain and not isinstance(plain[group], dict):
            raise ConfigError(f"{group}={option}: {groups()[group][option]} is no mapping; write key: value.")
    return {**{str(key): value for key, value in plain.items()}, "choices": choices}


def register_outside_conf() -> None:
    """Let Hydra search the configuration folders that other distributions add."""
    from hydra.core.config_search_path import ConfigSearchPath
    from hydra.core.plugins import Plugins
    from hydra.plugins.search_path_plugin import SearchPathPlugin

    from genkit.core.registry import outside_conf_folders

    class OutsideConf(SearchPathPlugin):
        def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
            for folder in outside_conf_folders():
                search_path.append(provider="genkit-outside", path=f"file://{folder}")

    known = {plugin.__name__ for plugin in Plugins.instance().discover(SearchPathPlugin)}
    if OutsideConf.__name__ not in known:
        Plugins.instance().register(OutsideConf)


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
        plain = _plain(file) or {}
        if name and name in {**plain, **(plain.get(group) or {})}:
            found.append(f"{group}={option}")
    return found


def _attach(texts: Mapping[str, Any], cfg: dict[str, Any]) -> None:
    keys = dict(leaves(cfg))
    for key, value in texts.items():
        if key not in keys:
            _check_keys([key], cfg)
        if not value and key.startswith("paths."):
            raise ConfigError(f"{key}= is empty; give a folder, or leave it out.")
        put(cfg, key, value)


def _keep(defaults: Mapping[str, Any], cfg: Mapping[str, Any], group: str) -> None:
    """What a model is, and what reads the data, stands in their files; only the knobs are turned."""
    for key in KEPT[group]:
        if group in cfg and cfg[group].get(key) != defaults[group].get(key):
            raise ConfigError(
                f"{group}.{key} comes with {group}=; choose one of {', '.join(groups()[group])}."
            )


def _checked(defaults: Mapping[str, Any], cfg: dict[str, Any], typed: Sequence[Word]) -> dict[str, Any]:
    """The configuration without its rules, if it keeps them.

    Raises:
        ConfigError: values are not given, a type or a rule is broken, there is a `_target_`, or the budget is
            not one number.
    """
    refuse_targets(cfg)
    check_set(cfg)
    given = [f"budget.{unit}" for unit in UNITS if cfg["budget"].get(unit) is not None]
    said = [word.key for word in typed if word.key.startswith("budget.") and word.value is not None]
    if len(given) != 1:
        listed = " and ".join(said or given) or "none of " + ", ".join(f"budget.{unit}" for unit in UNITS)
        raise ConfigError(f"a budget is one number in one unit, not {listed}; give one of them.")
    check_types(defaults, cfg)
    check_rules(cfg)
    for section in (cfg, *cfg.values()):
        if isinstance(section, dict):
            section.pop("rules", None)
    cfg["paths"] = {key: os.path.expanduser(path) for key, path in cfg["paths"].items()}
    return cfg
