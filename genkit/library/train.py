"""`genkit.train`: the training of the command line, on files or on what the caller has in hand."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from genkit import config
from genkit.cli.train import join, training_config
from genkit.data import objects
from genkit.system.launchers import settled

if TYPE_CHECKING:
    from pytorch_lightning.callbacks import Callback


def train(
    overrides: Sequence[str] = (), *, data: object = None, callbacks: Sequence[Callback] | None = None
) -> dict[str, Any]:
    """Train as `genkit train` does and return the run's record, with its folder as `run`.

    Args:
        overrides: the words of the command line, such as `["model=vae", "budget.epochs=3"]`.
        data: what to train on, in place of `data=`: images as an array or a tensor (N, H, W), (N, H, W, C) or
            (N, C, H, W) of any type, see `data.range`; a list of Pillow's pictures; a list of texts, or one
            text; a dataset of torch's map style, or a list, of images; or (images, labels).  Words such as
            `data.size=32` hold for it as for files.  A run that goes on is given the same.
        callbacks: further Lightning callbacks.

    Raises:
        genkit.system.errors.GenkitError: whatever the command line would refuse.
    """
    words = list(overrides)
    with settled(), ExitStack() as stack:
        given = None
        if data is not None:
            given = stack.enter_context(objects.given(data, config.paths(words)["cache_dir"]))
        if (joined := join(words, given)) is not None:  # one of several processes, and not the first
            return joined
        from genkit.training.launch import launch

        return launch(training_config(words, given), callbacks=list(callbacks or ()))
