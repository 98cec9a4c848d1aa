"""Files that could run code, told by what they hold whatever their name is; nothing of them is executed."""

from __future__ import annotations

import pickletools
import tarfile
import zipfile
from pathlib import Path

from genkit.system.plain import open_file

# Names that code and pickles go by, whatever is in them.
PICKLES = (".pt", ".pth", ".pt2", ".ckpt", ".pkl", ".pickle", ".bin", ".joblib")
CODE = (
    *(".py", ".pyc", ".pyo", ".pyd", ".pyz", ".pth", ".so", ".dll", ".dylib", ".exe", ".jar", ".class"),
    *(".sh", ".bash", ".zsh", ".bat", ".cmd", ".ps1", ".js", ".vbs", ".ipynb", ".whl", ".egg"),
)
# How programs begin.
PROGRAMS = {
    b"\x7fELF": "a program or a library (ELF)",
    b"MZ": "a program or a library of Windows",
    b"\xfe\xed\xfa\xce": "a program or a library of macOS",
    b"\xfe\xed\xfa\xcf": "a program or a library of macOS",
    b"\xce\xfa\xed\xfe": "a program or a library of macOS",
    b"\xcf\xfa\xed\xfe": "a program or a library of macOS",
    b"\xca\xfe\xba\xbe": "a program or a library of macOS, or of Java",
    b"\0asm": "a program (WebAssembly)",
    b"#!": "a script",
}
# What makes a pickle call something when it is loaded.
CALLS = (
    "GLOBAL",
    "STACK_GLOBAL",
    "INST",
    "OBJ",
    "NEWOBJ",
    "NEWOBJ_EX",
    "REDUCE",
    "BUILD",
    "PERSID",
    "BINPERSID",
)
MOST_OPCODES = 200_000


def code(path: Path) -> str | None:
    """What a file is that could run code when somebody loads, imports or starts it; None: it is data.

    Raises:
        OSError: it cannot be read.
    """
    if path.suffix.lower() in (*PICKLES, *CODE):
        return f"a file of a kind ({path.suffix}) that could run code; no run has one"
    with open_file(path) as file:
        opening = file.read(512)
    for begin, kind in PROGRAMS.items():
        if opening.startswith(begin):
            return kind
    if opening.startswith(b"PK") and not _is_arrays(path):
        return "a ZIP archive (of torch.save, TorchScript or .pt2), whose pickles could run code"
    if opening.startswith(b"\x93NUMPY") and _has_objects(path):
        return "an array of objects, whose pickles could run code"
    if opening[257:262] == b"ustar" and tarfile.is_tarfile(path):
        return "a tar archive (of an old torch.save), whose pickles could run code"
    return "a pickle, which could run code" if _is_pickle(path, opening) else None


def _is_arrays(path: Path) -> bool:
    """Whether an archive holds plain arrays of numbers alone."""
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as member:
                    if not name.endswith(".npy") or b"O" in _description(member.read(4096)):
                        return False
        return True
    except (OSError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile):
        return False


def _has_objects(path: Path) -> bool:
    with open_file(path) as file:
        return b"O" in _description(file.read(4096))


def _description(opening: bytes) -> bytes:
    """The type in the header of an array; of what is none, as of objects."""
    _, found, rest = opening.partition(b"'descr':")
    return rest.partition(b"'fortran_order'")[0] if found and opening.startswith(b"\x93NUMPY") else b"O"


def _is_pickle(path: Path, opening: bytes) -> bool:
    """By its opcodes: from protocol 2 on it says so; one of 0 or 1 ends with STOP and calls something.

    One of more opcodes than anybody waits for counts as one.
    """
    if opening[:1] == b"\x80" and opening[1:2] in (b"\2", b"\3", b"\4", b"\5"):
        return True
    calls = False
    try:
        with open_file(path) as file:
            for number, (opcode, _, _) in enumerate(pickletools.genops(file)):
                calls = calls or opcode.name in CALLS
                if number > MOST_OPCODES or opcode.name == "STOP":
                    return calls or opcode.name != "STOP"
    except Exception:  # (what is no pickle ends in whatever its bytes are taken for)
        pass
    return False
