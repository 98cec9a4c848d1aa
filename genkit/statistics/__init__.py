"""Statistics over training seeds: numbers in, numbers and words out.  Nothing here imports torch.

A *value* is what one training reached.  Values of one arm differ by the seed of the training; how far one
network's number is known (evaluation noise) is another matter, and is never mixed in here.
"""

from genkit.statistics.intervals import Summary, confidence_interval, interquartile_mean, summarise
from genkit.statistics.pairs import ALPHA, Comparison, compare, compare_all, holm, power_seeds, seeds_needed
from genkit.statistics.trends import Band, band, pareto_front
from genkit.statistics.verdicts import Verdict, pair_in_words, reach_in_words, verdict

__all__ = [
    "ALPHA",
    "Band",
    "Comparison",
    "Summary",
    "Verdict",
    "band",
    "compare",
    "compare_all",
    "confidence_interval",
    "holm",
    "interquartile_mean",
    "pair_in_words",
    "pareto_front",
    "power_seeds",
    "reach_in_words",
    "seeds_needed",
    "summarise",
    "verdict",
]
