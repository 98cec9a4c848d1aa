"""Every command that the README and the site show is run, a training for few steps.

One that stands in a block which says why it is not run is checked all the same: composed, or parsed.
"""

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
from genkit.cli.commands import find
from genkit.cli.parser import parse
from tests.integration.blocks import DOCS, ROOT, blocks
from tests.integration.conftest import QUICK, TINY
from tests.make_model import make
from tests.outside_site import OUTSIDE, Site
from tests.videos import animated, moving

BLOCKS = blocks()
PAGES = dict.fromkeys(block.page for block in BLOCKS)
SHELL = [block for block in BLOCKS if block.kind in ("", "sh")]
# What several pages show is one command, whatever they say of it.
TYPED = [(line, block.reason) for block in SHELL for line in block.lines if re.search(r"\bgenkit ", line)]
SHOWN = [(shlex.split(line, comments=True), line, reason) for line, reason in TYPED]
RUN = {tuple(words): line for words, line, reason in SHOWN if words[:1] == ["genkit"] and not reason}
CHECKED = {
    tuple(words[words.index("genkit") :]) for words, _, reason in SHOWN if reason and "genkit" in words[:-1]
}
FOUR = next(block.text for block in BLOCKS if block.text.startswith("我喜欢的颜色是蓝色"))  # four.txt
SHORT = ["debug=fast", "callbacks.progress=none", "logger=none", "callbacks.samples.n=0", "trainer.threads=1"]
PRETRAINED = "pretrained=my-model"  # in the place of one on the hub
READS_TEXTS = ("score", "export")
PROGRAMS = [
    *dict.fromkeys(line for block in SHELL for line in block.lines if line.startswith("python tests/"))
]
PYTHON = {
    page: [b.text for b in BLOCKS if (b.page, b.kind, b.reason) == (page, "python", "")] for page in PAGES
}
PAGES_OF_PYTHON = {tuple(programs): page for page, programs in PYTHON.items() if programs}  # each once
KINDS = {"", "sh", "python", "text", "yaml", "json", "toml", "{image}", "{literalinclude}", "{toctree}"}
OTHERS = ("python tests/", "pip install tests/")  # that a test runs, beside genkit's own
FAMILY_RECIPES = re.search(
    r"^\| family \| digits.*?\n\n", (DOCS / "families.md").read_text(encoding="utf-8"), re.M | re.S
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with what the pages take for granted: runs, texts, pictures, sounds, a study of one's own."""
    folder = tmp_path_factory.mktemp("readme")
    runs = [f"paths.runs_dir={folder / 'runs'}", *QUICK, "budget.steps=2"]
    (folder / "mine.txt").write_text("To be, or not to be, that is the question.\n" * 400, encoding="utf-8")
    (folder / "four.txt").write_text(FOUR, encoding="utf-8")
    Image.new("RGB", (60, 40), (200, 30, 30)).save(folder / "mine.png")
    for line in PROGRAMS:
        _, program, *words = shlex.split(line)
        subprocess.run([sys.executable, ROOT / program, *words], cwd=folder, check=True)
    of_pairs = ["model=gpt_tiny", "data=pairs", f"data.path={folder / 'pairs.jsonl'}"]
    train([*of_pairs, *runs, "name=backwards"])
    train(["model=gpt_tiny", "data=sums", "data.train=300", "data.held_out=60", *runs, "name=sums"])
    mine = ["data=text_file", f"data.path={folder / 'mine.txt'}"]
    train([*(word for word in TINY["gpt"] if not word.startswith("data=")), *mine, *runs, "name=text"])
    train([*TINY["vae"], *runs, "name=images"])
    train([*TINY["vae"], *runs, "name=labels", "model.conditional=true"])
    dice = np.random.default_rng(0)
    for kind, high in (("cats", 120), ("dogs", 250)):
        (folder / "pictures" / kind).mkdir(parents=True)
        for i in range(30):
            pixels = dice.integers(0, high, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "pictures" / kind / f"{i}.png")
    (folder / "texts").mkdir()
    for i in range(10):
        (folder / "texts" / f"{i}.txt").write_text(
            f"Text {i} says that {i} is a number.\n" * 40, encoding="utf-8"
        )
    rows = [f'{{"text": "Row {i} says that {i} is a number."}}' for i in range(400)]
    (folder / "rows.jsonl").write_text("\n".join(rows), encoding="utf-8")
    (folder / "films").mkdir()
    for i in range(60):
        animated(folder / "films" / f"{i}.gif", moving(seed=i))
    of_pictures = ["data=image_folder", f"data.path={folder / 'pictures'}", "model=vae", "model.width=4"]
    train([*of_pictures, *runs, "model.hidden=16", "name=vae"])
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
    (folder / "both.yaml").write_text(
        "blocks: {digits: {arms: {a: [model=vae], b: [model=vae_mlp]}, common: [data=digits]}}\n"
        "seeds: 2\nbudgets: {steps: [1, 2]}\nprimary: kid\n"
    )
    return folder


@pytest.fixture(scope="module")
def beside(place):
    """The command line where the distribution that a guide installs is installed."""
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
    if command == "evaluate" and not {"run=coded", "run=sums", "fake=pictures"} & {*words}:
        return [command, *words, *([] if any(word.startswith("n=") for word in words) else ["n=100"])]
    if command == "study":
        return [command, *words, *([] if "dry=true" in words else ["dry=true"])]
    return [command, *words]


@pytest.mark.parametrize("line", RUN.values(), ids=map(" ".join, RUN))
def test_a_command_that_is_shown_does_what_it_says(line, place, data_dir, genkit, monkeypatch, request):
    monkeypatch.chdir(place)
    monkeypatch.setenv("GENKIT_RUNS_DIR", str(place / "runs"))
    monkeypatch.setenv("GENKIT_DATA_DIR", str(data_dir))
    words = prepared(line, data_dir)
    names = ("colors", "asked", "four", "backwards", "tuned", "sums", "sounds", "vae")
    taken = [f"name={name}" for name in names]  # there are such by now
    words = [f"{word}2" if word in taken else word for word in words]
    if "moons" in line:
        ((code, out, err),) = request.getfixturevalue("beside").genkit(" ".join(words))
    else:
        code, out, err = genkit(*words)
    assert code == 0, f"{' '.join(words)}\n{err}"
    assert out or err


@pytest.mark.parametrize("typed", sorted(CHECKED), ids=" ".join)
def test_a_command_that_is_not_run_is_one_that_there_is(typed, place, genkit, monkeypatch):
    monkeypatch.chdir(place)
    _, name, *words = typed
    if name == "train":
        words = [PRETRAINED if word.startswith("pretrained=") else word for word in words]
        code, _, err = genkit("train", "--cfg", "job", *words)
        assert code == 0, err
    elif not name.startswith("-"):
        parse(name, find(name).settings, words)


def test_the_pages_have_the_commands():
    assert len(RUN) >= 60
    assert any("我喜欢的颜色是" in line for line in RUN.values())
    assert CHECKED.isdisjoint(RUN)


def test_every_block_is_run_or_says_why_not():
    for block in BLOCKS:
        assert block.kind in KINDS, block
        if block.page != "README.md" and block.kind == "sh" and not block.reason:
            for line in block.lines:
                assert line.startswith(("genkit ", *OTHERS)), f"{block.page}: {line}"


@pytest.mark.parametrize("page", PAGES_OF_PYTHON.values())
def test_the_python_of_a_page_runs(page, place, genkit, tmp_path, monkeypatch):
    """In the order in which it stands there, with the runs and the folders that the page speaks of."""
    monkeypatch.setenv("GENKIT_RUNS_DIR", str(place / "runs"))
    for folder in ("runs", "text-model"):
        (tmp_path / folder).symlink_to(place / folder)
    monkeypatch.chdir(tmp_path)
    if not (place / "text-model").exists():
        genkit("export", "run=text", "format=hf", f"out={place / 'text-model'}")
    names: dict[str, object] = {}
    for program in PYTHON[page]:
        exec(quick(program), names)
    for name in re.findall(r'save\(.*"(\w+\.\w+)"\)', (ROOT / page).read_text(encoding="utf-8")):
        assert (tmp_path / name).is_file()
    if "found" in names:
        assert names["found"].page.is_file()


def quick(program: str) -> str:
    """A program whose trainings are of two steps."""
    return program.replace("budget.epochs=5", "budget.steps=2").replace('"steps": 50', '"steps": 2')


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
