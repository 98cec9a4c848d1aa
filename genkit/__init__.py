"""genkit: GPT, DCGAN and VAE behind one interface, trained by one trainer, drawn from by one API.

    import genkit

    record = genkit.train(["model=vae", "data=digits"])
    genkit.load(record["run"]).sample(16, seed=0).save("digits.png")

Names are imported when they are first used: `import genkit` itself takes no time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Samples", "errors", "evaluate", "load", "train"]

if TYPE_CHECKING:
    from pytorch_lightning.callbacks import Callback

    from genkit.core.samples import Samples
    from genkit.evaluation import evaluate
    from genkit.inference.models import load
    from genkit.system import errors


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
    from contextlib import ExitStack

    from genkit.cli.train import join, training_config
    from genkit.system.launchers import settled

    words = list(overrides)
    with settled(), ExitStack() as stack:
        given = None
        if data is not None:
            from genkit import config
            from genkit.data import objects

            given = stack.enter_context(objects.given(data, config.paths(words)["cache_dir"]))
        if (joined := join(words, given)) is not None:  # one of several processes, and not the first
            return joined
        from genkit.training.launch import launch

        return launch(training_config(words, given), callbacks=list(callbacks or ()))


def __getattr__(name: str) -> Any:
    if name == "load":
        from genkit.inference.models import load

        return load
    if name == "evaluate":
        from genkit.evaluation import evaluate

        return evaluate
    if name == "Samples":
        from genkit.core.samples import Samples

        return Samples
    if name == "errors":
        from genkit.system import errors

        return errors
    raise AttributeError(f"module 'genkit' has no attribute {name!r}")
