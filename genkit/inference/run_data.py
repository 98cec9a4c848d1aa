"""The data of a configuration or of a run, opened with the codec that it may have.

Torch is imported for a codec alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from genkit import config, data, runs
from genkit.config import Config
from genkit.core.codecs import LearnedCodec
from genkit.core.spec import View
from genkit.data.dataset import Dataset
from genkit.runs import codec_folder


def open_data(
    cfg: Config, paths: Mapping[str, str], *, run: Path | None = None, view: View | None = None
) -> Dataset:
    """The configured data as the configured model reads it.

    Args:
        paths: the group `paths`.
        run: the folder of a run of it, which may have its codec already.
        view: None: that of the model.

    Raises:
        GenkitError: as `genkit.data.open_dataset`, or the run of `data.codec` is none that makes codes.
    """
    return data.open_dataset(cfg.data, paths, view or config.view(cfg), _codec(cfg, paths, run))


def reopen_data(cfg: Config, paths: Mapping[str, str], run: Path, path: str | None = None) -> Dataset:
    """The data that a run was trained on; see `genkit.data.reopen`."""
    codec = _codec(cfg, paths, run)
    return data.reopen(cfg.data, paths, config.view(cfg), runs.read(run), path, codec)


def _codec(cfg: Config, paths: Mapping[str, str], run: Path | None) -> LearnedCodec | None:
    """Of a run its own, of a configuration that of the run that it names."""
    if not (named := cfg.data.coded_by):
        return None
    from genkit.inference.models import attached, codec_of

    if run is not None and (run / runs.SPEC).exists():
        spec = attached(runs.spec(run), run)
        return spec.learned_codec if spec.kind == "tokens" else None
    if run is not None and (run / runs.CODEC).exists():  # it has not begun to train
        return codec_of(run / runs.CODEC)
    return codec_of(codec_folder.source(named, paths["runs_dir"]))
