"""Families, datasets and extractors by name: built in, or offered by other distributions by entry point.

Nothing is imported until it is named.  A distribution adds a family and a dataset with

    [project.entry-points."genkit.families"]
    flow = "my_package.flow:Flow"
    [project.entry-points."genkit.datasets"]
    shapes = "my_package.shapes:shapes"

a network in whose features pictures are compared with an entry point in the group `genkit.extractors` (see
`genkit.metrics.extractors`), and its configurations with an entry point in the group `genkit.conf`
whose value names a package that holds a folder `conf` (so `my_package/conf/model/flow.yaml` becomes
`model=flow`).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.system.errors import CheckpointError, ConfigError, nearest

if TYPE_CHECKING:
    from genkit.core.module import GenerativeModule

BUILT_IN = {
    "gpt": "genkit.families.gpt:GPT",
    "dcgan": "genkit.families.dcgan:DCGAN",
    "vae": "genkit.families.vae:VAE",
}
EXTRACTORS = {
    "digits": "genkit.metrics.extractors:digits",
    "random": "genkit.metrics.extractors:random",
    "inception": "genkit.metrics.inception:inception",
}


def names() -> list[str]:
    """Every family that can be named, built in first."""
    return list(_known("families", BUILT_IN))


def check_name(name: str) -> str:
    """`name`, if it is a family's.

    Raises:
        ConfigError: it is not; the message lists the families.
    """
    if name not in names():
        raise ConfigError(f"unknown family {name!r}.{nearest(str(name), names())}")
    return name


def family(name: str) -> type[GenerativeModule]:
    """Import and return the family class of that name.

    Raises:
        ConfigError: no such family, or it cannot be imported.
    """
    check_name(name)
    return _imported("family", name, _known("families", BUILT_IN)[name])


def check_family(found: Any, family: str, where: object) -> None:
    """See that weights are of a family.

    Args:
        found: the family that was written down; None: none was.
        where: they come from.

    Raises:
        CheckpointError: they are of another family.
    """
    if found and family and found != family:
        raise CheckpointError(
            f"{where} is a {str(found)[:40]}, not a {family}; choose a run of model={family}."
        )


def extractor_names() -> list[str]:
    """Every feature extractor that can be named, built in first."""
    return list(_known("extractors", EXTRACTORS))


def extractor(name: str) -> Callable[..., Any]:
    """Import and return what makes the feature extractor of that name: a function or a module's class.

    Raises:
        ConfigError: no such extractor, or it cannot be imported.
    """
    known = _known("extractors", EXTRACTORS)
    if name not in known:
        raise ConfigError(f"extractor={name} is no feature extractor.{nearest(str(name), known)}")
    return _imported("extractor", name, known[name])


def dataset_names(built_in: Mapping[str, str]) -> list[str]:
    """Every dataset that can be named, built in first."""
    return list(_known("datasets", built_in))


def dataset(name: str, built_in: Mapping[str, str]) -> Callable[..., Any]:
    """Import and return the function behind a dataset: of the groups `data` and `paths`, it returns a source.

    Args:
        built_in: `module:function` of each dataset that comes with us.

    Raises:
        ConfigError: no such dataset, or it cannot be imported.
    """
    known = _known("datasets", built_in)
    if name not in known:
        raise ConfigError(f"data.name={name} is no dataset.{nearest(str(name), known)}")
    return _imported("dataset", name, known[name])


def _known(group: str, built_in: Mapping[str, str]) -> dict[str, str]:
    """`module:attribute` by name: what is built in, then what other distributions offer under other names."""
    outside = {point.name: point.value for point in entry_points(group=f"genkit.{group}")}
    return {**built_in, **{name: outside[name] for name in sorted(set(outside) - set(built_in))}}


def _imported(kind: str, name: str, target: str) -> Any:
    module, _, attribute = target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"{kind} {name!r} is declared as {target}, but that cannot be imported: {error}"
        ) from error


def outside_conf_folders() -> list[Path]:
    """Folders with configurations that other distributions add; nothing of theirs is imported."""
    folders = []
    for point in entry_points(group="genkit.conf"):
        spec = find_spec(point.value.partition(":")[0])
        for place in (spec.submodule_search_locations or []) if spec else []:
            folders.append(Path(place) / "conf")
    return [folder for folder in folders if folder.is_dir()]
