"""What the mean of a metric can be at all, so that no interval says more."""

from __future__ import annotations

from collections.abc import Mapping

from genkit.core.identity import kind_of
from genkit.statistics import ANY, COUNT, POSITIVE, SHARE, Range

# Unbiased estimates (kid, fid_infinity), differences and densities may be negative; they are not listed.
RANGES: Mapping[Range, tuple[str, ...]] = {
    SHARE: (
        *("precision", "recall", "coverage", "mauve", "distinct_1", "distinct_2", "distinct_3", "distinct_4"),
        *("repeated_4grams", "loops", "vocabulary_overlap", "memorised_share", "memorisation"),
        *("copied_span_above", "copied_whole", "novel_1grams", "novel_2grams", "novel_4grams"),
        "copied_8grams",
    ),
    Range(0.0, 100.0): ("self_bleu",),
    POSITIVE: (
        *("fid", "inception_score", "density", "sliced_wasserstein", "diversity", "nearest_train"),
        *("perplexity", "bits_per_byte", "length_words", "length_characters", "copied_span"),
        *("training_flops", "training_seconds", "training_memory", "samples_per_second"),
    ),
    COUNT: ("parameters", "training_steps", "training_examples", "exact_copies", "duplicates"),
    ANY: ("fid_infinity", "kid", "nll", "bits_per_dimension", "copied_span_excess"),
}


def range_of(metric: str, unit: str = "1") -> Range:
    """Of a metric, by its name or that of its kind (`fid` of `fid_digits`); anything where it is unknown."""
    if (metric, unit) == ("nll", "nats/token"):  # tokens have probabilities; pictures may have densities
        return POSITIVE
    return next((within for within, names in RANGES.items() if kind_of(metric) in names), ANY)
