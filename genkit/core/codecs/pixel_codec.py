"""One id for each level of an array.  Nothing here imports torch."""

from __future__ import annotations

from genkit.core.array_spec import ArraySpec
from genkit.core.codecs.array_codec import ArrayCodec


class PixelCodec(ArrayCodec):
    """Each level is an id: of an image row by row, in a row pixel by pixel, of a pixel channel by channel."""

    name = "pixels"

    def __init__(self, array: ArraySpec) -> None:
        super().__init__(array, (1,) * len(array.sizes))

    def to_dict(self) -> dict[str, object]:
        return {"name": self.name, **self.array.form()}
