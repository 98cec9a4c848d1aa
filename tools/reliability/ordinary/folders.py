"""Folders as people lay them out: classes, parts, both, neither; what is unequal, missing or stray."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from tools.reliability.ordinary.asking import Judge, Situation, counts_are
from tools.reliability.ordinary.pictures import WORDS
from tools.reliability.processes import Answer


def laid_out(counts: Mapping[str, int], more: object = None):
    """So many pictures, all different, in each folder below `p`."""

    def make(folder: Path) -> None:
        draw = np.random.default_rng(2)
        for name, count in counts.items():
            place = folder / "p" / name
            place.mkdir(parents=True, exist_ok=True)
            for i in range(count):
                picture = draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(picture).save(place / f"{i:03}.png")
        if callable(more):
            more(folder)

    return make


def shown(part: str, *wanted: str) -> Judge:
    """What `genkit data show` says of the classes of a part."""

    def judge(folder: Path, answer: Answer) -> None:
        listed = answer.out.rpartition("(")[2].partition(")")[0].split(", ")
        assert sorted(listed) == sorted(wanted), (part, listed)

    return judge


def show(part: str) -> tuple[str, ...]:
    return ("data", "show", *WORDS[2:], f"part={part}", "n=1000", "out={f}/x.png")


def _classes() -> dict[str, Situation]:
    two = {"cat": 40, "dog": 40}
    few = {"cat": 60, "dog": 20}
    numbers = {str(i): 20 for i in range(1, 12)}
    return {
        "two classes": Situation(show("train"), 0, (), laid_out(two), shown("train", "cat 36", "dog 36")),
        "sorted by class: validation": Situation(
            show("validation"), 0, (), laid_out(two), shown("validation", "cat 2", "dog 2")
        ),
        "sorted by class: test": Situation(
            show("test"), 0, (), laid_out(two), shown("test", "cat 2", "dog 2")
        ),
        "imbalanced": Situation(show("test"), 0, (), laid_out(few), shown("test", "cat 3", "dog 1")),
        "numbers as classes": Situation(
            show("validation"), 0, (), laid_out(numbers), shown("validation", *(f"{i} 1" for i in numbers))
        ),
        "unlabelled": Situation((*WORDS,), 0, (), laid_out({"": 40}), _no_labels),
        "one class": Situation(WORDS, 0, (), laid_out({"cat": 40}), _no_labels),
        "stray pictures": Situation(
            WORDS, 0, ("2 of 42", "no labels"), laid_out({"cat": 20, "dog": 20, "": 2}), _no_labels
        ),
        "a folder too deep": Situation(
            WORDS, 0, ("no classes", "data.path="), laid_out({"all/cat": 20, "all/dog": 20}), _no_labels
        ),
        "species below classes": Situation(
            show("train"),
            0,
            (),
            laid_out({"cat/a": 20, "cat/b": 20, "dog/c": 40}),
            shown("train", "cat 36", "dog 36"),
        ),
        "names of every kind": Situation(
            show("train"),
            0,
            (),
            laid_out({"猫": 40, "two words": 40, "a=b": 40}),
            shown("train", "猫 36", "two words 36", "a=b 36"),
        ),
        "linked classes": Situation(
            show("train"),
            0,
            (),
            laid_out({"cat": 40}, lambda f: _linked(f, "dog")),
            shown("train", "cat 36", "dog 36"),
        ),
        "nine pictures": Situation(WORDS, 4, ("9", "10"), laid_out({"": 9})),
        "ten pictures": Situation(WORDS, 0, (), laid_out({"": 10})),
        "no picture": Situation(WORDS, 4, ("no files",), lambda f: (f / "p").mkdir()),
        "a class without pictures": Situation(
            show("train"), 0, (), laid_out({**two, "bird": 0}), shown("train", "cat 36", "dog 36")
        ),
        "captions beside each": Situation(
            WORDS,
            0,
            ("40 files beside 40", ".txt"),
            laid_out({"": 40}, lambda f: [(f / "p" / f"{i:03}.txt").write_text("x") for i in range(40)]),
        ),
        "a file": Situation(WORDS, 4, ("no folder",), lambda f: (f / "p").write_bytes(b"")),
        "an archive": Situation(
            (*WORDS[:-1], "data.path={f}/p.zip"),
            4,
            ("no folder",),
            lambda f: (f / "p.zip").write_bytes(b"PK"),
        ),
        "a pattern": Situation((*WORDS[:-1], "data.path={f}/p/*.png"), 4, ("missing",), laid_out({"": 12})),
        "a slash at the end": Situation((*WORDS[:-1], "data.path={f}/p/"), 0, (), laid_out({"": 12})),
        "repeated pictures": Situation(
            ("data", "check", *WORDS[2:]),
            0,
            ("10",),
            laid_out({"a": 10}, lambda f: shutil.copytree(f / "p" / "a", f / "p" / "b")),
        ),
    }


def _no_labels(folder: Path, answer: Answer) -> None:
    assert not list((folder / "cache").rglob("labels.npy"))
    assert "(" not in answer.out.partition("\n")[0]


def _linked(folder: Path, name: str) -> None:
    laid_out({f"../elsewhere/{name}": 40})(folder)
    os.symlink(folder / "elsewhere" / name, folder / "p" / name)


def _parts() -> dict[str, Situation]:
    found = {}
    for train, validation, test in (
        ("train", "val", "test"),
        ("train", "valid", "test"),
        ("train", "validation", "test"),
        ("train", "dev", "test"),
        ("training", "validation", "testing"),
        ("Train", "Val", "Test"),
        ("TRAIN", "VALID", "TEST"),
        ("Training", "Validation", "Testing"),
        ("train2017", "val2017", "test2017"),
        ("train_1", "val_1", "test_1"),
    ):
        parts = {train: 20, validation: 11, test: 12}
        found[f"{train}, {validation}, {test}"] = Situation(
            WORDS, 0, (), laid_out(parts), counts_are(20, 11, 12)
        )
        classes = {f"{part}/{name}": count for part, count in parts.items() for name in ("a", "b")}
        found[f"{train}, {validation}, {test} with classes"] = Situation(
            show("validation"), 0, (), laid_out(classes), shown("validation", "a 11", "b 11")
        )
    for train, other in (("train", "val"), ("train", "test"), ("Training", "Test"), ("train2017", "val2017")):
        kept = 11 if other.lower().startswith("val") else 5  # a tenth of 50 is held out for the third part
        wanted = counts_are(45, 11, 5) if kept == 11 else counts_are(45, 5, 11)
        found[f"{train}, {other}"] = Situation(WORDS, 0, (), laid_out({train: 50, other: 11}), wanted)
    # Names that may be parts, and are read as classes: it has to be said.
    for train, other in (
        ("train_images", "test_images"),
        ("trainset", "testset"),
        ("train_set", "test_set"),
        ("images_train", "images_val"),
        ("train", "eval"),
        ("train", "holdout"),
        ("train-clean", "test-clean"),
    ):
        found[f"{train}, {other}"] = Situation(WORDS, 0, ("classes",), laid_out({train: 40, other: 20}))
    letters = {f"{part}{letter}": 20 for part in ("train", "test") for letter in "AB"}
    found["trainA, trainB, testA, testB"] = Situation(
        show("test"), 0, (), laid_out(letters), shown("test", "A 20", "B 20")
    )
    found["trainA, trainB, testA, testB: said"] = Situation(
        WORDS, 0, ("A and B as classes",), laid_out(letters)
    )
    found["parts and a stray folder"] = Situation(
        WORDS, 0, ("read as classes",), laid_out({"train": 20, "val": 20, "misc": 20})
    )
    found["parts and stray pictures"] = Situation(
        WORDS, 0, ("read as classes",), laid_out({"train": 20, "val": 20, "": 2})
    )
    found["train alone"] = Situation(WORDS, 0, (), laid_out({"train": 40}), counts_are(32, 4, 4))
    found["train alone, with classes"] = Situation(
        WORDS, 0, ("no classes", "data.path="), laid_out({"train/a": 20, "train/b": 20})
    )
    found["a class in test alone"] = Situation(
        WORDS,
        0,
        ("z", "train"),
        laid_out({"train/a": 20, "train/b": 20, "test/a": 10, "test/z": 10}),
        _said_of_z,
    )
    found["copies in two parts"] = Situation(
        ("data", "check", *WORDS[2:]),
        0,
        ("12",),
        laid_out({"train": 12}, lambda f: shutil.copytree(f / "p" / "train", f / "p" / "val")),
    )
    return {f"parts {name}": situation for name, situation in found.items()}


def _said_of_z(folder: Path, answer: Answer) -> None:
    notes = [line for line in answer.out.splitlines() if line.startswith("note:")]
    assert any(" z" in line for line in notes), answer.out


SITUATIONS = {**{f"folder: {name}": s for name, s in _classes().items()}, **_parts()}
