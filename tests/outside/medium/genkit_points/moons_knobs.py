"""The knobs of the moons, beside those that all arrays have.  They are read before torch is imported."""

from typing import Annotated

from genkit.core.knobs import knob
from genkit.data.example_knobs import ExampleKnobs


class MoonsKnobs(ExampleKnobs, frozen=True):
    examples: Annotated[int, knob("on both half circles", ge=10, le=1_000_000, unit="examples")] = 4_000
    noise: Annotated[float, knob("on each place, for circles of radius 1", ge=0, le=1)] = 0.05
