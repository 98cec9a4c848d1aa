"""A trained model as what makes codes and reads them: arrays of numpy in, arrays of numpy out.

Legend: B batch, C channels, S… sizes of the axes, G… codes along each axis.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from genkit.core.capabilities import Tokenizer
from genkit.core.codecs import LearnedCodec
from genkit.core.codecs.learned_codec import Origin
from genkit.core.module import GenerativeModule
from genkit.core.spec import Spec
from genkit.system.errors import ConfigError

AT_ONCE = 64  # arrays in a batch; a network may round otherwise in batches of another size


class RunCoder:
    """What a `LearnedCodec` is attached to."""

    def __init__(self, tokenizer: Tokenizer, levels: int) -> None:
        self._tokenizer, self._highest = tokenizer, levels - 1

    def codes(self, levels: np.ndarray) -> np.ndarray:
        return _batched(lambda data: self._tokenizer.tokenize(self._unit(data)), levels)

    def unit(self, codes: np.ndarray) -> np.ndarray:
        return _batched(lambda some: self._tokenizer.detokenize(some).float().clamp(0, 1), codes)

    def log_likelihood(self, levels: np.ndarray, codes: np.ndarray) -> np.ndarray:
        def scored(data: Tensor, some: Tensor) -> Tensor:
            return self._tokenizer.coded_log_likelihood(self._unit(data), some).double()

        return _batched(scored, levels, codes)

    def _unit(self, levels: Tensor) -> Tensor:
        return levels.float() / self._highest


@torch.inference_mode()
def _batched(step: Callable[..., Tensor], *arrays: np.ndarray) -> np.ndarray:
    made = [
        step(*(torch.from_numpy(_plain(array[start : start + AT_ONCE])) for array in arrays)).cpu().numpy()
        for start in range(0, len(arrays[0]), AT_ONCE)
    ]
    return np.concatenate(made)


def _plain(array: np.ndarray) -> np.ndarray:
    """In the order of memory, and of a type that torch has operations for."""
    kind = np.int64 if array.dtype.kind in "iu" else array.dtype
    return np.ascontiguousarray(array, kind)


def as_codec(module: GenerativeModule, sha256: str) -> LearnedCodec:
    """The codec that a trained model is.

    Raises:
        ConfigError: it makes no codes, or none of arrays.
    """
    spec: Spec = module.spec
    if not isinstance(module, Tokenizer) or spec.kind != "arrays":
        held = ", ".join(module.capabilities()) or "none"
        raise ConfigError(f"a codec needs Tokenizer of arrays, and {type(module).__name__} declares {held}.")
    kind = module.coded_kind()
    origin = Origin(sha256, (kind.note or "its decoder is no probability") if kind.absent else "")
    return LearnedCodec(spec, module.grid, module.codes, origin, RunCoder(module, spec.levels))
