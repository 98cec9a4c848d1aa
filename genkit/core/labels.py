"""Class labels as a condition of sampling: what a person asks for, and what is drawn where nobody asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from genkit.core.errors import ConfigError
from genkit.core.noise import Noise
from genkit.core.spec import Spec


def require_classes(spec: Spec) -> int:
    """How many classes the data has.

    Raises:
        ConfigError: none.
    """
    if not spec.classes:
        raise ConfigError("model.conditional=true needs labels, and the data has none; leave it out.")
    return len(spec.classes)


def label_conditions(options: Mapping[str, Any], classes: Sequence[str]) -> list[int | None]:
    """The classes that the option `label` asks for; `[None]` where it is not given.

    Raises:
        ConfigError: no such class; those that there are are listed.
    """
    asked = options["label"]
    found: list[int | None] = []
    for label in [asked] if asked is None or isinstance(asked, str) else asked:
        if label is not None and label not in classes and not (label.isdigit() and int(label) < len(classes)):
            listed = ", ".join(classes[:20])
            raise ConfigError(f"label={label} is no class of the data; it has {listed}.")
        found.append(label if label is None else classes.index(label) if label in classes else int(label))
    return found


def choose_labels(condition: Sequence[int | None], classes: int, noise: Noise) -> Tensor:
    """The label of each row: as asked, else drawn, all classes alike; int64 (B,)."""
    drawn = (noise.uniform("label", 1).squeeze(1) * classes).long().clamp(max=classes - 1)
    asked = torch.tensor([-1 if label is None else label for label in condition], device=drawn.device)
    return torch.where(asked < 0, drawn, asked)
