"""Datasets by name, opened as the view that a model asks for.  Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genkit.core.errors import ConfigError, nearest
from genkit.core.spec import View
from genkit.data.dataset import Dataset
from genkit.data.sources import SOURCES
from genkit.data.views import as_view


def names() -> list[str]:
    """Every dataset that can be named."""
    return list(SOURCES)


def open_dataset(data: Mapping[str, Any], paths: Mapping[str, str], view: View) -> Dataset:
    """The configured data as the view that a model asks for; packed on first use.

    Args:
        data: the group `data`.
        paths: the group `paths`.
        view: what the model asks for.

    Raises:
        DataError: the data is missing, unreadable or too short.
        ConfigError: no such dataset, or it cannot offer this view.
    """
    name = data["name"]
    if name not in SOURCES:
        raise ConfigError(f"data.name={name} is no dataset.{nearest(name, SOURCES)}")
    return as_view(name, SOURCES[name](data, paths), data, paths, view)
