"""What can decide a study, so that a wrong metric is refused before anything trains."""

from __future__ import annotations

from collections.abc import Sequence

from genkit.core.identity import answers, kind_of
from genkit.metrics import catalogue
from genkit.metrics.catalogue import GROUPS, OF_IMAGES, OF_TEXTS, UNDIRECTED, group_of
from genkit.system.errors import ConfigError, nearest


def check_primary(metric: str, measured: Sequence[str] | None, is_text: bool | None = None) -> None:
    """See that a metric can decide a study.

    Args:
        measured: the groups that the study measures; None: all.
        is_text: of the data, where that is known.

    Raises:
        ConfigError: no evaluation has it, it has no better direction, this study does not measure it, or
            such data has none.
    """
    known = [name for name in catalogue.known() if name not in GROUPS and kind_of(name) not in UNDIRECTED]
    if metric not in known:
        why = "has no better direction" if metric in UNDIRECTED else "is no metric"
        raise ConfigError(f"primary={metric} {why} of an evaluation.{nearest(metric, known)}")
    group = group_of(metric)
    if measured and group not in measured and not any(answers(metric, name) for name in measured):
        raise ConfigError(
            f"primary={metric} is of {group}, and evaluate: metrics measures {', '.join(measured)}"
            f" alone; add {group}."
        )
    if is_text is not None and kind_of(metric) in (OF_IMAGES if is_text else OF_TEXTS):
        wrong, right = ("images", "texts") if is_text else ("texts", "images")
        fitting = [name for name in known if kind_of(name) not in (OF_IMAGES if is_text else OF_TEXTS)]
        raise ConfigError(f"primary={metric} is of {wrong}, and the data are {right}.{_of(fitting)}")


def _of(names: Sequence[str]) -> str:
    return f" Known: {', '.join(names[:8])}, …"
