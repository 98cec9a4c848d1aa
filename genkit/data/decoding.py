"""Pictures packed: look at their headers, choose a form, decode them on every core into one array."""

from __future__ import annotations

import os
import struct
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from genkit.core.errors import ConfigError, DataError
from genkit.data.folders import Pictures
from genkit.data.packing import (
    check_space,
    digest_rows,
    open_array,
    packed,
    progress,
    synchronise,
    within_ceiling,
)
from genkit.data.pictures import ALPHA, DEEP, FITS, GREY, Form, hashes, measure, to_array

ROWS = 256  # pictures that a process takes at once
PICTURES_HERE, HEADERS_HERE = 2_000, 20_000  # not worth starting processes for
WAITING, DONE, REFUSED = 0, 1, 2
# Decoders of damaged files raise whatever they stumble over.
DAMAGE = (OSError, ValueError, SyntaxError, IndexError, KeyError, TypeError, EOFError, struct.error)


# ---------------------------------------------------------------------- looking


@dataclass(frozen=True)
class Look:
    """What the headers say.

    Attributes:
        sizes: width and height of each picture upright, (N, 2); 0 where it cannot be read.
        modes: how many there are of each of Pillow's modes.
        refused: reason by name.
    """

    sizes: np.ndarray
    modes: Mapping[str, int]
    refused: Mapping[str, str]

    def common(self) -> list[tuple[tuple[int, int], int]]:
        """(width, height) and how many pictures have it, most frequent first."""
        read = self.sizes[self.sizes[:, 0] > 0]
        sizes, counts = np.unique(read, axis=0, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return [((int(sizes[i][0]), int(sizes[i][1])), int(counts[i])) for i in order]

    def histogram(self) -> str:
        """The sizes in words."""
        common = self.common()
        shown = ", ".join(f"{w}×{h} ({count:,})" for (w, h), count in common[:6])
        return shown + (f" and {len(common) - 6} more" if len(common) > 6 else "")


def look_at(pictures: Pictures, cache_dir: str) -> Look:
    """Read every header, once."""

    def build(folder: Path) -> dict[str, Any]:
        sizes = np.zeros((len(pictures), 2), np.int32)
        modes: Counter[str] = Counter()
        refused = dict(pictures.missing)
        with progress("looking at pictures", len(pictures), 5_000) as advance:
            for rows, answers in spread(_measure_rows, pictures, range(len(pictures)), HEADERS_HERE):
                for row, answer in zip(rows, answers, strict=True):
                    if isinstance(answer, str):
                        refused[pictures.names[row]] = answer
                    else:
                        sizes[row] = answer[:2]
                        modes[answer[2]] += 1
                advance(len(rows))
        np.save(folder / "sizes.npy", sizes)
        return {"modes": dict(modes), "refused": refused}

    # No path in the key: a folder may move.
    folder, about = packed(cache_dir, "look", {"listing": pictures.listing}, build)
    return Look(np.asarray(open_array(folder / "sizes.npy")), about["modes"], about["refused"])


def _measure_rows(opener: Callable[[int], Image.Image], rows: Sequence[int]) -> list[Any]:
    def one(row: int) -> tuple[int, int, str]:
        with opener(row) as image:
            return measure(image)

    return attempts(one, rows)


def attempts(work: Callable[[int], Any], rows: Sequence[int]) -> list[Any]:
    """What the work returns for each row, or a text that says why a picture cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        return [_attempt(work, row) for row in rows]


def _attempt(work: Callable[[int], Any], row: int) -> Any:
    try:
        return work(row)
    except Image.UnidentifiedImageError:
        return "no picture that can be identified"
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return f"more than {Image.MAX_IMAGE_PIXELS:,} pixels"
    except MemoryError:
        return "too large for the memory"
    except DAMAGE as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return " ".join(reason.split())[:150]


Work = Callable[[Callable[[int], Image.Image], Sequence[int]], Any]


def spread(
    work: Work, pictures: Pictures, rows: Sequence[int], alone: int
) -> Iterator[tuple[Sequence[int], Any]]:
    """(rows, work(opener, rows)) for slices of the rows, on every core.

    Args:
        alone: up to so many rows are worked on here, for starting processes takes a second.
    """
    slices = [rows[start : start + ROWS] for start in range(0, len(rows), ROWS)]
    tasks = ((work, pictures.opener(part), part) for part in slices)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores == 1 or len(rows) <= alone:
        yield from (_with_rows(*task) for task in tasks)
        return
    from joblib import Parallel, delayed

    # Processes of joblib's own kind need no guard in the user's script, and share no locks with this one.
    made = Parallel(n_jobs=cores, return_as="generator_unordered", batch_size=1)
    yield from made(delayed(_with_rows)(*task) for task in tasks)


def _with_rows(
    work: Work, opener: Callable[[int], Image.Image], rows: Sequence[int]
) -> tuple[Sequence[int], Any]:
    return rows, work(opener, rows)


# ---------------------------------------------------------------------- packing


@dataclass(frozen=True)
class Packed:
    """Pictures in one array.

    Attributes:
        images: uint8 (N, C, H, W), memory-mapped; rows that are not `good` hold nothing.
        good: which rows are pictures, increasing.
        hashes: uint64 (N, 2), see `genkit.data.pictures.hashes`.
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


def form_of(pictures: Pictures, look: Look, data: Mapping[str, Any], sizes: Sequence[int]) -> Form:
    """The form that all pictures get.

    Args:
        sizes: the square sizes that the model takes; empty: any.

    Raises:
        DataError: none can be read, or their sizes differ and no policy is stated.
        ConfigError: a size that the model does not take.
    """
    within_ceiling(look.refused, total_of(pictures), data, "pictures")
    common = look.common()
    (width, height), fit, size = common[0][0], data["fit"], data["size"]
    if fit is not None and fit not in FITS:
        raise ConfigError(f"data.fit={fit}: choose {', '.join(FITS)} or null.")
    if size is None and sizes and (width != height or width not in sizes or len(common) > 1):
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
    channels = data["channels"] or (1 if set(look.modes) <= GREY else 3)
    return Form(channels, height, width, fit or ("stretch" if square else "exact"), data["background"])


def pack_pictures(
    name: str, pictures: Pictures, look: Look, form: Form, data: Mapping[str, Any], cache_dir: str
) -> Packed:
    """All pictures in one form; those that cannot be read are left out, if the configuration says so.

    Raises:
        DataError: some cannot be read and `data.on_bad` or `data.max_bad` forbids it.
    """
    total = total_of(pictures)
    rows = np.flatnonzero(look.sizes[:, 0] > 0)
    key = {"listing": pictures.listing, "form": vars(form)}

    def build(folder: Path) -> dict[str, Any]:
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
            "converted": _converted(look.modes, form.channels),
            "digest": digest_rows(images, good),
            "digest_of": ["images.npy"],
            "digest_rows": "good.npy",
        }

    folder, about = packed(cache_dir, name, key, build)
    notices = within_ceiling(about["refused"], total, data, "pictures")
    notices += [f"{name}: {line}." for line in about["converted"]]
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
    with progress("packing pictures", len(rows), 2_000) as advance:
        advance(len(rows) - len(waiting))
        since = 0
        for done, answers in spread(work, pictures, waiting.tolist(), PICTURES_HERE):
            since += len(done)
            if since >= 20_000:  # what is marked as done is on the disk
                synchronise(folder / "images.npy")
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


def _converted(modes: Mapping[str, int], channels: int) -> list[str]:
    """What was done to pictures whose modes differ from the model's."""
    kinds = {
        "with transparency are laid on the background": ALPHA,
        "of 16 or 32 bits are scaled to 8": DEEP,
        "are converted to RGB": {"CMYK", "LAB", "YCbCr", "HSV"},
    }
    if channels == 3:
        kinds["are grey among colour"] = GREY - DEEP
    else:
        kinds["of colour become grey"] = {"RGB", "RGBA", "P", "PA", "CMYK"}
    counted = {what: sum(modes.get(mode, 0) for mode in which) for what, which in kinds.items()}
    return [f"{count:,} {what}" for what, count in counted.items() if count]
