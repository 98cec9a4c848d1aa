"""Overrides, configurations, pictures and texts at random, from fixed seeds: a clean refusal, or an answer.

Each process has a limit of time and memory; a traceback, a second line or a hang fails the trial.
"""

from __future__ import annotations

import io
import random
import shutil
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from genkit import config
from genkit.config.values import leaves, shown
from tools.reliability.damaging import trained
from tools.reliability.processes import Process
from tools.reliability.rows import Row, Trial
from tools.reliability.tiny import MODELS, QUICK

EACH = 50  # of a kind
_lock = threading.Lock()
TIMEOUT = 120.0
CODES = (0, 2, 3, 4, 5, 6)
FAMILIES = tuple(MODELS)
VALUES = (
    *(
        "-1",
        "0",
        "1",
        "3",
        "1e400",
        "-1e-9",
        "nan",
        "inf",
        "null",
        "true",
        "no",
        "[]",
        "{}",
        "[1,2]",
        "{a:1}",
    ),
    *(
        "",
        " ",
        "abc",
        "字",
        "'",
        '"',
        "\\",
        "\x1b[31m",
        "\u202e",
        "a b",
        "a=b",
        "a,b",
        "${x}",
        "${oc.env:HOME}",
    ),
    *("../../x", "/dev/zero", "x" * 5_000, "0x10", "1_000", "1.5", "9" * 30, "9223372036854775807", "1e9"),
    *("choice(1,2)", "range(3)", "!!python/name:os.system", "*a", "&a 1", "%s", "\U0001f600", "2147483648"),
)
PLACES = ("", "+", "++", "~", "-", "--", "_", "hydra.")
# Keys whose values are places on this machine, or names on a hub.
LEFT_OUT = ("pretrained", "paths.runs_dir", "paths.cache_dir", "paths.data_dir")
TRAIN = [*QUICK, "batch_size=8", "callbacks.samples.n=0", "budget.steps=1", "trainer.val_every=1"]


@cache
def _composed(family: str) -> dict[str, object]:
    found = leaves(config.compose("train", MODELS[family]).plain)
    return {key: value for key, value in found if key not in LEFT_OUT}


def keys_of(family: str) -> dict[str, object]:
    """All keys and values of a training of a family; Hydra composes one configuration at a time."""
    with _lock:
        return _composed(family)


def overrides(seed: int, folder: Path) -> list[str]:
    """A training with one to three words of its own, the last of a key counts."""
    draw = random.Random(f"overrides {seed}")
    family = draw.choice(FAMILIES)
    words = [*MODELS[family], *TRAIN, f"paths.runs_dir={folder}", "name=new"]
    keys = keys_of(family)
    if seed % 2:  # one value like those that are usual, so that more is reached than the first check
        key = draw.choice(list(keys))
        return _last([*words, f"{key}={shown(_like(keys[key], draw))}"])
    for _ in range(draw.randint(1, 3)):
        key = draw.choice(list(keys) if draw.random() < 0.8 else list(config.groups()))
        if draw.random() < 0.2:
            at = draw.randrange(len(key))
            key = key[:at] + draw.choice("abc._/@ ") + key[at + 1 :]
        prefix = draw.choice(PLACES) if draw.random() < 0.2 else ""
        words.append(f"{prefix}{key}={draw.choice(VALUES)}")
    return _last(words)


def _last(words: list[str]) -> list[str]:
    return ["train", *{word.partition("=")[0]: word for word in words}.values()]


def _like(value: object, draw: random.Random) -> object:
    """Another value of the same type, not a large one."""
    match value:
        case bool():
            return not value
        case int():
            return draw.choice((0, 1, 2, 3, 7, 64))
        case float():
            return draw.choice((0.0, 1e-4, 0.3, 0.999, 1.0, 5.0))
        case list():
            return value[:1]
        case None:
            return draw.choice((1, 2, 0.5, "a"))
    return value


def configurations(seed: int, folder: Path) -> list[str]:
    """A run one of whose small files was mangled, and a command that reads it."""
    draw = random.Random(f"configurations {seed}")
    run = shutil.copytree(trained(draw.choice(("gpt", "vae"))), folder / "run")
    names = ("config.yaml", "run.json", "spec.json", "checkpoints/last", "findings.json", "metrics.csv")
    file = run / draw.choice(names)
    file.write_bytes(mangled(file.read_bytes(), draw))
    out = f"out={folder / 'out'}"
    return draw.choice(
        [
            ["sample", f"run={run}", "n=1", out],
            ["score", f"run={run}", "split=validation"],
            ["train", f"resume={run}", "budget.steps=7", f"paths.runs_dir={folder}"],
            ["verify", f"run={run}"],
            ["report", f"run={run}", f"out={folder / 'page'}"],
            ["runs", f"run={run}"],
        ]
    )


def pictures(seed: int, folder: Path) -> list[str]:
    """A folder of pictures, some of them odd or mangled."""
    draw = random.Random(f"pictures {seed}")
    place, numbers = folder / "pictures", np.random.default_rng(seed)
    place.mkdir()
    for i in range(24):
        odd = draw.random() < 0.1
        side = draw.choice((1, 5, 8, 300)) if odd else 8
        made = Image.fromarray(numbers.integers(0, 256, (side, 8, 3), dtype=np.uint8))
        mode = draw.choice(("RGB", "L", "P", "1", "CMYK", "RGBA", "LA", "YCbCr", "I", "F"))
        made = made.convert("L").convert(mode) if mode in ("LA", "I", "F") else made.convert(mode)
        kind = draw.choice(("png", "jpeg", "gif", "bmp", "tiff", "webp"))
        buffer = io.BytesIO()
        try:
            made.save(buffer, kind)
        except (OSError, ValueError):  # not every kind holds every mode
            kind, buffer = "png", io.BytesIO()
            Image.new("RGB", made.size, "red").save(buffer, kind)
        content = mangled(buffer.getvalue(), draw) if draw.random() < 0.1 else buffer.getvalue()
        (place / f"{draw.choice(('', 'a b', '字', '-'))}{i:02}.{kind}").write_bytes(content)
    words = [
        "data=image_folder",
        f"data.path={place}",
        f"data.on_bad={draw.choice(('error', 'skip', 'skip'))}",
    ]
    words += draw.choice(([], ["data.size=8", f"data.fit={draw.choice(('crop', 'pad', 'stretch'))}"]))
    words += draw.choice(([], ["data.max_bad=1"], ["data.dedupe=exact"], ["data.levels=4"]))
    if draw.random() < 0.3:
        return ["data", "check", *words]
    model = [word for word in MODELS["vae"] if not word.startswith("data")]
    return ["train", *model, *words, *TRAIN, f"paths.runs_dir={folder}", "name=new"]


def texts(seed: int, folder: Path) -> list[str]:
    """A file of odd text to train on, or an odd prompt."""
    draw = random.Random(f"texts {seed}")
    odd = "".join(
        chr(draw.choice((draw.randrange(128), draw.randrange(0x3000), draw.randrange(0xE000, 0x110000))))
        for _ in range(draw.choice((0, 1, 30, 3_000)))
    )
    if draw.random() < 0.5:
        content = draw.choice(
            (
                odd.encode(draw.choice(("utf-8", "utf-16", "utf-32", "utf-8-sig"))),
                draw.randbytes(draw.choice((0, 1, 2_000))),
                mangled(("To be, or not to be.\n" * 90).encode(), draw),
            )
        )
        (folder / "a.txt").write_bytes(content)
        model = [word for word in MODELS["gpt"] if not word.startswith("data")]
        words = ["data=text_file", f"data.path={folder / 'a.txt'}"]
        words += draw.choice(([], ["data.encoding=latin-1"], ["data.tokenizer=bytes"], ["data.clean=true"]))
        return ["train", *model, *words, *TRAIN, f"paths.runs_dir={folder}", "name=new"]
    prompt = odd.replace("\0", "")
    known = ["unk=skip"] if draw.random() < 0.5 else []
    command = draw.choice(
        (["sample", f"prompt={prompt}", "max_new_tokens=3", "n=1"], ["score", f"text={prompt}"])
    )
    known = known if command[0] == "sample" else []
    return [command[0], f"run={trained('gpt')}", *command[1:], *known, *_out(command[0], folder)]


def _out(command: str, folder: Path) -> list[str]:
    return [f"out={folder / ('out.txt' if command == 'sample' else 'out.jsonl')}"]


def mangled(content: bytes, draw: random.Random) -> bytes:
    """With bytes changed, cut, doubled or put in."""
    changed = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(changed) + 1)
        match draw.randrange(4):
            case 0 if changed:
                changed[min(at, len(changed) - 1)] = draw.randrange(256)
            case 1:
                del changed[at : at + draw.choice((1, 3, 40))]
            case 2:
                changed[at:at] = changed[at : at + draw.choice((1, 3, 40))]
            case _:
                changed[at:at] = draw.choice(PIECES)
    return bytes(changed)


PIECES = (
    *(b"\0", b"\xff", b"{", b"]", b'"', b":", b"\n- ", b"*a", b"&a", b"<<: ", b"!!python/name:os.system ''"),
    *(
        b"1e999",
        b"-1",
        b"null",
        b"${x}",
        b"_target_: x\n",
        b"\xe2\x80\xae",
        b"\x1b[2J",
        b"9" * 40,
        b"[" * 3_000,
    ),
)


def tried(make: Callable[[int, Path], list[str]], seed: int) -> Trial:
    def trial(folder: Path) -> None:
        words = make(seed, folder)
        answer = Process(words, ("guarded", str(folder)), {"CUDA_VISIBLE_DEVICES": ""}).wait(TIMEOUT)
        shown = f"{words} -> {answer.code}: {answer.err[-900:]}"
        assert answer.code in CODES, shown
        assert "Traceback" not in answer.err, shown
        assert "\x1b" not in answer.err + answer.out, shown
        assert answer.code == 0 or answer.is_one_line, shown
        ours = [line for line in answer.err.splitlines() if line.startswith("genkit: ")]
        assert len(ours) == bool(answer.code), shown

    return trial


ROW = Row(
    "random overrides, configurations, pictures and texts: a clean refusal or a run",
    {
        f"{make.__name__} {seed}": tried(make, seed)
        for make in (overrides, configurations, pictures, texts)
        for seed in range(EACH)
    },
    share=25,
)
