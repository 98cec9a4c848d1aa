"""What can be named: built in, or offered by other distributions by entry point.

Nothing is imported until it is named.  The tables of what is built in stand with what they name:
`genkit.core.media.MEDIA`, `genkit.families.FAMILIES`, `genkit.data.sources.DATASETS`,
`genkit.metrics.catalogue.EXTRACTORS`.  A distribution adds a family and a dataset with

    [project.entry-points."genkit.families"]
    flow = "my_package.flow:Flow"
    [project.entry-points."genkit.datasets"]
    shapes = "my_package.shapes:shapes"

a medium with an entry point in the group `genkit.media` (see `genkit.core.media`), a network in whose
features pictures are compared with one in the group `genkit.extractors` (see `genkit.metrics.extractors`),
and its configurations with one in the group `genkit.conf` (see `genkit.config.files`).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from genkit.system.errors import ConfigError, nearest


@dataclass(frozen=True)
class Registry:
    """The things of one kind, by name.

    Attributes:
        kind: what one is called in messages.
        group: of the entry points, below `genkit.`.
        unknown: what is said of a name that nobody knows, with `{name}` in it.
        built_in: `module:attribute` by name.
    """

    kind: str
    group: str
    unknown: str
    built_in: Mapping[str, str]

    def names(self) -> list[str]:
        """Every name, built in first."""
        return list(self._known())

    def check(self, name: Any) -> str:
        """`name`, if it is known.

        Raises:
            ConfigError: it is not; the nearest one is named, or all are.
        """
        if name not in self.built_in and name not in (known := self.names()):
            raise ConfigError(f"{self.unknown.format(name=name)}{nearest(str(name), known)}")
        return str(name)

    def target(self, name: str) -> str:
        """Where that of a known name is declared, as `module:attribute`."""
        return self.built_in.get(name) or self._known()[self.check(name)]

    def load(self, name: str) -> Any:
        """Import and return what has that name.

        Raises:
            ConfigError: nothing has, or it cannot be imported.
        """
        target = self.target(name)
        module, _, attribute = target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"{self.kind} {name!r} is declared as {target}, but that cannot be imported: {error}"
            ) from error

    def _known(self) -> dict[str, str]:
        """What is built in, then what other distributions offer under other names."""
        outside = {point.name: point.value for point in entry_points(group=f"genkit.{self.group}")}
        return {
            **self.built_in,
            **{name: outside[name] for name in sorted(set(outside) - set(self.built_in))},
        }
