"""`genkit evaluate real= fake=` reads pictures as trainings do: what it cannot, or does not, use is named."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from genkit.evaluation.sets import evaluate_files
from genkit.system.errors import DataError

RANDOM = np.random.default_rng(0)


def fill(folder, n=70, shape=(8, 8), dtype=np.uint8, top=256, suffix=".png"):
    folder.mkdir(exist_ok=True)
    for i in range(n):
        values = RANDOM.random(shape) * top
        Image.fromarray(values.astype(dtype)).save(folder / f"{i:03}{suffix}")
    return folder


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def bomb(path):
    """A PNG of 30,000 × 30,000 pixels in a few bytes."""
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")))


def damaged_animation(path):
    """An APNG whose first frame ends early."""
    frames = [Image.fromarray(RANDOM.integers(0, 256, (8, 8)).astype(np.uint8)) for _ in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    content = path.read_bytes()
    place = content.index(b"IDAT")
    path.write_bytes(content[: place + 12])


def numbered_wrongly(path):
    """An APNG whose frames do not follow one another."""
    damaged_animation(path)
    frames = [Image.fromarray(RANDOM.integers(0, 256, (8, 8)).astype(np.uint8)) for _ in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    content = bytearray(path.read_bytes())
    place = content.index(b"fcTL")
    body = bytes([0, 0, 0, 7]) + bytes(content[place + 8 : place + 30])
    content[place - 4 : place + 34] = chunk(b"fcTL", body)
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("damage", [bomb, damaged_animation, numbered_wrongly])
@pytest.mark.parametrize("word", ["real", "fake"])
def test_what_cannot_be_read_is_refused_in_one_line(damage, word, tmp_path, genkit):
    folders = {"real": fill(tmp_path / "a"), "fake": fill(tmp_path / "b")}
    damage(folders[word] / "odd.png")
    code, out, err = genkit("evaluate", *(f"{key}={path}" for key, path in folders.items()))
    assert (code, out, err.count("\n")) == (4, "", 1), err
    assert f"{word}=" in err
    assert "odd.png" in err


def test_broken_links_are_counted_and_named(tmp_path):
    real, fake = fill(tmp_path / "a", 160), fill(tmp_path / "b")
    for i in range(40):
        (real / f"gone{i:02}.png").symlink_to("/nowhere")
    (real / "gone99.png").symlink_to(real / "gone99.png")
    with pytest.raises(
        DataError, match=r"real= 41 of 201 pictures cannot be read: gone00\.png \(a broken link\)"
    ):
        evaluate_files(real, fake)


def test_what_is_not_used_and_what_differs_is_said(tmp_path, genkit):
    real, fake = fill(tmp_path / "a"), fill(tmp_path / "b")
    for i in range(540):
        (real / f"{i}.heic").write_bytes(b"")
    Image.fromarray(RANDOM.integers(0, 256, (8, 8, 3)).astype(np.uint8)).save(fake / "red.png")
    frames = [Image.fromarray(RANDOM.integers(0, 256, (8, 8)).astype(np.uint8)) for _ in range(3)]
    frames[0].save(fake / "moving.gif", save_all=True, append_images=frames[1:])
    code, _, err = genkit("evaluate", f"real={real}", f"fake={fake}")
    assert code == 0, err
    assert (
        "note: real= 540 files beside 70 pictures are not used: 540 .heic (0.heic, 1.heic, 10.heic, …)" in err
    )
    assert "note: fake= 1 are animations or have several pages (moving.gif)" in err
    assert (
        "note: colour: 0 of 70 in real=, 2 of 72 in fake= (moving.gif, red.png); so all are compared" in err
    )
    assert "extractor=photos" in err


def test_two_folders_have_one_scale(tmp_path):
    """Floats to 0.5 in one and to 1 in the other are twice as bright there, however deep."""
    kinds = {"a": (0.5, np.float32), "b": (1.0, np.float32)}
    deep = [fill(tmp_path / k, top=top, dtype=t, suffix=".tiff", n=100) for k, (top, t) in kinds.items()]
    eight = []
    for folder in deep:
        (tmp_path / f"{folder.name}8").mkdir()
        eight.append(tmp_path / f"{folder.name}8")
        for file in folder.iterdir():
            values = np.round(np.asarray(Image.open(file)) * 255).astype(np.uint8)
            Image.fromarray(values).save(eight[-1] / f"{file.stem}.png")
    said = []
    found = evaluate_files(*deep, say=said.append)
    expected = evaluate_files(*eight, say=lambda line: pytest.fail(line))
    assert [row.value for row in found] == [row.value for row in expected]
    assert ["the float ones hold values from" in line for line in said] == [True]
