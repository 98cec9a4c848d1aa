"""A run's checkpoints become rows, by every metric that the model's capabilities and its data allow."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from genkit import config, runs
from genkit.core.spec import TokenSpec
from genkit.data import reopen
from genkit.data.dataset import Dataset, TokenWindows
from genkit.data.objects import put_down
from genkit.data.real import real_pictures, same, unchanged
from genkit.evaluation.costs import costs
from genkit.evaluation.image_quality import ImageQuality
from genkit.evaluation.own import OwnPictures
from genkit.evaluation.scores import likelihood
from genkit.evaluation.sets import digest_of
from genkit.evaluation.showing import keep_real
from genkit.evaluation.subject import Found, Settings, Subject, to_rows
from genkit.evaluation.text_quality import TextQuality, text_pieces
from genkit.inference import models
from genkit.metrics.catalogue import check_own, groups, wanted
from genkit.runs import Run, checkpoints
from genkit.runs.rows import FILE, Place, Row, write

LOG = logging.getLogger("genkit")
POINTERS = ("best", "last")


def evaluate(
    run: str | Path,
    checkpoint: str | Sequence[str] | None = None,
    *,
    data: object = None,
    paths: Mapping[str, str] | None = None,
    out: str | Path | None = None,
    **settings: Any,
) -> list[Row]:
    """Measure a run and append the rows to its `evaluation.jsonl`.

    Args:
        run: a run folder, or its name below `paths["runs_dir"]`.
        checkpoint: "last", "best", "step-N" or several; None: best and last, where there are both.
        data: what the run was trained on, where it was given as an object; None: it is found again.
        paths: the group `paths`; None: from the environment.
        out: another file for the rows, which it then holds alone.
        settings: of `Settings`.

    Raises:
        ConfigError: no such run, or a metric that this model and its data do not allow.
        CheckpointError: no such checkpoint, or one that is damaged.
        DataError: the data is another by now, or too little for any metric of a group; pictures of the
            user's own cannot be read, or are of another size.
    """
    paths = paths or config.paths([])
    folder = Run(runs.find(str(run), paths["runs_dir"]))
    chosen = Settings(**settings)
    if data is not None:
        put_down(data, config.load_frozen(folder.path / runs.CONFIG).plain["data"], paths, folder.name)
    rows: list[Row] = []
    for place, names in _places(folder, checkpoint).items():
        rows += _evaluate(folder, place, names, chosen, paths)
    if out is None:
        write(folder.path / FILE, rows, append=True)
    else:
        write(Path(out).expanduser(), rows, append=False)
    return rows


def _places(folder: Run, checkpoint: str | Sequence[str] | None) -> dict[Path, str]:
    """The checkpoints to evaluate, with the names that were asked for; two names of one are one."""
    if checkpoint is None:
        asked = [name for name in POINTERS if name == "last" or (folder.checkpoints / name).is_file()]
    else:
        asked = [checkpoint] if isinstance(checkpoint, str) else list(checkpoint)
    found: dict[Path, str] = {}
    for name in asked:
        place = checkpoints.locate(folder.checkpoints, name)
        found[place] = f"{found[place]},{name}" if place in found else name
    return found


def _evaluate(
    folder: Run, checkpoint: Path, names: str, settings: Settings, paths: Mapping[str, str]
) -> list[Row]:
    if settings.real is not None:
        return _evaluate_by_own(folder, checkpoint, names, settings, settings.real)
    subject = _subject(folder, checkpoint, settings, paths)
    place = replace(
        _place(subject, folder, checkpoint, names),
        split=settings.split,
        data=subject.dataset.fingerprint,
        judged=judged(subject),
        selected=_selected(subject, names.split(",")),
        trained=same(unchanged(subject.dataset.split("train")), unchanged(subject.examples)),
    )
    chosen = groups(settings.metrics, subject.dataset.spec.is_text)
    rows = to_rows(_measure(subject, chosen, folder.path, checkpoint), place)
    return [row for row in rows if wanted(row.metric, settings.metrics)]


def _evaluate_by_own(folder: Run, checkpoint: Path, names: str, settings: Settings, real: str) -> list[Row]:
    """Samples against pictures of the user's own, for which the run's data need not be there.

    Raises:
        ConfigError: the run draws texts, or a metric is of the run's own data.
        DataError: the pictures cannot be read, or are of another size.
    """
    spec = runs.spec(folder.path)
    check_own(settings.metrics, spec.is_text, folder.path.name)
    assert spec.image is not None
    own = OwnPictures(real, spec.image, settings.say or LOG.warning)
    cfg = config.load_frozen(folder.path / runs.CONFIG)
    nothing = Dataset(own.name, spec, {}, "", "")
    module = models.load(folder.path, checkpoint.name).to(settings.device)
    subject = Subject(module, nothing, settings, cfg, folder.record(), "")
    samples = ImageQuality.of(subject)
    features = own.features(samples.extractor)
    digest = digest_of(features)
    place = replace(_place(subject, folder, checkpoint, names), split=own.name, data=digest, judged=digest)
    rows = to_rows([own.judge(features, samples.generated, samples.extractor, samples.names)], place)
    return [row for row in rows if wanted(row.metric, settings.metrics)]


def _place(subject: Subject, folder: Run, checkpoint: Path, names: str) -> Place:
    """Where samples come from; whoever judges them adds what did."""
    settings = subject.settings
    with_average = settings.weights == "ema" and subject.module.average is not None
    return Place(
        run=folder.path.name,
        checkpoint=names,
        step=int(checkpoint.name[5:]),
        weights="ema" if with_average else "raw",
        digest=str(subject.module.origin["digest"]),
        seed=settings.seed,
        split="",
        data="",
        judged="",
        options=subject.options,
    )


def _subject(folder: Run, checkpoint: Path, settings: Settings, paths: Mapping[str, str]) -> Subject:
    module = models.load(folder.path, checkpoint.name).to(settings.device)
    cfg = config.load_frozen(folder.path / runs.CONFIG)
    record = folder.record()
    dataset = reopen(cfg.plain["data"], paths, config.view(cfg), record, settings.data_path)
    dataset.split(settings.split)
    return Subject(module, dataset, settings, cfg, record, paths["cache_dir"])


def _selected(subject: Subject, names: Sequence[str]) -> str:
    """The term by which this checkpoint was chosen on the examples that judge it; "" where none was."""
    validation = subject.dataset.splits.get("validation")
    if validation is None or not same(validation, subject.examples):
        return ""
    stopping = subject.cfg.callbacks.early_stopping.metric
    by = subject.cfg.model.select if "best" in names else stopping
    return str(by or "")


def judged(subject: Subject) -> str:
    """SHA-256 of the split that judges, as pictures or as a text, whatever the model reads of it."""
    spec, examples = subject.dataset.spec, unchanged(subject.examples)
    digest = hashlib.sha256()
    if isinstance(spec, TokenSpec) and isinstance(examples, TokenWindows):
        for piece in text_pieces(spec.codec, examples.tokens):
            digest.update(piece.encode("utf-8", "replace"))
    else:
        for pictures in real_pictures(spec, examples, np.arange(len(examples))):
            digest.update(f"{tuple(pictures.shape[1:])}".encode())
            digest.update(pictures.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _measure(subject: Subject, chosen: Sequence[str], folder: Path, checkpoint: Path) -> list[Found]:
    found: list[Found] = []
    samples: ImageQuality | TextQuality | None = None
    for name in chosen:
        if name == "likelihood":
            found.append(likelihood(subject))
        elif name == "cost":
            found.append(costs(subject, checkpoint))
        else:
            if samples is None:
                quality = TextQuality if subject.dataset.spec.is_text else ImageQuality
                samples = quality.of(subject)
                keep_real(subject, folder / "evaluation" / checkpoint.name)
            if name != "memorisation":
                found.append(samples.quality())
            elif isinstance(samples, ImageQuality):
                found.append(samples.memory(folder / "evaluation" / checkpoint.name))
            else:
                found.append(samples.memory())
    return found
