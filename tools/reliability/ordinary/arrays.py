"""Arrays of every type, range and layout, and labels of every kind, as people save them with NumPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tools.reliability.ordinary.asking import Judge, Situation, images_are, labels_are
from tools.reliability.processes import Answer

N, SIDE = 24, 8
WORDS = ("data", "pack", "data=arrays", "data.path={f}/a.npz")
INTEGERS = ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", ">u2", ">i4", ">u8")
FLOATS = ("f2", "f4", "f8", ">f4", ">f8")
SHAPE = (N, SIDE, SIDE)


def drawn(low: float, high: float, dtype: str, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """Values from low to high, both of which occur."""
    draw = np.random.default_rng(3)
    kind = np.dtype(dtype).kind
    values = (
        draw.integers(int(low), int(high), shape, endpoint=True)
        if kind in "iu"
        else draw.uniform(low, high, shape)
    )
    values.flat[0], values.flat[1] = low, high
    return values.astype(dtype)


def saved(**arrays: object):
    """An .npz with these arrays."""
    return lambda folder: np.savez(folder / "a.npz", **arrays)


def planes(values: np.ndarray) -> np.ndarray:
    """(N, H, W) as (N, 1, H, W)."""
    return values[:, None]


def taken(values: np.ndarray, wanted: np.ndarray, levels: int, *said: str, words: tuple[str, ...] = ()):
    return Situation((*WORDS, *words), 0, said, saved(images=values), images_are(planes(wanted), levels))


def refused(values: np.ndarray, *said: str, words: tuple[str, ...] = (), **more: object) -> Situation:
    return Situation((*WORDS, *words), 4, said, saved(images=values, **more))


def scaled(values: np.ndarray, black: float, white: float) -> np.ndarray:
    """Levels by the definition, in double precision."""
    return np.rint((values.astype(np.float64) - black) * 255 / (white - black)).astype(int)


def _types() -> dict[str, Situation]:
    found: dict[str, Situation] = {}
    binary = drawn(0, 1, "u1")
    found["bool 0/1"] = taken(binary.astype(bool), binary, 2, "two levels")
    for kind in (*INTEGERS, *FLOATS):
        found[f"{kind} 0/1"] = taken(binary.astype(kind), binary, 2, "two levels")
    for kind in FLOATS:
        unit = drawn(0, 1, kind)
        found[f"{kind} 0..1"] = taken(unit, scaled(unit, 0, 1), 256)
        found[f"{kind} -1..1"] = refused(drawn(-1, 1, kind), "data.range=[-1,1]")
        both = drawn(-1, 1, kind)
        asked = ("data.range=[-1,1]",)
        found[f"{kind} -1..1, asked"] = taken(both, scaled(both, -1, 1), 256, "-1 (black)", words=asked)
        found[f"{kind} 0..255"] = refused(drawn(0, 255, kind), "data.range=[0,255]")
        bytes_ = drawn(0, 255, kind)
        asked = ("data.range=[0,255]",)
        found[f"{kind} 0..255, asked"] = taken(bytes_, scaled(bytes_, 0, 255), 256, words=asked)
        found[f"{kind} a little above 1"] = refused(drawn(0, 1.01, kind), "data.range=")
        for name, odd in (("NaN", np.nan), ("inf", np.inf), ("-inf", -np.inf)):
            broken = drawn(0, 1, kind)
            broken[5, 2, 2] = odd
            found[f"{kind} with {name}"] = refused(broken, "not finite")
        found[f"{kind} of 0.5 alone"] = taken(np.full(SHAPE, 0.5, kind), np.full(SHAPE, 128), 256, "the same")
    for kind in INTEGERS:
        if kind != "i1":
            levels = drawn(0, 255, kind)
            found[f"{kind} 0..255"] = taken(levels, levels, 256)
            found[f"{kind} of 200 alone"] = taken(
                np.full(SHAPE, 200, kind), np.full(SHAPE, 200), 256, "the same"
            )
        if np.dtype(kind).kind == "i":
            found[f"{kind} -1..1"] = refused(drawn(-1, 1, kind), "data.range=[-1,1]")
        if np.dtype(kind).itemsize > 2 or kind in ("u2", ">u2"):
            deep = drawn(0, 65535, kind)
            found[f"{kind} 0..65535"] = refused(deep, "data.range=[0,65535]")
            asked = ("data.range=[0,65535]",)
            found[f"{kind} 0..65535, asked"] = taken(deep, scaled(deep, 0, 65535), 256, words=asked)
    signed = drawn(-128, 127, "i1")
    found["i1 -128..127"] = refused(signed, "data.range=[-128,127]")
    found["i1 -128..127, asked"] = taken(
        signed, signed.astype(int) + 128, 256, words=("data.range=[-128,127]",)
    )
    dark = drawn(0, 40, "u1")
    found["u1 0..40"] = taken(dark, dark, 256, "dark", "data.range=[0,40]")
    zeros = np.zeros(SHAPE, "u1")
    found["u1 zeros"] = taken(zeros, zeros, 256, "the same")
    found["u2 0..4095, asked for less"] = refused(
        drawn(0, 4095, "u2"), "outside", "4095", words=("data.range=[0,255]",)
    )
    found["i4 CT, -1024..3071, asked"] = taken(
        (ct := drawn(-1024, 3071, "i4")), scaled(ct, -1024, 3071), 256, words=("data.range=[-1024,3071]",)
    )
    found["complex"] = refused(drawn(0, 1, "f4").astype("c8"), "complex64")
    found["complex of 16 bytes"] = refused(drawn(0, 1, "f8").astype("c16"), "complex128")
    found["objects"] = refused(drawn(0, 255, "u1").astype(object), "objects")
    found["texts"] = refused(drawn(0, 255, "u1").astype(str), "<U3")
    found["times"] = refused(np.zeros(SHAPE, "M8[s]"), "datetime64")
    found["records"] = refused(np.zeros(SHAPE, [("r", "u1"), ("g", "u1")]), "no images")
    return found


def _layouts() -> dict[str, Situation]:
    colour = drawn(0, 255, "u1", (N, SIDE, SIDE, 3))
    first = np.ascontiguousarray(colour.transpose(0, 3, 1, 2))
    grey = drawn(0, 255, "u1")
    several = np.empty(N, object)
    for i in range(N):
        several[i] = np.zeros((8 + i % 2, 8), "u1")
    found = {
        "NHW": (grey, planes(grey)),
        "NHW1": (grey[..., None], planes(grey)),
        "N1HW": (planes(grey), planes(grey)),
        "NHW3": (colour, first),
        "N3HW": (first, first),
        "NHW3, not square": (colour[:, :, :5], first[..., :5]),
    }
    situations = {
        f"layout {name}": Situation(WORDS, 0, (), saved(images=values), images_are(wanted))
        for name, (values, wanted) in found.items()
    }
    situations["a plain .npy"] = Situation(
        (*WORDS[:-1], "data.path={f}/a.npy"),
        0,
        (),
        lambda folder: np.save(folder / "a.npy", grey),
        images_are(planes(grey)),
    )
    situations["a compressed .npz"] = Situation(
        WORDS,
        0,
        (),
        lambda folder: np.savez_compressed(folder / "a.npz", images=grey),
        images_are(planes(grey)),
    )
    odd = {
        "HW alone": (grey[0], ("(8, 8)",)),
        "one picture HW3": (colour[0], ("8", "3")),
        "flattened": (grey.reshape(N, -1), ("(24, 64)",)),
        "RGBA": (np.zeros((N, 8, 8, 4), "u1"), ("one or three channels",)),
        "two channels": (np.zeros((N, 2, 8, 8), "u1"), ("one or three channels",)),
        "volumes": (np.zeros((N, 4, 8, 8, 1), "u1"), ("(24, 4, 8, 8, 1)",)),
        "a number": (np.array(3, "u1"), ("shape",)),
        "ragged": (several, ("objects",)),
        "Fortran's order": (np.asfortranarray(grey), ("ascontiguousarray",)),
        "nothing": (grey[:0], ("no images",)),
        "five": (grey[:5], ("too few", "10")),
        "of 2×2": (grey[:, :2, :2], ("2",)),
    }
    situations |= {f"layout {name}": refused(values, *said) for name, (values, said) in odd.items()}
    return situations


def _files() -> dict[str, Situation]:
    grey, whole = drawn(0, 255, "u1"), drawn(0, 255, "u1", (60, 8, 8))

    def cut(suffix: str, share: float):
        def make(folder: Path) -> None:
            saved(images=grey)(folder)
            np.save(folder / "a.npy", grey)
            file = folder / f"a.{suffix}"
            file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])

        return make

    def written(name: str, content: bytes):
        return lambda folder: (folder / name).write_bytes(content)

    medical = {
        **{f"{part}_images": whole[i * 20 : i * 20 + 20] for i, part in enumerate(("train", "val", "test"))},
        **{f"{part}_labels": np.arange(20)[:, None] % 2 for part in ("train", "val", "test")},
    }
    return {
        "Keras's names": Situation(
            WORDS, 4, ("x_train", "images"), saved(x_train=grey, y_train=np.arange(N), x_test=grey)
        ),
        "arr_0": Situation(WORDS, 4, ("arr_0", "images"), lambda f: np.savez(f / "a.npz", grey)),
        "MedMNIST's parts": Situation(
            WORDS, 0, ("train 20, validation 20, test 20",), saved(**medical), images_are(planes(whole))
        ),
        "train and test": Situation(
            WORDS,
            0,
            ("test 20",),
            saved(train_images=whole[:40], test_images=whole[40:]),
        ),
        "more arrays": Situation(
            WORDS, 0, ("not used", "ids"), saved(images=grey, ids=np.arange(N)), images_are(planes(grey))
        ),
        "an .npy that ends early": Situation(
            (*WORDS[:-1], "data.path={f}/a.npy"), 4, ("too early",), cut("npy", 0.5)
        ),
        "an .npz that ends early": Situation(WORDS, 4, ("a.npz",), cut("npz", 0.5)),
        "an empty file": Situation(WORDS, 4, ("a.npz",), written("a.npz", b"")),
        "a pickle called .npy": Situation(
            (*WORDS[:-1], "data.path={f}/a.npy"), 4, ("a.npy",), written("a.npy", b"\x80\x04N.")
        ),
        "a table": Situation(
            (*WORDS[:-1], "data.path={f}/a.csv"), 4, ("a.csv", ".npz"), written("a.csv", b"1,2\n3,4\n")
        ),
        "a page called .npz": Situation(WORDS, 4, ("a.npz",), written("a.npz", b"<!doctype html>404")),
        "no file": Situation(WORDS, 4, ("missing",)),
        "a folder": Situation(WORDS, 4, ("no file",), lambda f: (f / "a.npz").mkdir()),
        "no path": Situation(WORDS[:-1], 2, ("data.path=",)),
    }


def _labels() -> dict[str, Situation]:
    grey, draw = drawn(0, 255, "u1"), np.random.default_rng(5)
    numbers = draw.integers(0, 3, N)
    numbers[:3] = range(3)
    texts = np.array(["cat", "dog", "émeu"])[numbers]
    plain = [str(number) for number in numbers]
    gaps = np.array([0, 2, 7])[numbers]
    hot = np.eye(3, dtype=int)[numbers]

    def with_labels(labels: np.ndarray, names: list[str], *said: str) -> Situation:
        return Situation(WORDS, 0, said, saved(images=grey, labels=labels), labels_are(names))

    def odd(labels: np.ndarray, *said: str) -> Situation:
        return refused(grey, *said, "data.label=null", labels=labels)

    missing = numbers.astype(float)
    missing[4] = np.nan
    soft = draw.dirichlet(np.ones(3), N)
    unlabelled = numbers.copy()
    unlabelled[4:9] = -1
    taken_ = {
        "i8": with_labels(numbers, plain),
        "u1": with_labels(numbers.astype("u1"), plain),
        "u8": with_labels(numbers.astype("u8"), plain),
        "big-endian": with_labels(numbers.astype(">i4"), plain),
        "whole floats": with_labels(numbers.astype(float), plain),
        "a column": with_labels(numbers[:, None], plain),
        "texts": with_labels(texts, texts.tolist()),
        "bytes": with_labels(np.char.encode(texts, "utf-8"), texts.tolist()),
        "booleans": with_labels(numbers > 0, [str(int(number > 0)) for number in numbers]),
        "gaps": with_labels(gaps, [str(gap) for gap in gaps], "named by them"),
        "1 to 3": with_labels(numbers + 1, [str(number + 1) for number in numbers], "named by them"),
        "one-hot": with_labels(hot, plain, "columns"),
        "one-hot floats": with_labels(hot.astype("f4"), plain, "columns"),
        "one-hot booleans": with_labels(hot.astype(bool), plain, "columns"),
        "sorted": with_labels(np.sort(numbers), sorted(plain)),
        "one class": with_labels(np.zeros(N, int), ["0"] * N),
        "years": with_labels(2000 + numbers, [str(2000 + number) for number in numbers], "named by them"),
    }
    refused_ = {
        "negative": odd(unlabelled, "negative", "5 of 24"),
        "fractions": odd(numbers + 0.5, "0.5"),
        "NaN": odd(missing, "nan", "row 4"),
        "soft": odd(soft, "24×3"),
        "two attributes": odd(np.stack([numbers, numbers], 1), "24×2"),
        "objects": odd(texts.astype(object), "objects"),
        "complex": odd(numbers.astype("c8"), "complex64"),
        "times": odd(numbers.astype("M8[s]"), "datetime64"),
        "beyond 64 bits": odd(numbers.astype("u8") + np.uint64(2**63), "goes up to"),
        "too few": refused(grey, "24", "23", labels=numbers[:-1]),
        "too many": refused(grey, "24", "25", labels=np.append(numbers, 0)),
        "a single number": refused(grey, "labels", labels=np.array(3)),
    }
    many = saved(images=np.zeros((2400, 4, 4), "u1"), labels=np.arange(2400))
    left_out = Situation(
        (*WORDS, "data.label=null"), 0, (), saved(images=grey, labels=unlabelled), _no_labels
    )
    other = Situation(
        (*WORDS, "data.label=y"), 0, (), saved(images=grey, y=numbers, labels=soft), labels_are(plain)
    )
    found = {**taken_, **refused_}
    found["names of each"] = Situation(WORDS, 4, ("2,400 distinct", "data.label=null"), many)
    found |= {"left out": left_out, "another array": other}
    found["in one part alone"] = Situation(
        WORDS,
        4,
        ("test_labels", "data.label=null"),
        saved(train_images=grey, train_labels=numbers, test_images=grey),
    )
    return {f"labels: {name}": situation for name, situation in found.items()}


def _no_labels(folder: Path, answer: Answer) -> None:
    assert not list((folder / "cache").rglob("labels.npy"))


def _sorted_by_class(part: str) -> Judge:
    """Every class stands in a part, though the array is sorted by them."""

    def judge(folder: Path, answer: Answer) -> None:
        for name in "0123":
            assert f"{name} " in answer.out.partition("(")[2], (part, answer.out)

    return judge


def _imbalanced() -> dict[str, Situation]:
    grey = drawn(0, 255, "u1", (320, 8, 8))
    equal, few = np.repeat(np.arange(4), 80), np.repeat(np.arange(4), [128, 96, 64, 32])
    found = {}
    for name, labels in (("sorted by class", equal), ("imbalanced", few)):
        for part in ("validation", "test"):
            words = ("data", "show", *WORDS[2:], f"part={part}", "n=100", "out={f}/x.png")
            made = saved(images=grey, labels=labels)
            found[f"{name}: {part}"] = Situation(words, 0, (), made, _sorted_by_class(part))
    return found


SITUATIONS = {**_types(), **_layouts(), **_files(), **_labels(), **_imbalanced()}
