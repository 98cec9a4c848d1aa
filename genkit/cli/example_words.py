"""The words of the commands that make examples of examples, and how these words go together."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from genkit.cli.command import word, words_of
from genkit.cli.shared import DATA_PATH, SEED, OfModel, Split
from genkit.system.errors import ConfigError

OF_DATA, OF_GIVEN = ("n", "split"), ("fit", "label")  # attributes of `FromData`
LONGEST_NUMBER = 10  # digits of an example's number


class ExampleSettings(OfModel):
    """A command that writes a picture of examples, or whatever else they are saved as."""

    n: int = word(8, "examples", low=1, high=1_000)
    seed: int = SEED
    out: Path | None = word(
        None,
        "a picture, or of sounds .wav, of videos .gif, .webp, .mp4 or .webm, of both .npz or a folder"
        " (default: in the run's samples/)",
        kind="output",
        shown="FILE.png",
    )


class FromData(ExampleSettings):
    """A command that begins with examples of the run's data, or with one of the user's own."""

    split: Split = word("test", "of the run's own data")
    data_path: str | None = DATA_PATH
    image: str | None = word(
        None,
        "a picture of yours in the place of examples, brought to the data's size, channels and levels; what"
        " that loses is said",
        kind="file",
    )
    own: str | None = word(
        None,
        "a file of yours in the place of examples, a picture or a .wav, as the data would have it (what that"
        " loses is said), or the number of one example of the split",
        name="in",
        kind="file",
        shown="FILE | NUMBER",
    )
    fit: Literal["crop", "pad", "stretch"] | None = word(None, "of a picture of another shape")
    label: str | None = word(
        None, "class of your file, for a model that was trained with labels", kind="name"
    )

    @property
    def number(self) -> int | None:
        """Of the one example of the split that is asked for."""
        own = self.own or ""
        return int(own) if own.isascii() and own.isdecimal() and len(own) < LONGEST_NUMBER else None

    @property
    def file(self) -> str | None:
        """The user's own."""
        return self.image if self.own is None else None if self.number is not None else self.own

    @property
    def label_word(self) -> str:
        """The word that says the class of the user's own."""
        return words_of(type(self))["label"].name

    @property
    def typed(self) -> str:
        """The word that says what is begun with."""
        return "in" if self.own is not None else "image"

    def check_words(self) -> None:
        """See that the words speak of one thing, examples or a file of the user's own.

        Raises:
            ConfigError: they speak of both.
        """
        if self.image is not None and self.own is not None:
            raise ConfigError("in= and image= both say what is begun with: leave image= out.")
        if self.number is not None:
            wrong, of = {"n", *OF_GIVEN}, "what in= does not name: it is one example of the data"
        elif self.file is None:
            wrong, of = {*OF_GIVEN}, "the picture of image=, or the file of in="
        else:
            kind = "picture" if self.image is not None else "file"
            wrong, of = {*OF_DATA}, f"examples of the data, and {self.typed}= is one {kind}"
        for key in sorted(self.given & wrong):
            name = words_of(type(self))[key].name
            raise ConfigError(f"{name}= is of {of}; leave {name}= out.")


class Observed(FromData):
    """A command that answers what is known of an example."""

    draws: int = word(3, "answers for each example", low=1, high=100)


def parts() -> list[str]:
    """What can be hidden of an example of any medium, also where another form of it is read."""
    from genkit.core import media, representations

    of_media = [part for name in reversed(media.MEDIA.names()) for part in media.find(name).parts]
    stands = [representations.find(name) for name in representations.REPRESENTATIONS]
    return [*dict.fromkeys([*of_media, *(part for stand in stands for part in stand.parts)])]
