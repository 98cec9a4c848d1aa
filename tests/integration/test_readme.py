"""Every command that the README shows is run, a training for few steps; what no CPU can run is composed."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

from genkit import config, train
from tests.integration.conftest import QUICK, TINY
from tests.make_model import make
from tests.outside_site import OUTSIDE, Site

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README.read_text(encoding="utf-8"), re.M | re.S)
COMMANDS = [line for _, block in BLOCKS for line in block.splitlines() if line.startswith("genkit ")]
PYTHON = [block for kind, block in BLOCKS if kind == "python" and block.startswith("import genkit")]
FOUR = next(block for _, block in BLOCKS if block.startswith("我喜欢的颜色是蓝色"))  # four.txt
SHORT = ["debug=fast", "callbacks.progress=none", "logger=none", "callbacks.samples.n=0", "trainer.threads=1"]
READS_TEXTS = ("score", "export")
PROGRAMS = [line for _, block in BLOCKS for line in block.splitlines() if line.startswith("python tests/")]


FAMILY_RECIPES = re.search(r"^\| family \| digits.*?\n\n", README.read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with what the README takes for granted: runs, a text, a study of one's own."""
    folder = tmp_path_factory.mktemp("readme")
    runs = [f"paths.runs_dir={folder / 'runs'}", *QUICK, "budget.steps=2"]
    (folder / "mine.txt").write_text("To be, or not to be, that is the question.\n" * 400, encoding="utf-8")
    (folder / "four.txt").write_text(FOUR, encoding="utf-8")
    Image.new("RGB", (60, 40), (200, 30, 30)).save(folder / "mine.png")
    for line in PROGRAMS:
        _, program, *words = shlex.split(line)
        subprocess.run([sys.executable, README.parent / program, *words], cwd=folder, check=True)
    of_pairs = ["model=gpt_tiny", "data=pairs", f"data.path={folder / 'pairs.jsonl'}"]
    train([*of_pairs, *runs, "name=backwards"])
    train(["model=gpt_tiny", "data=sums", "data.train=300", "data.held_out=60", *runs, "name=sums"])
    mine = ["data=text_file", f"data.path={folder / 'mine.txt'}"]
    train([*(word for word in TINY["gpt"] if not word.startswith("data=")), *mine, *runs, "name=text"])
    train([*TINY["vae"], *runs, "name=images"])
    train([*TINY["vae"], *runs, "name=labels", "model.conditional=true"])
    time = np.arange(1_200) / 8_000
    for word, hertz in (("one", 300), ("seven", 500)):
        (folder / "words" / word).mkdir(parents=True)
        for i in range(20):
            tone = np.round(20_000 * np.sin(2 * np.pi * (hertz + i) * time)).astype(np.int16)
            wavfile.write(folder / "words" / word / f"{i}.wav", 8_000, tone)
    wavfile.write(folder / "mine.wav", 8_000, tone)
    words = ["data=audio_folder", f"data.path={folder / 'words'}", "data.length=1024", "data.bands=16"]
    words += ["model=vae", "model.width=4", "model.hidden=16"]
    train([*words, *runs, "name=sounds"])
    train([*words, *runs, "name=words", "model.conditional=true"])
    video = ["data=moving_digits", "data.examples=100", "model.select=null", "model.conditional=true"]
    train(["model=vae", "model.width=4", "model.hidden=16", *video, *runs, "name=videos"])
    for name in ("A", "B"):
        train([*TINY["vae"], *runs, f"name={name}", f"model.beta={len(name) + ord(name) - 64}"])
    asked = ["model=gpt", *TINY["gpt"][3:6], "data=digits", "data.captions=classes", *runs]
    train([*asked, "name=asked"])
    train([*asked, "data.caption_length=16", "name=emoji"])
    wide = [word for word in TINY["gpt"] if not word.startswith("model.block_size")]
    train([*wide, "model.block_size=32", *runs, "name=colors"])
    sentences = ["data=text_file", f"data.path={folder / 'four.txt'}", "model=gpt_tiny"]
    train([*sentences, *runs, "name=four"])
    tuned = ["experiment=finetune_model", f"pretrained={make(folder / 'my-model')}"]
    train([*tuned, *runs, "name=tuned"])
    (folder / "mine.yaml").write_text(
        "arms: {a: [model=vae], b: [model=vae_mlp]}\ncommon: [data=digits]\nseeds: 2\nbudget: {steps: 2}\n"
    )
    return folder


@pytest.fixture(scope="module")
def beside(place):
    """The command line where the distribution that the README installs is installed."""
    return Site(place).install(OUTSIDE / "medium")


def prepared(line: str, data_dir: Path) -> list[str]:
    """The words of a command, with runs that exist, few steps, and devices that are here."""
    command, *words = shlex.split(line, comments=True)[1:]
    run = (
        "text"
        if command in READS_TEXTS or "logprobs=true" in words
        else "labels"
        if "label=3" in words or command == "restyle"
        else "images"
    )
    run = "words" if "label=seven" in words else "sounds" if "in=mine.wav" in words else run
    run = "emoji" if "prompt=a red heart" in words else run
    run = "videos" if {"out=sevens.gif", "given=4", "along=time"} & {*words} else run
    words = [f"run={run}" if word == "run=R" else word for word in words]
    words = ["init_from=text" if word == "init_from=RUN" else word for word in words]
    words = [f"paths.data_dir={data_dir}" if word == "paths.data_dir=data" else word for word in words]
    if "resume=RUN" in words:
        return [command, "resume=images", "budget.steps=3", *SHORT[1:3]]
    if "--cfg" in words or "--help" in words:
        return [command, *words]
    if command == "train" and {"trainer=gpu", "trainer=ddp"} & {*words}:
        return [command, "--cfg", "job", *words]
    if command == "train" and "init_from=text" in words:
        words = [*TINY["gpt"][2:6], "model.dropout=0.1", *words]  # as that run's model
    if command == "train":
        if "-m" in words:  # six runs, of which each prepares as much as it trains
            words = ["seed=0" if word == "seed=0,1,2" else word for word in words]
        return [command, *(word for word in words if not word.startswith(("budget.", "debug="))), *SHORT]
    if command == "study":
        return [command, *words, *([] if "dry=true" in words else ["dry=true"])]
    return [command, *words]


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_readme_does_what_it_says(line, place, data_dir, genkit, monkeypatch, request):
    monkeypatch.chdir(place)
    monkeypatch.setenv("GENKIT_RUNS_DIR", str(place / "runs"))
    monkeypatch.setenv("GENKIT_DATA_DIR", str(data_dir))
    words = prepared(line, data_dir)
    names = ("colors", "asked", "four", "backwards", "tuned", "sums")
    taken = [f"name={name}" for name in names]  # there are such by now
    words = [f"{word}2" if word in taken else word for word in words]
    if "moons" in line:
        ((code, out, err),) = request.getfixturevalue("beside").genkit(" ".join(words))
    else:
        code, out, err = genkit(*words)
    assert code == 0, f"{' '.join(words)}\n{err}"
    assert out or err


def test_the_readme_has_the_commands():
    assert len(COMMANDS) >= 25
    assert any("我喜欢的颜色是" in line for line in COMMANDS)


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert PYTHON
    for block in PYTHON:
        exec(block.replace("budget.epochs=5", "budget.steps=2").replace('"steps": 50', '"steps": 2'), {})
    assert {path.name for path in tmp_path.glob("*.png")} == {"digits.png", "dots.png", "pixels.png"}
    assert (tmp_path / "runs" / "two" / "report" / "report.html").is_file()


def test_every_cell_of_the_families_table_is_a_recipe_of_that_family():
    assert FAMILY_RECIPES is not None
    header, _, *rows = FAMILY_RECIPES[0].strip().splitlines()
    assert len(rows) == 4
    for row in rows:
        family, *cells = re.findall(r"`([^`]+)`", row)
        wanted = [cell for cell in cells if "=" not in cell]
        assert len(wanted) == header.count("|") - 2, row
        for cell in cells:
            name, *words = cell.split()
            cfg = config.compose("train", [f"experiment={name}", *words])
            assert cfg.model.family == ("codes" if words else family), cell
