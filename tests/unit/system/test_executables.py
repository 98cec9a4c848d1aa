"""Code is told by what a file holds, and data of every kind that a run or a logger writes is none."""

import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest
from PIL import Image

from genkit.system.executables import code


class Evil:
    def __reduce__(self):
        return os.getcwd, ()


def saved(writer, *values):
    buffer = io.BytesIO()
    writer(buffer, *values)
    return buffer.getvalue()


def zipped(**members):
    def write(buffer):
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)

    return saved(write)


CODE = {
    **{f"pickle-{protocol}": (pickle.dumps(Evil(), protocol), "a pickle") for protocol in range(6)},
    "pickle-and-more": (pickle.dumps(Evil(), 0) + b"more", "a pickle"),
    "elf": (b"\x7fELF\2\1\1", "ELF"),
    "windows": (b"MZ\x90\0", "Windows"),
    "script": (b"#!/bin/sh\nid\n", "a script"),
    "torch": (zipped(**{"archive/data.pkl": b"x"}), "a ZIP archive"),
    "objects": (saved(lambda b: np.save(b, np.array([{}]), allow_pickle=True)), "an array of objects"),
    "objects-npz": (saved(lambda b: np.savez(b, x=np.array([{}], object))), "a ZIP archive"),
}
DATA = {
    "json": json.dumps({"a": [1, 2]}).encode(),
    "text": b"I am. So it goes.\nTime and again.",
    "dots": b"...",
    "csv": b"step,val/loss\n1,0.5\n",
    "yaml": b"(a: b)\nc: d.\n",
    "png": saved(lambda b: Image.new("RGB", (4, 4)).save(b, "png")),
    "npy": saved(np.save, np.zeros(3)),
    "npz": saved(lambda b: np.savez(b, x=np.zeros(3), labels=np.arange(3))),
    "wandb": b":W&B\x8f\xbb\x01" + bytes(40),
    "empty": b"",
}


@pytest.mark.parametrize("kind", CODE)
def test_code_by_content(kind, tmp_path):
    content, said = CODE[kind]
    (tmp_path / "weights.dat").write_bytes(content)
    assert said in (code(tmp_path / "weights.dat") or "")


@pytest.mark.parametrize("name", ["evil.py", "evil.so", "a.PKL", "run.sh", "x.ckpt"])
def test_code_by_name(name, tmp_path):
    (tmp_path / name).write_text("x")
    assert "could run code" in (code(tmp_path / name) or "")


@pytest.mark.parametrize("kind", DATA)
def test_data_is_none(kind, tmp_path):
    (tmp_path / "some").write_bytes(DATA[kind])
    assert code(tmp_path / "some") is None
