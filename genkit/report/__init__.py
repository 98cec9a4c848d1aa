"""The report: from files of runs to one page, tables and figures.  Nothing here imports torch."""

from genkit.report.page import report
from genkit.report.sources import is_study

__all__ = ["is_study", "report"]
