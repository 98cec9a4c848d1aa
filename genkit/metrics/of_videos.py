"""Declarations of what is built in: metrics of moving pictures.  No torch here."""

from __future__ import annotations

from genkit.metrics.declaration import Call, Metric
from genkit.metrics.of_samples import WILSON

MADE = ("clips", "process")
SHARES = Call("validity:process_shares")

OF_PROCESS = tuple(
    Metric(
        *(name, "1", "higher", MADE, SHARES),
        help=help,
        group="process",
        interval=WILSON,
        least=0.0,
        most=1.0,
    )
    for name, help in (
        ("valid_share", "share of clips that the process could have made, in all of the following"),
        ("straight_share", "share in which it moves straight and evenly, and turns at walls alone"),
        ("same_digit_share", "share in which the same digit is seen throughout"),
        ("ink_share", "share in which it stays as bright, and nothing is elsewhere"),
    )
)
