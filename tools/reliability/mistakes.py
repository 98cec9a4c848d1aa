"""What stands in a trial's folder that a person got wrong: pictures, texts, run folders, studies."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from genkit.runs import manifests

STEP = "step-6"
Make = Callable[[Path], object]


@dataclass(frozen=True)
class Case:
    """What is typed, where, and how it is answered.

    Attributes:
        words: with `{f}` for the trial's folder and `{run}` for a copy of a run there.
        code: the exit code.
        said: words of the answer, wherever they stand.
        make: prepares the folder.
        family: of the run.
        before: what is done in the process before the command; see `tools.reliability.children`.
        environment: of the process, with `{f}` for the trial's folder.
    """

    words: str
    code: int
    said: tuple[str, ...] = ()
    make: Make | None = None
    family: str = "vae"
    before: tuple[object, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()


def pictures(shape: tuple[int, int] = (8, 8), **how: object) -> Make:
    """Thirty pictures, and `how` says what is odd: a function of the folder with its files."""

    def make(folder: Path) -> None:
        place, draw = folder / "pictures", np.random.default_rng(0)
        place.mkdir()
        for i in range(30):
            Image.fromarray(draw.integers(0, 256, (*shape, 3), dtype=np.uint8)).save(place / f"{i:02}.png")
        for name, content in how.items():
            file = place / name.replace("_", ".")
            if isinstance(content, bytes):
                file.write_bytes(content)
            elif isinstance(content, Image.Image):
                content.save(file)
            elif callable(content):
                content(place)

    return make


def picture(mode: str, shape: tuple[int, ...] = (8, 8)) -> Image.Image:
    """One of a mode, of another kind than the rest."""
    draw = np.random.default_rng(1)
    if mode in ("I;16", "I", "F"):
        kind = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        return Image.fromarray(draw.integers(0, 60_000, shape).astype(kind))
    whole = Image.fromarray(draw.integers(0, 256, (*shape, 3), dtype=np.uint8))
    return whole.convert(mode)


def same(place: Path) -> None:
    for file in place.glob("*.png"):
        Image.new("RGB", (8, 8), "red").save(file)


def looped(place: Path) -> None:
    (place / "round").symlink_to(place)
    (place / "gone.png").symlink_to(place / "nowhere.png")


def unreadable(place: Path) -> None:
    (place / "29.png").chmod(0)


def nameless(place: Path) -> None:
    """A name that is no UTF-8."""
    os.rename(place / "29.png", os.fsencode(place) + b"/\xff.png")


def turned(place: Path) -> None:
    """One that lies on its side, and says so."""
    exif = Image.Exif()
    exif[0x0112] = 6
    picture("RGB", (12, 8)).save(place / "zz.jpg", exif=exif)


def copied(place: Path) -> None:
    """A folder for each part, and one picture in two of them."""
    for part, numbers in {"train": range(20), "val": range(20, 25), "test": range(25, 30)}.items():
        (place / part).mkdir()
        for i in numbers:
            (place / f"{i:02}.png").rename(place / part / f"{i:02}.png")
    shutil.copy(place / "train" / "00.png", place / "test" / "25.png")


def text(content: bytes) -> Make:
    return lambda folder: (folder / "a.txt").write_bytes(content)


def changed(change: Callable[[Path], object]) -> Make:
    """A copy of a run with something changed, `change` gets its folder."""
    return lambda folder: change(folder / "run")


def weights(file: str = "weights.safetensors") -> Callable[[Path], Path]:
    return lambda run: run / "checkpoints" / STEP / file


def reseal(run: Path, **entries: object) -> None:
    place = run / "checkpoints" / STEP
    manifest = {**json.loads((place / "manifest.json").read_text()), **entries}
    manifest["files"] = {name: manifests.describe(place / name) for name in manifest["files"]}
    manifest["sha256"] = manifests.seal(manifest)
    (place / "manifest.json").write_text(json.dumps(manifest))


def saved_again(change: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]) -> Make:
    """A run whose weights are others, with a manifest that fits them."""

    def make(run: Path) -> None:
        from safetensors.numpy import load_file, save_file

        save_file(change(load_file(weights()(run))), weights()(run))
        reseal(run)

    return changed(make)


def renamed(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    first = sorted(tensors)[0]
    return {f"{name}_" if name == first else name: t for name, t in tensors.items()}


def prefixed(prefix: str) -> Make:
    """Names as torch.compile or DistributedDataParallel leave them."""
    return saved_again(lambda tensors: {prefix + name: t for name, t in tensors.items()})


def not_finite(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    first = sorted(tensors)[0]
    return {**tensors, first: np.full_like(tensors[first], np.nan)}


def moved(run: Path) -> None:
    weights()(run).rename(run.parent / "elsewhere")
    weights()(run).symlink_to(run.parent / "elsewhere")


def swapped(run: Path) -> None:
    spec = json.loads((run / "spec.json").read_text())
    spec["codec"]["characters"] = [point + 1 for point in spec["codec"]["characters"]]
    (run / "spec.json").write_text(json.dumps(spec))


def study(body: str) -> Make:
    return lambda folder: (folder / "s.yaml").write_text(body)


def emptied(run: Path) -> None:
    shutil.rmtree(run)
    run.mkdir()
    (run / "model.ckpt").write_bytes(b"PK")


def aged(run: Path) -> None:
    for path in run.rglob("*"):
        os.utime(path, (0, 0))


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)


def replaced(file: Path, make: Callable[[Path], object]) -> None:
    file.unlink()
    make(file)


def put(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
