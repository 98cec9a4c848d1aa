"""One id for the levels of several neighbours in an array.  Nothing here imports torch."""

from __future__ import annotations

from genkit.core.array_spec import ArraySpec
from genkit.core.codecs.array_codec import MOST_IDS, ArrayCodec


class PatchCodec(ArrayCodec):
    """Neighbouring entries are one id: as reversible as an id each, and as many times shorter.

    Args:
        patch: neighbours along each axis; before them there may stand how many channels are one id, all or 1.

    Raises:
        ValueError: it does not divide the array, or there are more than 4,096 values.
    """

    name = "patches"

    def __init__(self, array: ArraySpec, patch: tuple[int, ...]) -> None:
        axes = len(array.sizes)
        self.given, (together, *sides) = patch, patch if len(patch) > axes else (1, *patch)
        if len(sides) != axes or min(sides) < 1:
            raise ValueError(f"a patch of {array.medium.one} has {axes} sides of 1 or more")
        if together not in (1, array.channels):
            raise ValueError(f"one channel or all {array.channels} of {array.medium.one} are one id")
        if any(size % side for size, side in zip(array.sizes, sides, strict=True)):
            raise ValueError(f"the patches of {array.medium.many} do not divide them")
        super().__init__(array, tuple(sides), together)
        if self.joined >= MOST_IDS.bit_length() or self.outputs > MOST_IDS:
            raise ValueError(f"{array.levels} levels in each patch are more than {MOST_IDS} ids")

    def to_dict(self) -> dict[str, object]:
        return {"name": self.name, **self.array.form(), "patch": list(self.given)}
