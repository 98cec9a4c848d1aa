"""Samples that are arrays, as pictures are, against real ones: what metrics of them look at."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genkit.core.identity import named
from genkit.core.knobs import DataKnobs
from genkit.core.media.medium import Shown
from genkit.core.notes import frequency
from genkit.core.samples import Samples
from genkit.core.spec import ArraySpec
from genkit.data.real import BATCH, as_samples, pictures, real_pictures, unchanged
from genkit.data.video.moving import motion_of
from genkit.evaluation.subject import Subject
from genkit.metrics.bouncing_paths import Bouncing
from genkit.metrics.catalogue import kind_of
from genkit.metrics.declaration import Metric
from genkit.metrics.evidence import Evidence, Seen
from genkit.metrics.extractors import Extractor, extractor, weights_digest
from genkit.metrics.features import Features, collect
from genkit.metrics.memorisation import NearestPairs
from genkit.system import storage
from genkit.system.errors import ConfigError
from genkit.system.headers import read_header
from genkit.system.plain import parse_json
from genkit.system.progress import followed

REAL_MOST, TRAIN_MOST = 10_000, 60_000
CACHE = "2"  # raise it where features or their layout change


@dataclass
class ArrayQuality:
    """The arrays of a subject as features: its samples, the real ones, the training set.

    Attributes:
        extractor: None where the medium has none; features have no dimension then.
        array: what each example is, as its medium has it.
        n: samples.
        process: the rule by which the data were made; None: they were not.
    """

    subject: Subject
    extractor: Extractor | None
    array: ArraySpec
    n: int
    generated: Seen
    process: Bouncing | None = None
    _known: dict[tuple[str, int], Seen] = field(default_factory=dict)

    @classmethod
    def of(cls, subject: Subject, array: ArraySpec, metrics: Sequence[Metric]) -> ArrayQuality:
        """Draw the samples and keep of them what the metrics need."""
        found = _extractor(subject, array)
        n = subject.settings.n or array.medium.drawn
        keep = any({"arrays", "waveforms", "clips"} & {*metric.needs} for metric in metrics)
        kept: list[Tensor] = []
        asked: list[str] = []

        def drawn() -> Iterator[Tensor]:
            for samples in subject.samples(n):
                asked.extend(_classes_asked(samples) or [""] * len(samples))
                shown = pictures(samples)
                if keep:
                    kept.append(shown)
                yield shown

        features = collect(found, drawn())
        seen = Seen(lambda: features, lambda: torch.cat(kept), asked=lambda: asked)
        return cls(subject, found, array, n, seen, process_of(subject.cfg.data))

    @property
    def offers(self) -> frozenset[str]:
        """What these samples offer metrics, of what the medium offers."""
        unknown = {"process"} if self.process is None else set()
        lacks = lacking(self.extractor, self.array, self.generated.asked)
        return self.subject.offers - lacks - unknown

    def evidence(self, role: str, train: bool) -> Evidence:
        """Of a role: the samples, other real examples, or noise, beside the part that judges.

        Args:
            train: for metrics that set them beside training examples, where the floor is the part itself.
        """
        real = self.real(self.subject.settings.split, REAL_MOST)
        places = {
            "model": lambda: self.generated,
            "floor": lambda: real if train else self._others(),
            "ceiling": self._noise,
        }
        classes = self.extractor.classes if self.extractor else ()
        train_set = self.real("train", TRAIN_MOST)
        return Evidence(
            places[role](), real, train_set, array=self.array, classes=classes, process=self.process
        )

    def real(self, split: str, most: int) -> Seen:
        """The real examples of a split, their features from the cache where they are in it."""
        if (split, most) not in self._known:
            whole = lambda: torch.cat(list(self._batches(split, most)))  # noqa: E731
            self._known[split, most] = Seen(
                lambda: self._features(split, most), whole, asked=lambda: self._classes(split, most)
            )
        return self._known[split, most]

    def _features(self, split: str, most: int) -> Features:
        dataset, count = self.subject.dataset, len(self._rows(split, most))
        digest = self.extractor.digest if self.extractor else ""
        key = json.dumps([CACHE, dataset.fingerprint, split, count, digest])
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        file = Path(self.subject.cache_dir) / "features" / f"{name}.safetensors"
        what = f"measuring real {self.array.medium.many} ({split})"

        def make() -> Features:
            return collect(self.extractor, followed(what, self._batches(split, most), count))

        return cached(file, make)

    def _classes(self, split: str, most: int) -> list[str]:
        """The class of each real example; "" where they have none."""
        rows, labels = self._rows(split, most), self.subject.dataset.split(split).classes()
        named_ = self.array.classes
        return [""] * len(rows) if labels is None else [named_[label] for label in labels[rows].tolist()]

    def _rows(self, split: str, most: int) -> np.ndarray:
        return unchanged(self.subject.dataset.split(split)).some(most)

    def _batches(self, split: str, most: int) -> Iterator[Tensor]:
        dataset = self.subject.dataset
        return real_pictures(dataset.spec, unchanged(dataset.split(split)), self._rows(split, most))

    def _others(self) -> Seen:
        """As many real examples as there are samples, which the real set does not hold."""
        other = self.subject.another()
        if other is not None and len(self.subject.dataset.split(other)) >= self.n:
            return self.real(other, REAL_MOST)[: self.n]
        return self.real("train", self.n)

    def _noise(self) -> Seen:
        return noise(self.extractor, self.array, self.n)

    def show(self, pairs: NearestPairs, folder: Path) -> None:
        """Write `nearest.png`, or whatever the medium keeps of examples: the samples nearest to a training
        example, above those."""
        dataset, medium = self.subject.dataset, self.array.medium
        rows = self._rows("train", TRAIN_MOST)[pairs.train.numpy()]
        made = [self.subject.sample(1, int(i)).shown for i in pairs.generated]
        given = as_samples(dataset.spec, unchanged(dataset.split("train")), rows).shown
        captions = [f"sample {int(i)}" for i in pairs.generated] + [f"training {int(row)}" for row in rows]
        arrays = np.concatenate([*(one.arrays for one in made), given.arrays])
        both = Shown(arrays=arrays, array=given.array, captions=captions, columns=len(made))
        for suffix in medium.keeps:
            medium.save(both, folder / f"nearest{suffix}")


def _extractor(subject: Subject, array: ArraySpec) -> Extractor | None:
    """The one that is asked for, else that of the medium.

    Raises:
        ConfigError: a metric is asked for by the name of another extractor.
    """
    name = subject.settings.extractor or array.medium.extractor(array)
    if name is None:
        return None
    found = extractor(name, subject.settings.extractor_weights).on(subject.settings.device).reading(array)
    for asked in subject.settings.metrics or ():
        if (kind := kind_of(asked)) != asked != named(kind, found.name):
            raise ConfigError(
                f"metrics={asked}: the features are those of extractor={found.name}; write metrics={kind},"
                " or name that extractor."
            )
    return found


def _classes_asked(samples: Samples) -> Sequence[str]:
    """What each is asked to be: by the name of its class where it was asked for by that's caption."""
    spec = samples.spec
    if spec.kind != "tokens" or spec.captions is None:
        return samples.captions
    return [spec.captions.class_of(text, spec.classes) for text in samples.captions]


def process_of(data: DataKnobs) -> Bouncing | None:
    """The rule by which data were made, as metrics know it; None of data that were not."""
    motion = motion_of(data)
    return None if motion is None else Bouncing(motion.side, motion.speed * motion.free)


def lacking(found: Extractor | None, array: ArraySpec, asked: Sequence[str]) -> set[str]:
    """What of the names of `genkit.metrics.declaration.NEEDS` there is not, with this extractor of such
    arrays, and with what was asked for."""
    own = array.classes
    there = {
        "features": found is not None,
        "probabilities": found is not None and found.fits(own),
        "speech": found is not None and found.speech,
        "asked": found is not None and bool(own) and {*found.classes} == {*own} and any(asked),
        "pitches": any(frequency(name) is not None for name in asked),
    }
    return {need for need, is_there in there.items() if not is_there}


def noise(found: Extractor | None, array: ArraySpec, n: int) -> Seen:
    """Noise in the place of samples; how far an extractor is with it is shown."""
    return Seen(
        lambda: collect(found, followed("measuring noise", noise_arrays(array, n), n)),
        lambda: torch.cat(list(noise_arrays(array, n))),
    )


def noise_arrays(array: ArraySpec, n: int) -> Iterator[Tensor]:
    """Every level as likely everywhere, as the medium has it: what a generator is worst at being."""
    generator = np.random.Generator(np.random.Philox(0))
    for start in range(0, n, BATCH):
        lengths = [array.size] * min(BATCH, n - start)
        yield torch.from_numpy(array.medium.noise(array, lengths, generator).arrays)


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
