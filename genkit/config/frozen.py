"""A run's own configuration: written as plain values, read without executing anything."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.config.values import copied, leaves, refuse_targets
from genkit.config.words import FREE_TEXT, texts_of
from genkit.core.captions import CLASSES
from genkit.families import FAMILIES
from genkit.system.errors import CheckpointError, ConfigError
from genkit.system.plain import MAX_DEPTH, MAX_YAML_BYTES, parse_yaml, read_json, read_text
from genkit.system.schemas import Optional, conform
from genkit.system.storage import reason

if TYPE_CHECKING:
    from genkit.config.settings import Config
    from genkit.core.spec import Spec, View

# What stays as it was when a run goes on; a `data.path` may have moved, and data that are accepted as new
# have another digest.
RESUMED_KEYS = ("model", "data", "seed", "batch_size", "name", "pretrained")
OPTION = "python"  # of the group `model`, for families that have no file
MOVED = ("data.path", "data.digest")
RECORD, SESSIONS = "run.json", "sessions"
PLACED = ("path", "captions", "digest", "tokenizer_path")
# What a run's configuration has, whatever else its groups hold.
SHAPE = {
    "model": {
        "family?": str,
        "view?": str,
        "sizes?": Optional([int]),
        "axes?": int,
        "block_size?": int | None,
    },
    "data?": {"name?": str, **{f"{key}?": str | None for key in PLACED}},
    **{f"{group}?": dict for group in ("optim", "trainer", "callbacks", "logger")},
    "budget?": {str: float | None},
    "choices?": {str: str | None},
    **{"seed?": int, "batch_size?": int, "name?": str | None, "pretrained?": str | None},
}
NOT_FROZEN = ("paths", "experiment", "debug", "resume", "init_from", "accept_new_data")


def freeze(cfg: Config) -> str:
    """What a run's config.yaml holds: plain values, without the paths and the environment of this machine."""
    import yaml

    kept = {key: value for key, value in copied(cfg.plain).items() if key not in NOT_FROZEN}
    data = kept.get("data", {})
    tables = () if data.get("captions") == CLASSES else ("captions",)
    for key in [key for key in data if key in ("path", *tables) or key.endswith("_path")]:
        data[key] = settled(data[key])
    return str(yaml.safe_dump(kept, sort_keys=False, allow_unicode=True))


def is_given(cfg: Mapping[str, Any]) -> bool:
    """Whether the family of the model is a class that was given in Python."""
    return (cfg.get("choices") or {}).get("model") == OPTION


def check_given(cfg: Mapping[str, Any]) -> None:
    """See that such a class is given again.

    Raises:
        CheckpointError: it is not.
    """
    name = str(cfg["model"].get("family"))[:60]
    if is_given(cfg) and FAMILIES.own(name) is None:
        raise CheckpointError(
            f"the run's family {name} is a class that was given in Python: give it again, as family={name} of"
            " genkit.load, genkit.evaluate or genkit.train."
        )


def settled(place: Any) -> Any:
    """A path that leads somewhere, absolute: a run finds it from any folder; a hub's name as it is."""
    if not isinstance(place, str):
        return place
    path = os.path.abspath(os.path.expanduser(place))
    return path if os.path.exists(path) else place


def may_change(key: str) -> bool:
    """Whether a session may change a key of the run's configuration."""
    return key.partition(".")[0] not in (*RESUMED_KEYS, *NOT_FROZEN) or key in MOVED


def digest(section: Mapping[str, object]) -> str:
    """SHA-256 of the values of a group, in whatever order; a checkpoint carries that of its model."""
    return hashlib.sha256(json.dumps(section, sort_keys=True).encode()).hexdigest()


def load_frozen(path: Path) -> Config:
    """Read a run's config.yaml: what `freeze` writes, and nothing that could be more than a value.

    What later sessions of the run have changed stands in run.json beside it, and is put into its place.

    Raises:
        CheckpointError: it is missing, a link, too large, no YAML mapping of plain values, or holds a
            `_target_`, an interpolation, an address or a rule; or the sessions are damaged.
    """
    from genkit.config.composing import typed  # (which knows this module)

    try:
        if path.is_symlink() or not path.is_file():
            raise CheckpointError(f"{path} is missing, or no plain file; restore it.")
        cfg = parse_yaml(read_text(path, MAX_YAML_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} cannot be read: {reason(error)}") from None
    if not isinstance(cfg, dict) or not isinstance(cfg.get("model"), dict):
        raise CheckpointError(
            f"{path} is no run's configuration: it describes no model; restore it from a copy."
        )
    try:
        conform(cfg, SHAPE)
        _apply_sessions(cfg, path.with_name(RECORD))
        conform(cfg, SHAPE)
        refuse_targets(cfg)
        _refuse_more_than_values(cfg)
        if "family" in cfg["model"] and not is_given(cfg):  # (to read what stands here needs no class)
            FAMILIES.check(cfg["model"]["family"])
        # Where things lie on this machine, and what was asked for once, is no run's to say.
        return typed({key: value for key, value in cfg.items() if key not in NOT_FROZEN})
    except ConfigError as error:
        raise CheckpointError(f"{path}: {error}") from None
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged: {error}; restore it from a copy.") from None


def _apply_sessions(cfg: dict[str, object], record: Path) -> None:
    """Put what sessions have changed into a configuration.

    Raises:
        CheckpointError: they are damaged, or change what no session may.
    """
    try:
        sessions = read_json(record, {"sessions?": [{"overrides": {str: Any}}]}).get(SESSIONS, [])
        changed = {key: value for session in sessions for key, value in session["overrides"].items()}
        for key, value in changed.items():
            if not may_change(key):
                raise ValueError(f"a session changes {key[:60]}, which every session keeps")
            _put(cfg, key, value)
    except OSError:  # none of a new run, or of a study's member
        return
    except ValueError as error:
        said = " ".join(str(error).split())[:150]
        raise CheckpointError(f"{record} is damaged: {said}. Restore it from a copy.") from None


def _put(cfg: dict[str, Any], key: str, value: Any) -> None:
    """Set the value of a dotted key, in groups that may be missing.

    Raises:
        ValueError: a group of it is no group.
    """
    *groups, last = key.split(".")
    if len(groups) > MAX_DEPTH:
        raise ValueError(f"a session changes {key[:60]}, which is nested too deeply")
    for name in groups:
        cfg = cfg.setdefault(name, {})
        if not isinstance(cfg, dict):
            raise ValueError(f"a session changes {key[:60]}, and {name[:60]} is no group")
    cfg[last] = value


def _refuse_more_than_values(cfg: Mapping[str, object]) -> None:
    for group, section in cfg.items():
        if group == "rules" or (isinstance(section, Mapping) and "rules" in section):
            raise ConfigError(f"{group}: a run's configuration holds no rules; remove them.")
    for key, value in leaves(cfg):
        for item in texts_of(value):
            if key not in FREE_TEXT and ("${" in item or "://" in item):
                raise ConfigError(
                    f"{key}={item[:60]}: a run's configuration holds plain values, no ${{…}} and no address;"
                    " write the value itself."
                )


def check_reads(cfg: Config, spec: Spec, where: Path) -> None:
    """See that a model of tokens has tokens, and one of arrays arrays.

    Args:
        where: the configuration's file.

    Raises:
        CheckpointError: the configuration speaks of the other.
    """
    if cfg.model.view != spec.kind:
        raise CheckpointError(
            f"{where}: model.view={cfg.model.view}, and the run's data are {spec.kind};"
            " restore it from a copy."
        )


def view(cfg: Config) -> View:
    """What the configured model asks of its data."""
    from genkit.core.spec import View

    return View(cfg.model.view, cfg.model.sizes, getattr(cfg.model, "block_size", None) or 0, cfg.model.axes)
