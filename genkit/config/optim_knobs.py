"""The knobs of the optimiser and its schedule."""

from typing import Annotated, Literal

import msgspec

from genkit.core.knobs import Knobs, knob

ADAMS = ("adamw", "adam", "muon")
Decay = Annotated[float, msgspec.Meta(ge=0, lt=1)]


class OptimKnobs(Knobs, frozen=True):
    """The optimiser and its schedule; a phase of a model may have some of these for itself."""

    cites = {
        "name=adam": ("kingma2015adam",),
        "name=adamw": ("loshchilov2019decoupled",),
        "name=muon": ("jordan2024muon",),
        "name=sgd": ("sutskever2013importance",),
        "schedule=cosine": ("loshchilov2017sgdr",),
        "schedule=wsd": ("hu2024minicpm",),
        "clip": ("pascanu2013difficulty",),
        "ema": ("polyak1992acceleration",),
    }

    name: Annotated[Literal["adamw", "adam", "sgd", "muon"], knob("the optimiser")] = "adamw"
    lr: Annotated[
        float,
        knob("learning rate; of muon: of the hidden matrices", gt=0, advice="give a positive learning rate"),
    ] = 1e-3
    adam_lr: Annotated[
        float,
        knob(
            "of everything but the hidden matrices",
            gt=0,
            advice="give a positive learning rate",
            only={"name": ("muon",)},
        ),
    ] = 3e-3
    betas: Annotated[
        tuple[Decay, Decay],
        knob(
            "decays of the averaged gradient and its square",
            advice="give two numbers from 0 below 1",
            only={"name": ADAMS},
        ),
    ] = (0.9, 0.999)
    eps: Annotated[float, knob("added to the root of the squares", gt=0, only={"name": ADAMS})] = 1e-8
    momentum: Annotated[
        float,
        knob(
            "of the gradient",
            ge=0,
            lt=1,
            advice="give a number from 0 below 1",
            only={"name": ("sgd", "muon")},
        ),
    ] = 0.9
    weight_decay: Annotated[float, knob("on matrices and kernels", ge=0)] = 0.0
    warmup: Annotated[
        int, knob("over which the rate rises", ge=0, unit="steps", advice="give a number of steps")
    ] = 0
    schedule: Annotated[
        Literal["constant", "linear", "cosine", "wsd"],
        knob("of the rate over the budget; wsd: warm-up, stable, decay"),
    ] = "constant"
    final: Annotated[
        float,
        knob(
            "share of the rate that is left at the end",
            ge=0,
            le=1,
            advice="give a share from 0 to 1",
            only={"schedule": ("linear", "cosine", "wsd")},
        ),
    ] = 0.1
    cooldown: Annotated[
        float,
        knob(
            "share of the budget during which the rate falls",
            gt=0,
            le=1,
            advice="give a share above 0, up to 1",
            only={"schedule": ("wsd",)},
        ),
    ] = 0.3
    clip: (
        Annotated[
            float, knob("norm of a phase's gradient; null: off", gt=0, advice="give a positive norm, or null")
        ]
        | None
    ) = None
    ema: (
        Annotated[
            float,
            knob(
                "decay of the averaged weights; null: off",
                gt=0,
                lt=1,
                advice="give a decay below 1, such as 0.999, or null",
            ),
        ]
        | None
    ) = None
