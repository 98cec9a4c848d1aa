"""The knobs of blocks.  Nothing here imports torch."""

from typing import Annotated, Literal

from genkit.core.knobs import ModelKnobs, knob


class BlocksKnobs(ModelKnobs, frozen=True):
    """Blocks by how bright they are."""

    view: Literal["tokens", "arrays"] = "arrays"
    side: Annotated[int, knob("of a block, along every axis", ge=1, le=64, unit="places")] = 2
