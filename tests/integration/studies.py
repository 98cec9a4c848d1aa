"""Studies whose members are stand-ins, which train nothing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genkit.study import Plan, run_missing
from genkit.study.running import write_table

FAKE = (sys.executable, str(Path(__file__).with_name("fake_member.py")))


def run(plan: Plan, paths: Mapping[str, str], **more: Any) -> str:
    """Write the plan, run what is missing with stand-ins, and return the table."""
    if plan.new:
        plan.write()
    run_missing(plan, paths, program=FAKE, **more)
    return write_table(plan).read_text()
