"""What of an example `mask=` hides: a part by its name, a stretch of time, or what is white in a picture."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from genkit.core.spec import ArraySpec
from genkit.system.errors import ConfigError, closest
from genkit.system.paths import place

if TYPE_CHECKING:
    from genkit.core.observation import Mask

STRETCH, PAINTED = re.compile(r"(\d{1,9}):(\d{1,9})"), ".png"


def hidden_part(asked: str | None, array: ArraySpec, seed: int, given: int | None = None) -> Mask:
    """The mask of arrays, as a model reads them.

    Args:
        asked: a part's name, `FROM:TO` (places along time, the last one not with them), or a .png of their
            height and width, in which what is hidden is white; None: what they end with.
        given: of the word `given=`, for a part along one axis.

    Raises:
        ConfigError: they have no such part, or no such places.
        DataError: the picture cannot be read, or has another size.
    """
    from genkit.core import observation

    part = asked or array.rest or array.parts[0]
    stretch = STRETCH.fullmatch(part)
    if given is not None and (stretch or part.lower().endswith(PAINTED)):
        raise ConfigError(f"given= is of a part by name, and mask={part} says it all; leave given= out.")
    if stretch:
        return observation.stretch(int(stretch[1]), int(stretch[2]), array.sizes, array.names)
    if part.lower().endswith(PAINTED):
        if not {"height", "width"} <= set(array.names):
            has = " and ".join(array.names)
            raise ConfigError(f"mask={part} is a picture, and {array.medium.many} have {has} here.")
        import torch

        from genkit.data.arrays.given_picture import read_painted

        size = [side for side, name in zip(array.sizes, array.names, strict=True) if name != "time"]
        white = torch.from_numpy(read_painted(place(part, "mask"), size[0], size[1]))
        return observation.painted(white, array.sizes, array.names)
    if part not in array.parts:
        more = ", or FROM:TO along time" if "time" in array.names else ""
        painted = f", or a {PAINTED}" if {"height", "width"} <= set(array.names) else ""
        listed = ", ".join(array.parts)
        raise ConfigError(f"mask={part} is none of {listed}{more}{painted}.{closest(part, array.parts)}")
    return observation.mask(part, array.sizes, seed, array.names, given)
