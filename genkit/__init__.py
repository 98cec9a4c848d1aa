"""genkit: GPT, DCGAN and VAE behind one interface, trained by one trainer, drawn from by one API.

    import genkit

    record = genkit.train(["model=vae", "data=digits"])
    genkit.load(record["run"]).sample(16, seed=0).save("digits.png")

Names are imported when they are first used: `import genkit` itself takes no time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
if TYPE_CHECKING:
    from genkit.core.arrayspec import ArraySpec
    from genkit.core.batch import Batch
    from genkit.core.capabilities import (
        Completion,
        Conditional,
        Encoder,
        LatentSpace,
        Likelihood,
        LikelihoodKind,
        Reconstruction,
        TokenLikelihood,
    )
    from genkit.core.labelled import Labelled
    from genkit.core.module import GenerativeModule
    from genkit.core.noise import Noise
    from genkit.core.observation import Observation
    from genkit.core.options import Option
    from genkit.core.phase import LossTerms, Phase
    from genkit.core.samples import Samples
    from genkit.core.spec import TokenSpec, View
    from genkit.library.runs_in_use import evaluate, load
    from genkit.library.train import train
    from genkit.system import errors

__all__ = [
    "ArraySpec",
    "Batch",
    "Completion",
    "Conditional",
    "Encoder",
    "GenerativeModule",
    "Labelled",
    "LatentSpace",
    "Likelihood",
    "LikelihoodKind",
    "LossTerms",
    "Noise",
    "Observation",
    "Option",
    "Phase",
    "Reconstruction",
    "Samples",
    "TokenLikelihood",
    "TokenSpec",
    "View",
    "errors",
    "evaluate",
    "load",
    "train",
]
# The module of each name, below genkit.
_MODULES = {
    "core.arrayspec": ("ArraySpec",),
    "core.batch": ("Batch",),
    "core.capabilities": (
        *("Completion", "Conditional", "Encoder", "LatentSpace", "Likelihood", "LikelihoodKind"),
        *("Reconstruction", "TokenLikelihood"),
    ),
    "core.labelled": ("Labelled",),
    "core.module": ("GenerativeModule",),
    "core.noise": ("Noise",),
    "core.observation": ("Observation",),
    "core.options": ("Option",),
    "core.phase": ("LossTerms", "Phase"),
    "core.samples": ("Samples",),
    "core.spec": ("TokenSpec", "View"),
    "library.runs_in_use": ("evaluate", "load"),
    "library.train": ("train",),
    "system": ("errors",),
}
_PLACES = {name: f"genkit.{module}" for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'genkit' has no attribute {name!r}")
    from importlib import import_module

    if name == "errors":  # which is a module itself
        return import_module("genkit.system.errors")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
