"""What a model reads in the place of examples as their medium has them: chosen, made once and kept."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from genkit.core.media.audio import UNSAID
from genkit.core.representations.mu_law import MuLaw
from genkit.core.representations.representation import Representation
from genkit.core.spec import View
from genkit.data.arrays.levels import signed
from genkit.data.clip_knobs import ClipKnobs
from genkit.data.packing import check_space, digest_of, open_array, packed
from genkit.data.sources import Images
from genkit.system.errors import ConfigError, StorageError
from genkit.system.progress import progress

# Knobs of some views alone, which the model decides where nobody else does.
MADE_BY = {"levels": ("mel", "mu_law"), "bands": ("mel",), "hop": ("mel",)}
AT_ONCE = 2**22  # entries of the medium that are turned at once


def represented(name: str, source: Images, data: ClipKnobs, view: View, cache_dir: str) -> Images:
    """Examples as the model is to read them.

    Raises:
        ConfigError: there is no such representation of them, or the model reads others.
    """
    one = len(source.medium.axes)
    wanted = data.view or ("waveform" if view.axes == one else "mel")
    axes = 2 if wanted == "mel" else one
    if view.axes not in (0, axes):
        own = "waveform or mu_law" if view.axes == one else "mel"
        read = "one axis" if view.axes == 1 else f"{view.axes} axes"
        raise ConfigError(f"data.view={wanted}: the model reads {read}; set data.view={own}.")
    usual = ClipKnobs()
    for knob, views in MADE_BY.items():
        if wanted not in views and getattr(data, knob) != getattr(usual, knob):
            fits = " or ".join(f"data.view={view}" for view in views)
            asked = f"data.{knob}={getattr(data, knob)}"
            raise ConfigError(f"{asked} is of {fits}, and the model reads the {wanted}; leave it out.")
    if wanted == "waveform":
        return source
    try:
        stand = _representation(wanted, source, data)
        return _represented(source, stand, cache_dir)
    except ValueError as error:
        raise ConfigError(f"data={name}, data.view={wanted}: {error}.") from error


def _representation(view: str, source: Images, data: ClipKnobs) -> Representation:
    if view == "mu_law":
        return MuLaw(data.levels or 64)
    from genkit.core.representations.log_mel import LogMel  # which loads SciPy

    rate, samples = source.rate or UNSAID, source.images.shape[2]
    return LogMel.usual(rate, samples, levels=data.levels or 16, bands=data.bands, hop=data.hop)


def _represented(source: Images, stand: Representation, cache_dir: str) -> Images:
    contents = source.contents()  # taken once
    count, channels, *native = source.images.shape
    shape = (count, channels, *stand.sizes(tuple(native)))
    step = max(1, AT_ONCE // int(np.prod(source.images.shape[1:])))

    def fill(made: np.ndarray) -> None:
        with progress(f"making {stand.name} of {source.medium.many}", count) as advance:
            for start in range(0, count, step):
                part = source.images[start : start + step]
                made[start : start + step] = stand.forward(signed(part))
                advance(len(part))

    def build(folder: Path) -> dict[str, object]:
        check_space(folder, int(np.prod(shape)))
        made = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, shape)
        fill(made)
        made.flush()
        about = {"name": stand.name, "contents": contents, "representation": stand.to_dict()}
        return {**about, "digest": digest_of(folder, ["images.npy"]), "digest_of": ["images.npy"]}

    levels: np.ndarray | None = None
    with contextlib.suppress(StorageError):
        if cache_dir:
            folder, _ = packed(cache_dir, stand.name, {"contents": contents, **stand.to_dict()}, build)
            levels = open_array(folder / "images.npy")
    if levels is None:
        levels = np.empty(shape, np.uint8)
        fill(levels)
    given = replace(source, digest=contents)
    return replace(given, images=levels, levels=stand.levels, hashes=None, native=given, representation=stand)
