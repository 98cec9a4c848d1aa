"""Metrics by name: those built in, and those that other distributions or callers offer.  No torch here.

A metric is one declaration, a `Metric`, and all else asks the catalogue: which metrics there are, which fit
the data, which can decide a study.  A distribution adds one by

    [project.entry-points."genkit.metrics"]
    reach = "my_package.reach:REACH"

where `REACH` is a `genkit.metrics.declaration.Metric` of that name, or a class of its attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points

from genkit.core.identity import named
from genkit.core.media.medium import Medium
from genkit.core.registry import Registry
from genkit.metrics.declaration import Metric, declared
from genkit.metrics.of_runs import OF_COST, OF_LIKELIHOOD
from genkit.metrics.of_samples import OF_IMAGES, OF_MEMORISATION, OF_TEXTS
from genkit.system.errors import ConfigError, nearest

EXTRACTORS: Registry[Callable[..., object]] = Registry(
    "extractor",
    "extractors",
    "extractor={name} is no feature extractor.",
    {
        "digits": "genkit.metrics.extractors:digits",
        "random": "genkit.metrics.extractors:random",
        "inception": "genkit.metrics.inception:inception",
    },
)
ENTRY_POINTS = "genkit.metrics"
# In the order of an evaluation's rows.
BUILT_IN = {m.name: m for m in (*OF_LIKELIHOOD, *OF_IMAGES, *OF_TEXTS, *OF_MEMORISATION, *OF_COST)}
GROUPS = tuple(dict.fromkeys(metric.group for metric in BUILT_IN.values()))
BY_FEATURES = sorted((m.name for m in BUILT_IN.values() if m.by_extractor), key=len, reverse=True)
# What a medium offers a metric, by what it says that it offers; of a run there is all of `OF_A_RUN`, too.
OFFERED: Mapping[str, frozenset[str]] = {
    "texts": frozenset({"texts", "source"}),
    "arrays": frozenset({"arrays", "projections", "keys"}),
    "features": frozenset({"features"}),
    "probabilities": frozenset({"probabilities"}),
}
OF_A_RUN = frozenset({"likelihoods", "costs", "train"})


def kind_of(metric: str) -> str:
    """The kind of a metric: `fid` of `fid_digits`; other metrics are their own."""
    if metric in BUILT_IN:  # `fid_infinity` is of no network called infinity
        return metric
    return next((kind for kind in BY_FEATURES if metric.startswith(f"{kind}_")), metric)


def answers(metric: str, asked: str) -> bool:
    """Whether a metric is what a name asks for: its own, or that of its kind."""
    return asked in (metric, kind_of(metric))


def offers(medium: Medium) -> frozenset[str]:
    """What a run on data of a medium offers metrics, of the names of `genkit.metrics.declaration.NEEDS`."""
    return OF_A_RUN.union(*(OFFERED.get(name, frozenset({name})) for name in medium.offers))


@dataclass(frozen=True)
class Catalogue:
    """Metrics by name, in the order of an evaluation's rows.

    Attributes:
        own: those of a caller, beside the ones that are built in or installed.
    """

    own: Mapping[str, Metric] = field(default_factory=dict)

    @cached_property
    def points(self) -> Mapping[str, EntryPoint]:
        """The entry points of other distributions, by name; nothing is imported yet.

        Raises:
            ConfigError: two offer one name.
        """
        found: dict[str, EntryPoint] = {}
        for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
            other = found.setdefault(point.name, point)
            if other.value != point.value:
                raise ConfigError(
                    f"metric {point.name} is offered by {_distribution(other)} and by {_distribution(point)}:"
                    " uninstall one of them."
                )
        return found

    @cached_property
    def metrics(self) -> Mapping[str, Metric]:
        """All that there are.

        Raises:
            ConfigError: what a distribution offers is no metric; the distribution is named.
        """
        return {**BUILT_IN, **{name: self.load(name) for name in self.points}, **self.own}

    def load(self, name: str) -> Metric:
        """The metric of a distribution.

        Raises:
            ConfigError: it cannot be imported, or is none; the distribution is named.
        """
        point = self.points[name]
        source = _distribution(point)
        try:
            offered = point.load()
        except Exception as error:  # whatever somebody else's module raises
            raise ConfigError(
                f"metric {name} of {source} is declared as {point.value}, but that cannot be imported:"
                f" {type(error).__name__}: {error}"
            ) from error
        metric = declared(offered, source, name)
        if metric.name != name:
            raise ConfigError(f"metric {name} of {source} calls itself {metric.name}: use one name.")
        _check_new(metric, ())
        return metric

    def find(self, metric: str) -> Metric | None:
        """The declaration of a metric, by its name or that of its kind; None where there is none.

        Of others' metrics it imports that one alone.

        Raises:
            ConfigError: as `load`.
        """
        kind = kind_of(metric)
        if found := BUILT_IN.get(kind) or self.own.get(kind):
            return found
        return self.load(kind) if kind in self.points else None

    def read(self, metric: str) -> Metric | None:
        """`find`, for a row: one whose distribution is broken by now can still be read."""
        try:
            return self.find(metric)
        except ConfigError:
            return None

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """Of all metrics."""
        return tuple(dict.fromkeys((*GROUPS, *(metric.group for metric in self.metrics.values()))))

    def known(self) -> list[str]:
        """Every group and every metric, those of features under each extractor's name, too."""
        by_name = [named(kind, extractor) for kind in BY_FEATURES for extractor in EXTRACTORS.names()]
        return [*dict.fromkeys((*self.groups, *self.metrics, *by_name))]

    # ------------------------------------------------------------------ for some data

    def fitting(self, offered: frozenset[str]) -> list[Metric]:
        """The metrics that data have which offer so much; see `offers`."""
        return [metric for metric in self.metrics.values() if offered.issuperset(metric.needs)]

    def chosen(self, asked: Sequence[str] | None, medium: Medium) -> list[Metric]:
        """The metrics that are asked for, by their names or their groups; None: those of the medium.

        A group may have a metric of its own name; the name means the group.

        Raises:
            ConfigError: no such group or metric, or one that such data do not have.
        """
        fitting = {metric.name: metric for metric in self.fitting(offers(medium))}
        found: set[str] = set()
        for name in medium.groups if asked is None else asked:
            if name not in self.known():
                raise ConfigError(
                    f"metrics={name} is no metric and no group of them.{nearest(name, self.known())}"
                )
            whole = name in self.groups
            kind = name if whole else kind_of(name)
            own = [m.name for m in fitting.values() if kind == (m.group if whole else m.name)]
            if not own and asked is not None:
                groups = [group for group in self.groups if group in {m.group for m in fitting.values()}]
                raise ConfigError(f"metrics={name}: the run draws {medium.many}; it has {_and(groups)}.")
            found.update(own)
        return [metric for metric in fitting.values() if metric.name in found]

    def check_own(self, asked: Sequence[str] | None, medium: Medium, run: str) -> None:
        """See that pictures of the user's own can judge what is asked for.

        Raises:
            ConfigError: they cannot.
        """
        if "features" not in medium.offers:
            raise ConfigError(
                f"real= beside run= is a folder of pictures, and {run} draws {medium.many}: write samples out"
                " by genkit sample, and compare the files by real=FILE fake=FILE."
            )
        for name in asked or ():
            of = self.chosen([name], medium)
            if any(set(metric.needs) & OF_A_RUN for metric in of) and name not in COPIES:
                raise ConfigError(
                    f"metrics={name} is of the run's own data, and real= judges by images,"
                    f" {_and(COPIES)}: leave one of the two out."
                )

    def listed(self) -> list[tuple[str, str, str, str]]:
        """Of each metric its name, unit, better direction and what it is, for `genkit evaluate --help`."""
        arrows = {"lower": "↓", "higher": "↑"}
        return [(m.name, m.unit, arrows.get(m.direction, ""), m.help) for m in self.metrics.values()]


COPIES = ("exact_copies", "duplicates")  # that pictures outside the run's data can tell, too


def catalogue(own: Iterable[object] = ()) -> Catalogue:
    """All metrics that there are here, and those of a caller.

    Args:
        own: instances of `Metric`, or objects or classes with its attributes.

    Raises:
        ConfigError: one is no metric, or has the name of another.
    """
    found: dict[str, Metric] = {}
    for offered in own:
        metric = declared(offered, "")
        _check_new(metric, found)
        found[metric.name] = metric
    return Catalogue(found)


def read(metric: str) -> Metric | None:
    """The declaration of a metric in a row; None where nobody here knows it."""
    return BUILT_IN.get(kind_of(metric)) or catalogue().read(metric)


def group_of(metric: str) -> str | None:
    """The group that has a metric; None where nobody here knows it."""
    found = read(metric)
    return found.group if found else None


def _check_new(metric: Metric, others: Container[str]) -> None:
    """See that a metric has a name of its own.

    Raises:
        ConfigError: it is that of another metric, or of a group.
    """
    if metric.by_extractor:
        raise ConfigError(f"{metric.said}: by_extractor is of those that are built in; leave it out.")
    if metric.name in BUILT_IN or metric.name in GROUPS or metric.name in others:
        raise ConfigError(f"{metric.said}: that name exists; choose another.")
    if (kind := kind_of(metric.name)) != metric.name:
        raise ConfigError(f"{metric.said}: that is {kind} of the features of {metric.name[len(kind) + 1 :]}.")


def _distribution(point: EntryPoint) -> str:
    """Whose an entry point is."""
    return point.dist.name if point.dist else point.value.partition(":")[0]


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
