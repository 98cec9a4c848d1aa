"""Plain values of a configuration: its leaves, and what may not stand among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from genkit.system.errors import ConfigError


def leaves(cfg: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values; the names of the chosen options are no values."""
    for key, value in cfg.items():
        if key == "choices":
            continue
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def put(cfg: dict[str, Any], key: str, value: Any) -> None:
    """Set the value of a dotted key."""
    *path, last = key.split(".")
    for name in path:
        cfg = cfg[name]
    cfg[last] = value


def shown(value: Any) -> str:
    """A value as a person types it."""
    if isinstance(value, list | tuple):
        return f"[{','.join(map(shown, value))}]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)


def copied(cfg: Any) -> Any:
    """Plain values with containers of their own."""
    if isinstance(cfg, Mapping):
        return {key: copied(value) for key, value in cfg.items()}
    return [copied(value) for value in cfg] if isinstance(cfg, list) else cfg


def refuse_targets(cfg: Any, where: str = "") -> None:
    """Refuse what would make a value code, at any depth: `_target_` and its kin, Lightning's `_instantiator`.

    No key of ours begins with an underscore.

    Raises:
        ConfigError: there is one.
    """
    if isinstance(cfg, Mapping):
        for key, value in cfg.items():
            if str(key).startswith("_"):
                raise ConfigError(
                    f"{where}{key}: a configuration holds names and values, no code; remove it."
                )
            refuse_targets(value, f"{where}{key}.")
    elif isinstance(cfg, list):
        for item in cfg:
            refuse_targets(item, where)
