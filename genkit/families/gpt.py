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
from genkit.core.capabilities import Conditional, Likelihood, LikelihoodKind, TokenLikelihood
from genkit.core.errors import ConfigError
from genkit.core.module import GenerativeModule
from genkit.core.noise import Noise
from genkit.core.options import Option, resolve_options
from genkit.core.phase import LossTerms, Phase, StepNoise
from genkit.core.spec import Spec, TokenSpec
from genkit.decoding import Drawn, Unfolding, decode
from genkit.nn.costs import activations_per_token, flops_per_token
from genkit.nn.lora import adapt
from genkit.nn.stepping import PRECISIONS
from genkit.nn.transformer import Transformer, TransformerConfig

DRAWN = 200  # tokens of a sample, unless told otherwise
UNIFORMS = 256  # random numbers of a row drawn at once
OUTSIDE = -1  # a target beyond the end of the data, which is neither trained on nor scored


class GPT(GenerativeModule, Likelihood, TokenLikelihood, Conditional):
    """GPT-2's decoder, or a modern one by its knobs: see `TransformerConfig`."""

    options = (
        Option("prompt", "text", "", "what to continue; several give n samples each", many=True),
        Option("max_new_tokens", "int", None, "how many at most (200, or one image)", low=0, high=1_000_000),
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

    def __init__(
        self, spec: Spec, *, block_size: int | None = None, lora_rank: int | None = None, **blocks: Any
    ) -> None:
        super().__init__(spec)
        if not isinstance(spec, TokenSpec):
            raise ConfigError("family gpt reads tokens; open the data with the view tokens.")
        self.network = Transformer(
            TransformerConfig(vocab_size=spec.vocab_size, block_size=block_size or spec.context, **blocks)
        )
        if lora_rank is not None:
            adapt(self.network, lora_rank)

    # ------------------------------------------------------------------ training

    def phases(self) -> tuple[Phase, ...]:
        matrices = tuple(p for p in self.network.blocks.parameters() if p.ndim == 2 and p.requires_grad)
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

    def costs(self) -> dict[str, float]:
        """By `genkit.nn.costs.flops_per_token` and `activations_per_token`, at a full context."""
        return {
            "flops": self.context * flops_per_token(self.network),
            "activations": self.context * activations_per_token(self.network),
        }

    # ------------------------------------------------------------------ scores

    def score_batch(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        nll = self._token_nll(batch.data, reduction="none").sum(1)
        return {"nll": nll / (batch.data[:, 1:] != OUTSIDE).sum(1).clamp(min=1)}

    def likelihood_kind(self) -> LikelihoodKind:
        return LikelihoodKind("exact", "of each token given those before it")

    def log_likelihood(self, batch: Batch, noise: Noise, *, importance_samples: int = 1) -> Tensor:
        return -self._token_nll(batch.data, reduction="none").sum(1)

    @property
    def context(self) -> int:
        return self.network.config.block_size

    def token_log_likelihood(self, tokens: Tensor) -> Tensor:
        return -self._token_nll(tokens, reduction="none")

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
        drawn = self._drawn(len(condition), options)
        for tokens in self._tokens(noise, condition, options):
            if drawn.add(tokens):
                break
        whole = self.spec.length
        return [torch.cat((p, new))[:whole] for p, new in zip(condition, drawn.tokens(), strict=True)]

    def stream(
        self,
        prompt: str = "",
        *,
        seed: int = 0,
        device: torch.device | str | None = None,
        weights: str = "ema",
        **options: Any,
    ) -> Iterator[str]:
        """The text of `sample(1, prompt=prompt, …)` in pieces as they become certain, prompt first.

        What could still turn out to be the beginning of a stop text is held back, and so are the bytes of an
        unfinished character.  Until it is used up or closed, the module stays as drawing needs it: in
        evaluation mode, on the device, with the wanted weights.
        """
        resolved = resolve_options(self.options, {"prompt": prompt, **options}, type(self).__name__)
        if not isinstance(self.spec, TokenSpec) or not self.spec.is_text:
            raise ConfigError("this model draws images, which are not streamed; use sample().")
        condition = self.conditions(resolved)
        return self._stream(seed, condition, resolved, device, weights)

    @torch.no_grad()
    def _stream(
        self,
        seed: int,
        condition: Sequence[Tensor],
        options: Mapping[str, Any],
        device: torch.device | str | None,
        weights: str,
    ) -> Iterator[str]:
        assert isinstance(self.spec, TokenSpec)
        drawn, text = self._drawn(1, options), Unfolding(self.spec.codec)
        with self._drawing(device, weights):
            noise = Noise(seed, range(1), purpose="sample", device=self.device)
            if piece := text.add(condition[0].tolist()):
                yield piece
            for tokens in self._tokens(noise, condition, options):
                closed = drawn.add(tokens)
                if piece := text.add(drawn.settle(closed)):
                    yield piece
                if closed:
                    break
        if piece := text.add(drawn.settle(True)) + text.rest():
            yield piece

    def _drawn(self, rows: int, options: Mapping[str, Any]) -> Drawn:
        assert isinstance(self.spec, TokenSpec)
        stops = [self.spec.separator or ""] if options["stop"] is None else as_list(options["stop"])
        return Drawn(rows, self.spec.codec, [stop for stop in stops if stop])

    def _tokens(
        self, noise: Noise, condition: Sequence[Tensor], options: Mapping[str, Any]
    ) -> Iterator[Tensor]:
        """The next token of every row, (B,), step by step."""
        assert isinstance(self.spec, TokenSpec)
        codec, separator = self.spec.codec, self.spec.separator
        # A document begins after a separator; without documents, only an empty prompt needs a beginning.
        opening = torch.as_tensor(codec.encode(separator) if separator else [codec.start])
        whole = self.spec.length  # of an image; it begins as a document does
        begun = [torch.cat((opening, p)) if separator or whole or not len(p) else p for p in condition]
        steps = options["max_new_tokens"]
        steps = (whole or DRAWN) if steps is None else min(steps, whole or steps)
        return decode(
            self.network, begun, _uniforms(noise, steps), options, self._banned(options["bad_tokens"])
        )


def _uniforms(noise: Noise, steps: int) -> Iterator[Tensor]:
    """What decides each token of every row, (B,) a step; the first of them are the same for any `steps`."""
    for start in range(0, steps, UNIFORMS):
        columns = noise.uniform(f"tokens/{start}", UNIFORMS)
        yield from columns[:, : steps - start].unbind(1)


def as_list(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
