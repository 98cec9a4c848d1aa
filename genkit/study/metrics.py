"""What can decide a study: the names of metrics, so that a wrong one is refused before anything trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from genkit.core.errors import ConfigError, nearest
from genkit.rows import GROUPS

# By group.  Those that have a better direction come first; the others (`UNDIRECTED`) decide nothing.
NAMES: Mapping[str, Sequence[str]] = {
    "likelihood": ("nll", "bits_per_dimension", "bits_per_byte", "perplexity"),
    "images": (
        *("kid", "fid", "fid_infinity", "inception_score", "precision", "recall", "density", "coverage"),
        *("sliced_wasserstein", "diversity"),
    ),
    "texts": (
        *("mauve", "distinct_1", "distinct_2", "distinct_3", "distinct_4", "self_bleu", "repeated_4grams"),
        *("loops", "vocabulary_overlap", "length_words", "length_characters"),
    ),
    "memorisation": (
        *("exact_copies", "memorised_share", "memorisation", "nearest_train"),
        *("copied_span", "copied_span_excess", "copied_span_above", "copied_whole"),
        *("novel_1grams", "novel_2grams", "novel_4grams", "copied_8grams"),
    ),
    "cost": (
        *("parameters", "training_flops", "training_seconds", "training_memory", "samples_per_second"),
        *("training_steps", "training_examples"),
    ),
}
UNDIRECTED = (
    *("diversity", "length_words", "length_characters", "nearest_train", "training_steps"),
    *("training_examples", "novel_1grams", "novel_2grams", "novel_4grams", "copied_8grams"),
)
OF_IMAGES = ("bits_per_dimension", *NAMES["images"], *NAMES["memorisation"][:4])
OF_TEXTS = ("bits_per_byte", "perplexity", *NAMES["texts"], *NAMES["memorisation"][4:])


def group_of(metric: str) -> str | None:
    """The group of an evaluation that has a metric; None where no group has."""
    return next((group for group in GROUPS if metric in NAMES[group]), None)


def check_primary(metric: str, measured: Sequence[str] | None, is_text: bool | None = None) -> None:
    """See that a metric can decide a study.

    Args:
        measured: the groups that the study measures; None: all.
        is_text: of the data, where that is known.

    Raises:
        ConfigError: no evaluation has it, it has no better direction, this study does not measure it, or
            such data has none.
    """
    known = [name for names in NAMES.values() for name in names if name not in UNDIRECTED]
    if metric not in known:
        why = "has no better direction" if metric in UNDIRECTED else "is no metric"
        raise ConfigError(f"primary={metric} {why} of an evaluation.{nearest(metric, known)}")
    group = group_of(metric)
    if measured and group not in measured:
        raise ConfigError(
            f"primary={metric} is of {group}, and evaluate: metrics measures {', '.join(measured)}"
            f" alone; add {group}."
        )
    if is_text is not None and metric in (OF_IMAGES if is_text else OF_TEXTS):
        wrong, right = ("images", "texts") if is_text else ("texts", "images")
        fitting = [name for name in known if name not in (OF_IMAGES if is_text else OF_TEXTS)]
        raise ConfigError(f"primary={metric} is of {wrong}, and the data are {right}.{_of(fitting)}")


def _of(names: Sequence[str]) -> str:
    return f" Known: {', '.join(names[:8])}, …"
