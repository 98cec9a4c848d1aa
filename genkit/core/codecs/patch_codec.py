"""One id for the levels of several neighbours in an array.  Nothing here imports torch."""

from __future__ import annotations

from genkit.core.array_spec import ArraySpec
from genkit.core.codecs.array_codec import MOST_IDS, ArrayCodec


class PatchCodec(ArrayCodec):
    """Neighbouring entries are one id: as reversible as an id each, and as many times shorter.

    Args:
        patch: neighbours along each axis.

    Raises:
        ValueError: it does not divide the array, or there are more than 4,096 values.
    """

    name = "patches"

    def __init__(self, array: ArraySpec, patch: tuple[int, ...]) -> None:
        if len(patch) != len(array.sizes) or min(patch) < 1:
            raise ValueError(f"a patch of {array.medium.one} has {len(array.sizes)} sides of 1 or more")
        if any(size % side for size, side in zip(array.sizes, patch, strict=True)):
            raise ValueError(f"the patches of {array.medium.many} do not divide them")
        super().__init__(array, patch)
        if self.joined >= MOST_IDS.bit_length() or self.outputs > MOST_IDS:
            raise ValueError(f"{array.levels} levels in each patch are more than {MOST_IDS} ids")

    def to_dict(self) -> dict[str, object]:
        return {"name": self.name, **self.array.form(), "patch": list(self.patch)}
