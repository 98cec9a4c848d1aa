"""A run's checkpoints become rows, by every metric that the model's capabilities and its data allow."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from genkit import config, runs
from genkit.data.clip_knobs import AudioKnobs
from genkit.data.dataset import Dataset, TokenWindows
from genkit.data.objects import put_down
from genkit.data.real import real_pictures, same, unchanged
from genkit.evaluation.answer_rows import answered, some_pairs
from genkit.evaluation.array_quality import ArrayQuality
from genkit.evaluation.costs import costs
from genkit.evaluation.judging import digest_of
from genkit.evaluation.likelihood_rows import likelihood
from genkit.evaluation.own_pictures import OwnPictures
from genkit.evaluation.own_sounds import OwnSounds
from genkit.evaluation.own_videos import OwnVideos
from genkit.evaluation.prediction_rows import prediction
from genkit.evaluation.restyling_rows import restyled
from genkit.evaluation.showing import keep_real
from genkit.evaluation.subject import Found, Settings, Subject, found_of, to_rows
from genkit.evaluation.text_quality import TextQuality, text_pieces
from genkit.inference import models
from genkit.inference.run_data import reopen_data
from genkit.metrics.catalogue import BUILT_IN, COPIES, OF_A_RUN, Catalogue, catalogue, kind_of
from genkit.metrics.declaration import Metric
from genkit.metrics.extractors import AskedExtractor
from genkit.runs import Run, checkpoints
from genkit.runs.rows import FILE, Place, Row, missing, write
from genkit.system.processor import compute_float32

LOG = logging.getLogger("genkit")
POINTERS = ("best", "last")
# Why a metric is not told, by what there is not of what it needs.
CLASSES = "needs an extractor whose classes are those of the data."
LACKING = {
    "features": CLASSES,
    "probabilities": CLASSES,
    "asked": "needs samples that are asked to be of a class, and an extractor whose classes are those.",
    "pitches": "needs sounds that are asked to be of a pitch, by classes that are names of notes.",
    "process": "needs data that are made by the rule of bouncing digits, with data.objects=1.",
    "answers": "needs data that are pairs of prompts and answers.",
    "restylings": "needs data that show the same in every class, as data=glyphs.",
    "texts": "is of texts that stand alone; pairs are judged by metrics=answers.",
    "verse": "needs data that are verse, as data=tang_poems.",
    "speech": "needs an extractor that knows speech, as extractor=spoken_digits does.",
}


def evaluate(
    run: str | Path,
    checkpoint: str | Sequence[str] | None = None,
    *,
    metrics: Iterable[object] | None = None,
    data: object = None,
    paths: Mapping[str, str] | None = None,
    out: str | Path | None = None,
    **settings: Any,
) -> list[Row]:
    """Measure a run and append the rows to its `evaluation.jsonl`.

    Args:
        run: a run folder, or its name below `paths["runs_dir"]`.
        checkpoint: "last", "best", "step-N" or several; None: best and last, where there are both.
        metrics: names of metrics or of groups of them, and metrics of your own: `genkit.metrics.declaration.
            Metric`, or objects with its attributes; None: those of the data's medium.
        data: what the run was trained on, where it was given as an object; None: it is found again.
        paths: the group `paths`; None: from the environment.
        out: another file for the rows, which it then holds alone.
        settings: of `Settings`.

    Raises:
        ConfigError: no such run, or a metric that this model and its data do not allow.
        CheckpointError: no such checkpoint, or one that is damaged, as the weights of an extractor may be.
        DataError: the data is another by now, or too little for any metric of a group; pictures of the
            user's own cannot be read, or are of another size.
    """
    paths = paths or config.paths([])
    folder = Run(runs.find(str(run), paths["runs_dir"]))
    asked = None if metrics is None else [metrics] if isinstance(metrics, str) else list(metrics)
    known = catalogue(metric for metric in asked or () if not isinstance(metric, str))
    own = iter(known.own)
    names = None if asked is None else tuple(m if isinstance(m, str) else next(own) for m in asked)
    chosen = Settings(metrics=names, **settings)
    AskedExtractor(chosen.extractor, chosen.extractor_weights).check()
    if data is not None:
        put_down(data, config.load_frozen(folder.path / runs.CONFIG).data, paths, folder.name)
    compute_float32("highest")  # whatever a training before it in this process, or torch's own default, was
    if unfinished := folder.unfinished():
        (chosen.say or LOG.warning)(unfinished)
    rows: list[Row] = []
    for place, of in _places(folder, checkpoint).items():
        rows += _evaluate(folder, place, of, chosen, known, paths)
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
    folder: Run,
    checkpoint: Path,
    names: str,
    settings: Settings,
    known: Catalogue,
    paths: Mapping[str, str],
) -> list[Row]:
    if settings.real is not None:
        return _evaluate_by_own(folder, checkpoint, names, settings, known, settings.real)
    subject = _subject(folder, checkpoint, settings, paths)
    chosen = known.chosen(settings.metrics, subject.dataset.spec.medium)
    place = replace(
        _place(subject, folder, checkpoint, names),
        split=settings.split,
        data=subject.dataset.fingerprint,
        judged=judged(subject),
        selected=_selected(subject, names.split(",")),
        trained=same(unchanged(subject.dataset.split("train")), unchanged(subject.examples)),
    )
    rows = to_rows(_measure(subject, chosen, folder.path, checkpoint), place)
    return _of(rows, chosen)


def _of(rows: Sequence[Row], chosen: Sequence[Metric]) -> list[Row]:
    """The rows of what was asked for: of metrics that share a function, a reason names them all."""
    names = {metric.name for metric in chosen}
    return [row for row in rows if kind_of(row.metric) in names]


def _evaluate_by_own(
    folder: Run, checkpoint: Path, names: str, settings: Settings, known: Catalogue, real: str
) -> list[Row]:
    """Samples against pictures of the user's own, for which the run's data need not be there.

    Raises:
        ConfigError: the run draws texts, or a metric is of the run's own data.
        DataError: the pictures cannot be read, or are of another size.
    """
    spec = runs.spec(folder.path)
    known.check_own(settings.metrics, spec.medium, folder.path.name)
    assert spec.array is not None
    cfg, say, array = (
        config.load_frozen(folder.path / runs.CONFIG),
        settings.say or LOG.warning,
        spec.array.native,
    )
    own: OwnPictures | OwnSounds | OwnVideos
    if "waveforms" in spec.medium.offers:
        own = OwnSounds(real, array, isinstance(cfg.data, AudioKnobs) and cfg.data.normalise == "peak", say)
    elif "clips" in spec.medium.offers:
        own = OwnVideos(real, array, say)
    else:
        own = OwnPictures(real, array, say)
    nothing = Dataset(own.name, spec, {}, "", "")
    module = models.load(folder.path, checkpoint.name).to(settings.device)
    subject = Subject(module, nothing, settings, cfg, folder.record(), "")
    asked = (*spec.medium.groups, *COPIES) if settings.metrics is None else settings.metrics
    chosen = known.chosen(asked, spec.medium)
    of_samples = [metric for metric in chosen if not OF_A_RUN.intersection(metric.needs)]
    samples = ArrayQuality.of(subject, array, of_samples)
    judging = own.seen(samples.extractor)
    digest = digest_of(judging.features)
    place = replace(_place(subject, folder, checkpoint, names), split=own.name, data=digest, judged=digest)
    there = [metric for metric in of_samples if samples.offers.issuperset(metric.needs)]
    rows = to_rows([own.judge(judging, samples.generated, samples.extractor, there)], place)
    return _of(rows, [*of_samples, *(metric for metric in chosen if metric.name in COPIES)])


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
    dataset = reopen_data(cfg, paths, folder.path, settings.data_path)
    dataset.split(settings.split)
    return Subject(module, dataset, settings, cfg, folder.record(), paths["cache_dir"])


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
    if subject.pairs:
        for pair in some_pairs(examples, None):
            digest.update(repr((pair.prompt, pair.answer)).encode("utf-8", "replace"))
    elif spec.kind == "tokens" and isinstance(examples, TokenWindows):
        for piece in text_pieces(spec.codec, examples.tokens):
            digest.update(piece.encode("utf-8", "replace"))
    else:
        for pictures in real_pictures(spec, examples, np.arange(len(examples))):
            digest.update(f"{tuple(pictures.shape[1:])}".encode())
            digest.update(pictures.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _measure(subject: Subject, chosen: Sequence[Metric], folder: Path, checkpoint: Path) -> list[Found]:
    """Group by group; what is only to be read off the run or its data needs no samples."""
    found: list[Found] = []
    samples: ArrayQuality | TextQuality | None = None
    own = folder / "evaluation" / checkpoint.name
    for group in dict.fromkeys(metric.group for metric in chosen):
        metrics = [metric for metric in chosen if metric.group == group]
        if of_likelihood := [metric for metric in metrics if "likelihoods" in metric.needs]:
            found.append(likelihood(subject, of_likelihood))
        if of_cost := [metric for metric in metrics if "costs" in metric.needs]:
            found.append(costs(subject, checkpoint, of_cost))
        if of_prediction := [metric for metric in metrics if "predictions" in metric.needs]:
            found.append(prediction(subject, of_prediction))
        of_answers = [metric for metric in metrics if subject.pairs and "answers" in metric.needs]
        if of_answers and subject.pairs:
            found.append(answered(subject, subject.pairs, of_answers, own))
        of_restyling = [metric for metric in metrics if "restylings" in metric.needs]
        if of_restyling and "restylings" in subject.offers:
            found.append(restyled(subject, of_restyling))
        else:
            of_restyling = []  # what there is not is said below
        known = (*of_likelihood, *of_cost, *of_prediction, *of_answers, *of_restyling)
        rest = [metric for metric in metrics if metric not in known]
        if not rest:
            continue
        if not any(subject.offers.issuperset(metric.needs) for metric in rest):
            found.append(Found(missing=_unfit(subject, rest, subject.offers)))
            continue
        if samples is None:
            samples = _samples(subject, chosen)
            keep_real(subject, own)
        there = [metric for metric in rest if samples.offers.issuperset(metric.needs)]
        ours = [m for m in BUILT_IN.values() if m.group == group and samples.offers.issuperset(m.needs)]
        judging = not any({"train", "source"} & {*metric.needs} for metric in there)
        whole = judging and bool(ours) and all(metric in there for metric in ours)
        made, evidence = found_of(there, samples, whole)
        made.missing += _unfit(subject, rest, samples.offers)
        found.append(made)
        if evidence.pairs is not None and isinstance(samples, ArrayQuality):
            samples.show(evidence.pairs, own)
    return found


def _samples(subject: Subject, chosen: Sequence[Metric]) -> ArrayQuality | TextQuality:
    """Drawn, in the form that metrics look at."""
    spec = subject.dataset.spec
    if spec.kind == "tokens" and spec.array is None:
        return TextQuality.of(subject, spec)
    assert spec.array is not None
    return ArrayQuality.of(subject, spec.array.native, chosen)


def _unfit(subject: Subject, wanted: Sequence[Metric], offered: frozenset[str]) -> list[Row]:
    """Rows for metrics that were asked for by name, or by that of a group of which there is nothing else, and
    that this extractor cannot tell of these data."""
    asked = subject.settings.metrics or ()
    named_ = {kind_of(name) for name in asked}
    of = {m: [need for need in m.needs if need not in offered] for m in wanted}
    empty = all(of.values())
    of = {m: needs for m, needs in of.items() if m.name in named_ or (empty and m.group in asked)}
    return [missing(m.name, m.unit, LACKING[needs[0]]) for m, needs in of.items() if needs]
