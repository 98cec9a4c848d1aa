"""`genkit export`: a run as a folder that other libraries load."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from genkit import config, runs
from genkit.cli.outputs import check_writable
from genkit.system import storage
from genkit.system.errors import ConfigError, nearest
from genkit.system.terminal import say

WORDS = {"format": "hf", "checkpoint": "last", "weights": "ema"}
VALUES = {"format": "hf", "checkpoint": r"last|best|step-\d+", "weights": "ema|raw"}


def export(words: list[str]) -> int:
    given = _read(words)
    if "run" not in given or not given.get("out"):
        raise ConfigError("export needs run=RUN and out=FOLDER.")
    folder = runs.find(given["run"], config.paths(words)["runs_dir"])
    config.load_frozen(folder / runs.CONFIG)
    out = Path(given["out"]).expanduser()
    storage.check_new(out)
    check_writable(out.parent)
    from genkit.inference.models import load
    from genkit.interop.gpt2 import write

    module = load(folder, given["checkpoint"])
    with module.weights(given["weights"]):
        write(module, out)
    say(f"{folder.name} as a Hugging Face model: {out}")
    return 0


def _read(words: Sequence[str]) -> dict[str, str]:
    """Values by key.

    Raises:
        ConfigError: an unknown key, or a value that is none of those known.
    """
    texts, rest = config.split_free_text(words)
    given = {**WORDS, **{key: value for key, value in texts.items() if not key.startswith("paths.")}}
    given |= dict(map(config.key_and_value, rest))
    for key, value in given.items():
        if key not in ("run", "out", *WORDS):
            raise ConfigError(f"export takes no {key}=.{nearest(key, ['run', 'out', *WORDS])}")
        if key in VALUES and not re.fullmatch(VALUES[key], value):
            raise ConfigError(f"{key}={value} is none of {VALUES[key].replace('|', ', ')}.")
    return given
