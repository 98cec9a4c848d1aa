"""`genkit.load` and `genkit.evaluate`: a run's model, and what it is worth."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.library.own_family import holding
from genkit.runs import Run
from genkit.system.errors import ConfigError
from genkit.system.terminal import say

if TYPE_CHECKING:
    from genkit.core.module import GenerativeModule
    from genkit.runs.row_tables import TabledRows


def load(
    run: str | Path,
    checkpoint: str = "last",
    *,
    digest: str | None = None,
    family: type[GenerativeModule] | None = None,
    runs_dir: str | Path | None = None,
    allow_nonfinite: bool = False,
) -> GenerativeModule:
    """The model of a run, in evaluation mode on the CPU; of a run that is not finished, that is said.

    Args:
        run: a run folder, or its name below `runs_dir`; or a run of the Hugging Face hub, "USER/NAME" or
            "USER/NAME@REVISION", which is fetched once, verified as `genkit verify` does it, and kept in the
            cache.  What is on this machine comes first; "hf:USER/NAME" is the hub's in any case.
        checkpoint: "last", "best" or "step-N".
        digest: SHA-256 that a run of the hub must have; None: it is said when the run is fetched.
        family: the class of a run that was trained by `genkit.train([…], family=CLASS)`.
        runs_dir: None: where the command line looks, GENKIT_RUNS_DIR or `runs`.
        allow_nonfinite: whether weights may be NaN or infinite.

    Raises:
        ConfigError: no such run, or a digest of one that is not the hub's.
        CheckpointError: the hub has no such run or cannot be reached, or what it has is not sound or has
            another digest; the run holds no such checkpoint, or one that is damaged; its family is a class
            that has to be given.
    """
    from genkit.system.process import restored

    with restored(), nullcontext() if family is None else holding(family):
        run = _at_hand(run, runs_dir, digest)
        from genkit.inference.models import folder_of
        from genkit.inference.models import load as loaded

        folder = folder_of(run, runs_dir)
        module = loaded(folder.absolute(), checkpoint, allow_nonfinite=allow_nonfinite)
        if unfinished := Run(folder).unfinished():
            say(f"note: {unfinished}", file=sys.stderr)
        return module


def _at_hand(run: str | Path, runs_dir: str | Path | None, digest: str | None) -> str | Path:
    """The run, fetched where it is one of the hub's."""
    if digest is None and os.sep not in str(run) and not str(run).startswith("hf:"):
        return run
    from genkit import config
    from genkit.runs import hub_runs

    paths = config.paths([])
    name = hub_runs.asked_for(run, paths["runs_dir"] if runs_dir is None else runs_dir)
    if name is None:
        if digest is not None:
            raise ConfigError(
                f"digest= is of a run on the hub, and {run} is one of this machine: leave it out."
            )
        return run
    folder, found, fresh = hub_runs.fetch(name, paths["cache_dir"], digest)
    if fresh and digest is None:
        say(f'note: {name} is verified; digest="{found}" would take it and nothing else.', file=sys.stderr)
    return folder


def evaluate(
    run: str | Path,
    checkpoint: str | Sequence[str] | None = None,
    *,
    metrics: Iterable[object] | None = None,
    data: object = None,
    family: type[GenerativeModule] | None = None,
    paths: Mapping[str, str] | None = None,
    out: str | Path | None = None,
    **settings: Any,
) -> TabledRows:
    """Measure a run and append the rows to its `evaluation.jsonl`.

    Args:
        run: a run folder, or its name below `paths["runs_dir"]`.
        checkpoint: "last", "best", "step-N" or several; None: best and last, where there are both.
        metrics: names of metrics or of groups of them, and metrics of your own, instances of `genkit.Metric`;
            None: those of the data's medium.
        data: what the run was trained on, where it was given as an object; None: it is found again.
        family: as for `genkit.load`.
        paths: the group `paths`; None: from the environment.
        out: another file for the rows, which it then holds alone.
        settings: of `genkit.evaluation.subject.Settings`: `n` samples, `split`, `extractor`, `seed`,
            `weights`, `device`, `batch_size`, `importance_samples`, `stride`, `featuriser`, `real`,
            `sampling`.

    Returns:
        A row for each number, with its interval, its unit, its protocol and where it was measured: a list
        that a notebook shows as the table of `genkit evaluate`; those of two runs, added, side by side.

    Raises:
        ConfigError: no such run, or a metric that this model and its data do not allow.
        CheckpointError: no such checkpoint, or one that is damaged.
        DataError: the data is another by now, or too little for any metric of a group; pictures of the
            user's own cannot be read, or are of another size.
    """
    from genkit.system.process import restored

    with restored(), nullcontext() if family is None else holding(family):
        from genkit.evaluation import evaluate as measured
        from genkit.runs.row_tables import TabledRows

        return TabledRows(
            measured(run, checkpoint, metrics=metrics, data=data, paths=paths, out=out, **settings)
        )
