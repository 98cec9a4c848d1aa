"""A codec of arrays: each block of neighbours is one code, the sum of its levels.

It shows what a codec is: what it makes of data, what it makes of that again, and how likely data is given its
codes, p(x | codes) = Π p(level | code of its block), which is all that is learnt.

Legend: B batch, C channels, S… sizes of the axes, G… blocks along each axis, K codes, V levels.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from genkit.core.batch import Batch
from genkit.core.capabilities import LikelihoodKind, Reconstruction, Tokenizer
from genkit.core.module import GenerativeModule
from genkit.core.noise import Noise
from genkit.core.options import Options
from genkit.core.phase import LossTerms, Phase, StepNoise
from genkit.core.spec import ArraySpec


class Blocks(GenerativeModule[ArraySpec], Tokenizer, Reconstruction):
    """A code for every sum that the levels of a block can have.

    Args:
        spec: of the arrays.
        side: of a block, along every axis.
    """

    units = {"nll": "nats"}

    def __init__(self, spec: ArraySpec, *, side: int = 2) -> None:
        super().__init__(spec)
        self.side, self.grid = side, tuple(size // side for size in spec.sizes)
        self.codes = spec.channels * side ** len(spec.sizes) * (spec.levels - 1) + 1
        self.table = nn.Embedding(self.codes, spec.levels)  # logits of a level, given the code
        nn.init.normal_(self.table.weight, 0, 0.1)

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("likelihood", (self.table,), self._loss, ema=True),)

    def _loss(self, batch: Batch, noise: StepNoise) -> LossTerms:
        nll = self.score_batch(batch, noise)["nll"].mean()
        return LossTerms(nll, {"nll": nll.detach()})

    def score_batch(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        return {"nll": -self.coded_log_likelihood(batch.data, self.tokenize(batch.data))}

    def _levels(self, data: Tensor) -> Tensor:
        return (data * (self.spec.levels - 1)).round().long()

    def tokenize(self, data: Tensor) -> Tensor:
        blocks = self._levels(data).sum(1)
        for axis in range(1, blocks.ndim):
            blocks = blocks.unflatten(axis, (-1, self.side)).sum(axis + 1)
        return blocks

    def _spread(self, codes: Tensor) -> Tensor:
        """The code of each place, (B, S…)."""
        for axis in range(1, codes.ndim):
            codes = codes.repeat_interleave(self.side, axis)
        return codes

    def detokenize(self, codes: Tensor) -> Tensor:
        levels = torch.linspace(0, 1, self.spec.levels, device=codes.device)
        mean = self.table(self._spread(codes)).softmax(-1) @ levels
        return mean[:, None].expand(-1, *self.spec.shape)

    def coded_kind(self) -> LikelihoodKind:
        return LikelihoodKind("exact", of="probability")

    def coded_log_likelihood(self, data: Tensor, codes: Tensor) -> Tensor:
        chances = self.table(self._spread(codes)).log_softmax(-1)[:, None].expand(-1, *self.spec.shape, -1)
        return chances.gather(-1, self._levels(data)[..., None]).flatten(1).sum(1)

    def reconstruct(self, data: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.detokenize(self.tokenize(data))

    def draw(self, noise: Noise, condition: Sequence[None], options: Options) -> Tensor:
        """Of a codec alone nothing is known of which codes are likely: all are alike."""
        chosen = noise.uniform("codes", *self.grid) * self.codes
        return self.detokenize(chosen.long().clamp(max=self.codes - 1))
