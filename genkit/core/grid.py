"""Many pictures in one.  Nothing here imports torch."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator

import numpy as np
from PIL import Image


def grid(images: np.ndarray, columns: int | None = None, border: int = 1) -> Image.Image:
    """All pictures in reading order; small ones are enlarged by a whole factor.

    Args:
        images: uint8 (n, H, W, C) with one or three channels.
        columns: as many as rows, if it is not given.
        border: grey pixels between them.
    """
    n, height, width, channels = images.shape
    columns = columns or max(1, math.ceil(math.sqrt(n)))
    rows = max(1, math.ceil(n / columns))
    shape = (rows * (height + border) + border, columns * (width + border) + border, channels)
    canvas = np.full(shape, 128, np.uint8)
    for i, image in enumerate(images):
        top = border + (i // columns) * (height + border)
        left = border + (i % columns) * (width + border)
        canvas[top : top + height, left : left + width] = image
    whole = picture(canvas)
    scale = max(1, 32 // height)
    return whole.resize((whole.width * scale, whole.height * scale), Image.Resampling.NEAREST)


def moving_grid(clips: np.ndarray, columns: int | None = None, border: int = 1) -> Iterator[np.ndarray]:
    """All clips in reading order, frame after frame, uint8 (height, width, C); one alone as it is.

    Args:
        clips: uint8 (n, T, H, W, C) with one or three channels.
        columns, border: as for pictures.
    """
    for frames in clips.swapaxes(0, 1):
        if len(frames) == 1:
            yield frames[0]
        else:
            whole = np.asarray(grid(frames, columns, border))
            yield whole.reshape(*whole.shape[:2], frames.shape[-1])


def png(image: Image.Image) -> bytes:
    """A picture as a PNG file holds it."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def picture(pixels: np.ndarray) -> Image.Image:
    """uint8 (H, W, 1 or 3) to a picture."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
