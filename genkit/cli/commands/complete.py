"""`genkit complete`, declared."""

from __future__ import annotations

from typing import Literal

from genkit.cli.command import Command, word
from genkit.cli.images import Observed


class CompleteSettings(Observed):
    mask: Literal["lower", "upper", "left", "right", "box", "random"] = word("lower", "what is hidden")


COMMAND = Command(
    "images of which a part is hidden",
    CompleteSettings,
    "genkit.cli.verbs:complete",
    usage="run=RUN [image=FILE] [mask=lower]",
)
