"""The files of the configuration: groups and their options, ours and those of other distributions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from genkit.config.values import leaves
from genkit.system.distributions import entry_points
from genkit.system.errors import ConfigError
from genkit.system.plain import MAX_YAML_BYTES, parse_yaml, read_text

OPTIONAL_GROUPS = ("experiment", "debug")


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
def outside_conf_folders() -> tuple[Path, ...]:
    """Folders with configurations that other distributions add; nothing of theirs is imported.

    An entry point of the group `genkit.conf` names a package that holds a folder `conf`, so
    `my_package/conf/model/flow.yaml` becomes `model=flow`.
    """
    folders = []
    for point in entry_points(group="genkit.conf"):
        spec = find_spec(point.value.partition(":")[0])
        for place in (spec.submodule_search_locations or []) if spec else []:
            folders.append(Path(place) / "conf")
    return tuple(folder for folder in folders if folder.is_dir())


@cache
def groups() -> dict[str, dict[str, Path]]:
    """Every group with its options and their files, those of other distributions included.

    A file whose name begins with an underscore is a part of others, no option.
    """
    found: dict[str, dict[str, Path]] = {}
    for root in (conf_dir(), *outside_conf_folders()):
        for file in sorted(root.glob("*/[!_]*.yaml")):
            found.setdefault(file.parent.name, {}).setdefault(file.stem, file)
    return found


def set_outside(choices: Mapping[str, object]) -> dict[str, str]:
    """The dotted keys that the chosen files of other distributions set, each with the group of its file."""
    found: dict[str, str] = {}
    for group, option in choices.items():
        file = groups().get(group, {}).get(str(option))
        if file is None or file.is_relative_to(conf_dir()):
            continue
        plain = {key: value for key, value in (plain_of(file) or {}).items() if key != "defaults"}
        whole = "@package _global_" in _text(file)
        found |= dict.fromkeys(dict(leaves(plain if whole else {group: plain})), group)
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


def plain_of(file: Path) -> Any:
    """What a configuration file holds, before Hydra reads it.

    Raises:
        ConfigError: it is no YAML of plain values: a tag of Python's, an alias, a key that stands twice.
    """
    try:
        return parse_yaml(_text(file))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file} cannot be read: {str(error)[:200]}") from None


@cache
def check_outside() -> None:
    """See that what other distributions add to the configurations is YAML of plain values."""
    for folder in outside_conf_folders():
        for file in sorted(folder.rglob("*.yaml")):
            plain_of(file)


def register_outside_conf() -> None:
    """Let Hydra search the configuration folders that other distributions add."""
    from hydra.core.config_search_path import ConfigSearchPath
    from hydra.core.plugins import Plugins
    from hydra.plugins.search_path_plugin import SearchPathPlugin

    class OutsideConf(SearchPathPlugin):
        def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
            for folder in outside_conf_folders():
                search_path.append(provider="genkit-outside", path=f"file://{folder}")

    known = {plugin.__name__ for plugin in Plugins.instance().discover(SearchPathPlugin)}
    if OutsideConf.__name__ not in known:
        Plugins.instance().register(OutsideConf)
