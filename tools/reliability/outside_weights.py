"""Cases: safetensors files, manifests, pointers, step folders and the trainer's state."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

from tools.reliability.canaries import safetensors
from tools.reliability.outside_places import (
    HREF,
    STEERS,
    STEP,
    WORDS,
    Case,
    Place,
    Tamper,
    folder,
    manifest,
    reseal,
    sparse,
    writes,
)

Header = dict[str, Any]
LOADED = "sample load resume verify init"


def parts(content: bytes) -> tuple[Header, bytes]:
    """The header and the data of a safetensors file."""
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def edited(
    change: Callable[[Header, bytes], tuple[Header, bytes] | None],
    expected: str = "refused",
    name: str = "weights",
    commands: str = LOADED,
) -> Case:
    """Another header (and data), which is what the manifest speaks of."""

    def tamper(place: Place) -> None:
        file = place.run / STEP / f"{name}.safetensors"
        header, data = parts(file.read_bytes())
        made = change(header, data) or (header, data)
        file.write_bytes(safetensors(json.dumps(made[0]), made[1]))
        reseal(place)

    return Case(tamper, commands, expected)


def entry(expected: str = "refused", **values: Any) -> Case:
    """The first tensor's entry is another one."""

    def change(header: Header, data: bytes) -> None:
        next(e for name, e in header.items() if name != "__metadata__").update(values)

    return edited(change, expected)


def typed(dtype: str, bits: int, expected: str = "safe") -> Case:
    """Tensors of the right shapes and another type, all zeros."""

    def change(header: Header, data: bytes) -> tuple[Header, bytes]:
        end = 0
        for name, own in header.items():
            if name == "__metadata__":
                continue
            count = 1
            for size in own["shape"]:
                count *= size
            length = -(-count * bits // 8)
            own.update(dtype=dtype, data_offsets=[end, end + length])
            end += length
        return header, b"\0" * end

    return edited(change, expected, commands="sample load resume init export")


def _overlapping(header: Header, data: bytes) -> None:
    own = [e for name, e in header.items() if name != "__metadata__" and e["shape"] == [16]]
    own[1]["data_offsets"] = own[0]["data_offsets"]


def _all_one(header: Header, data: bytes) -> tuple[Header, bytes]:
    for name, own in header.items():
        if name != "__metadata__":
            own["data_offsets"] = [0, len(data)]
    return header, data


def _gap(header: Header, data: bytes) -> tuple[Header, bytes]:
    for name, own in header.items():
        if name != "__metadata__":
            own["data_offsets"] = [place + 64 for place in own["data_offsets"]]
    return header, b"\0" * 64 + data


def _renamed(name: str) -> Case:
    def change(header: Header, data: bytes) -> None:
        first = next(name for name in header if name != "__metadata__")
        header[name] = header.pop(first)

    return edited(change)


def _more(count: int, **entries: Any) -> Case:
    def change(header: Header, data: bytes) -> None:
        end = len(data)
        made = {"dtype": "F32", "shape": [0], "data_offsets": [end, end], **entries}
        header.update({f"x{i}": made for i in range(count)})

    return edited(change, commands="sample load resume init")  # (nothing of a model is wrong by itself)


def _raw(content: bytes) -> Case:
    def tamper(place: Place) -> None:
        (place.run / STEP / "weights.safetensors").write_bytes(content)
        reseal(place)

    return Case(tamper, LOADED, "refused")


def _terabyte(place: Place) -> None:
    """Weights that would have a terabyte, none of which is on the disk, with a manifest that says so."""
    file = place.run / STEP / "weights.safetensors"
    head = json.dumps({"w": {"dtype": "F32", "shape": [25 * 10**10], "data_offsets": [0, 10**12]}}).encode()
    file.write_bytes(struct.pack("<Q", len(head)) + head)
    with open(file, "r+b") as opened:
        opened.truncate(8 + len(head) + 10**12)
    files = json.loads((place.run / STEP / "manifest.json").read_text())["files"]
    files["weights.safetensors"]["bytes"] = file.stat().st_size
    reseal(place, files=files)


def _infinite(header: Header, data: bytes) -> tuple[Header, bytes]:
    return header, b"\xff" * len(data)


WEIGHTS = {
    "tensors that overlap": edited(_overlapping),
    "all tensors in one place": edited(_all_one),
    "a gap before the tensors": edited(_gap),
    "offsets the wrong way": entry(data_offsets=[64, 0]),
    "offsets below none": entry(data_offsets=[-64, 0]),
    "offsets that are fractions": entry(data_offsets=[0.0, 64.0]),
    "offsets that are true": entry(data_offsets=[False, True]),
    "offsets of 90 digits": entry(data_offsets=[0, 10**90]),
    "a type that is none": entry(dtype="OBJECT"),
    "a type in markup": entry(dtype=WORDS),
    "a shape of fractions": entry(shape=[16.0]),
    "a shape of 17 dimensions": entry(shape=[1] * 17),
    "a shape whose product overflows": entry(shape=[2**32, 2**32, 2**32]),
    "a shape of none": entry(shape=[0, 2**40]),
    "weights of whole numbers": typed("I64", 64),
    "weights of truth": typed("BOOL", 8),
    "weights of bytes": typed("U8", 8),
    "weights of 64-bit floats": typed("F64", 64),
    "weights of complex numbers": typed("C64", 64),
    "weights of F8_E5M2": typed("F8_E5M2", 8),
    "weights of F8_E8M0": typed("F8_E8M0", 8),
    "weights of F4": typed("F4", 4),
    "weights that are no numbers": edited(_infinite, commands="sample load init"),
    "a name that steers among weights": _renamed(STEERS),
    "a name of 100,000 letters among weights": _renamed("a" * 100_000),
    "a dunder among weights": _renamed("__class__"),
    "90,000 further tensors": _more(90_000),
    "200,000 further tensors": _more(200_000),
    "metadata of markup": edited(lambda h, d: h.update(__metadata__={WORDS: WORDS}), "safe"),
    "metadata of another kind": edited(lambda h, d: h.update(__metadata__=[1, {"x": None}]), "safe"),
    "a header of 30 MB of blanks": _raw(safetensors("{}" + " " * 30_000_000)),
    "a header of no UTF-8": _raw(struct.pack("<Q", 4) + b"\xff\xfe{}"),
    "a header with a key twice": _raw(safetensors('{"w": {}, "w": {"dtype": "F32"}}')),
    "a header that is a list": _raw(safetensors("[1, 2]")),
    "an average that is empty": edited(lambda h, d: ({}, b""), "refused", "ema"),
    "an average of another model": edited(
        lambda h, d: ({"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, b"\0" * 8),
        "refused",
        "ema",
        "sample load resume verify",  # what begins with the run takes its weights alone
    ),
    "a terabyte of nothing as weights": Case(_terabyte, "sample verify", "refused"),
}

# ---------------------------------------------------------------------- manifests, pointers, folders


def _file(name: str, about: Any = None) -> Tamper:
    """The manifest speaks of a further file."""

    def tamper(place: Place) -> None:
        files = json.loads((place.run / STEP / "manifest.json").read_text())["files"]
        reseal(place, files={**files, name: about or files["weights.safetensors"]})

    return tamper


def _pointer(text: str | bytes, expected: str = "refused") -> Case:
    return Case(writes("checkpoints/last", text), "sample load verify evaluate", expected)


def _steps(place: Place) -> None:
    for number in range(20_000):
        step = place.run / "checkpoints" / f"step-{number + 100}"
        step.mkdir()
        (step / "manifest.json").write_text("{}")


def _state(change: Callable[[dict[str, Any]], object]) -> Case:
    """Another trainer.json."""

    def tamper(place: Place) -> None:
        file = place.run / STEP / "trainer.json"
        plain = json.loads(file.read_text())
        made = change(plain)
        file.write_text(made if isinstance(made, str) else json.dumps(plain if made is None else made))
        reseal(place)

    return Case(tamper, "resume", "refused")


def _set(key: str, value: Any) -> Case:
    def change(plain: dict[str, Any]) -> None:
        assert key in dict(plain["dict"]), key
        plain["dict"] = [[k, value if k == key else v] for k, v in plain["dict"]]

    return _state(change)


MANIFESTS = {
    "a file in capitals": Case(_file("WEIGHTS.SAFETENSORS"), LOADED, "refused"),
    "a file with a dot behind it": Case(_file("weights.safetensors."), LOADED, "refused"),
    "a file whose name steers": Case(_file(STEERS), LOADED, "refused"),
    "a file of a drive": Case(_file("C:\\secret.txt"), LOADED, "refused"),
    "a file of no name": Case(_file(""), LOADED, "refused"),
    "bytes in words": Case(_file("trainer.json", {"bytes": HREF, "sha256": [1]}), LOADED, "refused"),
    "files as a list": Case(manifest(files=[["x", 1]]), LOADED, "refused"),
    "a manifest of markup": Case(
        manifest(family=WORDS, versions={WORDS: WORDS}, data=STEERS), LOADED, "safe"
    ),
    "a step of 90 digits": Case(manifest(step=10**90), LOADED, "refused"),
    "a step that is infinite": Case(manifest(step=float("inf")), LOADED, "refused"),
    "a schema below none": Case(manifest(schema=-1), LOADED, "refused"),
    "a manifest that is a folder": Case(folder(f"{STEP}/manifest.json"), LOADED, "refused"),
    "a manifest of a terabyte of nothing": Case(sparse(f"{STEP}/manifest.json", 10**12), LOADED, "refused"),
    "a pointer with an end of line": _pointer("step-6\n../../../secret\n"),
    "a pointer with a nought": _pointer("step-06"),
    "a pointer in other digits": _pointer("step-\u0666"),
    "a pointer in capitals": _pointer("STEP-6"),
    "a pointer that steers": _pointer(STEERS),
    "a pointer of a terabyte of nothing": Case(
        sparse("checkpoints/last", 10**12), "sample load verify", "safe"
    ),
    "a pointer that is a folder": Case(folder("checkpoints/last"), "sample load verify", "safe"),
    "20,000 steps of nothing": Case(_steps, "sample load", "inert"),  # `last` names one that is whole
    "a step that is a file": Case(writes("checkpoints/step-9", "x"), LOADED, "inert"),
    "a state of markup": _state(lambda plain: {"dict": [[WORDS, WORDS]]}),
    "a state nested 90 deep": _state(lambda plain: json.loads('{"list": [' * 45 + "1" + "]}" * 45)),
    "a state whose keys are lists": _state(lambda plain: {"dict": [[[1], 2], [{"a": 1}, 3]]}),
    "a state whose tensor is missing": _state(lambda plain: {"dict": [["optimizers", {"tensor": "/x"}]]}),
    "a state of other optimisers": _set("optimizers", {"list": [1, {"dict": []}]}),
    "a state of other callbacks": _set("callbacks", {"list": [10**30] * 3}),
    "a state of a best in words": _set("best", {"dict": [["step", WORDS]]}),
    "a time in words": _set("seconds", WORDS),
    "a state of an endless time": _set("seconds", 1e308),
    "a state that says a thing twice": _state(lambda plain: {"dict": [*plain["dict"], ["seconds", 1.0]]}),
}
CASES = {**WEIGHTS, **MANIFESTS}
