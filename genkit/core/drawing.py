"""Drawing samples: the one API of every family."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from genkit.core.capabilities import Conditional
from genkit.core.contract import Contract, S
from genkit.core.noise import Noise
from genkit.core.options import resolve_options
from genkit.core.returned import drawn
from genkit.core.samples import Samples
from genkit.core.scored_sequences import ScoredSequences
from genkit.core.spec import Spec
from genkit.system.errors import ConfigError

BATCH = 64  # samples drawn at once, where nobody says how many


class Drawing(Contract[S]):
    """`weights` and `sample`."""

    @final
    @contextlib.contextmanager
    def weights(self, which: str) -> Iterator[None]:
        """Within the context the module holds its averaged weights ("ema") or the plain ones ("raw").

        A module without an average keeps its plain weights under either name.
        """
        if which not in ("ema", "raw"):
            raise ConfigError(f"weights={which!r} is neither 'ema' nor 'raw'.")
        if which == "raw" or self.average is None:
            yield
            return
        with self.average.applied():
            yield

    @final
    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        seed: int = 0,
        first: int = 0,
        batch_size: int | None = None,
        device: torch.device | str | None = None,
        weights: str = "ema",
        advance: Callable[[int], None] | None = None,
        **options: Any,
    ) -> Samples:
        """n samples for each condition (a model without conditions has one: none).

        Sample i depends on (seed, i) and the weights alone, whatever the batch size, up to floating-point
        rounding.  The global generators, the training mode and the device are as before afterwards.

        Args:
            n: how many, 0 or more.
            first: the number of the first of them: many samples can be drawn a part at a time.
            batch_size: samples drawn at once; memory is bounded by it.
            device: where to draw; the module's own by default.
            weights: "ema" (the averaged weights where there are any) or "raw".
            advance: told how many more have been drawn, after each batch.
            options: of the family; see its `options`.

        Raises:
            ConfigError: n or seed is no whole number from 0, an option is unknown or out of range, or the
                family has drawn something else than was asked for.
        """
        if not isinstance(n, int) or isinstance(n, bool) or n < 0:
            raise ConfigError(f"n takes an integer from 0, not {n!r}.")
        if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**64:
            raise ConfigError(f"seed takes an integer from 0 to 2^64 - 1, not {seed!r}.")
        if batch_size is not None and batch_size < 1:
            raise ConfigError(f"batch_size takes an integer from 1, not {batch_size}.")
        resolved = resolve_options(self.options, options, type(self).__name__)
        conditions = self.conditions(resolved) if isinstance(self, Conditional) else [None]
        asked = [condition for condition in conditions for _ in range(n)]
        size = batch_size or BATCH
        samples: list[Tensor] = []
        captions: list[str] = []
        logprobs: list[Tensor] = []
        with self._drawing(device, weights):
            for start in range(0, len(asked), size):
                part = asked[start : start + size]
                rows = range(first + start, first + start + len(part))
                noise = Noise(seed, rows, purpose="sample", device=self.device)
                found = self.draw(noise, part, resolved)
                if isinstance(found, ScoredSequences):
                    logprobs += found.logprobs
                if isinstance(found, Tensor):  # before the next batch, so that a GPU never holds two
                    found = found.cpu()
                samples.extend(drawn(found, len(part), self.spec, type(self).__name__))
                captions += self.captions(part, noise) if isinstance(self, Conditional) else ()
                if advance is not None:
                    advance(len(part))
        origin = {**self.origin, "weights": "ema" if weights == "ema" and self.average else "raw"}
        data = _stacked([sample.cpu() for sample in samples], self.spec)
        return Samples(data, self.spec, seed, resolved, origin, captions, logprobs)

    @contextlib.contextmanager
    def _drawing(self, device: torch.device | str | None, weights: str) -> Iterator[None]:
        """Evaluation mode on a device with the wanted weights; all as before afterwards."""
        modes = {module: module.training for module in self.modules()}
        home = self.device
        with self.weights(weights):
            try:
                self.eval()
                if device is not None:
                    self.to(device)
                yield
            finally:
                if device is not None:
                    self.to(home)
                for module, mode in modes.items():
                    module.training = mode


def _stacked(samples: list[Tensor], spec: Spec) -> Tensor | list[Tensor]:
    """Arrays as one, (n, *shape); sequences, which may differ in length, as they are."""
    if spec.kind == "tokens":
        return samples
    return torch.stack(samples) if samples else torch.zeros(0, *spec.shape)
