"""`genkit evaluate`, declared."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from genkit.cli.command import Command, word
from genkit.cli.shared import DATA_PATH, DEVICE, MOST_SAMPLES, SEED, WEIGHTS, Placed, Split, Weights, at_once


class EvaluateSettings(Placed):
    runs: tuple[str, ...] = word(
        (), "a run, or several, whose numbers are then set side by side", name="run", kind="run"
    )
    real: str | None = word(
        None,
        "beside run=: your own pictures of their size, or sounds, in the place of the run's data; beside"
        " fake=: pictures or sounds that genkit need not have made, or a .txt or .jsonl file of texts",
        kind="path",
        shown="FOLDER",
    )
    fake: str | None = word(None, "what is compared with real=, without a run", kind="path", shown="FOLDER")
    checkpoint: tuple[str, ...] = word(
        (), "which of a run's checkpoints (default: best and last)", kind="checkpoint", commas=True
    )
    n: int | None = word(
        None, "samples (default: 1,000 images, 500 texts or sounds)", low=1, high=MOST_SAMPLES
    )
    seed: int = SEED
    split: Split = word("test", "of the run's data: what samples are compared with")
    metrics: tuple[str, ...] = word(
        (),
        "of the table below, or groups of them such as images or likelihood (default: all that fit)",
        kind="name",
        commas=True,
        shown="METRIC,…",
        values="genkit.metrics.catalogue:known",
    )
    extractor: str | None = word(
        None,
        "of the features of images or sounds (default: what fits)",
        kind="name",
        values="genkit.metrics.catalogue:EXTRACTORS.names",
    )
    extractor_weights: str | None = word(
        None,
        "the file of the weights of extractor=inception or dinov2",
        name="extractor.weights",
        kind="path",
        shown="FILE",
    )
    featuriser: Literal["ngrams", "own"] = word("ngrams", "of texts, for MAUVE; own: the run's network")
    importance_samples: int = word(1, "of a likelihood that is a bound", low=1, high=100_000)
    stride: int | None = word(None, "tokens that a window scores, as in scoring", low=1)
    clips: int = word(100, "of video whose second half is predicted from the first", low=2, high=MOST_SAMPLES)
    draws: int = word(5, "predictions of each, of which the best and the mean are told", low=1, high=1_000)
    batch_size: int = at_once(64, "samples drawn")
    weights: Weights = WEIGHTS
    device: str = DEVICE
    data_path: str | None = DATA_PATH
    out: Path | None = word(
        None, "rows go there instead of the run's evaluation.jsonl", kind="output", shown="FILE.jsonl"
    )
    options: tuple[str, ...] = word(
        (),
        "the options of the family, such as pixels=drawn of a VAE: samples drawn with them are judged",
        below=("",),
    )


COMMAND = Command(
    "measure a run, or two folders, by every metric",
    EvaluateSettings,
    "genkit.cli.evaluate:evaluate",
    usage="run=RUN [real=DIR] | real=DIR fake=DIR",
    listed="genkit.cli.shared:metrics",
)
