"""`genkit score`, declared."""

from __future__ import annotations

from pathlib import Path

from genkit.cli.command import Command, word
from genkit.cli.shared import DATA_PATH, OfModel, Split, at_once


class ScoreSettings(OfModel):
    text: tuple[str, ...] = word((), "texts, whose every token is scored")
    file: str | None = word(None, "a text file, whose every token is scored", kind="file")
    split: Split | None = word(None, "of the run's own data, for any family with a likelihood")
    stride: int | None = word(
        None, "tokens that a window scores, up to the context (default: half of it)", low=1
    )
    importance_samples: int = word(
        1, "of a likelihood that is a bound: more of them make it tighter", low=1, high=100_000
    )
    batch_size: int = at_once(32, "windows or examples")
    data_path: str | None = DATA_PATH
    out: Path | None = word(
        None,
        "an object each: nats, perplexity, bits, of a text every token's log-probability",
        kind="output",
        shown="FILE.jsonl",
    )


COMMAND = Command(
    "how likely given data is",
    ScoreSettings,
    "genkit.cli.score:score",
    usage="run=RUN text=… | file=FILE | split=NAME",
)
