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
    from genkit.library.runs_in_use import evaluate, load
    from genkit.library.train import train
    from genkit.system import errors


# Where each name is: a module, and the name in it; "" for the module itself.
_PLACES = {
    "Samples": ("genkit.core.samples", "Samples"),
    "errors": ("genkit.system.errors", ""),
    "evaluate": ("genkit.library.runs_in_use", "evaluate"),
    "load": ("genkit.library.runs_in_use", "load"),
    "train": ("genkit.library.train", "train"),
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'genkit' has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _PLACES[name]
    found = import_module(module)
    return getattr(found, attribute) if attribute else found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
