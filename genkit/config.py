"""Configuration: composed by Hydra, checked strictly, frozen as plain values.  Nothing here imports torch.

Every configuration file may carry `rules`, expressions over its own keys with an advice for those who break
them; they are checked here and are no part of the result.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from genkit.core.budget import UNITS
from genkit.core.errors import CheckpointError, ConfigError, nearest
from genkit.core.spec import View
from genkit.rules import check_rules

# Taken as typed, before Hydra's grammar sees them: it rejects commas, Chinese and `=`, and resolves `${…}`.
FREE_TEXT = ("prompt", "stop", "out", "run", "resume", "init_from", "name", "data.path", "real", "fake")
FREE_GROUP = "paths."
REPEATABLE = ("prompt", "stop")
NOT_FROZEN = ("paths", "hydra", "rules", "experiment", "debug", "resume", "init_from", "accept_new_data")
NO_OPTIONS = ("optim/rules", "trainer/base")  # what the other files of the group share
MAX_CONFIG_BYTES = 1_000_000


def conf_dir() -> Path:
    """The folder with our configurations: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parent
    return next(path for path in (package / "conf", package.parent / "conf") if path.is_dir())


def groups() -> dict[str, dict[str, Path]]:
    """Every group with its options and their files, those of other distributions included."""
    from genkit.core.registry import outside_conf_folders

    found: dict[str, dict[str, Path]] = {}
    for root in (conf_dir(), *outside_conf_folders()):
        for file in sorted(root.glob("*/*.yaml")):
            if f"{file.parent.name}/{file.stem}" in NO_OPTIONS:
                continue
            found.setdefault(file.parent.name, {})[file.stem] = file
    return found


# ---------------------------------------------------------------------- composing


def compose(command: str, arguments: Sequence[str]) -> dict[str, Any]:
    """The checked configuration of a command, as plain values; `choices` names the options of the groups.

    Args:
        command: a file of `conf/` without its suffix ("train").
        arguments: `key=value` and `group=option` words as a person types them.

    Raises:
        ConfigError: an unknown key, group or option, a value of the wrong type or out of its range.
    """
    texts, words = split_free_text(arguments)
    overrides = _parse(words)
    choices = [o.input_line for o in overrides if _is_choice(o)]
    defaults = _hydra_compose(command, choices)
    for override in overrides:
        _check_key(override, defaults)
    values = [o.input_line.lstrip("+") for o in overrides if not _is_choice(o)]
    cfg = _hydra_compose(command, [*choices, *values, *_other_units(overrides)])
    _attach(texts, cfg)
    _check_types(defaults, cfg)
    return _checked(cfg)


def resume(frozen: Mapping[str, Any], arguments: Sequence[str]) -> dict[str, Any]:
    """The configuration of a run that goes on: its own, with what a person changes now.

    Args:
        frozen: what the run's config.yaml holds.
        arguments: as typed, `resume=` included.  Values can be changed, and the groups that say where and
            how a run is watched; the model and the data stay.

    Raises:
        ConfigError: as `compose`, or a change of model or data.
    """
    texts, words = split_free_text(arguments)
    overrides = _parse(words)
    choices = [o for o in overrides if _is_choice(o)]
    for choice in choices:
        if choice.key_or_group not in ("trainer", "callbacks", "logger"):
            raise ConfigError(
                f"{choice.input_line}: a resumed run keeps its {choice.key_or_group};"
                " start another with init_from=RUN to begin with its weights."
            )
    fresh = _hydra_compose("train", [choice.input_line for choice in choices])
    cfg = {**fresh, **{k: v for k, v in frozen.items() if k != "choices"}}
    for choice in choices:
        cfg[choice.key_or_group] = fresh[choice.key_or_group]
    before = _copy(cfg)
    for override in overrides:
        if not _is_choice(override):
            _check_key(override, before)
            _set(cfg, override.key_or_group, override.value())
    for line in _other_units(overrides):
        _set(cfg, line.partition("=")[0], None)
    _attach(texts, cfg)
    _check_types(before, cfg)
    return {**_checked(cfg), "choices": frozen.get("choices", {})}


def split_free_text(arguments: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Free-text values by key (a list where a key is repeated), and the words that are left."""
    texts: dict[str, Any] = {}
    words = []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals or not (key in FREE_TEXT or key.startswith(FREE_GROUP)):
            words.append(argument)
        elif key not in texts:
            texts[key] = value
        elif key in REPEATABLE:
            texts[key] = [*texts[key], value] if isinstance(texts[key], list) else [texts[key], value]
        else:
            raise ConfigError(f"{key}= is given twice; give it once.")
    return texts, words


def _parse(words: Sequence[str]) -> list[Any]:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    overrides = []
    for word in words:
        if "=" not in word and not word.startswith("~"):
            raise ConfigError(f"{word!r} is no key=value.{nearest(word, groups())}")
        try:
            override = OverridesParser.create().parse_override(word)
        except HydraException:
            key, _, value = word.partition("=")
            raise ConfigError(f"{word!r} cannot be read; quote the value: '{key}=\"{value}\"'.") from None
        key = override.key_or_group
        if override.is_delete():
            raise ConfigError(f"{word}: nothing can be left out; set {key}=null.")
        if override.is_sweep_override():
            raise ConfigError(f"{word} has several values; add -m to run one after another.")
        if "_target_" in word:
            raise ConfigError(f"{word}: a configuration holds names and values, no _target_.")
        if "${oc.env" in word.replace(" ", ""):
            raise ConfigError(f"{word}: environment variables are read in paths.* alone.")
        overrides.append(override)
    return overrides


def _is_choice(override: Any) -> bool:
    """Whether an override picks an option of a group, rather than setting a value."""
    key, known = override.key_or_group, groups()
    if key not in known:
        return False
    option = override.value()
    if option is not None and str(option) not in known[key]:
        raise ConfigError(f"{key}={option} is no option.{nearest(str(option), known[key])}")
    return True


def _hydra_compose(command: str, overrides: Sequence[str]) -> dict[str, Any]:
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf import OmegaConf, open_dict
    from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException

    register_outside_conf()
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            cfg = hydra_compose(command, list(overrides), return_hydra_config=True)
        choices = {k: v for k, v in cfg.hydra.runtime.choices.items() if "/" not in k}
        with open_dict(cfg):
            del cfg["hydra"]
        plain = OmegaConf.to_container(cfg, resolve=True)
    except InterpolationResolutionError as error:
        reason = str(error).splitlines()[0]
        variable = re.search(r"Environment variable '(\w+)'", reason)
        raise ConfigError(f"set the environment variable {variable[1]}." if variable else reason) from None
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(" ".join(str(error or error.__cause__).split())[:300]) from None
    assert isinstance(plain, dict)
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


def _other_units(overrides: Sequence[Any]) -> list[str]:
    """A budget that a person types replaces the default one, whatever its unit."""
    typed = {o.key_or_group for o in overrides}
    if not any(f"budget.{unit}" in typed for unit in UNITS):
        return []
    return [f"budget.{unit}=null" for unit in UNITS if f"budget.{unit}" not in typed]


# ---------------------------------------------------------------------- checking


def _leaves(cfg: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values; a `rules` block is no value."""
    for key, value in cfg.items():
        if key in ("rules", "choices"):
            continue
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _check_key(override: Any, known: Mapping[str, Any]) -> None:
    key = override.key_or_group
    keys = dict(_leaves(known))
    if _is_choice(override) or key in keys:
        return
    section = [name for name in keys if name.startswith(f"{key}.")]
    if section:
        raise ConfigError(f"{key} is a group of keys: {', '.join(section[:8])}. Set one of them.")
    # A typo in the last word should not be outvoted by a long group name, nor the other way round.
    same_group = [name for name in keys if name.rpartition(".")[0] == key.rpartition(".")[0]]
    hint = nearest(key, [*keys, *groups()])
    if not hint.startswith(" Did") and same_group:
        hint = nearest(key, same_group)
    raise ConfigError(f"there is no key {key}.{hint}")


def _check_types(defaults: Mapping[str, Any], cfg: dict[str, Any]) -> None:
    """A value has the type of its default; whole numbers serve as floats; a null default takes anything."""
    expected = dict(_leaves(defaults))
    for key, value in list(_leaves(cfg)):
        default = expected.get(key)
        if default is None or (value is None and key.startswith("budget.")):
            continue
        if isinstance(default, bool):
            fits, word = isinstance(value, bool), "true or false"
        elif isinstance(default, int):
            fits, word = isinstance(value, int) and not isinstance(value, bool), "an integer"
        elif isinstance(default, float):
            fits, word = isinstance(value, int | float) and not isinstance(value, bool), "a number"
            if fits:
                _set(cfg, key, float(value))
        elif isinstance(default, str):
            fits, word = isinstance(value, str | int | float) and not isinstance(value, bool), "a word"
            if fits:
                _set(cfg, key, str(value))
        else:
            fits, word = isinstance(value, list), f"a list such as {default}"
        if not fits:
            raise ConfigError(f"{key}={value!r} is not {word} (default: {default}).")


def _checked(cfg: dict[str, Any]) -> dict[str, Any]:
    """The configuration without its rules, if it keeps them.

    Raises:
        ConfigError: a rule is broken, there is a `_target_`, or the budget is not one number.
    """
    refuse_targets(cfg)
    for name, section in cfg.items():
        if isinstance(section, dict) and "rules" in section:
            check_rules(section.pop("rules"), section, cfg, prefix=f"{name}.")
    check_rules(cfg.pop("rules", {}), cfg, cfg, prefix="")
    if "budget" in cfg:
        given = [f"budget.{unit}" for unit in UNITS if cfg["budget"][unit] is not None]
        if len(given) != 1:
            said = (
                " and ".join(given) or "none of budget.steps, budget.epochs, budget.examples, budget.seconds"
            )
            raise ConfigError(f"a budget is one number, not {said}; give one.")
    return cfg


def refuse_targets(cfg: Any, where: str = "") -> None:
    """Refuse `_target_` at any depth.

    Raises:
        ConfigError: there is one.
    """
    if isinstance(cfg, Mapping):
        for key, value in cfg.items():
            if key == "_target_":
                raise ConfigError(
                    f"{where}_target_: a configuration holds names and values, no code; remove it."
                )
            refuse_targets(value, f"{where}{key}.")
    elif isinstance(cfg, list):
        for item in cfg:
            refuse_targets(item, where)


# ---------------------------------------------------------------------- the frozen configuration


def freeze(cfg: Mapping[str, Any]) -> str:
    """What a run's config.yaml holds: plain values, without the paths of this machine."""
    import yaml

    kept = {key: value for key, value in _copy(cfg).items() if key not in NOT_FROZEN}
    if path := kept.get("data", {}).get("path"):
        kept["data"]["path"] = os.path.abspath(path)
    buffer = io.StringIO()
    yaml.safe_dump(kept, buffer, sort_keys=False, allow_unicode=True)
    return buffer.getvalue()


def load_frozen(path: Path) -> dict[str, Any]:
    """Read a run's config.yaml.

    Raises:
        CheckpointError: it is missing, too large, no YAML mapping, or holds a `_target_`.
    """
    import yaml

    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise CheckpointError(
                f"{path} has more than {MAX_CONFIG_BYTES} bytes; it is no run's configuration."
            )
        cfg = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CheckpointError(f"{path} cannot be read: {' '.join(str(error).split())[:150]}") from None
    if not isinstance(cfg, dict) or not isinstance(cfg.get("model"), dict):
        raise CheckpointError(f"{path} is no run's configuration: it describes no model.")
    try:
        refuse_targets(cfg)
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}") from None
    return cfg


def view(cfg: Mapping[str, Any]) -> View:
    """What the configured model asks of its data."""
    model = cfg["model"]
    return View(model["view"], tuple(model.get("sizes") or ()), int(model.get("block_size") or 0))


def _attach(texts: Mapping[str, Any], cfg: dict[str, Any]) -> None:
    keys = dict(_leaves(cfg))
    for key, value in texts.items():
        if key not in keys:
            raise ConfigError(f"there is no key {key} here.{nearest(key, keys)}")
        _set(cfg, key, value)


def _set(cfg: dict[str, Any], key: str, value: Any) -> None:
    *path, last = key.split(".")
    for name in path:
        cfg = cfg[name]
    cfg[last] = value


def _copy(cfg: Any) -> Any:
    if isinstance(cfg, Mapping):
        return {key: _copy(value) for key, value in cfg.items()}
    return list(cfg) if isinstance(cfg, list) else cfg
