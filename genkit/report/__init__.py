"""The report: from files of runs to one page, tables and figures.  Nothing here imports torch."""

from genkit.report.factorial_page import factorial_report
from genkit.report.factorials import is_factorial
from genkit.report.page import report
from genkit.report.sources import is_study

__all__ = ["factorial_report", "is_factorial", "is_study", "report"]
