"""Tab completion: commands, runs, and the groups, options, keys and values of a training.

eval "$(genkit --shell-completion install=bash)"
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from genkit import config, runs
from genkit.cli import COMMANDS, SHELL_FLAGS
from genkit.cli.flags import run_hydra
from genkit.system.errors import ConfigError
from genkit.system.terminal import say

SAMPLE_WORDS = ("n=", "seed=", "out=", "checkpoint=", "weights=", "batch_size=", "device=", "prompt=")


def shell_completion(words: Sequence[str]) -> int:
    """`install=SHELL` prints what to evaluate; `query=SHELL` is what the shell asks, in COMP_LINE.

    Raises:
        ConfigError: neither is given.
    """
    asked = [word for word in words if word.startswith(("install=", "uninstall=", "query="))]
    if len(asked) != 1 or not re.fullmatch(r"\w+=(bash|zsh|fish)", asked[0]):
        raise ConfigError("--shell-completion takes install=bash, install=zsh or install=fish.")
    if not asked[0].startswith("query="):
        return run_hydra([SHELL_FLAGS[0], asked[0]])
    line = os.environ.get("COMP_LINE", "")
    typed = [*line.split(), ""] if line.endswith(" ") else line.split()
    if len(typed) < 3:
        say(" ".join(COMMANDS))
        return 0
    command, *rest = typed[1:]
    if command in COMMANDS and "run=RUN" in COMMANDS[command].usage:
        names = [f"run={record.name}" for record in runs.list_runs(config.paths(rest[:-1])["runs_dir"])]
        say(" ".join([*names, *(SAMPLE_WORDS if command == "sample" else ())]))
        return 0
    if command not in ("train", "data"):
        return 0
    say(" ".join(config.completions(rest[:-1], rest[-1])))
    return 0
