"""The model card of one run: what a stranger reads before using it, every number out of the run's own files.

It is Markdown with the front matter that model hubs read.  Nothing is written by hand, and nothing is judged:
what was not measured is said to be so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from genkit.core.spec import Spec
from genkit.report.numbers import number
from genkit.report.sources import Member, read_member
from genkit.report.tables import markdown, marked
from genkit.runs.layout import CARD
from genkit.runs.row_tables import bounded, unit, valued
from genkit.runs.rows import Row
from genkit.system import storage
from genkit.system.plain import parse_yaml, read_text
from genkit.system.terminal import without_controls

if TYPE_CHECKING:
    from genkit.core.samples import Samples

LICENSE = r"[a-z0-9][a-z0-9.+-]{0,63}"  # an identifier of a licence, as hubs know them
SEEN = (".png", ".gif", ".webp")  # what a page shows as a picture
SHOWN_TEXT = 4_000  # characters of the texts that are shown
MAX_TEXT_BYTES = 4_000_000
COLUMNS = ("metric", "value", "unit", "kind", "n", "examples", "measured on", "checkpoint", "weights")


def write(
    run: Path,
    place: Path,
    samples: Samples,
    *,
    library: str,
    license: str | None = None,
    use: str = "",
) -> Path:
    """Write the card of a run, and the samples that it shows, into the folder that is shared.

    Args:
        samples: what the shared weights drew.
        library: what loads the folder: "genkit" or "transformers".
        license: an identifier of `LICENSE`; None: the card says that nobody has given one.
        use: code that loads it.

    Raises:
        StorageError: the folder cannot be written.
    """
    drawn = [place / "samples" / f"card{suffix}" for suffix in samples.spec.medium.keeps]
    for file in drawn:
        samples.save(file)
    text = card(run, samples.spec, drawn, samples.provenance(), library=library, license=license, use=use)
    storage.write_text(place / CARD, text)
    return place / CARD


def card(
    run: Path,
    spec: Spec,
    drawn: Sequence[Path],
    provenance: Mapping[str, object],
    *,
    library: str,
    license: str | None = None,
    use: str = "",
) -> str:
    """The card's text; `drawn` are files of samples in the folder `samples` beside it."""
    member = read_member(run, run.name, 0)
    record = member.record
    parts = [
        _front(member, spec, library, license),
        f"# {marked(record.name or run.name)}\n",
        f"A {marked(record.family)} of {spec.medium.many}, trained with genkit.\n",
        *([f"```python\n{use}\n```\n"] if use else []),
        "## Samples\n",
        _samples(drawn, provenance),
        "## Data\n",
        _table(_data(member)),
        "## Training\n",
        _table(_training(member)),
        "## Evaluation\n",
        _evaluation(member),
        "## Findings\n",
        _findings(member, run),
        "" if license else "## License\n\nNone is given: ask who shared it before using it.\n",
    ]
    return "\n".join(part for part in parts if part)


def _front(member: Member, spec: Spec, library: str, license: str | None) -> str:
    """What hubs read: a block of YAML, of which JSON's values are some."""
    prompted = spec.kind == "tokens" and spec.captions is not None
    task = spec.medium.prompted_task if prompted else spec.medium.task
    said: dict[str, object] = {"license": license} if license else {}
    said["library_name"] = library
    said |= {"pipeline_tag": task} if task else {}
    record = member.record
    said["tags"] = list(dict.fromkeys(filter(None, ("genkit", record.family, spec.medium.name))))
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in said.items()]
    return "\n".join(["---", *lines, "---", ""])


def _samples(drawn: Sequence[Path], provenance: Mapping[str, object]) -> str:
    """What was drawn: a text or a picture to look at, and links to what else there is."""
    options = provenance.get("options")
    own = options.items() if isinstance(options, dict) else ()
    given = ", ".join(f"{key}={value}" for key, value in own if value not in (None, "", False))
    origin = provenance.get("origin")
    step = origin.get("checkpoint") if isinstance(origin, dict) else None
    said = f"{provenance.get('n')} of {step}, drawn with seed {provenance.get('seed')}, none chosen"
    parts = [f"{said} ({marked(given)}).\n" if given else f"{said}.\n"]
    seen = next((file for file in drawn if file.suffix in SEEN), None)
    for file in drawn:
        if file == seen:
            parts.append(f"![samples](samples/{file.name})\n")
        elif file.suffix == ".txt":
            text = without_controls(read_text(file, MAX_TEXT_BYTES))
            parts.append(_indented(text[:SHOWN_TEXT] + ("…" if len(text) > SHOWN_TEXT else "")))
        else:
            parts.append(f"[samples/{file.name}](samples/{file.name})\n")
    return "\n".join(parts)


def _indented(text: str) -> str:
    """Text as a block of code that nothing in it can end."""
    return "".join(f"    {line}\n" for line in text.split("\n"))


def _data(member: Member) -> list[tuple[str, object]]:
    record = member.record
    counts = ", ".join(f"{name} {count:,}" for name, count in record.counts.items() if isinstance(count, int))
    return [
        ("data", record.data),
        ("fingerprint", record.fingerprint),
        ("parts", record.protocol),
        ("examples", counts),
        ("codec", record.codec),
    ]


def _training(member: Member) -> list[tuple[str, object]]:
    """Budget, seed, versions, and what the training took and reached."""
    record = member.record
    try:
        cfg = parse_yaml(member.config)
        budget = {k: v for k, v in cfg.get("budget", {}).items() if v is not None}
        batch = cfg.get("batch_size")
    except (ValueError, AttributeError):
        budget, batch = {}, None
    origin = record.provenance
    versions = dict(origin.versions) if origin else {}
    rows: list[tuple[str, object]] = [
        ("model", record.model),
        ("parameters", None if record.parameters is None else f"{record.parameters:,}"),
        ("budget", ", ".join(f"{amount:,} {name}" for name, amount in budget.items())),
        ("batch size", batch),
        ("steps done", None if record.step is None else f"{record.step:,}"),
        ("seed", record.seed),
        ("seconds", None if record.wall_seconds is None else number(record.wall_seconds)),
        ("began", record.created),
        ("ended", f"{record.status} {record.ended}".strip()),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
        ("revision", _revision(member)),
    ]
    if record.best is not None and record.best.metric is not None:
        best = record.best
        rows.append(("best checkpoint", f"step {best.step}: {best.metric} {number(best.value)}"))
    for name, value in record.final.items():
        if name != "step":
            term = name.removeprefix("val/")
            rows.append((name, f"{number(value)} {record.units.get(term, '')}".strip()))
    return rows


def _revision(member: Member) -> str:
    """Of the code that trained it."""
    origin = member.record.provenance
    if origin is None or origin.git is None:
        return ""
    return f"{origin.git.revision}{' with changes' if origin.git.dirty else ''}"


def _evaluation(member: Member) -> str:
    """The rows of the checkpoint that validation chose, else the last, each with its interval."""
    if not member.rows:
        return "Not evaluated: `genkit evaluate` would write its rows.\n"
    rows = [row for row in member.rows if row.role == "model"]
    said = "Intervals are in brackets; protocols stand whole in `evaluation.jsonl`.\n"
    frame = pd.DataFrame([_line(row) for row in rows], columns=[*COLUMNS])
    notes = list(dict.fromkeys(f"- {row.metric}: {marked(row.note)}" for row in rows if row.note))
    return "\n".join([said, markdown(frame), *(["\n".join(notes) + "\n"] if notes else [])])


def _line(row: Row) -> Sequence[object]:
    place = row.place
    judged = "–" if row.n_real is None else f"{row.n_real:,}"
    on = place.split + (", on which it was chosen" if place.selected else "")
    on += ", on which it was trained" if place.trained else ""
    n = "–" if row.n is None else f"{row.n:,}"
    return (row.metric, valued(row), unit(row), bounded(row), n, judged, on, place.checkpoint, place.weights)


def _findings(member: Member, run: Path) -> str:
    if not (run / "findings.json").is_file():
        return "Not judged: the run has no findings.json.\n"
    if not member.findings:
        return "None: nothing that was looked at went wrong in the training.\n"
    return "".join(f"- {marked(line)}\n" for line in member.findings)


def _table(rows: Sequence[tuple[str, object]]) -> str:
    kept = [(name, str(value)) for name, value in rows if value not in (None, "")]
    return markdown(pd.DataFrame(kept, columns=["", "of this run"]))
