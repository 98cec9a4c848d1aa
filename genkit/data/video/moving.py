"""Data of digits that move: the sources, by the rule of `genkit.data.video.bouncing`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from genkit.core.knobs import DataKnobs
from genkit.core.media.video import VIDEO
from genkit.data.arrays import npy
from genkit.data.arrays.duplicates import distinct
from genkit.data.arrays.images import resized
from genkit.data.arrays.made import MadeArrays, PartlyKept
from genkit.data.packing import check_space, digest, digest_of, key_of, open_array, packed
from genkit.data.sources import DIGITS, Images, digits
from genkit.data.sources.published import fetch, mnist
from genkit.data.splits import divide
from genkit.data.video.bouncing import BouncingDigits, Cast, Motion
from genkit.data.video_knobs import MovingDigitsKnobs, MovingKnobs, MovingMnistKnobs
from genkit.system.errors import ConfigError, DataError
from genkit.system.progress import progress

SIDE = 8  # pixels of scikit-learn's digits
TRIED = {"validation": 500, "test": 1_000}  # clips of them
SELECTING = 1_000  # clips of MNIST's digits that validate
RATE = 8.0  # frames a second, at which clips are shown
FIXED = "mnist_test_seq.npy"
PUBLISHED = (20, 10_000, 64, 64)  # its frames, clips, height and width
BLOCK = 2**24  # bytes of clips that are made at once


def motion_of(data: DataKnobs) -> Motion | None:
    """How the only digit of each clip moves, where the data are made so; None of others, and of several."""
    if not isinstance(data, MovingKnobs) or data.objects > 1:
        return None
    return _motion(data)


def _motion(data: MovingKnobs) -> Motion:
    return _of_moving_mnist(data) if isinstance(data, MovingMnistKnobs) else _of_moving_digits(data)


def _of_moving_mnist(data: MovingKnobs) -> Motion:
    return Motion(data.size, round(28 * data.size / 64), data.frames, data.objects)


def _of_moving_digits(data: MovingKnobs) -> Motion:
    # At least a pixel along one of the axes, from frame to frame.
    speed = max(0.1, math.sqrt(2) / (data.size - SIDE))
    return Motion(data.size, SIDE, data.frames, data.objects, speed)


def moving_digits(data: MovingDigitsKnobs, paths: Mapping[str, str]) -> Images:
    """scikit-learn's digits moving, as they are divided there.

    Raises:
        ConfigError: the digits have no room to move.
    """
    if data.size <= SIDE + 1:
        raise ConfigError(f"data.size={data.size}: digits of {SIDE}×{SIDE} have no room to move; set 16.")
    kept = digits(data, paths)
    casts = _casts(kept, data, {"train": data.examples, **TRIED})
    return _images(BouncingDigits(_of_moving_digits(data), casts), kept.levels)


def moving_mnist(data: MovingMnistKnobs, paths: Mapping[str, str]) -> Images:
    """MNIST's digits moving as published; the test part is kept.

    Raises:
        DataError: MNIST, or the published file, is missing or damaged.
        StorageError: the cache cannot be written, or has no room.
    """
    kept, motion = mnist(data, paths), _of_moving_mnist(data)
    if motion.side != 28:
        kept = replace(kept, images=resized(kept.kept, motion.side, kept.levels))
    tested = PUBLISHED[1] if data.test == "fixed" else data.tested
    casts = _casts(kept, data, {"train": data.examples, "validation": SELECTING, "test": tested})
    if data.test == "fixed":
        test, contents = _fixed(data, paths)
    else:
        test, contents = _packed(BouncingDigits(motion, {"test": casts["test"]}), paths["cache_dir"])
    made = _images(BouncingDigits(motion, casts), kept.levels)
    assert isinstance(made.images, MadeArrays)
    said = {"computed": made.digest, "test": contents}
    return replace(made, images=PartlyKept(made.images, test), digest=key_of(said))


def _casts(digits: Images, data: MovingKnobs, clips: Mapping[str, int]) -> dict[str, Cast]:
    """The digits of each part, as they are divided themselves: no picture is in two of them.

    Args:
        clips: of each part, in the order of the rows.
    """
    assert digits.labels is not None
    parts, _ = divide(digits.usable, digits.part, digits.labels, data.split)
    own = distinct(parts)
    return {
        part: Cast(digits.kept[own[part], 0], digits.labels[own[part]], count)
        for part, count in clips.items()
        if part in own
    }


def _images(clips: BouncingDigits, levels: int) -> Images:
    single = clips.motion.objects == 1
    return Images(
        clips,
        clips.labels if single else None,
        levels,
        DIGITS if single else (),
        part=clips.part,
        protocol="other digits in each, other clips in every epoch of training",
        digest=clips.contents(),
        medium=VIDEO,
        rate=RATE,
    )


# ---------------------------------------------------------------------- clips that are kept


def _packed(clips: BouncingDigits, cache_dir: str) -> tuple[np.ndarray, str]:
    """Clips made once and mapped, and their digest."""

    def build(folder: Path) -> dict[str, object]:
        size = math.prod(clips.shape[1:])
        check_space(folder, len(clips) * size)
        kept = np.lib.format.open_memmap(folder / "images.npy", "w+", clips.dtype, clips.shape)
        step = max(1, BLOCK // size)
        with progress("making videos", len(clips)) as advance:
            for start in range(0, len(clips), step):
                block = clips[start : start + step]
                kept[start : start + step] = block
                advance(len(block))
        kept.flush()
        about = {"name": "moving_mnist", "contents": clips.contents()}
        return {**about, "digest": digest_of(folder, ["images.npy"]), "digest_of": ["images.npy"]}

    folder, about = packed(cache_dir, "moving_mnist", {"contents": clips.contents()}, build)
    return open_array(folder / "images.npy"), str(about["digest"])


def _fixed(data: MovingMnistKnobs, paths: Mapping[str, str]) -> tuple[np.ndarray, str]:
    """The published clips of the test part where somebody has put them, mapped, and their digest."""
    root = Path(paths["data_dir"]).expanduser()
    places = root / "MovingMNIST" / FIXED, root / FIXED
    file = next((place for place in places if place.is_file()), places[0])
    if not file.is_file():
        fetch("MovingMNIST", root, data, file)
    try:
        clips, about = npy.mapped(file), file.stat()
    except (OSError, ValueError) as error:
        raise DataError(f"{file} is no whole array file ({error}); fetch it again.") from None
    if clips.dtype != np.uint8 or clips.shape != PUBLISHED:
        raise DataError(
            f"{file} holds {clips.dtype} of shape {clips.shape}, and the published clips are uint8 of shape"
            f" {PUBLISHED}; fetch it again, or set data.test=made."
        )
    key = {"listing": [file.name, about.st_size, about.st_mtime_ns]}
    known = packed(paths["cache_dir"], "moving_mnist", key, lambda folder: {"digest": digest([clips])})[1]
    return clips.swapaxes(0, 1)[:, None], str(known["digest"])
