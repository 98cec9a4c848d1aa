"""What can decide a study, so that a wrong metric is refused before anything trains."""

from __future__ import annotations

from collections.abc import Sequence

from genkit.core import media
from genkit.core.media.medium import Medium
from genkit.metrics.catalogue import all_of, answers, catalogue, kind_of, offers
from genkit.metrics.declaration import Metric
from genkit.system.errors import ConfigError, nearest


def check_primary(metric: str, measured: Sequence[str] | None, medium: Medium | None = None) -> None:
    """See that a metric can decide a study.

    Args:
        measured: the groups and metrics that the study measures; None: those of the medium.
        medium: of the data, where that is known.

    Raises:
        ConfigError: no evaluation has it, it has no better direction, this study does not measure it, or
            such data has none.
    """
    there = catalogue()
    found = there.find(metric)
    names = [name for name in there.known() if name not in there.groups]
    known = [name for name in names if there.metrics[kind_of(name)].direction != "none"]
    if found is None or metric not in known:
        why = "has no better direction" if found and found.direction == "none" else "is no metric"
        raise ConfigError(f"primary={metric} {why} of an evaluation.{nearest(metric, known)}")
    if medium is not None and not offers(medium).issuperset(found.needs):
        fitting = {m.name for m in there.fitting(offers(medium))}
        hint = ", ".join([name for name in known if kind_of(name) in fitting][:8])
        raise ConfigError(
            f"primary={metric} is of {_whose(found)}, and the data are {medium.many}. Known: {hint}, …"
        )
    asked = measured or (medium.groups if medium else None)
    if asked and found.group not in asked and not any(answers(metric, name) for name in asked):
        raise ConfigError(
            f"primary={metric} is of {found.group}, and evaluate: metrics measures {', '.join(asked)}"
            f" alone; add {found.group}."
        )


def _whose(metric: Metric) -> str:
    """The media that have a metric, in words."""
    known = map(media.find, media.MEDIA.names())
    whose = [one.many for one in known if offers(one).issuperset(metric.needs)]
    return all_of(whose) if whose else "no data known here"
