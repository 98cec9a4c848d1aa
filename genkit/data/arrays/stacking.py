"""Pictures packed: choose a form by what their headers say, decode them on every core into one array."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from genkit.data.arrays.folders import Pictures
from genkit.data.arrays.pictures import (
    ALPHA,
    DEEP,
    FITS,
    GREY,
    Form,
    deep_ranges,
    deep_remarks,
    hashes,
    to_array,
)
from genkit.data.arrays.surveys import Look, attempts, spread
from genkit.data.dataset_knobs import PictureKnobs
from genkit.data.packing import check_space, digest_rows, open_array, packed, within_ceiling
from genkit.system import storage
from genkit.system.errors import ConfigError, DataError
from genkit.system.progress import progress

SMALLEST = 4  # pixels of a side; also of `data.size`
PICTURES_HERE = 2_000  # not worth starting processes for
FEW = 0.1  # share of colour among grey pictures up to which it may have been an oversight
DONE, REFUSED = 1, 2  # states of a picture; 0: it waits


# ---------------------------------------------------------------------- packing


@dataclass(frozen=True)
class Packed:
    """Pictures in one array.

    Attributes:
        images: uint8 (N, C, H, W), memory-mapped; rows that are not `good` hold nothing.
        good: which rows are pictures, increasing.
        hashes: uint64 (N, 2), see `genkit.data.arrays.pictures.hashes`.
        digest: of the good rows' contents.
        notices: what a user should know.
    """

    images: np.ndarray
    good: np.ndarray
    hashes: np.ndarray
    digest: str
    notices: list[str]


def total_of(pictures: Pictures) -> int:
    """Pictures and names that lead to none."""
    return len(pictures) + len(pictures.missing)


def refuse_small(name: str, height: int, width: int) -> None:
    """Of pictures whose size nobody chose.

    Raises:
        DataError: a side has too few pixels.
    """
    if min(height, width) < SMALLEST:
        raise DataError(f"data={name}: images of {height}×{width} are too small; each side needs {SMALLEST}.")


def form_of(pictures: Pictures, look: Look, data: PictureKnobs, sizes: Sequence[int]) -> Form:
    """The form that all pictures get.

    Args:
        sizes: those that the model takes for a side; empty: any.

    Raises:
        DataError: none can be read, they are too small, or their sizes differ and no policy is stated.
        ConfigError: a size that the model does not take.
    """
    within_ceiling(look.refused, total_of(pictures), data, "pictures")
    common = look.common()
    (width, height), size = common[0][0], data.size
    fit: str | None = data.fit
    if fit is not None and fit not in FITS:
        raise ConfigError(f"data.fit={fit}: choose {', '.join(FITS)} or null.")
    if size is None and len(common) == 1:
        refuse_small(data.name, height, width)
    if size is None and sizes and (len(common) > 1 or not {width, height} <= set(sizes)):
        larger = [s for s in sizes if s >= max(width, height)]
        size = min(larger) if larger else max(sizes)
    if size is not None and sizes and size not in sizes:
        raise ConfigError(f"data.size={size}: the model takes {', '.join(map(str, sizes))}.")
    square = len(common) == 1 and width == height
    if fit is None and len(common) > 1:
        raise DataError(
            f"the pictures have {len(common)} sizes: {look.histogram()}. Say data.size="
            f"{size or min(width, height)} and how with data.fit=crop, pad or stretch."
        )
    if fit is None and size is not None and not square:
        raise DataError(
            f"the pictures are {width}×{height} and become {size}×{size}: say how with data.fit=crop, pad"
            " or stretch."
        )
    if size is not None:
        width = height = size
    channels = data.channels or (1 if set(look.modes) <= GREY else 3)
    ranges = deep_ranges(look.deep, data.range)
    fit = fit or ("stretch" if square else "exact")
    return Form(channels, height, width, fit, data.background, ranges)


def pack_pictures(
    name: str, pictures: Pictures, look: Look, form: Form, data: PictureKnobs, cache_dir: str
) -> Packed:
    """All pictures in one form; those that cannot be read are left out, if the configuration says so.

    Raises:
        DataError: some cannot be read and `data.on_bad` or `data.max_bad` forbids it.
    """
    total = total_of(pictures)
    rows = np.flatnonzero(look.readable)
    key = {"listing": pictures.listing, "form": vars(form)}

    def build(folder: Path) -> dict[str, object]:
        refused = {**look.refused, **_decode(pictures, rows, form, folder)}
        within_ceiling(refused, total, data, "pictures")
        images, state = open_array(folder / "images.npy"), open_array(folder / "state.npy")
        good = np.flatnonzero(np.asarray(state) == DONE)
        np.save(folder / "good.npy", good)
        return {
            "name": name,
            "form": vars(form),
            "pictures": len(good),
            "modes": dict(look.modes),
            "refused": refused,
            "remarks": _remarks(look, form, data),
            "digest": digest_rows(images, good),
            "digest_of": ["images.npy"],
            "digest_rows": "good.npy",
        }

    folder, about = packed(cache_dir, name, key, build)
    notices = within_ceiling(about["refused"], total, data, "pictures")
    notices += [f"{name}: {line}." for line in about["remarks"]]
    arrays = [open_array(folder / f"{file}.npy") for file in ("images", "good", "hashes")]
    return Packed(arrays[0], np.asarray(arrays[1]), arrays[2], about["digest"], notices)


def _decode(pictures: Pictures, rows: np.ndarray, form: Form, folder: Path) -> dict[str, str]:
    """Fill images.npy and hashes.npy; returns reasons by name.  Goes on where an earlier one was stopped."""
    shape = (len(pictures), *form.shape)
    state_file = folder / "state.npy"
    if not state_file.exists():
        check_space(folder, int(np.prod(shape)) + 17 * len(pictures))
        np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, shape).flush()
        np.lib.format.open_memmap(folder / "hashes.npy", "w+", np.uint64, (len(pictures), 2)).flush()
        np.save(state_file, np.zeros(len(pictures), np.uint8))
    state = np.lib.format.open_memmap(state_file, "r+")
    waiting = rows[np.asarray(state)[rows] != DONE]
    refused: dict[str, str] = {}
    work = partial(_decode_rows, form, folder)
    with progress("packing pictures", len(rows)) as advance:
        advance(len(rows) - len(waiting))
        since = 0
        for done, answers in spread(work, pictures, waiting.tolist(), PICTURES_HERE):
            since += len(done)
            if since >= 20_000:  # what is marked as done is on the disk
                storage.flush(folder / "images.npy")
                since = 0
            for row, reason in zip(done, answers, strict=True):
                state[row] = REFUSED if reason else DONE
                if reason:
                    refused[pictures.names[row]] = reason
            advance(len(done))
    state.flush()
    return refused


def _decode_rows(
    form: Form, folder: Path, opener: Callable[[int], Image.Image], rows: Sequence[int]
) -> list[str | None]:
    images = np.lib.format.open_memmap(folder / "images.npy", "r+")
    numbers = np.lib.format.open_memmap(folder / "hashes.npy", "r+")

    def one(row: int) -> None:
        with opener(row) as image:
            images[row] = to_array(image, form)

    refused = attempts(one, rows)
    good = [row for row, reason in zip(rows, refused, strict=True) if reason is None]
    step = max(1, 2**24 // int(np.prod(form.shape)))
    for start in range(0, len(good), step):
        part = good[start : start + step]
        numbers[part] = hashes(images[part])
    return refused


def _remarks(look: Look, form: Form, data: PictureKnobs) -> list[str]:
    """What was done to pictures that differ from what they became."""
    kinds = {
        "with transparency are laid on the background": ALPHA,
        "of 16 or 32 bits are scaled to 8": DEEP,
        "are converted to RGB": {"CMYK", "LAB", "YCbCr", "HSV"},
    }
    if form.channels == 3:
        kinds["are grey among colour"] = GREY - DEEP
    else:
        kinds["of colour become grey"] = {"RGB", "RGBA", "P", "PA", "CMYK"}
    said = []
    for what, modes in kinds.items():
        if count := sum(look.modes.get(mode, 0) for mode in modes):
            said.append(f"{count:,} {what}")
    said += deep_remarks(look.deep, form.ranges, data.range)
    total, colour = int(look.readable.sum()), look.readable & ~look.of(GREY)
    if form.channels == 3 and data.channels is None and colour.sum() <= FEW * total:
        said.append(
            f"{colour.sum():,} of {total:,} have colour ({look.some(colour)}), so all are read, and measured,"
            " as colour; data.channels=1 makes all grey"
        )
    if look.moving.any():
        said.append(
            f"{look.moving.sum():,} are animations or have several pages ({look.some(look.moving)}): of each"
            " the first picture is taken"
        )
    larger = _enlarged(look.sizes, form) & look.readable
    if larger.any():
        size = f"{form.width}×{form.height}"
        said.append(f"{larger.sum():,} are smaller than {size} and are enlarged ({look.some(larger)})")
    return said


def _enlarged(sizes: np.ndarray, form: Form) -> np.ndarray:
    """Which pictures of these widths and heights (N, 2) are enlarged, in a direction at least; bool (N,)."""
    factors = np.array([form.width, form.height]) / np.maximum(sizes, 1)
    if form.fit == "pad":
        return np.asarray(factors.min(1) > 1)
    return (factors > 1).any(1) if form.fit in FITS else np.zeros(len(sizes), bool)
