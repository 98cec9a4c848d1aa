"""`genkit data`: the datasets, and what is in one; nothing here imports torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from genkit import config
from genkit.cli.commands.data import DataSettings
from genkit.cli.outputs import Output
from genkit.config import Config
from genkit.core.media.medium import Shown
from genkit.core.spec import View
from genkit.data import open_source
from genkit.data.dataset import Dataset
from genkit.data.pair_table import PairSource
from genkit.data.splits import mixed
from genkit.data.views import native_view
from genkit.system.errors import ConfigError, DataError
from genkit.system.terminal import say, without_controls

PARTS = ("train", "validation", "test")
OF_SHOW = ("n", "part", "out")
LONGEST = 1_000_000  # tokens of a context in which every answer fits


def data(settings: DataSettings) -> int:
    """A first word without `=` says what to do; without words the datasets are listed."""
    if not settings.given:
        for name, file in config.groups()["data"].items():
            say(f"{name:<14} {config.about(file)}")
        say("\ngenkit data --help says what can be done with one.")
        return 0
    for key in OF_SHOW:
        if key in settings.given and settings.action != "show":
            raise ConfigError(f"{key}= goes with genkit data show; leave it out.")
    return ACTIONS[settings.action](settings)


def look(settings: DataSettings) -> int:
    opened = _opened(settings.words)[1]
    spec = opened.spec.to_dict()
    say(f"{opened.name}: {opened.protocol}")
    if opened.spec.kind == "tokens":
        codec = opened.spec.codec
        spec["codec"] = f"{codec.name}, vocabulary {codec.vocab_size:,}, sha256 {codec.sha256()[:16]}…"
    for key, value in spec.items():
        say(f"  {key:<12} {value if key == 'codec' else json.dumps(value, ensure_ascii=False)}")
    for split in PARTS:
        say(f"  {split:<12} {opened.counts[split]:,} examples")
    say(f"  fingerprint  {opened.fingerprint}")
    for notice in opened.notices:
        say(f"note: {notice}")
    return 0


def pack(settings: DataSettings) -> int:
    cfg, opened = _opened(settings.words)
    counted = ", ".join(f"{part} {opened.counts[part]:,}" for part in PARTS)
    say(f"{opened.name} is packed in {cfg.paths.cache_dir}: {counted}")
    for notice in opened.notices:
        say(f"note: {notice}")
    return 0


def check(settings: DataSettings) -> int:
    """The report; the exit code says whether a training would take the data as it is.

    What is packed is read whole: a training compares some of its blocks.
    """
    from genkit.data.checking import check as report_on
    from genkit.data.packing import examine
    from genkit.inference.run_data import open_data

    cfg = config.compose("train", settings.words)
    data, paths = cfg.data, cfg.paths.by_name
    source = open_source(data, paths)
    report = report_on(cfg.data.name, source, data, paths)
    width = max(len(topic) for topic, _ in report)
    for topic, finding in report:
        say(f"{topic:<{width}}  {finding}")
    try:
        dataset = open_data(cfg, paths, view=replace(_as_it_is(cfg), block_size=_least(cfg, source)))
    except DataError as error:
        raise DataError(f"a training would refuse this data: {error}") from None
    for wrong in filter(None, map(examine, dataset.packs)):
        raise DataError(wrong)
    return 0


def _least(cfg: Config, source: object) -> int:
    """The context at which as much of the data as any can be read; 0: its own."""
    if isinstance(source, PairSource):
        return LONGEST
    return 0 if cfg.data.coded_by else 1


def show(settings: DataSettings) -> int:
    opened = _opened(settings.words)[1]
    examples, medium = opened.split(settings.part), opened.spec.medium
    labels: np.ndarray | None = None
    if examples.questions:
        chosen = np.sort(mixed(examples.questions)[: settings.n])
        pairs = examples.asked(chosen)
        shown = Shown([pair.answer for pair in pairs], captions=[pair.prompt for pair in pairs])
    else:
        rows, labels, _ = examples.gather(np.sort(examples.some(settings.n)))
        shown = opened.spec.shown(rows)
    said = medium.terminal(shown)
    if said is not None and settings.out is None:
        say(said)
        return 0
    target = settings.out or Path(f"{opened.name}-{settings.part}{medium.suffixes[0]}")
    medium.check_suffix(target)
    place = Output(target)
    medium.save(shown, target)
    say(f"{len(shown)} examples of {opened.name}, {settings.part}: {place}{_counted(opened, labels)}")
    return 0


def _counted(opened: Dataset, labels: np.ndarray | None) -> str:
    """How many examples are of each class, in brackets."""
    if labels is None:
        return ""
    counts = np.bincount(labels, minlength=len(opened.spec.classes))
    listed = [f"{name} {n}" for name, n in zip(opened.spec.classes, counts, strict=True) if n]
    return without_controls(f" ({', '.join(listed[:20])}{', …' if len(listed) > 20 else ''})")


def _opened(words: Sequence[str]) -> tuple[Config, Dataset]:
    """The configured data as it is, or as a model that is named wants it."""
    from genkit.inference.run_data import open_data

    cfg = config.compose("train", words)
    view = config.view(cfg)
    if not any(word.startswith("model=") for word in words):
        view = _as_it_is(cfg)
    return cfg, open_data(cfg, cfg.paths.by_name, view=view)


def _as_it_is(cfg: Config) -> View:
    """The view of data that no model asks for: as they are, or as the codes that are made of them."""
    if cfg.data.coded_by:
        return View("tokens")
    return native_view(open_source(cfg.data, cfg.paths.by_name))


ACTIONS: dict[str, Callable[[DataSettings], int]] = {"look": look, "check": check, "pack": pack, "show": show}
