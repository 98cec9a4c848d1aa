"""genkit: GPT, DCGAN and VAE behind one interface, trained by one trainer, drawn from by one API.

    import genkit

    record = genkit.train(["model=vae", "data=digits"])
    genkit.load(record["run"]).sample(16, seed=0).save("digits.png")

Names are imported when they are first used: `import genkit` itself takes no time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Samples", "errors", "evaluate", "load", "train"]

if TYPE_CHECKING:
    from genkit.core.samples import Samples
    from genkit.evaluation import evaluate
    from genkit.inference.models import load
    from genkit.library.train import train
    from genkit.system import errors


def __getattr__(name: str) -> Any:
    if name == "train":
        from genkit.library.train import train

        return train
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
