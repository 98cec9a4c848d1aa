"""What can be named: built in, or offered by other distributions by entry point.

Nothing is imported until it is named.  The tables of what is built in stand with what they name:
`genkit.core.media.MEDIA`, `genkit.families.FAMILIES`, `genkit.data.sources.DATASETS`,
`genkit.metrics.catalogue`.  A distribution adds a family and a dataset with

    [project.entry-points."genkit.families"]
    flow = "my_package.flow:Flow"
    [project.entry-points."genkit.datasets"]
    shapes = "my_package.shapes:shapes"

a medium with an entry point in the group `genkit.media` (see `genkit.core.media`), a metric with one in
`genkit.metrics` (see `genkit.metrics.catalogue`), a network in whose features pictures are compared with one
in `genkit.extractors` (see `genkit.metrics.extractors`), and its configurations with one in `genkit.conf`
(see `genkit.config.files`).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from genkit.system.distributions import entry_points
from genkit.system.errors import ConfigError, nearest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")
NOTHING: Mapping[tuple[str, str], object] = MappingProxyType({})
# What a caller has in hand, by the registry's group and the name that it has for a while.
_OWN: ContextVar[Mapping[tuple[str, str], object]] = ContextVar("own", default=NOTHING)


def sound(found: object) -> str:
    """Of a kind of which anything will do."""
    return ""


@dataclass(frozen=True)
class Registry(Generic[T]):
    """The things of one kind, by name.

    Attributes:
        kind: what one is called in messages.
        group: of the entry points, below `genkit.`.
        unknown: what is said of a name that nobody knows, with `{name}` in it.
        built_in: `module:attribute` by name.
        fault: what is wrong with one that another distribution offers, to follow its name; "": nothing.
    """

    kind: str
    group: str
    unknown: str
    built_in: Mapping[str, str]
    fault: Callable[[object], str] = sound

    def names(self) -> list[str]:
        """Every name, built in first."""
        return [*self.built_in, *sorted(self._offers())]

    def knows(self, name: object) -> bool:
        """Whether anything has that name."""
        return name in self.built_in or self.own(name) is not None or name in self.names()

    def check(self, name: object) -> str:
        """`name`, if it is known.

        Raises:
            ConfigError: it is not; the nearest one is named, or all are.
        """
        if not self.knows(name):
            raise self._unknown(name)
        return str(name)

    @contextmanager
    def holding(self, name: str, thing: T) -> Iterator[None]:
        """Within the context a name stands for something that the caller has in hand.

        Raises:
            ConfigError: it stands for something else already.
        """
        if name in self.names():
            raise ConfigError(f"there is a {self.kind} {name!r} already; give it another name.")
        reset = _OWN.set({**_OWN.get(), (self.group, name): thing})
        try:
            yield
        finally:
            _OWN.reset(reset)

    def own(self, name: object) -> T | None:
        """What the caller has in hand by that name; None: nothing."""
        return cast("T | None", _OWN.get().get((self.group, str(name))))

    def target(self, name: str) -> str:
        """Where that of a known name is declared, as `module:attribute`.

        Raises:
            ConfigError: nobody offers it, or two distributions do.
        """
        if name in self.built_in:
            return self.built_in[name]
        offers = self._offers().get(name)
        if offers is None:
            raise self._unknown(name)
        if len({point.value for point in offers}) > 1:
            owners = " and ".join(sorted(map(_owner, offers)))
            raise ConfigError(f"{self.kind} {name!r} is offered by {owners}: uninstall one of them.")
        return offers[0].value

    def load(self, name: str) -> T:
        """Import and return what has that name.

        Raises:
            ConfigError: nothing has, it cannot be imported, or is not what it is offered as; the distribution
                that offers it is named.
        """
        if (own := self.own(name)) is not None:
            return own
        target = self.target(name)
        module, _, attribute = target.partition(":")
        # Of ours, what is not installed; of others', whatever a module does when it is imported.
        failures = (ImportError, AttributeError) if name in self.built_in else (Exception,)
        try:
            found: object = getattr(importlib.import_module(module), attribute)
        except failures as error:
            said = f"{type(error).__name__}: {error}"
            raise self.refusal(
                name, f"is declared as {target}, but that cannot be imported: {said}"
            ) from error
        if name not in self.built_in and (wrong := self.fault(found)):
            raise self.refusal(name, f"is declared as {target}, but that {wrong}")
        return cast(T, found)

    def owner(self, name: str) -> str:
        """The distribution that offers it; "" where it is built in, or nobody does."""
        points = self._offers().get(name, ())
        return _owner(points[0]) if points else ""

    def refusal(self, name: str, reason: str) -> ConfigError:
        """What is said of one that will not do, with the distribution that offers it."""
        owner = self.owner(name)
        return ConfigError(f"{self.kind} {name!r}{f' of {owner}' if owner else ''} {reason}.")

    def _unknown(self, name: object) -> ConfigError:
        return ConfigError(f"{self.unknown.format(name=name)}{nearest(str(name), self.names())}")

    def _offers(self) -> dict[str, tuple[EntryPoint, ...]]:
        """What other distributions offer under names that are not built in."""
        found: dict[str, tuple[EntryPoint, ...]] = {}
        for point in entry_points(group=f"genkit.{self.group}"):
            if point.name not in self.built_in:
                found[point.name] = (*found.get(point.name, ()), point)
        return found


def _owner(point: EntryPoint) -> str:
    """The distribution that an entry point is of, or where it leads if nobody knows."""
    return point.dist.name if point.dist else point.value.partition(":")[0]
