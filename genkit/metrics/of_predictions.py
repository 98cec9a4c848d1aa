"""Declarations of what is built in: predictions of the rest of clips, and trivial ones.  No torch here.

What copies the last frame, or shows the mean frame or black, is better than some published models: those
numbers stand beside every other.  A single draw, the best of several and their mean are three metrics, and
how many draws the latter two rest on is in their protocol, so that no table sets one beside another.
"""

from __future__ import annotations

from dataclasses import dataclass

from genkit.metrics.declaration import Call, Metric
from genkit.metrics.measure import Direction
from genkit.metrics.of_samples import STUDENT

HIDDEN = ("predictions", "clips")
ERRORS, SKILLESS = Call("prediction:errors"), Call("prediction:ceiling")
CHANCES = Call("prediction:cross_entropies")


@dataclass(frozen=True)
class FrameError:
    """How predictions differ from the truth in a frame, by a function of `genkit.metrics.frames`."""

    name: str
    unit: str
    direction: Direction
    said: str
    least: float
    most: float
    cites: str = "tan2023openstl"


FRAME_ERRORS = (
    FrameError("mse", "1", "lower", "squared error, summed over a frame", 0.0, float("inf")),
    FrameError("mae", "1", "lower", "absolute error, summed over a frame", 0.0, float("inf")),
    FrameError("ssim", "1", "higher", "structural similarity of a frame", -1.0, 1.0, "wang2004image"),
    FrameError("psnr", "dB", "higher", "peak signal-to-noise ratio of a frame", 0.0, 100.0),
)
MADE = {
    "prediction": "of one draw of the rest of a clip",
    "best_prediction": "of the best of several draws",
    "mean_prediction": "of the mean of several draws",
}
TRIVIAL = {
    "mean_frame": "of the mean frame of the training part",
    "last_frame": "of the last frame that is given",
    "black": "of black",
}
GAINED = ("mean_frame", "last_frame")
OF_DRAWS = (
    *(f"{made}_{error.name}" for made in MADE for error in FRAME_ERRORS),
    *(f"gain_over_{trivial}" for trivial in GAINED),
)
OF_CHANCES = "frame_cross_entropy"

OF_PREDICTIONS = (
    *(
        Metric(
            *(f"{made}_{error.name}", error.unit, error.direction, HIDDEN, ERRORS),
            help=f"{error.said}, {whose}",
            cites=(error.cites,),
            group="prediction",
            interval=STUDENT,
            floor=False,
            ceiling=SKILLESS,
            least=error.least,
            most=error.most,
            beside=tuple(f"{trivial}_{error.name}" for trivial in TRIVIAL),
        )
        for made, whose in MADE.items()
        for error in FRAME_ERRORS
    ),
    *(
        Metric(
            *(f"gain_over_{trivial}", "1", "higher", HIDDEN, ERRORS),
            help=f"by how much a draw's squared error is below that {TRIVIAL[trivial]}, clip by clip",
            group="prediction",
            interval=STUDENT,
            floor=False,
            ceiling=False,
        )
        for trivial in GAINED
    ),
    *(
        Metric(
            *(f"{trivial}_{error.name}", error.unit, "none", HIDDEN, ERRORS),
            help=f"{error.said}, {whose}",
            cites=(error.cites,),
            group="prediction",
            interval=STUDENT,
            floor=False,
            ceiling=False,
            least=error.least,
            most=error.most,
        )
        for trivial, whose in TRIVIAL.items()
        for error in FRAME_ERRORS
    ),
    Metric(
        *(OF_CHANCES, "nats/frame", "lower", HIDDEN, CHANCES),
        help="of levels as chances with the level expected given all before; grey: no likelihood",
        cites=("kalchbrenner2017video",),
        group="prediction",
        interval=STUDENT,
        floor=False,
        ceiling=False,
        least=0.0,
        beside=("frame_cross_entropy_bound", "mean_frame_cross_entropy"),
    ),
    Metric(
        *("frame_cross_entropy_bound", "nats/frame", "none", HIDDEN, CHANCES),
        help="the least that it can be: the entropy of the levels themselves",
        group="prediction",
        interval=STUDENT,
        floor=False,
        ceiling=False,
        least=0.0,
    ),
    Metric(
        *("mean_frame_cross_entropy", "nats/frame", "none", HIDDEN, CHANCES),
        help="the same of the mean frame of the training part",
        group="prediction",
        interval=STUDENT,
        floor=False,
        ceiling=False,
        least=0.0,
    ),
)
