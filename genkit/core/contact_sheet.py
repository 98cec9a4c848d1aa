"""Clips in one picture: the frames of each in a row, one clip below another.  Nothing here imports torch."""

from __future__ import annotations

import numpy as np
from PIL import Image

from genkit.core.grid import grid


def contact_sheet(clips: np.ndarray, border: int = 1) -> Image.Image:
    """Clips down, frames across; small ones are enlarged by a whole factor.

    Args:
        clips: uint8 (n, C, T, H, W).
        border: grey pixels between frames.
    """
    frames = np.moveaxis(clips, 1, -1)  # (n, T, H, W, C)
    return grid(frames.reshape(-1, *frames.shape[2:]), clips.shape[2], border)
