"""`genkit sample`, declared."""

from __future__ import annotations

from pathlib import Path

from genkit.cli.command import Command, word
from genkit.cli.shared import MOST_SAMPLES, SEED, OfModel, at_once


class SampleSettings(OfModel):
    n: int = word(16, "samples of each prompt", low=0, high=MOST_SAMPLES)
    seed: int = SEED
    out: Path | None = word(
        None,
        ".png or .npz for images, .wav, .png or .npz for sounds, .gif, .webp, .mp4, .webm, .png or .npz for"
        " videos, .txt, .jsonl or .npz for texts; a folder gets a file each",
        kind="output",
        shown="FILE | FOLDER",
    )
    prompt: tuple[str, ...] = word(
        (), "texts to continue, or captions of what to draw, n samples of each; prompt=- reads stdin"
    )
    prompt_file: str | None = word(None, "such texts, one a line", kind="file")
    stream: bool = word(
        False, "one sample token by token: a text is printed, a sound written as WAV to standard output"
    )
    batch_size: int | None = at_once(None, "samples drawn")
    allow_nonfinite: bool = word(False, "draw also from weights that are not finite")
    options: tuple[str, ...] = word((), "the options of the run's family: genkit families", below=("",))


COMMAND = Command(
    "draw from a run",
    SampleSettings,
    "genkit.cli.sample:sample",
    usage="run=RUN [n=16] [seed=0] [out=FILE] [prompt=…]",
)
