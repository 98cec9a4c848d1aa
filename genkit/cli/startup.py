"""A quicker start of commands: Lightning needs two classes of torchmetrics, whose own import costs seconds.

`import torchmetrics` loads every metric, and with them transformers, torchvision and scipy where these are
installed, and what plots a metric loads matplotlib.  In a process that a command has to itself, the package
is opened without its __init__; that runs as soon as anything but those classes is asked for.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from genkit.system.launchers import settled

if TYPE_CHECKING:
    from importlib.abc import Loader
else:
    Loader = object  # (the module of the real one imports much, for what only asks)

PACKAGE = "torchmetrics"
CLASSES = {"Metric": "torchmetrics.metric", "MetricCollection": "torchmetrics.collections"}
AVAILABLE, PLOTS = "torchmetrics.utilities.imports", "torchmetrics.utilities.plot"


def postpone_metrics() -> None:
    """Open torchmetrics, should anybody import it, without importing its metrics."""
    if PACKAGE not in sys.modules and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def collect_rarely() -> None:
    """Look for garbage once in tens of thousands of new objects.

    Modules are full of objects that stay, and to go through them again and again took a tenth of a start.
    """
    gc.set_threshold(50_000, 20, 100)


# What a member of a study imports before it has read what it is; those of families and metrics bring theirs.
OF_MEMBERS = (
    *("genkit.study.member", "genkit.training.launch", "genkit.evaluation", "genkit.metrics.catalogue"),
    *("genkit.families.gpt", "genkit.families.dcgan", "genkit.families.vae", "genkit.families.codes"),
    *("genkit.families.flow", "genkit.families.gpt_knobs", "genkit.families.vae_knobs"),
    *(
        "genkit.data.views",
        "genkit.metrics.bundled",
        "torch.utils.tensorboard",
        "tensorboard.plugins.hparams",
        "tabulate",
    ),
    *("PIL.BmpImagePlugin", "PIL.GifImagePlugin", "PIL.JpegImagePlugin", "PIL.PpmImagePlugin"),
)


def import_for_members() -> None:
    """Import what members of a study need, in a process that they are forked from, and compose once.

    Composing imports Hydra's plugins and fills the tables of its parser; what is composed is not kept.
    """
    postpone_metrics()
    with settled():
        for name in OF_MEMBERS:
            with contextlib.suppress(ImportError):  # TensorBoard may not be installed
                importlib.import_module(name)
        from genkit import config

        config.compose("train", [])


class _Finder:
    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name == "matplotlib":
            # It comes along, and warns of a home that it cannot write to, which nothing of ours needs.
            import logging

            logging.getLogger(name).setLevel("ERROR")
        if name == PLOTS and "__getattr__" in vars(sys.modules[PACKAGE]):
            vars(importlib.import_module(AVAILABLE))["_MATPLOTLIB_AVAILABLE"] = False
        if name != PACKAGE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            spec.loader = _Postponing(spec.loader)
        return spec


class _Postponing(Loader):
    """Runs a package's __init__ when more is asked of it than `CLASSES` and modules that are imported."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        def ask(name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            if name == "_logger":
                import logging

                return logging.getLogger(PACKAGE)
            if name in CLASSES:
                with contextlib.suppress(ImportError):  # another version may need its __init__ first
                    importlib.import_module(f"{PACKAGE}.utilities")  # before: the two import one another
                    return getattr(importlib.import_module(CLASSES[name]), name)
                for loaded in [known for known in sys.modules if known.startswith(f"{PACKAGE}.")]:
                    del sys.modules[loaded]
            module.__dict__.pop("__getattr__", None)
            self._loader.exec_module(module)
            for hidden in (AVAILABLE, PLOTS):  # which may find matplotlib now
                if hidden in sys.modules:
                    importlib.reload(sys.modules[hidden])
            return getattr(module, name)

        vars(module)["__getattr__"] = ask
