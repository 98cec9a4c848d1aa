"""genkit: GPT, GAN, VAE and flow behind one interface, trained by one trainer, drawn from by one API.

    import genkit

    record = genkit.train(["model=vae", "data=digits"])
    genkit.load(record["run"]).sample(16, seed=0).save("digits.png")

Names are imported when they are first used: `import genkit` itself takes no time.
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
if "ipykernel" in sys.modules:  # tqdm, when it is imported, misses widgets, which nothing of ours asks for
    warnings.filterwarnings("ignore", "IProgress not found")
if TYPE_CHECKING:
    from genkit.core.array_spec import ArraySpec
    from genkit.core.batch import Batch
    from genkit.core.capabilities import (
        Completion,
        Conditional,
        Encoder,
        LatentSpace,
        Likelihood,
        LikelihoodKind,
        Reconstruction,
        Tokenizer,
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
    from genkit.library.conclusions import report, study
    from genkit.library.runs_in_use import evaluate, load
    from genkit.library.train import train
    from genkit.metrics.declaration import Metric
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
    "Metric",
    "Noise",
    "Observation",
    "Option",
    "Phase",
    "Reconstruction",
    "Samples",
    "TokenLikelihood",
    "TokenSpec",
    "Tokenizer",
    "View",
    "errors",
    "evaluate",
    "load",
    "report",
    "study",
    "train",
]
# The module of each name, below genkit.
_MODULES = {
    "core.array_spec": ("ArraySpec",),
    "core.batch": ("Batch",),
    "core.capabilities": (
        *("Completion", "Conditional", "Encoder", "LatentSpace", "Likelihood", "LikelihoodKind"),
        *("Reconstruction", "TokenLikelihood", "Tokenizer"),
    ),
    "core.labelled": ("Labelled",),
    "core.module": ("GenerativeModule",),
    "core.noise": ("Noise",),
    "core.observation": ("Observation",),
    "core.options": ("Option",),
    "core.phase": ("LossTerms", "Phase"),
    "core.samples": ("Samples",),
    "core.spec": ("TokenSpec", "View"),
    "library.conclusions": ("report", "study"),
    "library.runs_in_use": ("evaluate", "load"),
    "library.train": ("train",),
    "metrics.declaration": ("Metric",),
    "system": ("errors",),
}
_PLACES = {name: f"genkit.{module}" for module, names in _MODULES.items() for name in names}
_CALLED = ("report", "study")  # which are rooms of the house, too


class CalledRoom(ModuleType):
    """A room with the name of a function: `genkit.study(…)`, beside `from genkit.study import Plan`."""

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        name = self.__name__.rpartition(".")[2]
        return getattr(import_module(_PLACES[name]), name)(*arguments, **keywords)


class Front(ModuleType):
    """This module: what Python sets in it when a room is imported can be called where a function is meant."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _CALLED and type(value) is ModuleType:
            value.__class__ = CalledRoom
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = Front


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'genkit' has no attribute {name!r}")
    if name == "errors" or name in _CALLED:  # modules themselves
        return import_module(f"genkit.system.{name}" if name == "errors" else f"genkit.{name}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
