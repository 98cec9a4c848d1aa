"""Declarations of what is built in: metrics of verse.  No torch here."""

from __future__ import annotations

from genkit.metrics.declaration import Call, Metric
from genkit.metrics.of_samples import MADE, WILSON

VERSE = ("texts", "verse")
FORM, SPANS = Call("verse:form_shares", MADE), Call("copying:long_spans", ("generated.texts", "source"))

OF_VERSE = (
    *(
        Metric(
            *(name, "1", "higher", VERSE, FORM),
            help=help,
            group="verse",
            interval=WILSON,
            least=0.0,
            most=1.0,
        )
        for name, help in (
            ("form_share", "share of poems that keep the form, in all of the following"),
            ("marks_share", "share whose lines are characters, ，, characters and 。"),
            ("couplets_share", "share of two lines or four"),
            ("even_share", "share whose verses are all of five characters, or all of seven"),
        )
    ),
    Metric(
        *("copied_verses", "1", "lower", (*VERSE, "source"), SPANS),
        help="share with more than 12 characters in a row of the training text",
        group="verse",
        interval=WILSON,
        least=0.0,
        most=1.0,
    ),
)
