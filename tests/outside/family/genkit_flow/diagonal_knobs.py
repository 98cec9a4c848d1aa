"""The knobs of the smallest family, read before torch is imported."""

from typing import Annotated

from genkit.core.knobs import ModelKnobs, knob


class DiagonalKnobs(ModelKnobs):
    min_scale: Annotated[float, knob("of every pixel", gt=0, advice="give a positive standard deviation")] = (
        0.01
    )
