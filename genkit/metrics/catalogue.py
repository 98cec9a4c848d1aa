"""The names of what can be measured, in groups, and which of them fit which data.  No torch here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from genkit.core.identity import BY_FEATURES, answers, kind_of, named
from genkit.core.registry import Registry
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
# By group.  Those that have a better direction come first; the others are `UNDIRECTED`.
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
        *("exact_copies", "duplicates", "memorised_share", "memorisation", "nearest_train"),
        *("copied_span", "copied_span_excess", "copied_span_above", "copied_whole"),
        *("novel_1grams", "novel_2grams", "novel_4grams", "copied_8grams"),
    ),
    "cost": (
        *("parameters", "training_flops", "training_seconds", "training_memory", "samples_per_second"),
        *("training_steps", "training_examples"),
    ),
}
GROUPS = tuple(NAMES)
KNOWN = (*GROUPS, *(metric for names in NAMES.values() for metric in names))
UNDIRECTED = (
    *("diversity", "length_words", "length_characters", "nearest_train", "training_steps"),
    *(
        "memorised_share",
        "memorisation",
        "training_examples",
        "novel_1grams",
        "novel_2grams",
        "novel_4grams",
        "copied_8grams",
    ),
)
COPIES = ("exact_copies", "duplicates")  # that pictures outside the run's data can tell, too
OF_IMAGES = ("bits_per_dimension", *NAMES["images"], *NAMES["memorisation"][:5])
OF_TEXTS = ("bits_per_byte", "perplexity", *NAMES["texts"], *NAMES["memorisation"][5:])


def known() -> list[str]:
    """Every group and every metric, those of features under each extractor's name, too."""
    return [*KNOWN, *(named(kind, name) for kind in BY_FEATURES for name in EXTRACTORS.names())]


def group_of(metric: str) -> str | None:
    """The group that has a metric; None where no group has."""
    return next((group for group, names in NAMES.items() if kind_of(metric) in names), None)


def refusal(name: str, is_text: bool) -> str | None:
    """Why a group or a metric does not fit such data; None where it does.

    The group memorisation has a metric of its own name; the name means the group.
    """
    kind, other, others = ("texts", "images", OF_IMAGES) if is_text else ("images", "texts", OF_TEXTS)
    if name == other or (kind_of(name) in others and name not in GROUPS):
        return f"the run draws {kind}; it has likelihood, {kind}, memorisation and cost"
    return None


def groups(asked: Sequence[str] | None, is_text: bool) -> list[str]:
    """The groups that hold what is asked for, groups or single metrics; None: all that fit the data.

    Raises:
        ConfigError: no such group or metric, or one that does not fit the data.
    """
    if asked is None:
        return [group for group in GROUPS if not refusal(group, is_text)]
    found = set()
    for name in asked:
        group = name if name in GROUPS else group_of(name)
        if group is None or name not in known():
            raise ConfigError(f"metrics={name} is no metric and no group of them.{nearest(name, known())}")
        if reason := refusal(name, is_text):
            raise ConfigError(f"metrics={name}: {reason}.")
        found.add(group)
    return [group for group in GROUPS if group in found]


def wanted(metric: str, asked: Sequence[str] | None) -> bool:
    """Whether a metric is among what is asked for."""
    return asked is None or group_of(metric) in asked or any(answers(metric, name) for name in asked)


def check_own(asked: Sequence[str] | None, is_text: bool, run: str) -> None:
    """See that pictures of the user's own can judge what is asked for.

    Raises:
        ConfigError: they cannot.
    """
    if is_text:
        raise ConfigError(
            f"real= beside run= is a folder of pictures, and {run} draws texts: write samples out by genkit"
            " sample, and compare the files by real=FILE fake=FILE."
        )
    for name in asked or ():
        if groups([name], is_text) != ["images"] and name not in COPIES:
            raise ConfigError(
                f"metrics={name} is of the run's own data, and real= judges by images,"
                f" {' and '.join(COPIES)}: leave one of the two out."
            )
