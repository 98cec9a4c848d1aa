"""What there is: `genkit families`, `genkit runs`."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from genkit import config
from genkit import runs as run_folders
from genkit.cli.commands.families import FamiliesSettings
from genkit.cli.commands.runs import RunsSettings
from genkit.config.frozen import OPTION
from genkit.core.knobs import ModelKnobs
from genkit.runs import Record
from genkit.system.errors import ConfigError, nearest
from genkit.system.terminal import say, without_controls


def families(settings: FamiliesSettings) -> int:
    """Each family: its models, what it can do, what one of its steps does, its sampling options."""
    from genkit.core.capabilities import CAPABILITIES
    from genkit.families import FAMILIES

    models: dict[str, dict[str, ModelKnobs]] = {}
    for model in config.groups()["model"]:
        if model == OPTION:  # of which Python alone has the family
            continue
        knobs = config.compose("train", [f"model={model}"]).model
        models.setdefault(knobs.family, {})[model] = knobs
    rows = []
    for name in FAMILIES.names():
        family = FAMILIES.load(name)
        held = [capability.__name__ for capability in CAPABILITIES if issubclass(family, capability)]
        phases = _phases(next(iter(models[name].values()))) if name in models else []
        options = [option.name for option in family.options]
        cells = (models.get(name, {}), held, phases, options)
        rows.append([name, *(", ".join(cell) or "–" for cell in cells)])
    table(("family", "models", "capabilities", "phases of a step", "sampling options"), rows)
    return 0


def _phases(model: ModelKnobs) -> list[str]:
    """Names of what one training step does; a model is built to ask it."""
    from genkit.core.codecs import ByteCodec
    from genkit.core.spec import ArraySpec, TokenSpec
    from genkit.inference.models import build_module

    side = min(model.sizes or (32,))
    spec = ArraySpec(1, (side, side)) if model.view == "arrays" else TokenSpec(ByteCodec())
    return [phase.name for phase in build_module(model, spec).phases()]


SORTED = ("name", "status", "model", "data", "step", "created", "seconds")
NARROWEST = 8  # column of a table that does not fit its terminal


def runs(settings: RunsSettings) -> int:
    """Without `run=` the runs, by filters and in an order; with it what one says of itself."""
    runs_dir = settings.paths["runs_dir"]
    if settings.run is not None:
        record = run_folders.read(run_folders.find(settings.run, runs_dir))
        for key, value in record.to_dict().items():
            say(f"{key:<14} {_short(value)}")
        return 0
    found = run_folders.list_runs(runs_dir)
    if not found:
        say(f"no runs in {runs_dir} yet: genkit train makes one.")
        return 0
    found = _ordered(_filtered(found, settings), settings)
    keys = ("name", "status", "model", "data", "step")
    rows = [[*(_told(record, key) for key in keys), _terms(record.final)] for record in found]
    table(("run", *keys[1:], "last validation"), rows)
    return 0


def _of(record: Record, key: str) -> str:
    """What a record says of a key, as it is shown and asked for."""
    value = getattr(record, key)
    return "–" if value in (None, "") else str(value)


def _told(record: Record, key: str) -> str:
    """What the list says of a key: of data that are codes, whose."""
    said = _of(record, key)
    return f"{said} by {record.codec.name}" if key == "data" and record.codec is not None else said


def _filtered(found: list[Record], settings: RunsSettings) -> list[Record]:
    """The runs that agree with every filter.

    Raises:
        ConfigError: none has the one value asked for; those that exist are named.
    """
    filters = {
        "status": settings.status,
        "family": settings.family,
        "model": settings.model,
        "data": settings.data,
        "seed": settings.seed,
    }
    for key, wanted in filters.items():
        known = {_of(record, key) for record in found}
        for value in wanted:
            if value not in known and len(wanted) == 1:
                raise ConfigError(f"no run has {key}={value}.{nearest(value, known)}")
        found = [record for record in found if not wanted or _of(record, key) in wanted]
    return found


def _ordered(found: list[Record], settings: RunsSettings) -> list[Record]:
    """The runs by a key of their records or a validation term; those without it stand last.

    Raises:
        ConfigError: no run has the key.
    """
    key = settings.sort
    terms = {term for record in found for term in record.final}
    if key not in SORTED and key not in terms:
        raise ConfigError(f"sort={key}: no run has it.{nearest(key, [*SORTED, *terms])}")

    def value(record: Record) -> Any:
        said = getattr(record, key) if key in SORTED else record.final.get(key)
        return None if said == "" else said

    having = [record for record in found if value(record) is not None]
    without = [record for record in found if value(record) is None]
    having.sort(key=value, reverse=settings.order == "down")
    return [*having, *without][-(settings.last or 0) :]


def _terms(final: Mapping[str, float | None]) -> str:
    numbers = {name: value for name, value in final.items() if value is not None and name != "step"}
    return "  ".join(f"{k} {v:.4f}" for k, v in numbers.items()) or "–"


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{k}={_short(v)}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(v["name"] if isinstance(v, dict) and "name" in v else _short(v) for v in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table as wide as it needs to be, so that a pipe gets whole lines; on a terminal, as wide as that.

    There, cells of the widest columns go over several lines.
    """
    rows = [[without_controls(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if sys.stdout.isatty():
        widths = fitted(widths, shutil.get_terminal_size().columns)
    rows.insert(1, ["-" * width for width in widths])
    for row in rows:
        cells = [
            [cell] if len(cell) <= width else textwrap.wrap(cell, width)
            for cell, width in zip(row, widths, strict=True)
        ]
        for line in zip_longest(*cells, fillvalue=""):
            padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            say("  ".join(padded).rstrip())


def fitted(widths: Sequence[int], room: int) -> list[int]:
    """Widths of columns, two blanks between them, within `room`: the widest give way, to 8 at least."""
    within = list(widths)
    while sum(within) + 2 * (len(within) - 1) > room and max(within) > NARROWEST:
        within[within.index(max(within))] -= 1
    return within
