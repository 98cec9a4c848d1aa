"""A study: arms × seeds under one budget, each member a process of its own, resumable at any point."""

from genkit.study.declaring import Declaration, read_declaration
from genkit.study.folder import Plan
from genkit.study.member import run_member
from genkit.study.planning import open_study
from genkit.study.running import run_missing

__all__ = ["Declaration", "Plan", "open_study", "read_declaration", "run_member", "run_missing"]
