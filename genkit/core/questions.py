"""What a model of texts is asked to go on with: a prompt as it stands, or put into the template of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from genkit.core.options import Options, as_list
from genkit.core.pairs import USER, Turn
from genkit.core.spec import TokenSpec
from genkit.system.errors import ConfigError


@dataclass(frozen=True)
class Question:
    """What is answered.

    Attributes:
        prompt: as it was asked; of a conversation what was said last.
        tokens: in its template, int64 (T,).
    """

    prompt: str
    tokens: Tensor


def asked_of(
    spec: TokenSpec, texts: Sequence[str], context: int, *, known: bool
) -> list[Tensor] | list[Question]:
    """Prompts as ids, int64 (T,) each, of a model of pairs with what was asked.

    Args:
        context: tokens that the model reads at most.
        known: whether to leave out characters outside the vocabulary.

    Raises:
        ConfigError: one has unknown characters, or more tokens.
    """
    texts = [spec.codec.known(text) if known else text for text in texts]
    if spec.pairs is not None:
        return [question(spec, (Turn(USER, text),), context) for text in texts]
    prompts = []
    for ids in map(spec.encode, texts):
        if len(ids) > context:
            raise ConfigError(
                f"the prompt has {len(ids)} tokens, the model reads at most {context}; give its last part."
            )
        prompts.append(torch.from_numpy(ids))
    return prompts


def question(spec: TokenSpec, turns: Sequence[Turn], context: int) -> Question:
    """A conversation whose next answer is to be drawn.

    Raises:
        ConfigError: it has unknown characters, or leaves no room for an answer.
    """
    ids = spec.asked(turns)
    taken = len(spec.opening) + len(ids)
    if taken > context:
        raise ConfigError(
            f"the prompt takes {taken} tokens in its template, and the model reads {context}, its answer"
            " included; shorten it."
        )
    return Question(turns[-1].content, torch.from_numpy(ids))


def stops(spec: TokenSpec, options: Options) -> list[str]:
    """The texts that a sample ends before: those asked for, else what ends an answer, and the separator.

    A model of documents that are apart has learnt nothing of what goes on beyond it.
    """
    if options["stop"] is not None:
        asked = [*as_list(options["stop"]), *([spec.separator or ""] if spec.apart else [])]
        return [text for text in asked if text]
    usual = ("" if spec.pairs is None else spec.pairs.end, spec.separator or "")
    return [text for text in dict.fromkeys(usual) if text]
