"""The words of the commands that make images of images, and how these words go together."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from genkit.cli.command import word
from genkit.cli.shared import DATA_PATH, SEED, OfModel, Split
from genkit.system.errors import ConfigError

OF_DATA, OF_PICTURE = ("n", "split"), ("fit", "label")


class ExampleSettings(OfModel):
    """A command that writes a picture of images."""

    n: int = word(8, "examples", low=1, high=1_000)
    seed: int = SEED
    out: Path | None = word(
        None, "a picture (default: in the run's samples/)", kind="output", shown="FILE.png"
    )


class FromData(ExampleSettings):
    """A command that begins with examples of the run's data, or with a picture of the user's own."""

    split: Split = word("test", "of the run's own data")
    data_path: str | None = DATA_PATH
    image: str | None = word(
        None,
        "a picture of yours in the place of examples, brought to the data's size, channels and levels; what"
        " that loses is said",
        kind="file",
    )
    fit: Literal["crop", "pad", "stretch"] | None = word(None, "of a picture of another shape")
    label: str | None = word(
        None, "class of the picture, for a model that was trained with labels", kind="name"
    )

    def check_words(self) -> None:
        """See that the words speak of one thing, examples or a picture.

        Raises:
            ConfigError: they speak of both.
        """
        wrong = self.given & {*(OF_PICTURE if self.image is None else OF_DATA)}
        for key in sorted(wrong):
            of = "the picture of image="
            if self.image is not None:
                of = "examples of the data, and image= is one picture"
            raise ConfigError(f"{key}= is of {of}; leave {key}= out.")


class Observed(FromData):
    """A command that answers what is known of an image."""

    draws: int = word(3, "answers for each example", low=1, high=100)


def parts() -> list[str]:
    """What can be hidden of an example, in any medium."""
    from genkit.core.media import MEDIA, find

    return [*dict.fromkeys(part for name in reversed(MEDIA.names()) for part in find(name).parts)]
