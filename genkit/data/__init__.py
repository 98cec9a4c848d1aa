"""Datasets by name, opened as the view that a model asks for.  Nothing here imports torch.

What reads data is imported when it is asked to, for the knobs of datasets are asked for before.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import msgspec

from genkit.system.errors import ConfigError, DataError
from genkit.system.paths import sought

if TYPE_CHECKING:
    from genkit.core.codecs import LearnedCodec
    from genkit.core.knobs import DataKnobs
    from genkit.core.spec import View
    from genkit.data.arrays.folders import Pictures
    from genkit.data.audio.recordings import Recordings
    from genkit.data.dataset import Dataset
    from genkit.data.pair_table import PairSource
    from genkit.data.sources import Images, Text
    from genkit.data.text.streams import Texts
    from genkit.data.video.videos import Videos


def names() -> list[str]:
    """Every dataset that can be named, built in first."""
    from genkit.data.sources import DATASETS

    return DATASETS.names()


def open_dataset(
    data: DataKnobs, paths: Mapping[str, str], view: View, codec: LearnedCodec | None = None
) -> Dataset:
    """The configured data as the view that a model asks for; packed on first use.

    Args:
        data: the group `data`.
        paths: the group `paths`.
        view: what the model asks for.
        codec: that of `data.codec`, with its model attached; see `genkit.inference.codecs`.

    Raises:
        DataError: the data is missing, unreadable or too short.
        ConfigError: no such dataset, or it cannot offer this view.
    """
    from genkit.data.views import as_view

    return as_view(data.name, open_source(data, paths), data, paths, view, codec)


class TrainedOn(Protocol):
    """What a run's record says of its data."""

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...


def reopen(
    data: DataKnobs,
    paths: Mapping[str, str],
    view: View,
    record: TrainedOn,
    path: str | None = None,
    codec: LearnedCodec | None = None,
) -> Dataset:
    """The data that a run was trained on.

    Args:
        record: of the run.
        path: where it is now, if not where the run found it.
        codec: as of `open_dataset`, that of the run.

    Raises:
        DataError: as `open_dataset`, or the data is another by now.
        ConfigError: a path is given, and this dataset is found by none.
    """
    if path is not None:
        if "path" not in data.__struct_fields__:
            raise ConfigError(f"data.path={path}: data={data.name} has no path; set paths.data_dir.")
        data = msgspec.structs.replace(data, path=path)
    elif os.path.isabs(before := getattr(data, "path", None) or "") and not os.path.exists(before):
        raise DataError(
            f"{before}, which {record.name} was trained on, is missing; say where it is now by data.path=."
            f"{sought(before)}"
        )
    dataset = open_dataset(data, paths, view, codec)
    if dataset.fingerprint != record.fingerprint:
        raise DataError(
            f"the data has changed since {record.name} was trained (its fingerprint is another); restore it."
        )
    return dataset


def open_source(
    data: DataKnobs, paths: Mapping[str, str]
) -> Images | PairSource | Pictures | Recordings | Text | Texts | Videos:
    """What the configured data is read from, before any view.

    Raises:
        DataError: it is missing.
        ConfigError: no such dataset, or another distribution's returns no data, or data of a medium that a
            run of it could not name.
    """
    from genkit.core import media
    from genkit.data.arrays.folders import Pictures
    from genkit.data.audio.recordings import Recordings
    from genkit.data.pair_table import PairSource
    from genkit.data.sources import DATASETS, Images, Text
    from genkit.data.text.streams import Texts
    from genkit.data.video.videos import Videos

    # (What another distribution reads by is a mapping.)
    given = data if data.name in DATASETS.built_in else msgspec.structs.asdict(data)
    read = DATASETS.load(data.name)(given, paths)
    if not isinstance(read, Images | PairSource | Text | Pictures | Recordings | Texts | Videos):
        kinds = "Images, Text, Pictures, Recordings, Texts, Videos or a PairSource"
        raise DATASETS.refusal(data.name, f"returns a {type(read).__name__}; what is read is {kinds}")
    if not media.MEDIA.knows(read.medium.name):
        reason = f"is of a medium that no distribution offers: give {read.medium.name} an entry point"
        raise DATASETS.refusal(data.name, f"{reason} in the group genkit.media")
    return read
