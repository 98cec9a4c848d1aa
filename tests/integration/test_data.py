"""Data of one's own, from the command line to samples: pictures of every kind, texts, pixels."""

import json

import numpy as np
import pytest
from PIL import Image

from genkit.cli import main

SMALL_GPT = ["model=gpt", "model.n_layer=1", "model.n_head=2", "model.n_embd=16", "batch_size=4"]
QUIET = ["callbacks.progress=none", "logger=csv", "trainer=cpu"]


@pytest.fixture
def genkit(tmp_path, capsys, monkeypatch):
    """Runs a command in this process; returns the exit code, and what it printed."""
    monkeypatch.setenv("COLUMNS", "1000")
    places = [f"paths.runs_dir={tmp_path / 'runs'}", f"paths.cache_dir={tmp_path / 'cache'}"]

    def run(command, *words):
        code = main([command, *words, *(places if command != "sample" else places[:1])])
        out = capsys.readouterr()
        return code, out.out + out.err

    return run


def kinds_of_pictures(root):
    """Sixty pictures of ten kinds, and five files that are none."""
    root.mkdir()
    generator = np.random.default_rng(0)
    for i in range(60):
        values = generator.integers(0, 256, (32, 32, 4)).astype(np.uint8)
        kind = [
            (Image.fromarray(values[..., :3]), "png"),
            (Image.fromarray(values[..., :3]), "JPG"),
            (Image.fromarray(values[..., 0]), "png"),
            (Image.fromarray(values), "png"),
            (Image.fromarray(values[..., 0].astype(np.uint16) * 257), "png"),
            (Image.fromarray(values[..., :3]).convert("CMYK"), "jpeg"),
            (Image.fromarray(values[..., :3]).convert("P"), "gif"),
            (Image.fromarray(values).convert("LA"), "png"),
            (Image.fromarray(values[..., 0]).convert("1"), "bmp"),
            (Image.fromarray(values[..., :3]), "webp"),
        ][i % 10]
        kind[0].save(root / f"{i:02}.{kind[1]}")
    (root / "page.png").write_text("<html>not found</html>")
    (root / "empty.jpg").write_bytes(b"")
    (root / "cut.png").write_bytes((root / "00.png").read_bytes()[:1500])
    (root / "gone.png").symlink_to(root / "nowhere.png")
    (root / "round.png").symlink_to(root / "round.png")
    return ["page.png", "empty.jpg", "cut.png", "gone.png", "round.png"]


def test_a_gan_on_pictures_of_every_kind(genkit, tmp_path):
    broken = kinds_of_pictures(tmp_path / "pictures")
    words = ["model=dcgan", "model.width=4", "data=image_folder", f"data.path={tmp_path / 'pictures'}"]
    words += ["batch_size=8", "budget.steps=2", *QUIET]
    code, said = genkit("train", *words, "name=refused")
    assert code == 4
    assert "data.on_bad=skip" in said
    assert not (tmp_path / "runs" / "refused").exists()
    code, said = genkit("train", *words, "data.on_bad=skip", "name=a")
    assert code == 0, said
    assert all(name in said for name in broken)
    record = json.loads((tmp_path / "runs" / "a" / "run.json").read_text())
    assert sum(record["counts"][part] for part in ("train", "validation", "test")) == 60
    assert genkit("sample", "run=a", "n=4", f"out={tmp_path / 'grid.png'}")[0] == 0
    code, said = genkit("data", "check", *words[2:4], "data.on_bad=skip")
    assert code == 0
    assert "60 of 3×32×32" in said


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16"])
def test_a_gpt_on_a_folder_of_texts(encoding, genkit, tmp_path):
    (tmp_path / "texts").mkdir()
    for i in range(30):
        text = f"texte numéro {i}: où est le café?\nIl est à côté.\n" * 4
        (tmp_path / "texts" / f"{i:02}.txt").write_bytes(text.encode(encoding))
    words = [*SMALL_GPT, "data=text_folder", f"data.path={tmp_path / 'texts'}", "model.block_size=16"]
    words += ["budget.steps=2", "name=a", *QUIET]
    if encoding == "latin-1":
        code, said = genkit("train", *words)
        assert code == 4
        assert "0xe9 at offset 9" in said
        assert "data.encoding=latin-1" in said
    if encoding != "utf-16":  # its byte-order mark says so
        words.append(f"data.encoding={encoding}")
    code, said = genkit("train", *words)
    assert code == 0, said
    code, said = genkit("sample", "run=a", "n=2", "prompt=où", "max_new_tokens=5")
    assert code == 0
    assert said.count("où") == 2


def test_a_gpt_on_pixels(genkit, tmp_path):
    words = [*SMALL_GPT, "data=digits", "data.levels=4", "budget.steps=3", "name=a", *QUIET]
    code, said = genkit("train", *words)
    assert code == 0, said
    spec = json.loads((tmp_path / "runs" / "a" / "spec.json").read_text())
    assert spec["codec"] == {"name": "pixels", "shape": [1, 8, 8], "levels": 4}
    assert list((tmp_path / "runs" / "a" / "samples").glob("*.png"))
    code, said = genkit("sample", "run=a", "n=5", f"out={tmp_path / 'x.npz'}", "prompt=3 3 3 0")
    assert code == 0, said
    images = np.load(tmp_path / "x.npz")["images"]
    assert images.shape == (5, 8, 8, 1)
    assert set(np.unique(images)) <= {0, 85, 170, 255}
    assert (images[:, 0, :4, 0] == [255, 255, 255, 0]).all()
    code, said = genkit("sample", "run=a", "n=1", "prompt=9")
    assert code == 2
    assert "levels from 0 to 3" in said
    assert genkit("train", *words[:-4], "model.block_size=32", "name=b", *QUIET)[0] == 2


@pytest.mark.slow
def test_a_gpt_on_mnist(genkit, data_dir, tmp_path):
    words = [*SMALL_GPT, "data=mnist", "data.levels=2", f"paths.data_dir={data_dir}", "budget.steps=2"]
    words += ["trainer.val_batches=1", "callbacks.samples.n=1", "name=a", *QUIET]
    code, said = genkit("train", *words)
    assert code == 0, said
    assert genkit("sample", "run=a", "n=4", f"out={tmp_path / 'grid.png'}")[0] == 0
    with Image.open(tmp_path / "grid.png") as grid:
        assert grid.size == (2 * 29 + 1, 2 * 29 + 1)


@pytest.mark.parametrize("model", ["model=gpt", "model=dcgan", "model=vae"])
def test_one_dataset_runs_through_all_families(model, genkit, tmp_path):
    np.savez(
        tmp_path / "x.npz", images=np.random.default_rng(0).integers(0, 256, (60, 8, 8)).astype(np.uint8)
    )
    words = [model, "data=arrays", f"data.path={tmp_path / 'x.npz'}", "data.levels=2", "data.flip=true"]
    words += ["batch_size=8", "budget.steps=2", "name=a", *QUIET]
    code, said = genkit("train", *words)
    assert code == 0, said
    assert genkit("sample", "run=a", "n=4", f"out={tmp_path / 'grid.png'}")[0] == 0


def test_data_that_changes_is_not_resumed(genkit, tmp_path):
    kinds_of_pictures(tmp_path / "pictures")
    words = ["model=vae", "model.network=mlp", "data=image_folder", f"data.path={tmp_path / 'pictures'}"]
    words += ["data.on_bad=skip", "batch_size=8", "budget.steps=2", "name=a", *QUIET]
    assert genkit("train", *words)[0] == 0
    Image.new("RGB", (32, 32), "red").save(tmp_path / "pictures" / "00.png")
    code, said = genkit("train", "resume=a", "budget.steps=4", *QUIET)
    assert code == 4
    assert "accept_new_data=true" in said
    assert genkit("train", "resume=a", "budget.steps=4", "accept_new_data=true", *QUIET)[0] == 0


def test_the_words_of_data(genkit, tmp_path):
    code, said = genkit("data", "show", "data=digits", "n=9", f"out={tmp_path / 'd.png'}", "part=test")
    assert code == 0, said
    assert (tmp_path / "d.png").stat().st_size > 100
    assert genkit("data", "show", "data=colors", "n=2")[1].count("-" * 20) == 1
    assert "is packed in" in genkit("data", "pack", "data=digits")[1]
    assert "blank images  " in genkit("data", "check", "data=digits")[1]
    assert "Did you mean check?" in genkit("data", "chek", "data=digits")[1]
    assert genkit("data", "show", "data=digits", "n=0")[0] == 2
    assert genkit("data", "show", "data=digits", "part=tset")[0] == 2
    code, said = genkit("data", "look", "data=digits", "model=gpt")
    assert "pixels, vocabulary 18" in said


def test_what_is_shown_of_sorted_classes_is_of_all(genkit, tmp_path):
    for value, name in ((250, "cat"), (120, "dog"), (10, "eel")):
        (tmp_path / "p" / name).mkdir(parents=True)
        for i in range(40):
            Image.new("L", (8, 8), value + i % 4).save(tmp_path / "p" / name / f"{i}.png")
    words = ["data=image_folder", f"data.path={tmp_path / 'p'}", f"out={tmp_path / 'x.png'}"]
    code, said = genkit("data", "show", *words, "n=9")
    assert code == 0, said
    assert "(cat 3, dog 3, eel 3)" in said
    with Image.open(tmp_path / "x.png") as grid:
        values = np.asarray(grid.convert("L"))
    for low in (250, 120, 10):  # (with a line around each image)
        assert ((values >= low) & (values < low + 4)).sum() >= 3 * 64


def test_names_of_files_are_no_commands_to_a_terminal(genkit, tmp_path):
    for name in ("cat", "dog\x1b[31m"):
        (tmp_path / "p" / name).mkdir(parents=True)
        for i in range(20):
            Image.fromarray(np.random.default_rng(i).integers(0, 256, (8, 8)).astype(np.uint8)).save(
                tmp_path / "p" / name / f"{i}.png"
            )
    (tmp_path / "p" / "zz[").mkdir()
    (tmp_path / "p" / "zz[" / "red].heic").write_bytes(b"")  # markup of rich's: zz[/red]
    (tmp_path / "p" / "\x1b[2J\x1b]0;title\x07.psd").write_bytes(b"")
    data = ["data=image_folder", f"data.path={tmp_path / 'p'}"]
    words = ["model=vae", "model.network=mlp", "model.hidden=8", "batch_size=8", "budget.steps=1", "name=a"]
    for command in (["train", *words, *QUIET], ["data", "look"], ["data", "check"], ["data", "pack"]):
        code, said = genkit(command[0], *command[1:], *data)
        assert code == 0, said
        assert "2 files beside 40 pictures are not used" in said
        assert "zz[/red].heic" in said
        assert "\x1b" not in said
        assert "\x07" not in said
