"""GPT: an autoregressive model of token sequences (Radford et al. 2019).

p(x) = Π_t p(x_t | x_<t), each factor a softmax over the vocabulary computed by a causal transformer.  It is
trained on the cross-entropy of the next token, its likelihood is exact, and it draws token by token.

Legend: B batch, T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from genkit.core.batch import Batch
from genkit.core.capabilities import Conditional, Likelihood, LikelihoodKind
from genkit.core.errors import ConfigError
from genkit.core.module import GenerativeModule
from genkit.core.noise import Noise
from genkit.core.options import Option
from genkit.core.phase import LossTerms, Phase, StepNoise
from genkit.core.spec import Spec, TokenSpec
from genkit.decoding import Drawn, decode
from genkit.nn.stepping import PRECISIONS
from genkit.nn.transformer import Transformer, TransformerConfig

UNIFORMS = 256  # random numbers of a row drawn at once
OUTSIDE = -1  # a target beyond the end of the data, which is neither trained on nor scored


class GPT(GenerativeModule, Likelihood, Conditional):
    """GPT-2's decoder, or a modern one by its knobs: see `TransformerConfig`."""

    options = (
        Option("prompt", "text", "", "what to continue; several give n samples each", many=True),
        Option("max_new_tokens", "int", 200, "tokens to draw at most", low=0, high=1_000_000),
        Option("temperature", "float", 1.0, "below 1 sharper, 0 the likeliest token", low=0, high=100),
        Option("top_k", "int", None, "keep the k likeliest tokens", low=1),
        Option("top_p", "float", None, "keep the likeliest tokens of this total mass", above=0, high=1),
        Option("min_p", "float", None, "drop tokens less likely than this share of the best", low=0, high=1),
        Option(
            "repetition_penalty", "float", 1.0, "above 1 makes used tokens less likely", above=0, high=100
        ),
        Option(
            "stop", "text", None, "end a sample before this text (default: the data's separator)", many=True
        ),
        Option("bad_tokens", "text", None, "tokens never to draw", many=True),
        Option("precision", "text", "float32", "of the matrices while drawing", choices=PRECISIONS),
    )
    units = {"nll": "nats/token"}

    def __init__(self, spec: Spec, *, block_size: int = 64, **blocks: Any) -> None:
        super().__init__(spec)
        if not isinstance(spec, TokenSpec):
            raise ConfigError("family gpt reads tokens; use a model with view=arrays for images.")
        self.network = Transformer(
            TransformerConfig(vocab_size=spec.vocab_size, block_size=block_size, **blocks)
        )

    # ------------------------------------------------------------------ training

    def phases(self) -> tuple[Phase, ...]:
        matrices = tuple(p for p in self.network.blocks.parameters() if p.ndim == 2)
        return (Phase("likelihood", (self.network,), self._loss, ema=True, matrices=matrices),)

    def _loss(self, batch: Batch, noise: StepNoise) -> LossTerms:
        nll = self._token_nll(batch.data, reduction="mean")
        return LossTerms(nll, {"nll": nll.detach()})

    def _token_nll(self, tokens: Tensor, reduction: str) -> Tensor:
        """-log p(x_t | x_<t) of tokens (B, T + 1): the mean over all, or (B, T) with 0 outside the data."""
        logits = self.network(tokens[:, :-1].clamp(min=0))  # (B, T, V)
        targets = tokens[:, 1:]
        nll = F.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=OUTSIDE, reduction=reduction
        )
        return nll if reduction == "mean" else nll.view_as(targets)

    # ------------------------------------------------------------------ scores

    def score_batch(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        nll = self._token_nll(batch.data, reduction="none").sum(1)
        return {"nll": nll / (batch.data[:, 1:] != OUTSIDE).sum(1).clamp(min=1)}

    def likelihood_kind(self) -> LikelihoodKind:
        return LikelihoodKind("exact", "of each token given those before it")

    def log_likelihood(self, batch: Batch, noise: Noise) -> Tensor:
        return -self._token_nll(batch.data, reduction="none").sum(1)

    # ------------------------------------------------------------------ samples

    def conditions(self, options: Mapping[str, Any]) -> Sequence[Tensor]:
        """The prompts as ids, int64 (T,) each."""
        assert isinstance(self.spec, TokenSpec)
        prompts = []
        for text in as_list(options["prompt"]):
            ids = self.spec.codec.encode(text)
            if len(ids) > self.network.config.block_size:
                raise ConfigError(
                    f"the prompt has {len(ids)} tokens, the model reads at most"
                    f" {self.network.config.block_size}; give its last part."
                )
            prompts.append(torch.from_numpy(ids))
        return prompts

    def _banned(self, texts: str | Sequence[str] | None) -> Tensor | None:
        """The ids of tokens given as texts, int64; None for none.

        Raises:
            ConfigError: a text is not one token, or no token is left.
        """
        assert isinstance(self.spec, TokenSpec)
        ids = set()
        for text in as_list(texts or []):
            encoded = self.spec.codec.encode(text)
            if len(encoded) != 1:
                raise ConfigError(f"bad_tokens={text!r} is {len(encoded)} tokens; give each token by itself.")
            ids.add(int(encoded[0]))
        if len(ids) == self.spec.vocab_size:
            raise ConfigError("bad_tokens leaves no token to draw; leave one out.")
        return torch.tensor(sorted(ids)) if ids else None

    def draw(self, noise: Noise, condition: Sequence[Tensor], options: Mapping[str, Any]) -> list[Tensor]:
        """Continuations with their prompts, each ended before its first stop text."""
        assert isinstance(self.spec, TokenSpec)
        codec, separator = self.spec.codec, self.spec.separator
        # A document begins after a separator; without documents, only an empty prompt needs a beginning.
        opening = torch.as_tensor(codec.encode(separator) if separator else [codec.start])
        begun = [torch.cat((opening, p)) if separator or not len(p) else p for p in condition]
        stops = [separator or ""] if options["stop"] is None else as_list(options["stop"])
        drawn = Drawn(len(begun), codec, [stop for stop in stops if stop])
        uniforms = _uniforms(noise, options["max_new_tokens"])
        banned = self._banned(options["bad_tokens"])
        for tokens in decode(self.network, begun, uniforms, options, banned):
            if drawn.add(tokens):
                break
        return [torch.cat((p, new)) for p, new in zip(condition, drawn.tokens(), strict=True)]


def _uniforms(noise: Noise, steps: int) -> Iterator[Tensor]:
    """What decides each token of every row, (B,) a step; the first of them are the same for any `steps`."""
    for start in range(0, steps, UNIFORMS):
        columns = noise.uniform(f"tokens/{start}", UNIFORMS)
        yield from columns[:, : steps - start].unbind(1)


def as_list(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
