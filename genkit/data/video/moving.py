"""Data of digits that move: the sources, by the rule of `genkit.data.video.bouncing`."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from genkit.core.knobs import DataKnobs
from genkit.core.media.video import VIDEO
from genkit.data.packing import key_of
from genkit.data.sources import DIGITS, Images, digits
from genkit.data.video.bouncing import VERSION, BouncingDigits, Cast, Motion
from genkit.data.video_knobs import MovingDigitsKnobs
from genkit.system.errors import ConfigError

SIDE = 8  # pixels of scikit-learn's digits
TRIED = {"validation": 500, "test": 1_000}  # clips
RATE = 8.0  # frames a second, at which clips are shown


def motion_of(data: DataKnobs) -> Motion | None:
    """How the only digit of each clip moves, where the data are made so; None of others, and of several."""
    if not isinstance(data, MovingDigitsKnobs) or data.objects > 1:
        return None
    return _of_moving_digits(data)


def _of_moving_digits(data: MovingDigitsKnobs) -> Motion:
    # At least a pixel along one of the axes, from frame to frame.
    speed = max(0.1, math.sqrt(2) / (data.size - SIDE))
    return Motion(data.size, SIDE, data.frames, data.objects, speed)


def moving_digits(data: MovingDigitsKnobs, paths: Mapping[str, str]) -> Images:
    """scikit-learn's digits moving, as they are divided there, other clips in every epoch of training.

    Raises:
        ConfigError: the digits have no room to move.
    """
    if data.size <= SIDE + 1:
        raise ConfigError(f"data.size={data.size}: digits of {SIDE}×{SIDE} have no room to move; set 16.")
    kept = digits(data, paths)
    parts = np.array(kept.part)
    assert kept.labels is not None
    counts = {"train": data.examples, **TRIED}
    casts = {
        part: Cast(kept.images[parts == part][:, 0], kept.labels[parts == part], clips)
        for part, clips in counts.items()
    }
    made = BouncingDigits(_of_moving_digits(data), casts)
    single = data.objects == 1
    said = {"digits": kept.contents(), "shape": made.shape, "objects": data.objects, "version": VERSION}
    return Images(
        made,
        made.labels if single else None,
        kept.levels,
        DIGITS if single else (),
        part=made.part,
        protocol="other digits in each part, other clips in every epoch of training",
        digest=key_of(said),
        medium=VIDEO,
        rate=RATE,
    )
