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
    from genkit.core.samples import Samples
    from genkit.evaluation import evaluate
    from genkit.inference.models import load
    from genkit.system import errors


def train(overrides: Sequence[str] = (), **kwargs: Any) -> dict[str, Any]:
    """Train as `genkit train` does and return the run's record, with its folder as `run`.

    Args:
        overrides: the words of the command line, such as `["model=vae", "budget.epochs=3"]`.
        kwargs: `callbacks`, further Lightning callbacks.

    Raises:
        genkit.system.errors.GenkitError: whatever the command line would refuse.
    """
    from genkit.cli.train import join, training_config
    from genkit.system.launchers import settled

    with settled():
        if (joined := join(list(overrides))) is not None:  # one of several processes, and not the first
            return joined
        from genkit.training.launch import launch

        return launch(training_config(list(overrides)), **kwargs)


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
