"""Pairs: prompts and answers as texts, by a template that a run saves.  Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from genkit.core.pairs.chat_template import ChatPairs
from genkit.core.pairs.conversation import ASSISTANT, ROLES, SYSTEM, USER, Pair, Pairs, Stretch, Turn
from genkit.core.pairs.plain_template import PlainPairs
from genkit.system.schemas import typed

__all__ = [
    "ASSISTANT",
    "ROLES",
    "SYSTEM",
    "USER",
    "ChatPairs",
    "Pair",
    "Pairs",
    "PlainPairs",
    "Stretch",
    "Turn",
    "pairs_from_dict",
]


@dataclass(frozen=True)
class PlainForm:
    """What is written of a plain template."""

    kind: str
    template: str
    end: str
    several: bool = False


@dataclass(frozen=True)
class ChatForm:
    """What is written of a chat template."""

    kind: str
    template: str
    words: dict[str, str]
    separator: str
    end: str
    several: bool = False


def pairs_from_dict(plain: Mapping[str, object]) -> Pairs:
    """Rebuild a template from its plain values.

    Raises:
        ValueError: it is none.
    """
    kind = plain.get("kind")
    if kind == PlainPairs.kind:
        form = typed(plain, PlainForm)
        if not form.end:
            raise ValueError("nothing ends its answers")
        return PlainPairs(form.template, form.end, form.several)
    if kind == ChatPairs.kind:
        chat = typed(plain, ChatForm)
        if not chat.end or not chat.separator:
            raise ValueError("nothing ends its answers")
        return ChatPairs(chat.template, chat.words, chat.separator, chat.end, chat.several)
    raise ValueError(f"no template of pairs: kind={str(kind)[:40]!r}")
