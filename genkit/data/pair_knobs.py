"""The knobs of prompts and answers.  Nothing here imports torch."""

from collections.abc import Iterator
from typing import Annotated

from genkit.core.knobs import Clash, knob
from genkit.data.example_knobs import Digest, Filled, MaxBad, OnBad, Split
from genkit.data.text_knobs import TextKnobs


class PairKnobs(TextKnobs, frozen=True):
    """What prompts and answers have, wherever they come from."""

    template: (
        Annotated[
            Filled,
            knob(
                "a text with {prompt} and {answer}; chat: that of the tokeniser; null: that, where it has"
                " one, else the two on lines of their own",
                advice="give a text with {prompt} and {answer}, or chat, or null",
            ),
        ]
        | None
    ) = None
    separator: (
        Annotated[
            Filled,
            knob(
                "one token between examples; null: one of the tokeniser's own, else ASCII's",
                advice="give a text that is one token, or null",
            ),
        ]
        | None
    ) = None
    split: Split = "three"
    on_bad: OnBad = "error"
    max_bad: MaxBad = 0.1


class PairFileKnobs(PairKnobs, frozen=True):
    """What prompts and answers in files have."""

    path: (
        Annotated[str, knob("a table, or a folder with one for each part: train, validation, test")] | None
    ) = None
    encoding: Annotated[str, knob("of the files")] = "utf-8"
    prompt_column: (
        Annotated[Filled, knob("of the prompts; null: prompt, question or the like", advice="name a column")]
        | None
    ) = None
    answer_column: (
        Annotated[
            Filled, knob("of the answers; null: answer, completion or the like", advice="name a column")
        ]
        | None
    ) = None
    messages_column: (
        Annotated[
            Filled,
            knob("of whole conversations, lists of role and content; null: messages", advice="name a column"),
        ]
        | None
    ) = None

    def clashes(self) -> Iterator[Clash]:
        for other in ("prompt_column", "answer_column"):
            if self.messages_column is not None and getattr(self, other) is not None:
                yield Clash(
                    ("messages_column", other), "conversations hold prompts and answers; name one kind"
                )


class MemoryPairKnobs(PairKnobs, frozen=True):
    """Prompts and answers that Python has."""

    digest: Digest | None = None
