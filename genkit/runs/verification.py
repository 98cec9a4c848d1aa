"""Whether a run folder is what it says: hashes, links, pickles, configuration, pointers, without any model.

Nothing of the folder is executed or followed, and torch is not imported.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open

from genkit import config, runs
from genkit.config import Config
from genkit.config.values import leaves
from genkit.data.packing import changed
from genkit.runs import codec_folder, manifests
from genkit.runs.record import Record
from genkit.system import executables
from genkit.system.errors import CheckpointError, GenkitError
from genkit.system.headers import read_header
from genkit.system.plain import find_links, parse_json, read_text

LEFT = re.compile(r"\..+\.\d+(\.old)?|\.genkit-.*", re.S)  # what a process that was killed while writing left
LISTED = 20  # of one kind, at most


@dataclass
class Soundness:
    """What was found.

    Attributes:
        wrong: a line each; none: the folder is sound.
        steps: of the checkpoints.
        files, size: how many files were looked at, and their bytes.
    """

    wrong: list[str] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    files: int = 0
    size: int = 0


def verify(folder: Path, cache_dir: str | None = None) -> Soundness:
    """Check everything that a run folder holds, and the packed data that it was trained on.

    Args:
        cache_dir: where data is packed; None: it is left out.

    A folder with links, pipes or devices is not looked at any further.
    """
    found = Soundness()
    links = [f"{path} is {kind}, and a run folder holds none." for path, kind in find_links(folder, runs.OWN)]
    found.wrong += links[:LISTED]
    if found.wrong:
        return found
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    found.files, found.size = len(files), sum(path.stat().st_size for path in files)
    found.wrong += [f"{path} is {kind}." for path in files if (kind := _code(path, folder))][:LISTED]
    cfg, record = _described(folder, found)
    place = folder / "checkpoints"
    found.steps = manifests.available(place)
    for step in found.steps:
        found.wrong += _checkpoint(place / f"step-{step}", folder, cfg)
    found.wrong += [*_pointers(place, found.steps), *_data(place, found.steps, record), *_reports(folder)]
    found.wrong += _codec(folder)
    if cache_dir is not None:
        found.wrong += changed(record.packed, cache_dir)
    return found


def _codec(folder: Path) -> list[str]:
    """What is wrong with the codec of a run, where it has one: as a run, and as that one."""
    try:
        spec = runs.spec(folder)
    except GenkitError:
        return []  # it is listed already
    wanted = spec.learned_codec if spec.kind == "tokens" else None
    if wanted is None:
        stray = (folder / runs.CODEC).exists()
        return (
            [f"{folder / runs.CODEC} is no part of a run whose data are no codes; remove it."]
            if stray
            else []
        )
    try:
        codec_folder.check(folder, wanted.origin.sha256)
    except GenkitError as error:
        return [str(error)]
    return verify(folder / runs.CODEC).wrong


def _code(path: Path, folder: Path) -> str | None:
    """What a file is that could run code when it is loaded, or is no file of ours; None: it is fine.

    A folder beside ours is a logger's, and may hold what it likes but code.
    """
    place = path.relative_to(folder).parts
    if path.suffix == ".safetensors":
        try:
            if not read_header(path) and path.name in (manifests.WEIGHTS, manifests.EMA):
                raise ValueError("it holds no tensors")
            with safe_open(path, "numpy") as opened:
                opened.keys()
            return None
        except PermissionError as error:
            return f"not to be read ({manifests.short(error)})"
        except (OSError, ValueError, SafetensorError, MemoryError) as error:
            instead = manifests.unsafe_format(path) or f"damaged ({manifests.short(error)})"
            return f"no safetensors file but {instead}"
    try:
        kind = executables.code(path) or (
            manifests.unsafe_format(path) if place[0] == "checkpoints" else None
        )
    except OSError as error:
        return f"not to be read ({manifests.short(error)})"
    ours = place[0] in (*runs.OWN, runs.SHARED) or LEFT.fullmatch(place[0])
    if kind is None and len(place) == 1 and not ours:
        return "no file that genkit writes; remove it, or keep it elsewhere"
    return kind


def _described(folder: Path, found: Soundness) -> tuple[Config | None, Record]:
    """The configuration and the record, as far as they can be read; what is wrong with them, and the spec."""
    cfg: Config | None = None
    record = Record()
    try:
        cfg = config.load_frozen(folder / runs.CONFIG)
        found.wrong += _closed(cfg, folder / runs.CONFIG)
    except GenkitError as error:
        found.wrong.append(str(error))
    try:
        record = runs.read(folder)
        if not record.known:
            found.wrong.append(f"{folder / runs.RECORD} is missing; restore it from a copy.")
    except GenkitError as error:
        found.wrong.append(str(error))
    if record.known:  # (without one nobody knows what the spec should be)
        try:
            spec = runs.spec(folder)
            if cfg:
                config.check_reads(cfg, spec, folder / runs.CONFIG)
        except GenkitError as error:
            found.wrong.append(str(error))
    return cfg, record


def _closed(cfg: Config, file: Path) -> Iterator[str]:
    """Keys that no configuration of these choices has."""
    choices = {group: option for group, option in cfg.choices.items() if option is not None}
    known = config.groups()
    for group, option in choices.items():
        if group in known and option not in known[group]:
            yield f"{file}: {group}={option} is not installed here."
            return
    left = (
        *config.NOT_FROZEN,
        *(["model"] if config.is_given(cfg.plain) else []),
    )  # a class alone knows its knobs
    words = [f"{k}={v}" for k, v in choices.items() if k in known and k not in left]
    try:
        defaults = config.compose("train", words)
    except GenkitError as error:
        yield f"{file}: its choices do not go together: {error}"
        return
    keys = dict(leaves(defaults.plain))
    unknown = [
        key
        for key in dict(leaves(cfg.plain))
        if key not in keys and key.split(".")[0] not in ("paths", *left)
    ]
    for key in unknown[:LISTED]:
        yield f"{file} has a key {key[:60]}, which no configuration of this version has."


def _checkpoint(place: Path, folder: Path, cfg: Config | None) -> Iterator[str]:
    """One step: every byte against the manifest, then what the files are and what they belong to."""
    try:
        manifest = manifests.verify(place)
        manifests.check_belongs(
            manifest, config.digest(cfg.plain["model"]) if cfg else None, runs.spec_digest(folder)
        )
    except CheckpointError as error:
        yield str(error)
        return
    for path in sorted(place.iterdir()):
        if path.name not in (*manifest["files"], manifests.MANIFEST):
            yield f"{path} is no file of this checkpoint; remove it."
    yield from _averaged(place)
    try:
        manifests.read_json(place / f"{manifests.TRAINER}.json")
    except (OSError, ValueError) as error:
        yield f"{place / manifests.TRAINER}.json is damaged ({manifests.short(error)})."


def _averaged(place: Path) -> Iterator[str]:
    """Averages of weights that the checkpoint has not."""
    if not (place / manifests.EMA).exists():
        return
    try:
        weights, averages = (read_header(place / name) for name in (manifests.WEIGHTS, manifests.EMA))
    except (OSError, ValueError):
        return  # it is listed already
    for name in averages:
        if name not in weights or weights[name]["shape"] != averages[name]["shape"]:
            yield f"{place / manifests.EMA} has {name[:60]}, which is no average of a weight beside it."
            return


def _pointers(place: Path, steps: list[int]) -> Iterator[str]:
    """Pointers that name nothing that is there."""
    for name in manifests.POINTERS:
        said = manifests.pointed(place, name)
        if (place / name).exists() and said not in [f"step-{step}" for step in steps]:
            yield f"{place / name} names {str(said)[:60]!r}, which is no checkpoint here."
    if steps and not (place / "last").exists():
        yield f"{place / 'last'} is missing; the newest is step-{steps[-1]}."


def _data(place: Path, steps: list[int], record: Record) -> Iterator[str]:
    """A record that speaks of other data than every checkpoint."""
    seen = set()
    for step in steps:
        try:
            seen.add(manifests.read_json(place / f"step-{step}" / manifests.MANIFEST).get("data"))
        except (OSError, AttributeError, TypeError, ValueError):
            return  # it is listed already
    if record.fingerprint and seen and record.fingerprint not in seen:
        yield f"{place.parent / runs.RECORD} names data that no checkpoint was trained on (its fingerprint)."


def _reports(folder: Path) -> Iterator[str]:
    """Findings and rows of evaluations that cannot be read."""
    file = folder / "findings.json"
    try:
        if file.exists():
            plain = parse_json(read_text(file, runs.MAX_SPEC_BYTES))
            if not isinstance(plain["findings"], list) or not isinstance(plain["history"], list):
                raise ValueError("no list of findings")
        file = folder / "evaluation.jsonl"
        if file.exists():
            for line in read_text(file, runs.MAX_SPEC_BYTES).split("\n"):
                if line.strip() and "metric" not in parse_json(line):
                    raise ValueError("a line is no row")
    except (OSError, KeyError, TypeError, json.JSONDecodeError, ValueError) as error:
        yield f"{file} is damaged ({manifests.short(error)}); restore it from a copy."
