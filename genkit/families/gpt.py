"""GPT: an autoregressive model of token sequences (Radford et al. 2019).

p(x) = Π_t p(x_t | x_<t), each factor a softmax over the vocabulary computed by a causal transformer.  It is
trained on the cross-entropy of the next token, its likelihood is exact, and it draws token by token.

Legend: B batch, T tokens, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from genkit.core.batch import Batch, Packing
from genkit.core.capabilities import Completion, Likelihood, LikelihoodKind, TokenLikelihood
from genkit.core.captioned import GUIDANCE, Captioned
from genkit.core.noise import Noise
from genkit.core.observation import Observation
from genkit.core.options import Options, as_list, resolve_options
from genkit.core.pairs import Turn
from genkit.core.phase import LossTerms, Phase, StepNoise
from genkit.core.questions import asked_of, question, stops
from genkit.core.rule import ERROR, Rule
from genkit.core.scored_sequences import ScoredSequences
from genkit.core.spec import TokenSpec
from genkit.core.token_arrays import unit_arrays
from genkit.generation import beginnings
from genkit.generation.decoding import Drawn, decode, uniforms
from genkit.generation.sampling_options import DRAWN, OPTIONS, REMEMBERED
from genkit.generation.step_numbers import StepNumbers
from genkit.generation.streaming import Piece, pieces
from genkit.generation.token_grid import knowing_patches
from genkit.nn.lora import adapt
from genkit.nn.next_token_nll import OUTSIDE, next_token_nll
from genkit.nn.operations import activations_per_token, flops_per_token, scoring_per_token
from genkit.nn.precision import widened
from genkit.nn.transformer import Transformer
from genkit.nn.transformer_config import TransformerConfig
from genkit.system.errors import ConfigError


class GPT(Captioned, Likelihood, TokenLikelihood, Completion):
    """GPT-2's decoder, or a modern one by its knobs: see `TransformerConfig`.

    Of arrays, as images are, it models the tokens in the order of their codec, after a start token that can
    be one of each class, or stand behind a caption.

    Args:
        spec: of the tokens.
        block_size: tokens of context; None for as many as the data suggests.
        lora_rank: train low-rank updates of this rank alone; None trains everything.
        conditional: on the labels of arrays.
        caption_dropout: of `Captioned`.
        blocks: of `TransformerConfig`.
    """

    options = OPTIONS
    units = {"nll": "nats/token"}
    remedies = {"memorised": "set model.dropout"}

    def __init__(
        self,
        spec: TokenSpec,
        *,
        block_size: int | None = None,
        lora_rank: int | None = None,
        conditional: bool = False,
        caption_dropout: float | None = None,
        **blocks: Any,
    ) -> None:
        super().__init__(spec, conditional=conditional, caption_dropout=caption_dropout)
        # The starts of classes stand after the codec's ids, and like its own never come next.
        config = TransformerConfig(
            vocab_size=spec.vocab_size + self.classes,
            outputs=spec.codec.outputs,
            block_size=block_size or spec.context,
            **blocks,
        )
        try:
            self.network = Transformer(knowing_patches(config, spec))
        except ValueError as error:
            raise ConfigError(str(error)) from error
        if lora_rank is not None:
            adapt(self.network, lora_rank)
        if spec.window is not None:
            self.samples_note = REMEMBERED.format(2 * spec.window)

    # ------------------------------------------------------------------ training

    def phases(self) -> tuple[Phase, ...]:
        matrices = tuple(p for p in self.network.blocks.parameters() if p.ndim == 2 and p.requires_grad)
        return (Phase("likelihood", (self.network,), self._loss, ema=True, matrices=matrices),)

    def _loss(self, batch: Batch, noise: StepNoise) -> LossTerms:
        tokens = self.without_some(self._labelled(batch), noise)
        if batch.packing is None:
            nll = self._token_nll(tokens, reduction="mean")
        else:  # each token that is to be predicted counts alike, whichever piece of the batch it is in
            pieces = noise.pieces or [batch]
            counted = torch.stack([self._scored(piece).sum() for piece in pieces]).sum() / len(pieces)
            nll = self._token_nll(tokens, "sum", batch.packing) / counted.clamp(min=1)
        return LossTerms(nll, {"nll": nll.detach()})

    def _labelled(self, batch: Batch) -> Tensor:
        """The tokens, with the start of its class before each image of a conditional model."""
        if not self.classes:
            return batch.data
        assert batch.labels is not None
        return torch.cat((self.spec.vocab_size + batch.labels[:, None], batch.data[:, 1:]), dim=1)

    def _token_nll(self, tokens: Tensor, reduction: str, packing: Packing | None = None) -> Tensor:
        """-log p(x_t | x_<t) of tokens (B, T + 1): the mean or the sum, or (B, T) with 0 outside the data and
        of what is not to be predicted; of what has captions, of the tokens behind the start alone."""
        segments = None if packing is None else packing.segments
        targets = self._targets(tokens)
        if packing is not None and packing.scored is not None:
            targets = targets.where(packing.scored, OUTSIDE)
        inputs, first = tokens[:, :-1].clamp(min=0), self.spec.caption_length
        return next_token_nll(self.network, inputs, targets, reduction, first=first, segments=segments)

    def _targets(self, tokens: Tensor) -> Tensor:
        return tokens[:, self.spec.caption_length + 1 :]

    def _scored(self, batch: Batch) -> Tensor:
        """Which tokens are to be predicted, bool (B, T)."""
        within = self._targets(batch.data) != OUTSIDE
        scored = None if batch.packing is None else batch.packing.scored
        return within if scored is None else within & scored

    def costs(self) -> dict[str, float]:
        """By `genkit.nn.operations`, at a full context."""
        return {
            "flops": self.context * flops_per_token(self.network),
            "activations": self.context * activations_per_token(self.network),
            "scoring": self.context * scoring_per_token(self.network),
        }

    # ------------------------------------------------------------------ scores

    def score_batch(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        nll = self._token_nll(self._labelled(batch), "none", batch.packing).sum(1)
        return {"nll": nll / self._scored(batch).sum(1).clamp(min=1)}

    rules = (
        Rule(
            code="learned_nothing",
            severity=ERROR,
            measure="beyond_uniform",
            below=0.02,
            advice="The model knows no more than that there are so many tokens (its loss is ln V): lower"
            " optim.lr, or set optim.warmup.",
            longer=True,
            said_by=("data_is_constant", "memorised"),
        ),
        Rule(
            code="learned_frequencies",
            severity=ERROR,
            measure="beyond_frequencies",
            below=0.0,
            advice="The model knows no more than how frequent each token is: lower optim.lr, or look"
            " whether the data has an order to be learnt.",
            after=0.5,
            longer=True,
            said_by=("learned_nothing", "data_is_constant", "memorised"),
        ),
    )

    def health(self, batch: Batch, noise: Noise) -> dict[str, float | list[float]]:
        """What the loss has gained on knowing nothing, ln V, as a share of it, and in nats on knowing how
        frequent each of these tokens is."""
        scored = self._scored(batch)
        nll = float(self._token_nll(self._labelled(batch), "none", batch.packing).sum() / scored.sum())
        counts = torch.bincount(self._targets(batch.data)[scored]).double()
        frequencies = float(torch.distributions.Categorical(counts).entropy())
        outputs = self.network.config.outputs or self.network.config.vocab_size
        return {
            "beyond_uniform": 1 - nll / math.log(outputs) if outputs > 1 else 1.0,
            "beyond_frequencies": frequencies - nll,
        }

    def likelihood_kind(self) -> LikelihoodKind:
        if (codec := self.spec.learned_codec) is not None:
            if reason := codec.origin.reason:
                return LikelihoodKind("none", f"its codes have one alone: {reason}")
            return LikelihoodKind("bound", "codes, and the data given them", of="probability", fixed=True)
        return LikelihoodKind("exact", "of each token given those before it", of="probability")

    def log_likelihood(self, batch: Batch, noise: Noise, *, importance_samples: int = 1) -> Tensor:
        return -self._token_nll(self._labelled(batch), "none", batch.packing).sum(1)

    @property
    def context(self) -> int:
        return self.network.config.block_size

    def token_log_likelihood(self, tokens: Tensor, segments: Tensor | None = None) -> Tensor:
        packing = None if segments is None else Packing(segments)
        return -F.pad(self._token_nll(tokens, "none", packing), (self.spec.caption_length, 0))

    def token_chances(self, batch: Batch) -> Tensor:
        tokens = self._labelled(batch)[:, :-1]
        return widened(self.network(tokens, first=self.spec.caption_length)).softmax(-1)

    def token_features(self, tokens: Tensor) -> Tensor:
        return self.network.features(tokens.clamp(min=0))

    # ------------------------------------------------------------------ samples

    def conditions(self, options: Options) -> Sequence[Any]:
        """The prompts as ids, int64 (T,) each, of pairs with what was asked; of a conditional model the
        labels, of one that reads captions those."""
        if options["logprobs"] and self.spec.array is not None:
            raise ConfigError(f"logprobs=true is of texts, and this model draws {self.spec.medium.many}.")
        if (captions := self.asked(options)) is not None:
            return captions
        if self.classes:
            if options["prompt"]:
                raise ConfigError("a model of labelled images takes label=, no prompt=.")
            return super().conditions(options)
        known = options["unk"] == "skip"
        return asked_of(self.spec, as_list(options["prompt"]), self.context, known=known)

    def captions(self, condition: Sequence[Any], noise: Noise) -> Sequence[str]:
        if self.spec.pairs is None:
            return super().captions(condition, noise)
        return [asked.prompt for asked in condition]

    def draw(self, noise: Noise, condition: Sequence[Any], options: Options) -> list[Tensor]:
        """Continuations with their prompts, of pairs the answers alone, ended before the first stop text."""
        prompts, begun = self._begun(noise, condition)
        drawn = Drawn(len(begun), self.spec.codec, stops(self.spec, options))
        logprobs = StepNumbers() if options["logprobs"] else None
        for tokens in self._tokens(noise, begun, options, logprobs=logprobs):
            if drawn.add(tokens):
                break
        whole, new = self.spec.length, drawn.tokens()
        samples = [torch.cat((p, n))[:whole] for p, n in zip(prompts, new, strict=True)]
        return samples if logprobs is None else ScoredSequences(samples, logprobs.beginnings(map(len, new)))

    def _begun(self, noise: Noise, condition: Sequence[Any]) -> tuple[Sequence[Tensor], list[Tensor]]:
        """Prompts, and what the network reads first: a start and the prompt."""
        nothing = [torch.empty(0, dtype=torch.int64)] * len(condition)
        if (labels := self.labels(condition, noise)) is not None:
            return nothing, list(self.spec.vocab_size + labels[:, None])
        if self.spec.captions is not None:
            return nothing, list(self.asked_starts(condition, noise.device))
        # A document begins after a separator; without documents, only an empty prompt needs a beginning.
        opening = torch.as_tensor(self.spec.opening)
        if self.spec.pairs is not None:
            return nothing, [torch.cat((opening, asked.tokens)) for asked in condition]
        always = self.spec.separator or self.spec.length  # of an image; it begins as a document does
        begun = [torch.cat((opening.to(p.device), p)) if always or not len(p) else p for p in condition]
        return condition, [ids[self.spec.last_document(ids.cpu().numpy()) :] for ids in begun]

    def stream(
        self,
        prompt: str = "",
        *,
        turns: Sequence[Turn] = (),
        seed: int = 0,
        first: int = 0,
        device: torch.device | str | None = None,
        weights: str = "ema",
        **options: Any,
    ) -> Generator[Piece]:
        """`sample(1, prompt=prompt, …)` in pieces as they become certain, prompt first: a text, or of what is
        over time alone the stretches of it, (C, T), as its medium shows them.

        What could still turn out to be the beginning of a stop text is held back, and so are the bytes of an
        unfinished character.  Of pairs the answer alone comes.  Until it is used up or closed, the module
        stays as drawing needs it: in evaluation mode, on the device, with the wanted weights.

        Args:
            turns: a conversation in the place of a prompt, of a model of pairs.

        Raises:
            ConfigError: what is drawn is shown as a whole alone.
        """
        resolved = resolve_options(self.options, {"prompt": prompt, **options}, type(self).__name__)
        if reason := self.spec.unstreamed or (resolved["logprobs"] and "tells logprobs of whole samples"):
            raise ConfigError(f"this model {reason}; use sample().")
        told = [question(self.spec, turns, self.context)] if turns else self.conditions(resolved)
        return self._stream(seed, first, told, resolved, device, weights)

    @torch.no_grad()
    def _stream(
        self,
        seed: int,
        first: int,
        condition: Sequence[Any],
        options: Options,
        device: torch.device | str | None,
        weights: str,
    ) -> Generator[Piece]:
        with self._drawing(device, weights):
            noise = Noise(seed, range(first, first + 1), purpose="sample", device=self.device)
            prompts, begun = self._begun(noise, condition)
            steps = self._tokens(noise, begun, options)
            yield from pieces(self.spec, prompts[0].tolist(), options, steps)

    def _tokens(
        self,
        noise: Noise,
        begun: Sequence[Tensor],
        options: Options,
        first: Tensor | None = None,
        logprobs: StepNumbers | None = None,
    ) -> Iterator[Tensor]:
        """The next token of every row, (B,), step by step; the first of them one of those in bool (B, V)."""
        whole, steps = self.spec.length, options["max_new_tokens"]
        steps = (whole or DRAWN) if steps is None else min(steps, whole or steps)
        refused = torch.from_numpy(self.spec.banned(as_list(options["bad_tokens"] or [])))
        banned, guided = refused if len(refused) else None, options.get(GUIDANCE.name, 1) != 1
        free = list(self.uncaptioned(torch.stack(list(begun)))) if guided else ()
        return decode(self.network, begun, uniforms(noise, steps), options, banned, first, free, logprobs)

    # ------------------------------------------------------------------ completion

    def refusal(self, observation: Observation) -> str | None:
        if self.spec.array is None:
            return f"it models {self.spec.medium.many}; give sample a prompt."
        return beginnings.refusal(self.spec, observation)

    def complete(
        self, observation: Observation, measured: Tensor, labels: Tensor | None, noise: Noise
    ) -> Tensor:
        """The rest of each array given its beginning, from the model's own distribution: exact, but of codes,
        each of which may depend on all of an array, given those of what is known."""
        length = self.spec.length
        assert length is not None
        known = beginnings.beginning(self.spec, observation, measured)
        given: Sequence[Any] = [known.tokens.new_zeros(0)] * len(measured)
        if self.spec.captions is not None:
            given = [""] * len(measured) if labels is None else self.spec.captions_of(labels.cpu().numpy())
        elif self.classes and labels is not None:
            given = labels.tolist()
        starts = self._begun(noise, given)[1]
        begun = [torch.cat((start, row)) for start, row in zip(starts, known.tokens, strict=True)]
        options = {option.name: option.default for option in self.options}
        options["max_new_tokens"] = length - known.tokens.shape[1]
        rest = torch.stack(list(self._tokens(noise, begun, options, known.first)), dim=1)
        return unit_arrays(self.spec, torch.cat((known.tokens, rest), dim=1))
