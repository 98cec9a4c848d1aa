"""The knobs of Flow.  Nothing here imports torch."""

from collections.abc import Iterator
from typing import Annotated, Literal

from genkit.core.knobs import GIVEN, Clash, ModelKnobs, knob


class FlowKnobs(ModelKnobs, frozen=True):
    """A network of velocities, and which paths it learns them on."""

    cites = {
        "": ("lipman2023flow", "liu2023flow"),
        "network=unet": ("ronneberger2015unet",),
        "network=transformer": ("peebles2023scalable",),
    }

    view: Literal["tokens", "arrays"] = "arrays"
    network: Annotated[Literal["unet", "transformer"], knob("of the velocities")] = "unet"
    width: Annotated[
        int, knob("of the first level, or of every layer", ge=1, le=100_000, unit="channels")
    ] = 32
    levels: (
        Annotated[
            int,
            knob(
                "at most, each of half the size; null: as many as leave 4 to 7 places along each axis",
                ge=1,
                le=16,
                unit="levels",
                only={"network": ("unet",)},
            ),
        ]
        | None
    ) = None
    blocks: Annotated[
        int, knob("of each level on the way down and up, or layers of the transformer", ge=1, le=100)
    ] = 1
    heads: (
        Annotated[
            int,
            knob("of attention, a divisor of the width; null: of 64 channels each at most", ge=1, le=1_000),
        ]
        | None
    ) = None
    patch: Annotated[
        int,
        knob("side of the blocks of places that the network takes for one", ge=1, le=1_024, unit="places"),
    ] = 1
    dropout: Annotated[float, knob("in each block", ge=0, lt=1)] = 0.0
    times: Annotated[
        Literal["uniform", "logit_normal"],
        knob("of which velocities are learnt: all alike, or those in the middle most"),
    ] = "uniform"
    weighting: Annotated[
        Literal["none", "learned"],
        knob("of the times in the loss; learned: by the loss that is expected there (EDM2)"),
    ] = "learned"
    coupling: Annotated[
        int,
        knob(
            "of a batch whose noise is matched with their data by optimal transport; 0: none",
            ge=0,
            le=10_000,
            unit="rows",
        ),
    ] = 0
    dequantise: Annotated[
        bool, knob("spread each level over an interval, as a likelihood of levels needs it")
    ] = True
    conditional: Annotated[bool, knob("on the labels of the data")] = False
    label_dropout: Annotated[
        float,
        knob(
            "share of examples that are learnt without their label, for guidance",
            ge=0,
            lt=1,
            only={"conditional": GIVEN},
        ),
    ] = 0.1

    def clashes(self) -> Iterator[Clash]:
        if self.heads is not None and self.width % self.heads:
            yield Clash(("width", "heads"), "each head has an equal part of the width; give a divisor of it")
        if self.coupling == 1:
            yield Clash(("coupling",), "a single row has nothing to be matched with; give 2 or more, or 0")
        if self.coupling and self.conditional:
            yield Clash(
                ("coupling", "conditional"),
                "noise that is matched among all labels is not normal given one of them; leave coupling at 0",
            )
