"""`genkit.train`: the training of the command line, on files or on what the caller has in hand."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from genkit import config
from genkit.cli.train import join, training_config
from genkit.data import objects
from genkit.library.own_family import beside, check_alone, holding
from genkit.system.errors import ConfigError
from genkit.system.launchers import settled

if TYPE_CHECKING:
    from pytorch_lightning.callbacks import Callback

    from genkit.core.module import GenerativeModule


def train(
    overrides: Sequence[str] = (),
    *,
    data: object = None,
    family: type[GenerativeModule] | None = None,
    callbacks: Sequence[Callback] | None = None,
) -> dict[str, object]:
    """Train as `genkit train` does and return the run's record, with its folder as `run`.

    Args:
        overrides: the words of the command line, such as `["model=vae", "budget.epochs=3"]`.
        data: what to train on, in place of `data=`: images as an array or a tensor (N, H, W), (N, H, W, C) or
            (N, C, H, W) of any type, see `data.range`; a list of Pillow's pictures; a list of texts, or one
            text; a dataset of torch's map style, or a list, of images; or (images, labels).  Words such as
            `data.size=32` hold for it as for files.  A run that goes on is given the same.
        family: a class of one's own, in place of `model=`; what its `__init__` takes after the spec are its
            knobs (`model.width=32`), and it reads what it derives from: `GenerativeModule[ArraySpec]` or
            `[TokenSpec]`.  Its name is written down, its code is not: loading the run needs the class again.
        callbacks: further Lightning callbacks.

    Raises:
        genkit.system.errors.GenkitError: whatever the command line would refuse.
    """
    if isinstance(overrides, str) or not (
        isinstance(overrides, Sequence) and all(isinstance(word, str) for word in overrides)
    ):
        raise ConfigError(
            f"genkit.train takes a list of words, such as ['model=vae'], and not {overrides!r}."
        )
    from genkit.system.process import restored

    words = list(overrides)
    with restored(), settled(), ExitStack() as stack:  # (to import Lightning draws numbers and adds filters)
        given = None
        if family is not None:
            stack.enter_context(holding(family))
            words = words if any(word.startswith("resume=") for word in words) else beside(words, family)
        if data is not None:
            given = stack.enter_context(objects.given(data, config.paths(words)["cache_dir"]))
        if (joined := join(words, given)) is not None:  # one of several processes, and not the first
            return joined
        cfg = training_config(words, given)
        if family is not None:
            check_alone(cfg.trainer, family)
        from genkit.training.launch import launch

        return launch(cfg, callbacks=list(callbacks or ()))
