"""Samples that are pictures, against real ones: quality, coverage, memorisation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genkit.core.grid import grid, png
from genkit.core.identity import kind_of, named
from genkit.core.spec import ArraySpec
from genkit.data.packing import followed
from genkit.data.real import BATCH, as_samples, pictures, real_pictures, unchanged
from genkit.evaluation.subject import Found, Subject, reasons
from genkit.metrics.extractors import Extractor, extractor, suggested, weights_digest
from genkit.metrics.features import Features, collect
from genkit.metrics.memorisation import Pairs, memorisation, memorisation_floor
from genkit.metrics.panel import METRICS, image_measures
from genkit.system import storage
from genkit.system.errors import ConfigError, Unmeasurable
from genkit.system.headers import read_header
from genkit.system.plain import parse_json

N = 1_000
SHOWN_FROM = 1_000  # pictures that a large network takes seconds for
REAL_MOST, TRAIN_MOST = 10_000, 60_000
CACHE = "2"  # raise it where features or their layout change


@dataclass
class ImageQuality:
    """The pictures of a subject as features: its samples, the real ones, the training set.

    Noise is drawn pixel by pixel, every level as likely: what a generator is worst at being.
    """

    subject: Subject
    extractor: Extractor
    n: int
    generated: Features

    @classmethod
    def of(cls, subject: Subject) -> ImageQuality:
        """Draw the samples and keep their features."""
        image = subject.dataset.spec.image
        assert image is not None
        found = extractor(subject.settings.extractor or suggested(image)).on(subject.settings.device)
        for name in subject.settings.metrics or ():
            if (kind := kind_of(name)) != name != named(kind, found.name):
                raise ConfigError(
                    f"metrics={name}: the features are those of extractor={found.name}; write metrics={kind},"
                    " or name that extractor."
                )
        n = N if subject.settings.n is None else subject.settings.n
        generated = collect(found, map(pictures, subject.samples(n)))
        return cls(subject, found, n, generated)

    def real(self, split: str, most: int) -> Features:
        """Features of the real pictures of a split, from the cache where they are in it."""
        dataset = self.subject.dataset
        examples = unchanged(dataset.split(split))
        rows = examples.some(most)
        key = json.dumps([CACHE, dataset.fingerprint, split, len(rows), self.extractor.digest])
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        file = Path(self.subject.cache_dir) / "features" / f"{name}.safetensors"

        def make() -> Features:
            batches = real_pictures(dataset.spec, examples, rows)
            what = f"measuring real pictures ({split})"
            return collect(self.extractor, followed(what, batches, len(rows), SHOWN_FROM))

        return cached(file, make)

    @property
    def names(self) -> tuple[str, ...]:
        """The measures of `METRICS` that the extractor can tell of this data."""
        spec = self.subject.dataset.spec.image
        assert spec is not None
        return tuple(m for m in METRICS if m != "inception_score" or self.extractor.fits(spec.classes))

    def quality(self) -> Found:
        """The panel of `image_measures`; the floor is other real pictures in the place of samples."""
        spec, names = self.subject.dataset.spec.image, self.names
        assert spec is not None
        real = self.real(self.subject.settings.split, REAL_MOST)
        refused: list[Unmeasurable] = []
        model = image_measures(real, self.generated, names, refused)
        if not model:
            raise refused[0]
        floor = image_measures(real, self._others(), names, [])
        noise = image_measures(real, noise_features(self.extractor, spec, self.n), names, [])
        return Found(model, floor, noise, reasons(refused))

    def _others(self) -> Features:
        """As many real pictures as there are samples, which the real set does not hold."""
        other = self.subject.another()
        if other is not None and len(self.subject.dataset.split(other)) >= self.n:
            return self.real(other, REAL_MOST)[: self.n]
        return self.real("train", self.n)

    def memory(self, folder: Path | None) -> Found:
        """Measures of copying; the floor is one half of the held-out pictures, set against the other half.

        Args:
            folder: of the picture of the nearest pairs; None for none.
        """
        train, held_out = self.real("train", TRAIN_MOST), self.real(self.subject.settings.split, REAL_MOST)
        try:
            model, pairs = memorisation(self.generated, train, held_out)
        except Unmeasurable as error:
            return Found(missing=reasons([error]))
        try:
            floor = memorisation_floor(train, held_out)
        except Unmeasurable:  # too few for two halves
            floor = []
        if folder is not None:
            storage.make_folder(folder)
            self._show(pairs, len(train), folder / "nearest.png")
        return Found(model, floor)

    def _show(self, pairs: Pairs, trained: int, file: Path) -> None:
        """The samples nearest to a training picture, above those."""
        dataset = self.subject.dataset
        examples = unchanged(dataset.split("train"))
        rows = examples.some(TRAIN_MOST)[pairs.train.numpy()]
        made = [self.subject.sample(1, int(i)).images for i in pairs.generated]
        given = [as_samples(dataset.spec, examples, rows).images]
        storage.write_bytes(file, png(grid(np.concatenate(made + given), columns=len(made))))


def noise_features(found: Extractor, spec: ArraySpec, n: int) -> Features:
    """What an extractor makes of noise; how far it is is shown."""
    return collect(found, followed("measuring noise", noise_pictures(spec, n), n, SHOWN_FROM))


def noise_pictures(spec: ArraySpec, n: int) -> Iterator[Tensor]:
    generator = np.random.Generator(np.random.Philox(0))
    for start in range(0, n, BATCH):
        levels = generator.integers(0, spec.levels, (min(BATCH, n - start), *spec.shape))
        yield torch.from_numpy(np.round(levels * (255 / (spec.levels - 1))).astype(np.uint8))


def cached(file: Path, make: Callable[[], Features]) -> Features:
    """Features from a file, or made and kept there.  What is not as it was written is made anew."""
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import save

    try:
        read_header(file)
        with safe_open(file, "pt") as held:
            about = held.metadata()
            kept = {name: held.get_tensor(name) for name in held.keys()}  # noqa: SIM118
            if weights_digest(kept, about["protocol"]) == about["sha256"]:
                return Features.of(kept, parse_json(about["protocol"]))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        pass  # not there, or damaged
    features = make()
    tensors = {name: tensor.contiguous() for name, tensor in features.tensors().items()}
    protocol = json.dumps(dict(features.protocol))
    content = save(tensors, {"protocol": protocol, "sha256": weights_digest(tensors, protocol)})
    storage.make_folder(file.parent)
    storage.write_bytes(file, content, "Free space, or set paths.cache_dir.")
    return features
