"""What a model card needs of the command line: a licence that can be one, and samples to show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from genkit.report.model_card import LICENSE
from genkit.system.errors import ConfigError

if TYPE_CHECKING:
    from genkit.core.module import GenerativeModule
    from genkit.core.samples import Samples

ARRAYS, TEXTS = 16, 4  # samples of a card


def check_license(license: str | None) -> None:
    """See that a licence is written as model hubs write it.

    Raises:
        ConfigError: it is not.
    """
    if license is not None and not re.fullmatch(LICENSE, license):
        raise ConfigError(
            f"license={license}: give the identifier that model hubs know it by, such as mit, apache-2.0 or"
            " cc-by-4.0."
        )


def samples_of(module: GenerativeModule, weights: str) -> Samples:
    """What a card shows: some samples of seed 0, none chosen."""
    n = ARRAYS if module.spec.medium.axes else TEXTS
    return module.sample(n, seed=0, weights=weights)
