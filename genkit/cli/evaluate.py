"""`genkit evaluate`: the numbers of runs, or of two sets of files, in tables with their protocol."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genkit import config, runs
from genkit.cli.hardware import check_device
from genkit.cli.outputs import Output, check_writable
from genkit.cli.sample import check_checkpoint, check_choices, torch_device
from genkit.cli.show import table
from genkit.core.options import Option, resolve_options
from genkit.metrics.catalogue import check_own, groups
from genkit.runs.panels import Panel, comparison, panel
from genkit.runs.rows import FILE, Row
from genkit.system.errors import ConfigError, DataError, nearest
from genkit.system.terminal import say

WORDS = (
    Option("checkpoint", "text", None, "last, best or step-N, or several with commas"),
    Option("n", "int", None, "samples", low=1, high=1_000_000),
    Option("seed", "int", 0, "of the noise", low=0, high=2**32 - 1),
    Option("split", "text", "test", "of the run's data", choices=("train", "validation", "test")),
    Option("extractor", "text", None, "of the features of images"),
    Option("metrics", "text", None, "metrics or groups of them"),
    Option("featuriser", "text", "ngrams", "of texts, for MAUVE", choices=("ngrams", "own")),
    Option("weights", "text", "ema", "ema or raw"),
    Option("batch_size", "int", 64, "samples drawn at once", low=1, high=1_000_000),
    Option("importance_samples", "int", 1, "of a likelihood that is a bound", low=1, high=100_000),
    Option("stride", "int", None, "tokens that a window scores", low=1),
    Option("device", "text", "auto", "auto, cpu, gpu or mps"),
    Option("out", "text", None, "a .jsonl file"),
)
PAIR: tuple[str, ...] = ("real", "fake")
OF_FILES = ("extractor", "device", "out")
OF_DATA = ("split", "importance_samples", "stride", "featuriser", "data.path")  # the run's own


def evaluate(words: list[str]) -> int:
    given = _read(words)
    paths = config.paths(words)
    asked, files = given.pop("run", []), {key: given.pop(key) for key in PAIR if key in given}
    if "fake" in files if asked else len(files) < 2:
        raise ConfigError(
            "evaluate needs run=RUN, run=RUN and real=DIR, or real=DIR and fake=DIR (or two .txt files)."
        )
    own = files.pop("real") if asked and files else None
    for key in OF_DATA:
        if own is not None and key in given:
            raise ConfigError(f"{key}= is of the run's own data, and real= takes its place: leave one out.")
    moved = given.pop("data.path", None)
    folders = [runs.find(run, paths["runs_dir"]) for run in asked]
    if len({folder.name for folder in folders}) < len(folders):
        raise ConfigError("run= names one run twice; give each once.")
    names = [option.name for option in WORDS]
    declared = {folder: [] if files else _declared(folder) for folder in folders}
    theirs = [option.name for options in declared.values() for option in options]
    for key in given:
        if key not in (OF_FILES if files else (*names, *theirs)):
            known = OF_FILES if files else ["run", *names, *theirs]
            raise ConfigError(f"evaluate takes no {key}= here.{nearest(key, known)}")
    settings = resolve_options(WORDS, {k: v for k, v in given.items() if k in names}, "genkit evaluate")
    sampling = {
        folder: _sampling(options, {k: v for k, v in given.items() if k not in names}, folder)
        for folder, options in declared.items()
    }
    if settings["extractor"] is not None:
        extractor_known(settings["extractor"])
    if (out := settings["out"]) is not None:
        if Path(out).suffix.lower() != ".jsonl":
            raise ConfigError(f"out={out}: rows are written as .jsonl.")
        out = Output(Path(out).expanduser())
    if files:
        if moved is not None:
            raise ConfigError(
                "data.path= is where a run's data is; real= and fake= have no run: leave it out."
            )
        return _files(files, settings, out)
    settings |= {"data_path": moved, "real": own}
    return _runs(sampling, settings, paths, out)


def _declared(folder: Path) -> list[Option]:
    """The options of sampling that a run's family declares.

    Raises:
        CheckpointError: the record is damaged.
    """
    config.load_frozen(folder / runs.CONFIG)
    return list(runs.read(folder).options)


def _sampling(declared: Sequence[Option], given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Those of the given options that a run's family has; another run's family may have the others."""
    own = [option.name for option in declared]
    chosen = {key: value for key, value in given.items() if key in own}
    found = resolve_options(declared, chosen, folder.name)
    return {key: found[key] for key in chosen}


def _read(words: Sequence[str]) -> dict[str, Any]:
    """Values by key as typed; `run` is a list of all that are given."""
    given: dict[str, Any] = {}
    for word in words:
        if word.startswith("paths."):
            continue
        key, value = config.key_and_value(word)
        if "\0" in value:
            raise ConfigError(f"{key}= holds a NUL byte; leave it out.")
        if key == "run":
            given.setdefault("run", []).append(value)
        elif key in given:
            raise ConfigError(f"{key}= is given twice; give it once.")
        else:
            given[key] = None if value == "null" else value
    return given


def extractor_known(name: str) -> None:
    """Refuse an extractor that does not exist.

    Raises:
        ConfigError: those that do are listed.
    """
    from genkit.metrics.catalogue import EXTRACTORS

    if name not in EXTRACTORS.names():
        raise ConfigError(f"extractor={name} is no feature extractor.{nearest(name, EXTRACTORS.names())}")


# ---------------------------------------------------------------------- two sets of files


def _files(files: Mapping[str, str], settings: Mapping[str, Any], out: Output | None) -> int:
    for word, path in files.items():
        if not Path(path).expanduser().exists():
            raise DataError(f"{word}={path} is missing; give a folder of pictures, or a .txt or .jsonl file.")
    check_choices({"device": settings["device"]})
    check_device("device", settings["device"], "device=auto")
    from genkit.evaluation import evaluate_files

    how = {"name": settings["extractor"], "device": torch_device(settings["device"]), "out": settings["out"]}
    rows = evaluate_files(files["real"], files["fake"], say=_tell, **how)
    _print(panel(rows))
    if out is not None:
        say(f"rows: {out}")
    return 0


def _tell(line: str) -> None:
    say(f"note: {line}", file=sys.stderr)


# ---------------------------------------------------------------------- runs


def _runs(
    sampling: Mapping[Path, Mapping[str, Any]],
    settings: dict[str, Any],
    paths: Mapping[str, str],
    out: Output | None,
) -> int:
    folders = list(sampling)
    checkpoints = settings.pop("checkpoint")
    asked = checkpoints.split(",") if checkpoints else None
    metrics = settings["metrics"].split(",") if settings["metrics"] else None
    check_choices({key: settings[key] for key in ("weights", "device")})
    check_device("device", settings["device"], "device=auto")
    for folder in folders:
        _check(folder, asked, metrics, settings, paths)
    kept = settings.pop("out")
    settings["metrics"] = None if metrics is None else tuple(metrics)
    from genkit.evaluation import evaluate as measure
    from genkit.runs.rows import write

    settings["device"] = torch_device(settings["device"])
    rows: list[Row] = []
    for folder in folders:
        how = {**settings, "sampling": sampling[folder], "say": _tell}
        found = measure(folder, asked, paths=paths, out=kept, **how)
        rows += found
        for names in dict.fromkeys(row.place.checkpoint for row in found):
            say(f"{folder.name}, checkpoint {names}\n")
            _print(panel([row for row in found if row.place.checkpoint == names]))
            say()
        say(f"rows: {out or folder / FILE}")
    if out is not None:
        write(out.path, rows, append=False)
    if len(folders) > 1:
        say("\nside by side\n")
        _print(comparison([row for row in rows if "last" in row.place.checkpoints or asked]))
    return 0


def _check(
    folder: Path,
    checkpoints: Sequence[str] | None,
    metrics: Sequence[str] | None,
    settings: Mapping[str, Any],
    paths: Mapping[str, str],
) -> None:
    """Everything that can be refused before torch is imported."""
    from genkit.data import reopen

    cfg = config.load_frozen(folder / runs.CONFIG)
    spec, record = runs.spec(folder), runs.read(folder)
    for name in checkpoints or ["last"]:
        check_choices({"checkpoint": name})
        check_checkpoint(folder, name)
    groups(metrics, spec.is_text)
    if spec.is_text and settings["extractor"] is not None:
        raise ConfigError(f"extractor= is for images, and {folder.name} draws texts; leave it out.")
    if not spec.is_text and settings["featuriser"] != "ngrams":
        raise ConfigError(f"featuriser= is for texts, and {folder.name} draws images; leave it out.")
    if settings["real"] is not None:
        check_own(metrics, spec.is_text, folder.name)
        if not Path(settings["real"]).expanduser().is_dir():
            raise DataError(f"real={settings['real']} is no folder; give one of pictures.")
    else:
        reopen(cfg["data"], paths, config.view(cfg), record, settings["data_path"]).split(settings["split"])
    check_writable(folder)


def _print(made: Panel) -> None:
    table(made.head, made.cells)
    say()
    for note in made.notes:
        say(f"  {note}")
