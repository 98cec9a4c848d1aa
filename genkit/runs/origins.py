"""Where a run comes from: versions, hardware, command and git revision."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from genkit.runs.record import Git, Provenance


def provenance() -> Provenance:
    """Versions, hardware, command and git revision."""
    return Provenance(
        command=(Path(sys.argv[0]).name, *sys.argv[1:]),
        python=platform.python_version(),
        versions=versions(),
        hardware={"machine": platform.machine(), "system": platform.system(), "cores": os.cpu_count()},
        git=_git_revision(),
    )


def versions() -> dict[str, str]:
    """Of the packages whose version may decide a number."""
    packages = ("torch", "torchvision", "pytorch-lightning", "tokenizers", "hydra-core", "numpy")
    from genkit import __version__

    return {"genkit": __version__, **{name: version(name) for name in packages}}


def _git_revision() -> Git | None:
    """Revision of the working folder, and whether it has changes; None outside a checkout."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], capture_output=True, text=True, check=True, timeout=5).stdout

    try:
        return Git(git("rev-parse", "HEAD").strip(), bool(git("status", "--porcelain", "-uno")))
    except (OSError, subprocess.SubprocessError):
        return None
