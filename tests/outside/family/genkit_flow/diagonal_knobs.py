"""The knobs of the smallest family, beside those of every model.  They are read before torch is imported."""

from typing import Annotated

from genkit.core.knobs import ModelKnobs, knob


class DiagonalKnobs(ModelKnobs, frozen=True):
    min_scale: Annotated[
        float, knob("standard deviation of an entry, at least", gt=0, advice="give a positive one")
    ] = 0.01
