"""evaluate: from a run, or two sets of files, to rows: a measured number each, with its protocol."""

from genkit.evaluation.folders import evaluate_files
from genkit.evaluation.measuring import evaluate

__all__ = ["evaluate", "evaluate_files"]
