"""Metrics by name: those built in, and those that other distributions or callers offer.  No torch here.

A metric is one declaration, a `Metric`, and all else asks the catalogue: which metrics there are, which fit
the data, which can decide a study.  A distribution adds one by

    [project.entry-points."genkit.metrics"]
    reach = "my_package.reach:REACH"

where `REACH` is a `genkit.metrics.declaration.Metric` of that name, or a class of its attributes.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from genkit.core.identity import named
from genkit.core.media.medium import Medium
from genkit.core.registry import Registry
from genkit.metrics.declaration import Metric, declared
from genkit.metrics.of_answers import OF_ANSWERS
from genkit.metrics.of_predictions import OF_PREDICTIONS
from genkit.metrics.of_restyling import OF_RESTYLING
from genkit.metrics.of_runs import OF_COST, OF_LIKELIHOOD
from genkit.metrics.of_samples import OF_IMAGES, OF_MEMORISATION, OF_TEXTS
from genkit.metrics.of_sounds import OF_CLASSES, OF_SOUNDS
from genkit.metrics.of_verse import OF_VERSE
from genkit.metrics.of_videos import OF_FRAMES, OF_PROCESS
from genkit.system.errors import ConfigError, nearest

EXTRACTORS: Registry[object] = Registry(
    "extractor",
    "extractors",
    "extractor={name} is no feature extractor.",
    {
        "digits": "genkit.metrics.bundled:digits",
        "photos": "genkit.metrics.bundled:photos",
        "random": "genkit.metrics.extractors:random",
        "inception": "genkit.metrics.inception:INCEPTION",
        "dinov2": "genkit.metrics.dinov2:DINOV2",
        "spoken_digits": "genkit.metrics.bundled:spoken_digits",
        "random_ear": "genkit.metrics.extractors:random_ear",
        "moving_digits": "genkit.metrics.bundled:moving_digits",
        "random_clip": "genkit.metrics.extractors:random_clip",
    },
)
# The papers of networks that others have trained, by the extractor.
OF_EXTRACTORS: Mapping[str, tuple[str, ...]] = {
    "inception": ("szegedy2016rethinking",),
    "dinov2": ("oquab2024dinov", "stein2023exposing"),
}
OTHERS: Registry[object] = Registry("metric", "metrics", "metrics={name} is no metric.", {})
# In the order of an evaluation's rows.
OF_LOOKS = (*OF_IMAGES, *OF_CLASSES, *OF_SOUNDS, *OF_FRAMES, *OF_PROCESS)
OF_WORDS = (*OF_VERSE, *OF_TEXTS)
OF_TASKS = (*OF_PREDICTIONS, *OF_ANSWERS)
OF_DATA = (*OF_LIKELIHOOD, *OF_TASKS, *OF_LOOKS, *OF_WORDS, *OF_MEMORISATION, *OF_RESTYLING)
BUILT_IN = {m.name: m for m in (*OF_DATA, *OF_COST)}
GROUPS = tuple(dict.fromkeys(metric.group for metric in BUILT_IN.values()))
BY_FEATURES = sorted((m.name for m in BUILT_IN.values() if m.by_extractor), key=len, reverse=True)
# What a medium offers a metric, by what it says that it offers; of a run there is all of `OF_A_RUN`, too.
OFFERED: Mapping[str, frozenset[str]] = {
    "texts": frozenset({"texts", "source", "verse"}),
    "arrays": frozenset({"arrays", "projections", "keys"}),
    "features": frozenset({"features"}),
    "probabilities": frozenset({"probabilities", "asked"}),
    "waveforms": frozenset({"waveforms", "pitches", "speech"}),
    "clips": frozenset({"clips", "process"}),
}
OF_A_RUN = frozenset({"likelihoods", "predictions", "answers", "restylings", "costs", "train"})


def check_asked(extractor: str | None, weights: str | None) -> None:
    """See that a file of weights is of an extractor that is named.

    Raises:
        ConfigError: it is of none.
    """
    if extractor is None and weights is not None:
        raise ConfigError(
            f"extractor.weights={weights} is of no extractor: name extractor=inception or dinov2."
        )


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
    def metrics(self) -> Mapping[str, Metric]:
        """All that there are.

        Raises:
            ConfigError: what a distribution offers is no metric; the distribution is named.
        """
        return {**BUILT_IN, **{name: self.load(name) for name in OTHERS.names()}, **self.own}

    def load(self, name: str) -> Metric:
        """The metric of a distribution.

        Raises:
            ConfigError: it cannot be imported, or is none; the distribution is named.
        """
        metric = declared(OTHERS.load(name), OTHERS.owner(name), name)
        if metric.name != name:
            raise OTHERS.refusal(name, f"calls itself {metric.name}: use one name")
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
        return self.load(kind) if kind in OTHERS.names() else None

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
        return [*dict.fromkeys((*self.groups, *self.metrics, *_by_features()))]

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
        wanted = medium.groups if asked is None else asked
        whole = any(name in GROUPS or not self._single(name) for name in wanted)
        # (Who names single metrics waits for no import of others', and for no broken one.)
        named_ = [m for m in map(self.find, () if whole else wanted) if m is not None]
        beside = [BUILT_IN[name] for m in named_ for name in m.beside]
        pool = self.metrics if whole else {m.name: m for m in (*named_, *beside)}
        fitting = [m for m in pool.values() if offers(medium).issuperset(m.needs)]
        found: set[str] = set()
        for name in wanted:
            group = name in GROUPS or (not self._single(name) and name in self.groups)
            if not group and not self._single(name):
                near = nearest(name, self.known())
                raise ConfigError(f"metrics={name} is no metric and no group of them.{near}")
            kind = name if group else kind_of(name)
            own = [m.name for m in fitting if kind == (m.group if group else m.name)]
            if not own and asked is not None:
                there = {m.group for m in self.fitting(offers(medium))}
                has = all_of([group for group in self.groups if group in there])
                raise ConfigError(f"metrics={name}: the run draws {medium.many}; it has {has}.")
            found.update(own, *(m.beside for m in fitting if m.name in own))
        order = [*BUILT_IN, *pool]
        return sorted((m for m in fitting if m.name in found), key=lambda metric: order.index(metric.name))

    def _single(self, name: str) -> bool:
        """Whether a name is that of a metric."""
        known = name in BUILT_IN or name in self.own or name in OTHERS.names()
        return known or name in _by_features()

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
        if "waveforms" not in medium.offers and len(medium.axes) != 2:
            raise ConfigError(
                f"real= beside run= is a folder of pictures or of sounds, and {run} draws {medium.many}:"
                " leave real= out, and they are judged by the run's own data."
            )
        for name in asked or ():
            of = self.chosen([name], medium)
            if any(set(metric.needs) & OF_A_RUN for metric in of) and name not in COPIES:
                raise ConfigError(
                    f"metrics={name} is of the run's own data, and real= judges by images,"
                    f" {all_of(COPIES)}: leave one of the two out."
                )

    def listed(self) -> list[tuple[str, str, str, str]]:
        """Of each metric its name, unit, better direction and what it is, for `genkit evaluate --help`; of
        one that is not sound, what is wrong with it."""
        return [self._line(name) for name in (*BUILT_IN, *OTHERS.names(), *self.own)]

    def _line(self, name: str) -> tuple[str, str, str, str]:
        try:
            metric = BUILT_IN.get(name) or self.own.get(name) or self.load(name)
        except ConfigError as error:
            return name, "", "", str(error)
        return metric.name, metric.unit, ARROWS[metric.direction], metric.help


ARROWS = {"lower": "↓", "higher": "↑", "none": ""}
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


def _by_features() -> list[str]:
    """The kinds of metrics whose names say whose features they are of, under each extractor's name."""
    return [named(kind, extractor) for kind in BY_FEATURES for extractor in EXTRACTORS.names()]


def known() -> list[str]:
    """As `Catalogue.known`, for help and completion: one that is not sound does them no harm."""
    others, whole = OTHERS.names(), catalogue()
    groups = [found.group for found in map(whole.read, others) if found is not None]
    return [*dict.fromkeys((*GROUPS, *groups, *BUILT_IN, *others, *_by_features()))]


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


def all_of(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
