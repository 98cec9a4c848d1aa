"""Declarations of what is built in: how likely held-out data are to a run, what it cost.  No torch here."""

from __future__ import annotations

from genkit.metrics.declaration import Call, Metric

SCORED, UNSKILLED = Call("bits:measures"), Call("bits:ceiling")
OF_DATA = "of examples, documents or stretches"

OF_LIKELIHOOD = (
    Metric(
        *("nll", "nats", "lower", ("likelihoods",), SCORED),
        help="minus the log-likelihood of held-out data, by example or token",
        group="likelihood",
        interval=OF_DATA,
        floor=False,
        ceiling=UNSKILLED,
    ),
    Metric(
        *("bits_per_dimension", "bits/dimension", "lower", ("likelihoods", "arrays"), SCORED),
        help="that, by number of an example",
        cites=("theis2016note",),
        group="likelihood",
        interval=OF_DATA,
        floor=False,
        ceiling=UNSKILLED,
    ),
    Metric(
        *("perplexity", "1", "lower", ("likelihoods", "texts"), SCORED),
        help="exp of the nats of a token",
        group="likelihood",
        interval=OF_DATA,
        floor=False,
        ceiling=UNSKILLED,
        least=0.0,
    ),
    Metric(
        *("bits_per_byte", "bits/byte", "lower", ("likelihoods", "texts"), SCORED),
        help="bits of a byte of text, the same for every tokeniser",
        group="likelihood",
        interval=OF_DATA,
        floor=False,
        ceiling=UNSKILLED,
        least=0.0,
    ),
)

OF_CODECS = ("codec_flops", "codec_seconds")  # parts of what a training cost, which few runs have
COSTS, SPENT = ("costs",), Call("cost:measures")

OF_COST = (
    Metric(
        *("parameters", "1", "lower", COSTS, SPENT),
        help="numbers that the model has",
        group="cost",
        floor=False,
        ceiling=False,
        least=0.0,
        counted=True,
    ),
    Metric(
        *("training_steps", "steps", "none", COSTS, SPENT),
        help="up to the checkpoint",
        group="cost",
        floor=False,
        ceiling=False,
        least=0.0,
        counted=True,
    ),
    Metric(
        *("training_examples", "examples", "none", COSTS, SPENT),
        help="that it saw, however often",
        group="cost",
        floor=False,
        ceiling=False,
        least=0.0,
        counted=True,
    ),
    Metric(
        *("training_flops", "FLOP", "lower", COSTS, SPENT),
        help="operations of the training",
        group="cost",
        floor=False,
        ceiling=False,
        least=0.0,
    ),
    Metric(
        *("training_seconds", "s", "lower", COSTS, SPENT),
        help="of its steps",
        group="cost",
        floor=False,
        ceiling=False,
        least=0.0,
    ),
    Metric(
        *("codec_flops", "FLOP", "lower", COSTS, SPENT),
        help="those of them that trained the codec of a run of codes",
        group="cost",
        floor=False,
        ceiling=False,
        least=0.0,
    ),
    Metric(
        *("codec_seconds", "s", "lower", COSTS, SPENT),
        help="those of them that trained the codec of a run of codes",
        group="cost",
        floor=False,
        ceiling=False,
        least=0.0,
    ),
    Metric(
        *("training_memory", "bytes", "lower", COSTS, SPENT),
        help="at its peak",
        group="cost",
        floor=False,
        ceiling=False,
        least=0.0,
    ),
    Metric(
        *("samples_per_second", "1/s", "higher", COSTS, SPENT),
        help="while drawing",
        group="cost",
        floor=False,
        ceiling=False,
        least=0.0,
    ),
)
