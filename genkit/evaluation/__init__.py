"""evaluate: from a run, or two sets of files, to rows: a measured number each, with its protocol."""

from genkit.evaluation.measuring import evaluate
from genkit.evaluation.sets import evaluate_files

__all__ = ["evaluate", "evaluate_files"]
