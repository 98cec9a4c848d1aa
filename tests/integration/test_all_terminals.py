"""Every command on a terminal, with names that steer one in its data, its runs and its words.

What reaches the terminal is text, line ends, and the codes by which the program's own bars and colours are
drawn; none of what the data holds.
"""

import io
import re
import shutil
import subprocess
import sys
import unicodedata
from functools import partial

import numpy as np
import pytest
from PIL import Image

from genkit import runs as run_folders
from genkit.cli import COMMANDS, main
from genkit.cli import study as study_command
from genkit.study import run_missing, running
from genkit.system import progress
from tests.integration.studies import FAKE

# A title, an eight-bit introducer, a cleared screen, blinking, an override, markup.
EVIL = "\x1b]0;x\x07\x9b2J\x1b[2J\x1b[5;35;44m\u202e[/red]"
NAME = EVIL.replace("/", "\N{FRACTION SLASH}")  # of a file
OWN_CODES = re.compile(r"\x1b\[(?:[0-9;]*m|\d*[ABCDGK]|\?25[lh])|\r")
OVERRIDES = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
TEXT = "".join(f"line {i % 7} of {EVIL} and {i % 5} more\n\n" for i in range(120))
QUICK = [
    *("trainer=cpu", "trainer.val_batches=1", "batch_size=4", "budget.steps=2", "callbacks.samples.n=2"),
    *("logger=csv", "callbacks.progress=rich"),
]
RUN, TEXTS, LABEL = "run=pictures", "run=texts", f"label=a{NAME}"
DATA = ["data=image_folder", "data.path=DATA", "data.size=8"]
# By command: words, in which DATA, OWN, TEXT, OTHER and STUDY stand for places.
TABLE = {
    "train": [
        ["model=vae", "model.network=mlp", "model.hidden=8", *DATA, *QUICK, "name=again"],
        ["model=vae", f"data={EVIL}"],
        [f"model.{EVIL}=1"],
        [f"name=a{EVIL}"],
        [f"init_from={NAME}"],
        ["resume=pictures", "budget.steps=3", *QUICK[-1:]],
        ["--cfg", "job", "model=vae", *DATA],
    ],
    "sample": [
        [RUN, LABEL, "n=130"],
        [RUN, f"label={EVIL}"],
        [TEXTS, "n=2", "max_new_tokens=200"],
        [TEXTS, "stream=true", "max_new_tokens=60", f"prompt=of {EVIL}"],
        [TEXTS, f"prompt=\x0b{EVIL}"],
        [f"run={EVIL}"],
        [f"{EVIL}=1", RUN],
    ],
    "score": [[TEXTS, f"text=line 3 of {EVIL}"], [TEXTS, "file=TEXT"], [RUN, "split=test"], [f"run={NAME}"]],
    "evaluate": [
        [RUN, "n=10", LABEL],
        [RUN, "n=10", "real=DATA"],
        [TEXTS, "n=10"],
        ["real=DATA", "fake=DATA"],
        ["real=OTHER", "fake=DATA"],
        [RUN, f"metrics={EVIL}"],
    ],
    "app": [[f"run={EVIL}"], [f"run={NAME}"], [RUN, f"host={EVIL}"], [RUN, f"port={EVIL}"]],
    "chat": [[RUN], [TEXTS, f"system={EVIL}"], [f"run={NAME}"]],
    "study": [["study=STUDY", "dry=true"], ["study=STUDY"], [f"study={NAME}"]],
    "report": [[RUN, TEXTS, "out=PAGE"], [f"run={NAME}"]],
    "export": [[TEXTS, "format=hf", "out=EXPORT"], [RUN, f"format={EVIL}"]],
    "push": [[RUN, f"to={EVIL}"], [TEXTS, "to=a/b", f"license={EVIL}"]],
    "interpolate": [[RUN, "n=2"], [RUN, "n=2", LABEL], [RUN, f"label={EVIL}"]],
    "reconstruct": [[RUN, "n=2"], [RUN, "image=OWN", LABEL], [RUN, "image=OWN"], [RUN, "image=TEXT"]],
    "restyle": [[RUN, "n=2", "label=1"], [RUN, "image=OWN", "label=1", "from=2"], [RUN, f"label={EVIL}"]],
    "complete": [[RUN, "n=2", "draws=1"], [RUN, "image=OWN", LABEL, "draws=1"], [RUN, f"mask={EVIL}"]],
    "denoise": [[RUN, "n=2", "draws=1"], [TEXTS]],
    "upscale": [[RUN, "n=2", "draws=1"], [RUN, "image=OTHER", LABEL]],
    "families": [[], [EVIL]],
    "data": [
        *(
            ["look", *DATA],
            ["check", *DATA],
            ["pack", *DATA],
            ["look", "data=image_folder", "data.path=OTHER"],
        ),
        ["show", *DATA, "out=SHOWN.png"],
        ["show", "data=text_file", "data.path=TEXT", "n=2", "out=SHOWN.txt"],
        [EVIL],
    ],
    "runs": [[], [RUN], [f"run={NAME}"], [f"status={EVIL}"]],
    "verify": [[RUN], [f"run={NAME}"]],
    "compare": [["pictures", "texts"], ["pictures", NAME]],
}
CASES = [(command, *words) for command, listed in TABLE.items() for words in listed]


class Terminal(io.StringIO):
    """Takes what is written, and says that it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def shown(monkeypatch):
    """`shown(*words)`: exit code and all that the command writes on a terminal."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words):
        terminal = Terminal()
        with monkeypatch.context() as patched:
            patched.setattr("sys.stdout", terminal)
            patched.setattr("sys.stderr", terminal)
            code = main(list(words))
        return code, terminal.getvalue()

    return call


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Data, two runs whose records hold such words, a study with such a question."""
    folder = tmp_path_factory.mktemp("world")
    for kind in "ab":
        place = folder / f"pictures{NAME}" / f"{kind}{NAME}"
        place.mkdir(parents=True)
        for i in range(15):
            pixels = np.full((8, 8, 3), i * 5 + (kind == "b"), np.uint8)
            Image.fromarray(pixels).save(place / f"{i}{NAME}.png")
    (folder / f"pictures{NAME}" / f"notes{NAME}.psd{NAME}").write_bytes(b"")
    other = folder / f"other{NAME}"
    other.mkdir()
    (other / f"bad{NAME}.png").write_bytes(b"no picture")
    (other / f"more{NAME}.png").write_bytes(b"none either")
    draw = np.random.default_rng(0)
    Image.fromarray(draw.integers(0, 256, (8, 8, 4), dtype=np.uint8)).save(folder / f"own{NAME}.png")
    (folder / f"text{NAME}.txt").write_text(TEXT)
    question = EVIL.encode("unicode_escape").decode()
    (folder / "s.yaml").write_text(
        f'question: "{question}"\n'
        "common: [data=digits]\nbudget: {steps: 2}\nseeds: 2\nprimary: fid\n"
        "arms:\n  fails: [model=vae]\n  b: [model=dcgan]\n"
    )
    common = [*QUICK, f"paths.runs_dir={folder / 'runs'}", f"paths.cache_dir={folder / 'cache'}"]
    small = [
        "model=vae",
        "model.network=mlp",
        "model.hidden=8",
        "model.latent_size=2",
        "model.conditional=true",
    ]
    data = [word.replace("DATA", str(folder / f"pictures{NAME}")) for word in DATA]
    assert main(["train", *small, *data, *common, "name=pictures"]) == 0
    tiny = ["model=gpt", "model.block_size=16", "model.n_layer=1", "model.n_head=2", "model.n_embd=16"]
    text = ["data=text_file", f"data.path={folder / f'text{NAME}.txt'}"]
    assert main(["train", *tiny, *text, *common, "name=texts"]) == 0
    for name in ("pictures", "texts"):
        run_folders.Run(folder / "runs" / name).update(reason=EVIL)
    return folder


def steering(text):
    """What in a text is neither text nor a code of the program's own bars."""
    rest = OWN_CODES.sub("", text)
    found = [c for c in rest if unicodedata.category(c) == "Cc" and c not in "\n\t"]
    found += [c for c in rest if unicodedata.bidirectional(c) in OVERRIDES]
    return found + ["\x1b[5;35;44m"] * ("\x1b[5;35;44m" in text)


def test_the_table_has_every_command():
    assert set(TABLE) == set(COMMANDS)


def test_what_steers_is_found():
    assert steering(EVIL)
    for one in ("\x1b]0;x\x07", "\x9b", "\u202e", "\x1b[2J", "\x1b[5;35;44m"):
        assert steering(one)
    assert not steering("\x1b[1;31mred\x1b[0m\x1b[2K\x1b[1A\x1b[?25l a\tb\n")


@pytest.mark.parametrize("words", CASES, ids=lambda words: f"{words[0]}-{CASES.index(words)}")
def test_nothing_that_data_hold_steers_a_terminal(words, world, shown, tmp_path, monkeypatch):
    monkeypatch.setattr(study_command, "run_missing", partial(run_missing, program=FAKE))
    places = {
        "DATA": f"pictures{NAME}",
        "OWN": f"own{NAME}.png",
        "OTHER": f"other{NAME}",
        "TEXT": f"text{NAME}.txt",
        "STUDY": "s.yaml",
    }
    typed = []
    for word in words:
        for short, name in places.items():
            word = re.sub(rf"=(?:{short})$", lambda _, name=name: f"={world / name}", word)
        typed.append(re.sub("=(PAGE|EXPORT|SHOWN)", lambda found: f"={tmp_path / found[1]}", word))
    runs = world / "runs"
    if words[0] in ("train", "study"):
        runs = shutil.copytree(runs, tmp_path / "runs")
    if words[0] != "families":
        typed += [f"paths.runs_dir={runs}"]
        typed += [] if words[0] in ("runs", "verify", "compare") else [f"paths.cache_dir={world / 'cache'}"]
    code, text = shown(*typed)
    assert code != 1, text
    assert "Traceback" not in text
    assert text.strip()
    assert steering(text) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_text_alone(command, shown):
    code, text = shown(command, "--help")
    assert code == 0
    assert steering(text) == []


def test_whoever_waits_at_a_terminal_is_shown_how_far_it_is(world, shown, monkeypatch, tmp_path):
    class AtOnce:
        def __init__(self, seconds, call):
            call()

        def cancel(self):
            pass

    monkeypatch.setattr(progress, "later", AtOnce)
    places = [f"paths.runs_dir={world / 'runs'}", f"paths.cache_dir={tmp_path / 'cache'}"]
    drawn = shown("sample", RUN, "n=130", f"out={tmp_path / 'drawn.png'}", *places)[1]
    assert "drawing samples" in drawn
    measured = shown("evaluate", RUN, "n=10", "metrics=kid", *places)[1]
    for what in ("measuring real images (test)", "measuring noise"):
        assert what in measured
    own = f"{world / f'pictures{NAME}'}"
    compared = shown("evaluate", f"real={own}", f"fake={own}", *places[1:])[1]
    assert "measuring real=" in compared
    assert "measuring fake=" in compared


def test_where_there_is_no_terminal_no_bar_is_drawn(world, genkit, tmp_path):
    words = ["sample", RUN, "n=130", f"out={tmp_path / 'drawn.png'}", f"paths.runs_dir={world / 'runs'}"]
    code, out, err = genkit(*words)
    assert (code, err) == (0, "")
    assert out == f"130 samples: {tmp_path / 'drawn.png'}\n"


def test_a_member_s_last_line_is_shown_until_it_ends(monkeypatch, tmp_path):
    log, terminal = tmp_path / "log", Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(running, "LOOKS_EVERY", 0.05)
    program = "import time; print('step 3/9' + chr(27) + '[2J' + chr(0x202E), flush=True); time.sleep(1)"
    with open(log, "wb") as output:
        process = subprocess.Popen([sys.executable, "-X", "utf8", "-c", program], stdout=output)
        assert running._waited(process, log, "[1/2] a-0") == 0
    shown = terminal.getvalue()
    assert "[1/2] a-0" in shown
    assert "step 3/9" in shown
    assert steering(shown) == []


def test_a_study_says_which_members_have_finished(world, genkit, monkeypatch, tmp_path):
    monkeypatch.setattr(study_command, "run_missing", partial(run_missing, program=FAKE))
    code, _, err = genkit("study", f"study={world / 's.yaml'}", f"paths.runs_dir={tmp_path}")
    assert code == 2  # an arm fails
    lines = err.splitlines()
    assert sum("finished after" in line for line in lines) == 2, err
    assert sum("failed: the fault is in the arm" in line for line in lines) == 2
