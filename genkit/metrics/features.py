"""Features: what is kept of a set of pictures to compare it with another; memory goes with n × d."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from genkit.core.identity import named
from genkit.metrics.catalogue import BY_FEATURES
from genkit.metrics.extractors import Extractor, unit
from genkit.system.errors import ConfigError, DataError, Unmeasurable

Protocol = Mapping[str, str | int | float | bool | None]
PROJECTIONS, SEED = (
    64,
    20_150_227,
)  # directions of the sliced Wasserstein distance, and the seed that draws them


@dataclass(frozen=True)
class Features:
    """n pictures as metrics see them.

    Attributes:
        vectors: (n, d) float32, an extractor's features.
        probabilities: (n, K) float32 of its classes; None where it does not classify.
        projections: (n, P) float32: the pixels along P fixed random directions of length one.
        keys: (n,) int64: a hash of each picture in 8 bits; equal pictures have equal keys.
        protocol: extractor, its digest, resizer, and the shape of the pictures.
    """

    vectors: Tensor
    probabilities: Tensor | None = None
    projections: Tensor | None = None
    keys: Tensor | None = None
    protocol: Protocol = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2:
            raise DataError(f"features are (n, d), not {tuple(self.vectors.shape)}.")
        for name, value in self.tensors().items():
            if len(value) != len(self.vectors):
                raise DataError(f"{len(self.vectors)} features but {len(value)} {name}.")
            bad = (~torch.isfinite(value)).reshape(len(value), -1).any(1)
            if bad.any():
                where = int(bad.nonzero()[0])
                raise DataError(
                    f"{name} of sample {where} hold NaN or infinite values ({int(bad.sum())} do)."
                )

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, rows: slice | Tensor) -> Features:
        """The features of some of the pictures."""
        return Features.of({name: value[rows] for name, value in self.tensors().items()}, self.protocol)

    @property
    def size(self) -> int:
        """d."""
        return self.vectors.shape[1]

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor that there is, by name: for a cache on disk."""
        every = {name: getattr(self, name) for name in ("vectors", "probabilities", "projections", "keys")}
        return {name: value for name, value in every.items() if value is not None}

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], protocol: Protocol) -> Features:
        """From `tensors()` and `protocol`."""
        return cls(**tensors, protocol=dict(protocol))


def collect(extractor: Extractor | None, batches: Iterable[Tensor]) -> Features:
    """Pass batches of arrays through an extractor; only the features stay in memory.

    Args:
        extractor: None: there is none of such arrays, and their features have no dimension.
        batches: (B, C, *sizes), uint8 0 … 255 or floats in [0, 1], all of one shape; of sounds int16, or
            floats in [-1, 1] for an extractor that hears.

    Raises:
        DataError: no picture, mixed sizes, values out of range or not finite.
    """
    vectors: list[Tensor] = []
    probabilities: list[Tensor] = []
    projections: list[Tensor] = []
    keys: list[Tensor] = []
    sound = extractor is not None and extractor.rate is not None
    directions = None
    shape: tuple[int, ...] = ()
    for batch in batches:
        images = unit(batch, extractor.axes if extractor else None, sound)
        if directions is None:
            shape = tuple(images.shape[1:])
            directions = directions_of(images[0].numel())
        if tuple(images.shape[1:]) != shape:
            sizes = " and ".join("×".join(map(str, s)) for s in (shape, tuple(images.shape[1:])))
            raise DataError(f"{called(len(shape))} of mixed sizes, {sizes}: bring them to one size first.")
        found, classes = extractor.of_unit(images) if extractor else (images.new_empty(len(images), 0), None)
        vectors.append(found)
        if classes is not None:
            probabilities.append(classes)
        projections.append(images.flatten(1).cpu() @ directions)
        keys.append(keys_of(batch, sound))
    if not sum(map(len, vectors)):
        raise DataError("there are no examples to measure.")
    return Features(
        torch.cat(vectors),
        torch.cat(probabilities) if probabilities else None,
        torch.cat(projections),
        torch.cat(keys),
        {**(extractor.protocol if extractor else {}), "shape": "×".join(map(str, shape))},
    )


def called(axes: int) -> str:
    """What arrays over so many axes, that of channels included, are called in messages."""
    return "pictures" if axes == 3 else "examples"


def directions_of(pixels: int) -> Tensor:
    """The fixed directions of sliced distances: (pixels, P), columns of length one."""
    generator = torch.Generator().manual_seed(SEED)
    return torch.nn.functional.normalize(torch.randn(pixels, PROJECTIONS, generator=generator), dim=0)


def keys_of(images: Tensor, sound: bool = False) -> Tensor:
    """A 64-bit hash of each picture as 8-bit pixels, or of each clip as samples of 16 bits; two different
    ones share it once in 10¹⁹ pairs."""
    if sound and images.is_floating_point():
        images = (images * 2**15).round().clamp(-(2**15), 2**15 - 1).to(torch.int16)
    elif images.dtype not in (torch.uint8, torch.int16):
        images = (images.clamp(0, 1) * 255).round().to(torch.uint8)
    pixels = np.ascontiguousarray(images.cpu().flatten(1).numpy())
    hashes = [hashlib.blake2b(row, digest_size=8).digest() for row in pixels]
    return torch.from_numpy(np.frombuffer(b"".join(hashes), dtype="<i8").copy())


def check_pair(real: Features, generated: Features) -> None:
    """Refuse two sets that cannot be compared.

    Raises:
        DataError: pictures of two shapes.
        ConfigError: features of two extractors.
    """
    shapes = real.protocol.get("shape"), generated.protocol.get("shape")
    if shapes[0] != shapes[1]:
        many = called(str(shapes[0]).count("×") + 1)
        raise DataError(f"real {many} are {shapes[0]}, generated ones {shapes[1]}: bring them to one size.")
    if real.size != generated.size or dict(real.protocol) != dict(generated.protocol):
        plain = " against ".join(json.dumps(dict(f.protocol), ensure_ascii=False) for f in (real, generated))
        raise ConfigError(f"these features come from two extractors: {plain}.")


def check_enough(
    metrics: str | Sequence[str], least: int, real: Features | None, generated: Features
) -> None:
    """Refuse too few samples.

    Args:
        metrics: the kinds of metrics that need them.

    Raises:
        Unmeasurable: naming the metrics, the least number and what there is.
    """
    for kind, found in (("real", real), ("generated", generated)):
        if found is not None and len(found) < least:
            extractor = generated.protocol.get("extractor")
            kinds = [metrics] if isinstance(metrics, str) else metrics
            names = [named(kind, extractor) if kind in BY_FEATURES else kind for kind in kinds]
            shape = generated.protocol.get("shape")
            many = "pictures" if shape is None else called(str(shape).count("×") + 1)
            reason = f"at least {least} {kind} {many}; there are {len(found)}."
            raise Unmeasurable(names, f"{'needs' if len(names) == 1 else 'need'} {reason}")
