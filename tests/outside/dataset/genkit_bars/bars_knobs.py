"""The knobs of the bars, beside those that all images have.  They are read before torch is imported."""

from typing import Annotated

from genkit.core.knobs import knob
from genkit.data.dataset_knobs import ImageKnobs


class BarsKnobs(ImageKnobs, frozen=True):
    examples: Annotated[int, knob("that are drawn", ge=10, le=1_000_000, unit="examples")] = 2_000
    chance: Annotated[float, knob("of a bar to be lit", gt=0, lt=1)] = 0.125
