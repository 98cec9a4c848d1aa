"""GenerativeModule: the one LightningModule behind every family.

A family writes `phases()`, `score_batch()` and `draw()` (see `core/contract.py`).  Everything else is final:
the training step, optimisers, schedules, clipping and accumulation (`core/updates.py`), validation
(`core/validation.py`), the averaged weights and `sample()` (`core/drawing.py`).  Manual optimisation is used
for every family, so a GAN's two optimisers are two entries in a tuple and `global_step` counts batches for
all of them.
"""

from __future__ import annotations

from typing import cast

import pytorch_lightning as pl

from genkit.core.contract import S
from genkit.core.training_step import Updates
from genkit.core.validation import Validation


class GenerativeModule(Updates[S], Validation[S]):
    """Base of every family: the contract, and what is written once over it.

    Args:
        spec: what the data is.
    """


def ours(module: pl.LightningModule) -> GenerativeModule:
    """The module that Lightning hands to a callback, as what it is: `genkit.training` trains no other."""
    return cast(GenerativeModule, module)
