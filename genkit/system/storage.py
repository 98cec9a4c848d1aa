"""Files and folders that are replaced in one step: a reader sees what was there or the whole new one.

What is written lies beside its place under a hidden name that ends in digits (`.name.123`), is flushed to
the disk, and is then renamed.  Whatever fails on the way, a full disk say, is one refusal, and what was there
stays.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock

from genkit.system.errors import ConfigError, StorageError

ADVICE = "Free space, or give another place."
FLUSHED_ONE_BY_ONE = 256  # files of a folder; more are flushed together
_numbers = itertools.count()


def beside(path: Path) -> Path:
    """A hidden name beside a path, which no other process and no other thread takes."""
    # Names have at most 255 bytes, and four bytes are the longest character.
    return path.with_name(f".{path.name[:40]}.{os.getpid()}{next(_numbers):06d}")


@contextlib.contextmanager
def written(path: Path, advice: str = ADVICE) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` when the context is left without an error.

    Args:
        advice: what to do where it cannot be written.

    Raises:
        StorageError: it cannot be written, or something else than a plain file is there.
    """
    temporary = beside(path)
    try:
        if path.exists() and not path.is_file():
            raise StorageError(f"{path} is there and is no plain file; give another place.")
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise refusal(path, error, advice) from error
        raise


@contextlib.contextmanager
def made(folder: Path, advice: str = ADVICE) -> Iterator[Path]:
    """A folder, to be filled, that gets its name when the context is left without an error.

    Raises:
        ConfigError: there is one of that name which is not empty.
        StorageError: it cannot be written.
    """
    check_new(folder)
    temporary = beside(folder)
    try:
        temporary.mkdir(parents=True)
        yield temporary
        flush_all(temporary)
        os.rename(temporary, folder)
        flush(folder.parent)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError):
            raise refusal(folder, error, advice) from error
        if isinstance(error, StorageError):  # of a file in it, which it calls as it would have been called
            raise StorageError(str(error).replace(str(temporary), str(folder))) from error
        raise


@contextlib.contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Within the context no other process is in one of the same folder; the others wait.

    The folder itself is locked, where the system can do that, so that nothing is left behind.

    Raises:
        StorageError: the folder cannot be opened.
    """
    try:
        handle = -1 if os.name == "nt" else os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise refusal(folder, error, "Give another place.") from None
    try:
        if not _locked(handle):  # some network disks lock files alone
            with FileLock(folder / ".writing"):
                yield
            return
        yield
    finally:
        if handle >= 0:
            os.close(handle)  # which gives the lock back


def _locked(handle: int) -> bool:
    """Whether a folder could be locked, which is waited for."""
    if handle < 0:
        return False
    import fcntl  # which Windows lacks

    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError:
        return False
    return True


def check_new(folder: Path) -> None:
    """See that a folder can be made: files of two makers in one folder cannot be told apart.

    Raises:
        ConfigError: something is there already, other than an empty folder.
        StorageError: it cannot be looked into.
    """
    try:
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise ConfigError(f"out={folder} exists and is no folder; choose a new one.")
        if folder.is_dir() and any(folder.iterdir()):
            raise ConfigError(f"out={folder} exists and is not empty; choose a new folder.")
    except OSError as error:
        raise refusal(folder, error, ADVICE) from None


def write_text(path: Path, text: str, advice: str = ADVICE) -> None:
    """Replace a file by a text in UTF-8.

    Raises:
        StorageError: it cannot be written.
    """
    write_bytes(path, text.encode("utf-8"), advice)


def write_bytes(path: Path, content: bytes, advice: str = ADVICE) -> None:
    """Replace a file.

    Raises:
        StorageError: it cannot be written.
    """
    with written(path, advice) as file:
        file.write(content)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, where they are missing.

    Raises:
        StorageError: that fails.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refusal(path, error, "Give another place.") from error


def refusal(path: Path, error: BaseException, advice: str) -> StorageError:
    """What a failing system call is to the user, on one line."""
    return StorageError(f"cannot write {path}: {reason(error)}. {advice}")


def reason(error: BaseException) -> str:
    """What went wrong with a file, without its path, on one short line."""
    return " ".join(str(getattr(error, "strerror", None) or error).split())[:150]


def flush(path: Path) -> None:
    """Wait until a file or a folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_all(folder: Path) -> None:
    """Wait until a folder is on the disk, and the files in it and in those below it.

    Of many files each would wait for a write of its own; the system flushes them together.
    """
    files = list(folder.rglob("*"))
    if len(files) > FLUSHED_ONE_BY_ONE and hasattr(os, "sync"):
        os.sync()
        files = []
    for path in files:
        flush(path)
    flush(folder)
