"""The chat template that comes with a tokeniser, a program of Jinja.  Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from genkit.core.pairs.conversation import ASSISTANT, USER, WORD, Pairs, Stretch, Turn
from genkit.system import templates
from genkit.system.errors import ConfigError, DataError

PROBE = (Turn(USER, "Q7"), Turn(ASSISTANT, "A7"))  # by which a template is got to know


@dataclass(frozen=True)
class ChatPairs(Pairs):
    """Conversations as such a template writes them.

    What follows what asks for an answer, up to the text that ends answers, is what a model writes.

    Attributes:
        template: its source; it runs in a sandbox, see `genkit.system.templates`.
        words: texts that it knows by name, such as `bos_token`.
        separator: what stands before each example; the template's own beginning, where it always has one.
    """

    kind: ClassVar[str] = "chat"

    template: str
    words: Mapping[str, str]
    separator: str
    end: str
    several: bool = False

    @classmethod
    def of(
        cls, template: str, words: Mapping[str, str], tokens: Sequence[str], separator: str | None
    ) -> ChatPairs:
        """A template, tried on a prompt and its answer.

        Args:
            tokens: texts that are one token each, of which one begins examples and one ends answers.
            separator: what is to stand between examples; None: the token with which the template begins, else
                the one that ends a text.

        Raises:
            ConfigError: it cannot be read, fails, takes too long, or writes no answer behind a prompt.
        """
        try:
            asked, whole = templates.render(template, words, [_request(PROBE[:1], True), _request(PROBE)])
        except ValueError as error:
            raise ConfigError(f"{WORD}: the tokeniser's chat template cannot be used: {error}.") from None
        written = whole.removeprefix(asked)
        _, answer, after = written.rpartition(PROBE[1].content)
        if written == whole or not answer:
            raise ConfigError(
                f"{WORD}: the tokeniser's chat template writes no answer behind what asks for it; give a text"
                " with {prompt} and {answer}."
            )
        longest = sorted(tokens, key=len, reverse=True)
        first = next((token for token in longest if token and whole.startswith(token)), None)
        apart = separator or first or words.get("eos_token")
        if not apart:
            raise ConfigError(f"{WORD}: nothing separates conversations; name a token by data.separator.")
        after = after.strip()
        end = next((token for token in longest if token and after.startswith(token)), after)
        return cls(template, words, apart, end or apart)

    def laid_out(self, turns: Sequence[Turn]) -> list[tuple[Stretch, ...]]:
        places = [place for place, turn in enumerate(turns) if turn.role == ASSISTANT]
        if any(self.end in turns[place].content for place in places):
            raise DataError(f"the answer holds {self.end!r}, which ends answers")
        requests = [_request(turns[:place], True) for place in places]
        texts = self._rendered([*requests, *(_request(turns[: place + 1]) for place in places)])
        found: list[tuple[Stretch, ...]] = []
        stretches: list[Stretch] = []
        told = ""  # what the stretches say
        for asked, whole in zip(texts[: len(places)], texts[len(places) :], strict=True):
            if not whole.startswith(asked):
                raise DataError("the chat template writes no answer behind what asks for it")
            if not asked.startswith(told):  # it writes earlier turns another way, so this is another text
                found.append(self._closed(stretches))
                stretches, told = [], ""
            given = asked[len(told) :] if told else asked.removeprefix(self.separator)
            place = whole.rfind(self.end, len(asked))
            told = whole if place < 0 else whole[: place + len(self.end)]
            stretches += [Stretch(given, False), Stretch(told[len(asked) :], True)]
        return [*found, self._closed(stretches)]

    def _closed(self, stretches: Sequence[Stretch]) -> tuple[Stretch, ...]:
        """An example; its last answer is not ended where the separator behind it does that."""
        *others, last = stretches
        text = last.text.removesuffix(self.separator) if self.end == self.separator else last.text
        return (*others, Stretch(text, True))

    def asked(self, turns: Sequence[Turn]) -> str:
        return self._rendered([_request(turns, True)])[0].removeprefix(self.separator)

    def _rendered(self, requests: Sequence[templates.Request]) -> list[str]:
        try:
            return templates.render(self.template, self.words, requests)
        except ValueError as error:
            raise DataError(f"the chat template: {error}") from None

    def of_several(self, several: bool) -> ChatPairs:
        return replace(self, several=several)

    def to_dict(self) -> dict[str, object]:
        return {
            "kind": self.kind,
            "template": self.template,
            "words": dict(self.words),
            "separator": self.separator,
            "end": self.end,
            "several": self.several,
        }


def _request(turns: Sequence[Turn], ask: bool = False) -> templates.Request:
    return templates.Request([(turn.role, turn.content) for turn in turns], ask)
