"""Declarations of what is built in: metrics of moving pictures.  No torch here."""

from __future__ import annotations

from genkit.metrics.declaration import Call, Metric
from genkit.metrics.of_samples import DEALT, INFLUENCE, PAIRS, WILSON

CLIPS, MADE = ("clips",), ("clips", "process")
FRAMES = Call("single_frames:frame_measures")
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

OF_FRAMES = (
    Metric(
        *("frame_fid", "1", "lower", CLIPS, FRAMES),
        help="fid of single frames, one of each clip",
        cites=("heusel2017gans",),
        group="frames",
        interval=INFLUENCE,
        depends_on_n=True,
        least=0.0,
    ),
    Metric(
        *("frame_kid", "1", "lower", CLIPS, FRAMES),
        help="kid of single frames, one of each clip",
        cites=("binkowski2018demystifying",),
        group="frames",
        interval=PAIRS,
    ),
    Metric(
        *("frame_precision", "1", "higher", CLIPS, FRAMES),
        help="share of single frames of samples near a real one",
        cites=("kynkaanniemi2019improved",),
        group="frames",
        interval=DEALT,
        depends_on_n=True,
        least=0.0,
        most=1.0,
    ),
    Metric(
        *("frame_recall", "1", "higher", CLIPS, FRAMES),
        help="share of real single frames near one of a sample",
        cites=("kynkaanniemi2019improved",),
        group="frames",
        interval=DEALT,
        depends_on_n=True,
        least=0.0,
        most=1.0,
    ),
)
