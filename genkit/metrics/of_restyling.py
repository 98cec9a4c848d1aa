"""Declarations of what is built in: examples drawn in other classes, and trivial answers.  No torch here.

Where data show the same motifs in every class (the characters of `data=glyphs` in its fonts), it is known
what an example should become in another class, and exact whether it did: of all examples that there are the
nearest to what was drawn is looked up.  Who copies the input keeps every motif and reaches no class; who
draws another motif in the asked class does the reverse: both stand in the same table.
"""

from __future__ import annotations

from genkit.metrics.declaration import Call, Metric

RESTYLED = ("restylings", "arrays")
MEASURED, SKILLESS = Call("restyling:measures"), Call("restyling:ceiling")
CLUSTERED = "linearised ratio over motifs"
MADE = "restyled"
TRIVIAL = {"copied": "of the input, copied", "stranger": "of another motif in the asked class"}
SHARES = {
    "share": "share whose nearest example is their motif in the asked class",
    "motif_share": "share whose nearest example is of their motif, in any class",
    "class_share": "share whose nearest example is of the asked class",
}
ERROR = "mse"

OF_RESTYLING = (
    *(
        Metric(
            *(f"{made}_{kind}", "1", "higher" if made == MADE else "none", RESTYLED, MEASURED),
            help=f"{said}, {whose}",
            group="restyling",
            interval=CLUSTERED,
            floor=False,
            ceiling=SKILLESS
            if made == MADE and kind == "share"
            else False,  # the others have half of an answer
            least=0.0,
            most=1.0,
            beside=tuple(f"{trivial}_{kind}" for trivial in TRIVIAL) if made == MADE else (),
        )
        for made, whose in {MADE: "of examples drawn anew", **TRIVIAL}.items()
        for kind, said in SHARES.items()
    ),
    *(
        Metric(
            *(f"{made}_{ERROR}", "1", "lower" if made == MADE else "none", RESTYLED, MEASURED),
            help=f"mean squared error to the motif in the asked class, {whose}",
            group="restyling",
            interval=CLUSTERED,
            floor=False,
            ceiling=SKILLESS if made == MADE else False,
            least=0.0,
            most=1.0,
            beside=tuple(f"{trivial}_{ERROR}" for trivial in TRIVIAL) if made == MADE else (),
        )
        for made, whose in {MADE: "of examples drawn anew", **TRIVIAL}.items()
    ),
)
