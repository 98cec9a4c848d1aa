"""`genkit evaluate`: the numbers of runs, or of two sets of files, in tables with their protocol."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from genkit import config, runs
from genkit.cli.command import words_of
from genkit.cli.commands.evaluate import EvaluateSettings
from genkit.cli.hardware import check_device, torch_device
from genkit.cli.outputs import Output, check_writable
from genkit.cli.parser import read_options
from genkit.cli.shared import check_checkpoint, declared_options
from genkit.cli.show import table
from genkit.core.options import Option, Options, resolve_options
from genkit.metrics.catalogue import EXTRACTORS, catalogue, check_asked
from genkit.runs.row_tables import Panel, comparison, panel
from genkit.runs.rows import FILE, Row
from genkit.system.errors import ConfigError, DataError, nearest
from genkit.system.paths import sought
from genkit.system.terminal import say

OF_FILES = ("real", "fake", "extractor", "extractor.weights", "device", "out")
OF_DATA = (
    "split",
    "importance_samples",
    "stride",
    "clips",
    "draws",
    "featuriser",
    "data_path",
)  # the run's own


def evaluate(settings: EvaluateSettings) -> int:
    asked, of_files = settings.runs, not settings.runs
    if settings.fake is not None if asked else None in (settings.real, settings.fake):
        raise ConfigError(
            "evaluate needs run=RUN, run=RUN and real=DIR, or real=DIR and fake=DIR (or two .txt files)."
        )
    for key in OF_DATA:
        if asked and settings.real is not None and key in settings.given:
            raise ConfigError(
                f"{_typed(key)}= is of the run's own data, and real= takes its place: leave one out."
            )
    folders = [runs.find(run, settings.paths["runs_dir"]) for run in asked]
    if len({folder.name for folder in folders}) < len(folders):
        raise ConfigError("run= names one run twice; give each once.")
    declared = {folder: _declared(folder) for folder in folders}
    _check_known(settings, [option for options in declared.values() for option in options])
    sampling = {folder: _sampling(settings, options, folder) for folder, options in declared.items()}
    if settings.extractor is not None:
        EXTRACTORS.check(settings.extractor)
    if (weights := settings.extractor_weights) is not None:
        check_asked(settings.extractor, weights)
        if not Path(weights).expanduser().exists():
            raise ConfigError(f"extractor.weights={weights}: there is no such file.{sought(weights)}")
    check_device("device", settings.device, "device=auto")
    out = None
    if settings.out is not None:
        if settings.out.suffix.lower() != ".jsonl":
            raise ConfigError(f"out={settings.out}: rows are written as .jsonl.")
        out = Output(settings.out)
    return _files(settings, out) if of_files else _runs(settings, sampling, out)


def _check_known(settings: EvaluateSettings, theirs: Sequence[Option]) -> None:
    """Refuse words of runs beside two sets of files, and options that no run's family has.

    Raises:
        ConfigError: naming the nearest.
    """
    words = {key: word.name for key, word in words_of(type(settings)).items() if not word.below}
    of_files = not settings.runs
    known = list(OF_FILES) if of_files else [*words.values(), *(option.name for option in theirs)]
    for key in settings.given & words.keys():
        if words[key] == "data.path" and of_files:
            raise ConfigError(
                "data.path= is where a run's data is; real= and fake= have no run: leave it out."
            )
        if words[key] not in known:
            raise ConfigError(f"evaluate takes no {words[key]}= here.{nearest(words[key], known)}")
    for key in read_options(settings.options, theirs):
        if key not in known:
            raise ConfigError(f"evaluate takes no {key}= here.{nearest(key, known)}")


def _declared(folder: Path) -> Sequence[Option]:
    """The options of sampling that a run's family declares."""
    config.load_frozen(folder / runs.CONFIG)
    return declared_options(folder)


def _sampling(settings: EvaluateSettings, declared: Sequence[Option], folder: Path) -> Options:
    """Those of the given options that a run's family has; another run's family may have the others."""
    own = [option.name for option in declared]
    chosen = {key: value for key, value in read_options(settings.options, declared).items() if key in own}
    found = resolve_options(declared, chosen, folder.name)
    return {key: found[key] for key in chosen}


def _typed(attribute: str) -> str:
    """The word of an attribute."""
    return words_of(EvaluateSettings)[attribute].name


# ---------------------------------------------------------------------- two sets of files


def _files(settings: EvaluateSettings, out: Output | None) -> int:
    real, fake = str(settings.real), str(settings.fake)
    for word, path in (("real", real), ("fake", fake)):
        if not Path(path).expanduser().exists():
            advice = "give a folder of pictures, or a .txt or .jsonl file"
            raise DataError(f"{word}={path} is missing; {advice}.{sought(path)}")
    from genkit.evaluation import evaluate_files

    device = torch_device(settings.device)
    rows = evaluate_files(
        *(real, fake),
        name=settings.extractor,
        weights=settings.extractor_weights,
        device=device,
        out=settings.out,
        say=_tell,
    )
    _print(panel(rows))
    if out is not None:
        say(f"rows: {out}")
    return 0


def _tell(line: str) -> None:
    say(f"note: {line}", file=sys.stderr)


# ---------------------------------------------------------------------- runs


def _runs(settings: EvaluateSettings, sampling: Mapping[Path, Options], out: Output | None) -> int:
    folders, asked = list(sampling), settings.checkpoint or None
    for folder in folders:
        _check(settings, folder)
    from genkit.evaluation import evaluate as measure
    from genkit.runs.rows import write

    device = torch_device(settings.device)
    rows: list[Row] = []
    for folder in folders:
        found = measure(
            folder,
            asked,
            paths=settings.paths,
            out=settings.out,
            n=settings.n,
            seed=settings.seed,
            split=settings.split,
            real=settings.real,
            extractor=settings.extractor,
            extractor_weights=settings.extractor_weights,
            metrics=settings.metrics or None,
            featuriser=settings.featuriser,
            weights=settings.weights,
            batch_size=settings.batch_size,
            importance_samples=settings.importance_samples,
            stride=settings.stride,
            clips=settings.clips,
            draws=settings.draws,
            data_path=settings.data_path,
            device=device,
            sampling=sampling[folder],
            say=_tell,
        )
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


def _check(settings: EvaluateSettings, folder: Path) -> None:
    """Everything that can be refused before torch is imported."""
    from genkit.inference.run_data import reopen_data

    cfg = config.load_frozen(folder / runs.CONFIG)
    spec, metrics = runs.spec(folder), settings.metrics or None
    for name in settings.checkpoint or ("last",):
        check_checkpoint(folder, name)
    medium = spec.medium
    catalogue().chosen(metrics, medium)
    if "features" not in medium.offers and settings.extractor is not None:
        raise ConfigError(f"extractor= is for images, and {folder.name} draws {medium.many}; leave it out.")
    if "texts" not in medium.offers and settings.featuriser != "ngrams":
        raise ConfigError(f"featuriser= is for texts, and {folder.name} draws {medium.many}; leave it out.")
    if "clips" not in medium.offers and (words := sorted(settings.given & {"clips", "draws"})):
        raise ConfigError(f"{words[0]}= is for video, and {folder.name} draws {medium.many}; leave it out.")
    if settings.real is not None:
        catalogue().check_own(metrics, medium, folder.name)
        if not Path(settings.real).expanduser().is_dir():
            advice = f"give one of {medium.many}"
            raise DataError(f"real={settings.real} is no folder; {advice}.{sought(settings.real)}")
    else:
        reopen_data(cfg, settings.paths, folder, settings.data_path).split(settings.split)
    check_writable(folder)


def _print(made: Panel) -> None:
    table(made.head, made.cells)
    say()
    for note in made.notes:
        say(f"  {note}")
