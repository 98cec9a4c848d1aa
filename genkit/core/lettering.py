"""Words in pictures.  Nothing here imports torch."""

from __future__ import annotations

from PIL import ImageDraw, ImageFont

from genkit.system.terminal import without_controls

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def letters(size: int) -> Font:
    """The font that comes with Pillow, so many pixels high."""
    return ImageFont.load_default(size)


def fitted(draw: ImageDraw.ImageDraw, text: str, font: Font, width: int) -> str:
    """A caption in one line, cut off where it has no more room than so many pixels."""
    plain = " ".join(without_controls(text).split())
    if draw.textlength(plain, font) <= width:
        return plain
    while plain and draw.textlength(f"{plain}…", font) > width:
        plain = plain[:-1]
    return f"{plain}…"
