"""A template as plain text, with {prompt} and {answer} in it.  Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

from genkit.core.pairs.conversation import WORD, Pairs, Stretch, Turn, exchanges
from genkit.system.errors import ConfigError, DataError

PROMPT, ANSWER = "{prompt}", "{answer}"


@dataclass(frozen=True)
class PlainPairs(Pairs):
    """Prompt and answer in the places that a text has for them; several exchanges one after another.

    What follows {answer} ends answers; where nothing does, the separator does.
    """

    kind: ClassVar[str] = "plain"

    template: str
    end: str
    several: bool = False

    @classmethod
    def of(cls, template: str, separator: str, *, several: bool = False) -> PlainPairs:
        """A template for examples with this separator.

        Raises:
            ConfigError: it has not each place once, in their order.
        """
        if (
            template.count(PROMPT) != 1
            or template.count(ANSWER) != 1
            or template.find(PROMPT) > template.find(ANSWER)
        ):
            raise ConfigError(
                f"{WORD}={template!r} is none: write {PROMPT} and then {ANSWER}, each once, as in"
                f" 'Q: {PROMPT}\\nA: {ANSWER}'."
            )
        after = template.partition(ANSWER)[2].removesuffix(separator)
        return cls(template.partition(ANSWER)[0] + ANSWER + after, after or separator, several)

    @cached_property
    def _around(self) -> tuple[str, str, str]:
        """What stands before the prompt, between the two, and after the answer."""
        before, _, rest = self.template.partition(PROMPT)
        between, _, after = rest.partition(ANSWER)
        return before, between, after

    def laid_out(self, turns: Sequence[Turn]) -> list[tuple[Stretch, ...]]:
        before, between, after = self._around
        stretches: list[Stretch] = []
        every = [exchange for exchange in exchanges(turns) if exchange[1]]
        for number, (prompt, answer) in enumerate(every, 1):
            if self.end in answer:
                raise DataError(
                    f"the answer holds {self.end!r}, which ends answers; choose another {WORD} or"
                    " data.separator"
                )
            ended = after or ("" if number == len(every) else self.end)
            stretches += [Stretch(before + prompt + between, False), Stretch(answer + ended, True)]
        return [tuple(stretches)]

    def asked(self, turns: Sequence[Turn]) -> str:
        before, between, _ = self._around
        *earlier, (prompt, _) = exchanges(turns)
        told = [before + asked + between + answer + self.end for asked, answer in earlier]
        return "".join([*told, before, prompt, between])

    def of_several(self, several: bool) -> PlainPairs:
        return replace(self, several=several)

    def to_dict(self) -> dict[str, object]:
        return {"kind": self.kind, "template": self.template, "end": self.end, "several": self.several}
