"""Statistics over training seeds: numbers in, numbers and words out.  Nothing here imports torch.

A *value* is what one training reached.  Values of one arm differ by the seed of the training; how far one
network's number is known (evaluation noise) is another matter, and is never mixed in here.
"""

from genkit.statistics.comparisons import ALPHA, Arm, Comparison, compare, compare_all, goodness, holm
from genkit.statistics.familywise import compare_blocks, reach_of_blocks
from genkit.statistics.improvement import improvement_bootstrap
from genkit.statistics.intervals import (
    ANY,
    COUNT,
    POSITIVE,
    SHARE,
    Range,
    Summary,
    confidence_interval,
    interquartile_mean,
    summarise,
)
from genkit.statistics.phrases import at_most, listed, pair_in_words, reach_in_words
from genkit.statistics.power import power_seeds, seeds_needed
from genkit.statistics.ranks import Ranking, ranking
from genkit.statistics.searches import expected_best
from genkit.statistics.trends import Band, band, pareto_front, value_at
from genkit.statistics.verdicts import Verdict, verdict

__all__ = [
    "ALPHA",
    "ANY",
    "COUNT",
    "POSITIVE",
    "SHARE",
    "Arm",
    "Band",
    "Comparison",
    "Range",
    "Ranking",
    "Summary",
    "Verdict",
    "at_most",
    "band",
    "compare",
    "compare_all",
    "compare_blocks",
    "confidence_interval",
    "expected_best",
    "goodness",
    "holm",
    "improvement_bootstrap",
    "interquartile_mean",
    "listed",
    "pair_in_words",
    "pareto_front",
    "power_seeds",
    "ranking",
    "reach_in_words",
    "reach_of_blocks",
    "seeds_needed",
    "summarise",
    "value_at",
    "verdict",
]
