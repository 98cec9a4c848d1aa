"""Class labels as a condition of sampling: what a person asks for, and what is drawn where nobody asks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from genkit.core.noise import Noise
from genkit.core.options import Options
from genkit.core.spec import Spec
from genkit.system.errors import ConfigError, nearest


def require_classes(spec: Spec) -> int:
    """How many classes the data has.

    Raises:
        ConfigError: none.
    """
    if spec.array is None:
        raise ConfigError(
            f"model.conditional=true: {spec.medium.many} have no labels; leave it out, and give a prompt in"
            " sampling."
        )
    if not spec.classes:
        raise ConfigError(
            "model.conditional=true needs labels, and the data has none; leave it out, or see with"
            " genkit data look what became of them."
        )
    return len(spec.classes)


def label_conditions(options: Options, classes: Sequence[str]) -> list[int | None]:
    """The classes that the option `label` asks for; `[None]` where it is not given.

    Raises:
        ConfigError: no such class; those that there are are listed.
    """
    asked = options["label"]
    every = [asked] if asked is None or isinstance(asked, str) else asked
    return [None if label is None else class_number(label, classes) for label in every]


def class_number(label: str, classes: Sequence[str]) -> int:
    """The number of a class that is asked for by its name, or by its number where no name is a number.

    Raises:
        ConfigError: no such class; those that there are are listed.
    """
    if label in classes:
        return classes.index(label)
    listed = ", ".join(classes[:20]) + (", …" if len(classes) > 20 else "")
    if any(map(is_number, classes)):
        raise ConfigError(
            f"label={label[:40]} is no class of the data, which go by names with numbers: {listed}."
        )
    if is_number(label) and int(label) < len(classes):
        return int(label)
    hint = nearest(label, classes) if len(label) < 100 else ""
    raise ConfigError(
        f"label={label[:40]} is no class of the data; it has {len(classes)}, numbered from 0: {listed}."
        f"{hint if hint.startswith(' Did') else ''}"
    )


def is_number(text: str) -> bool:
    """Whether a text is a whole number of a size that classes have."""
    return text.isascii() and text.isdecimal() and len(text) < 10


def choose_labels(condition: Sequence[int | None], classes: int, noise: Noise) -> Tensor:
    """The label of each row: as asked, else drawn, all classes alike; int64 (B,)."""
    drawn = (noise.uniform("label", 1).squeeze(1) * classes).long().clamp(max=classes - 1)
    told = torch.tensor([-1 if label is None else label for label in condition])
    asked = told.to(drawn.device, non_blocking=True)  # whoever draws does not wait for a GPU
    return torch.where(asked < 0, drawn, asked)
