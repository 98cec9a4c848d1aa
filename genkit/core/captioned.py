"""Families that can be conditional on captions of their data: what each would write about that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from genkit.core.captions import plain_caption
from genkit.core.labelled import Labelled
from genkit.core.noise import Noise
from genkit.core.options import Option, Options, as_list
from genkit.core.spec import TokenSpec
from genkit.system.errors import ConfigError

DROPPED = 0.1  # share of captions left out in training, unless told otherwise
ASKED = Option("prompt", "text", "", "what to draw, in words; several give n samples each", many=True)
GUIDANCE = Option(
    "guidance", "float", 1.0, "above 1 nearer to the prompt than the model is; 1: off", low=0, high=100
)


class Captioned(Labelled[TokenSpec]):
    """Base of a family of tokens whose instances take captions, labels or neither, as their data have them.

    Its `options` hold `GUIDANCE` and one called `prompt`, which of captions is `ASKED`.

    Args:
        conditional: on the labels of the data.
        caption_dropout: share of captions that are left out in training; None: `DROPPED` of data with some.

    Raises:
        ConfigError: the model is conditional in another way, too, or something is asked of no captions.
    """

    def __init__(self, spec: TokenSpec, *, conditional: bool, caption_dropout: float | None) -> None:
        super().__init__(spec, conditional=conditional)
        self.caption_dropout = DROPPED if caption_dropout is None else caption_dropout
        if spec.captions is not None:
            if conditional:
                raise ConfigError(
                    "model.conditional=true: these data have captions, which say what is drawn; leave it out,"
                    " or data.captions."
                )
            kept = [option for option in self.options if option.name != "unk"]
            self.options = tuple(ASKED if option.name == ASKED.name else option for option in kept)
            return
        if caption_dropout is not None:
            raise ConfigError(
                f"model.caption_dropout={caption_dropout:g}: these data have no captions; give them by"
                " data.captions, or leave it out."
            )
        self.options = tuple(option for option in self.options if option is not GUIDANCE)

    def without_some(self, tokens: Tensor, noise: Noise) -> Tensor:
        """Windows (B, T + 1) of a training step, some of whose captions are the empty one."""
        length = self.spec.caption_length
        if not length or not self.caption_dropout:
            return tokens
        dropped = noise.uniform("caption", 1) < self.caption_dropout  # (B, 1)
        return torch.where(dropped, self.uncaptioned(tokens), tokens)

    def uncaptioned(self, tokens: Tensor) -> Tensor:
        """Windows, or beginnings of them, (B, T), with the empty caption in the place of theirs."""
        length = self.spec.caption_length
        empty = torch.as_tensor(self.spec.opening[:length], device=tokens.device)
        return torch.cat((empty.expand(len(tokens), length), tokens[:, length:]), dim=1)

    def asked(self, options: Options) -> list[str] | None:
        """The captions that these options ask for; None of an instance that takes none.

        Raises:
            ConfigError: one is too long, or guidance has nothing to lead away from.
        """
        if self.spec.captions is None:
            return None
        if options["guidance"] != 1 and not self.caption_dropout:
            raise ConfigError(
                f"guidance={options['guidance']:g}: this model was trained with model.caption_dropout=0, and"
                " draws nothing without a caption; leave guidance out."
            )
        texts = [plain_caption(text) for text in as_list(options[ASKED.name])]
        self.spec.caption_ids(texts)
        return texts

    def asked_starts(self, captions: Sequence[str], device: torch.device) -> Tensor:
        """What the network reads before each of the samples that are asked to be this, (B, L + 1)."""
        ids = torch.as_tensor(self.spec.caption_ids(captions), device=device)
        return F.pad(ids, (0, 1), value=self.spec.codec.start)

    def captions(self, condition: Sequence[Any], noise: Noise) -> Sequence[str]:
        return super().captions(condition, noise) if self.spec.captions is None else list(condition)
