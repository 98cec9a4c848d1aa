"""`genkit data`: the datasets, and what is in one; nothing here imports torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genkit import config
from genkit.cli.commands.data import DataSettings
from genkit.cli.outputs import Output
from genkit.core.grid import png
from genkit.core.spec import TokenSpec, View
from genkit.data import open_dataset, open_source
from genkit.data.dataset import Dataset
from genkit.data.views import native_view
from genkit.system import storage
from genkit.system.errors import ConfigError, DataError
from genkit.system.terminal import say, without_controls

PARTS = ("train", "validation", "test")
OF_SHOW = ("n", "part", "out")


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
    if isinstance(opened.spec, TokenSpec):
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
    say(f"{opened.name} is packed in {cfg['paths']['cache_dir']}: {counted}")
    for notice in opened.notices:
        say(f"note: {notice}")
    return 0


def check(settings: DataSettings) -> int:
    """The report; the exit code says whether a training would take the data as it is.

    What is packed is read whole: a training compares some of its blocks.
    """
    from genkit.data.checking import check as report_on
    from genkit.data.packing import examine

    cfg = config.compose("train", settings.words)
    source = open_source(cfg["data"], cfg["paths"])
    report = report_on(cfg["data"]["name"], source, cfg["data"], cfg["paths"])
    width = max(len(topic) for topic, _ in report)
    for topic, finding in report:
        say(f"{topic:<{width}}  {finding}")
    try:
        dataset = open_dataset(cfg["data"], cfg["paths"], View(native_view(source).kind, block_size=1))
    except DataError as error:
        raise DataError(f"a training would refuse this data: {error}") from None
    for wrong in filter(None, map(examine, dataset.packs)):
        raise DataError(wrong)
    return 0


def show(settings: DataSettings) -> int:
    opened = _opened(settings.words)[1]
    examples = opened.split(settings.part)
    data, shown, _ = examples.gather(np.sort(examples.some(settings.n)))
    if isinstance(opened.spec, TokenSpec) and opened.spec.is_text:
        return _show_texts(opened.name, opened.spec, data, settings.out)
    target = settings.out or Path(f"{opened.name}-{settings.part}.png")
    if target.suffix.lower() != ".png":
        raise ConfigError(f"out={target}: images are shown as one .png.")
    place = Output(target)
    storage.write_bytes(target, png(_grid(opened, data)))
    say(f"{len(data)} examples of {opened.name}, {settings.part}: {place}{_counted(opened, shown)}")
    return 0


def _counted(opened: Dataset, labels: np.ndarray | None) -> str:
    """How many examples are of each class, in brackets."""
    if labels is None:
        return ""
    counts = np.bincount(labels, minlength=len(opened.spec.classes))
    listed = [f"{name} {n}" for name, n in zip(opened.spec.classes, counts, strict=True) if n]
    return without_controls(f" ({', '.join(listed[:20])}{', …' if len(listed) > 20 else ''})")


def _show_texts(name: str, spec: TokenSpec, windows: np.ndarray, target: Path | None) -> int:
    texts = [spec.codec.decode(window[window >= 0]) for window in windows]
    if target is None:
        say(("\n" + "-" * 20 + "\n").join(texts))
        return 0
    place = Output(target)
    storage.write_text(target, "\n".join(texts) + "\n")
    say(f"{len(texts)} examples of {name}: {place}")
    return 0


def _grid(opened: Dataset, data: np.ndarray) -> Any:
    """All images in one picture."""
    from genkit.core.grid import grid

    spec: Any = opened.spec
    if isinstance(spec, TokenSpec):
        codec: Any = spec.codec
        data, levels = np.stack([codec.to_image(window[1:]) for window in data]), codec.levels
    else:
        levels = spec.levels
    return grid(np.round(data * (255 / (levels - 1))).astype(np.uint8).transpose(0, 2, 3, 1))


def _opened(words: Sequence[str]) -> tuple[Mapping[str, Any], Dataset]:
    """The configured data as it is, or as a model that is named wants it."""
    cfg = config.compose("train", words)
    view = config.view(cfg)
    if not any(word.startswith("model=") for word in words):
        view = native_view(open_source(cfg["data"], cfg["paths"]))
    return cfg, open_dataset(cfg["data"], cfg["paths"], view)


ACTIONS: dict[str, Callable[[DataSettings], int]] = {"look": look, "check": check, "pack": pack, "show": show}
