"""What is written down of a training step by step; a disk that is full ends the history, not the training."""

from __future__ import annotations

import csv
import errno
import io
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities import rank_zero_only

from genkit.runs import history, write_atomically
from genkit.system.errors import CheckpointError, StorageError
from genkit.system.storage import reason
from genkit.system.terminal import console, inert


class Trouble:
    """Says once that a history cannot be written."""

    def __init__(self, path: Path) -> None:
        self.path, self.told = path, False

    def tell(self, error: BaseException) -> None:
        if not self.told:
            reason = " ".join(str(error.__cause__ or error).split())
            console().print(
                f"note: {self.path} cannot be written ({reason}); the training goes on without it.",
            )
        self.told = True


def anywhere() -> None:
    """The check of a history that belongs to no run."""


class CSVHistory(Logger):
    """`metrics.csv` of a run: a row a step, a column a term; a resumed run goes on in the same file.

    (Lightning's CSVLogger starts its file anew.)  Rows are appended; a term that was not there before, and
    so a new column, rewrites the file.

    Args:
        path: the file.
        start_step: rows after it are forgotten.
        check: called before each write; raises where the folder is not the run's any more.
    """

    def __init__(self, path: Path, start_step: int = 0, check: Callable[[], object] = anywhere) -> None:
        super().__init__()
        self.path, self._trouble, self._check = path, Trouble(path), check
        self._rows: dict[int, dict[str, str]] = {}
        self._resumed = path.is_file() and bool(start_step)
        if self._resumed:
            try:
                self._rows = _rows_of(history(path), start_step)
            except (OSError, ValueError, LookupError, TypeError, csv.Error) as error:
                raise CheckpointError(
                    f"{path} is damaged: {reason(error)}; restore it, or delete it."
                ) from None
        self._new: set[int] = set()  # steps whose row is not in the file as it is now
        self._columns: list[str] | None = None  # of the file; None: it is to be written anew
        self._last, self._start, self._end = 0, 0, 0  # its last row: the step, and where it begins and ends
        self._written = time.monotonic()

    @property
    def name(self) -> str:
        return "csv"

    @property
    def version(self) -> str:
        return ""

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """The configuration stands in config.yaml."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        row = self._rows.setdefault(step or 0, {})
        row.update({k: f"{float(v):.8g}" for k, v in metrics.items() if k != "epoch"})
        self._new.add(step or 0)
        if time.monotonic() - self._written > 5:
            self._write(sync=False)

    @rank_zero_only
    def save(self) -> None:
        """Wait until every row is on the disk.  A resumed run that has logged nothing leaves the file."""
        if self._new or (self._columns is None and not self._resumed):
            self._write(sync=True)

    def _write(self, sync: bool) -> None:
        self._check()
        self._written = time.monotonic()
        columns = sorted({name for step in self._new for name in self._rows[step]} | set(self._columns or ()))
        try:
            if columns == self._columns and min(self._new) >= self._last and self._is_as_left():
                self._append(sync)
            else:
                self._rewrite()
            self._new = set()
        except (OSError, StorageError) as error:
            self._columns = None
            self._trouble.tell(error)

    def _is_as_left(self) -> bool:
        return self.path.is_file() and self.path.stat().st_size == self._end

    def _append(self, sync: bool) -> None:
        """Write new rows at the end; the last row is written again where terms have joined it."""
        assert self._columns is not None
        lines = [_lines(self._columns, {step: self._rows[step]}) for step in sorted(self._new)]
        begin = self._start if self._last in self._new else self._end
        with open(self.path, "r+b", buffering=0) as file:
            file.seek(begin)
            content = b"".join(lines)
            rest = content
            while rest:  # a write that is cut short is followed by one that says why
                done = file.write(rest)
                if not done:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                rest = rest[done:]
            file.truncate()
            if sync:
                os.fsync(file.fileno())
        self._end = begin + len(content)
        self._last, self._start = max(self._new), self._end - len(lines[-1])

    def _rewrite(self) -> None:
        columns = sorted({name for row in self._rows.values() for name in row})
        header = _lines(columns, {}, head=True)
        rows = [_lines(columns, {step: row}) for step, row in sorted(self._rows.items())]
        write_atomically(self.path, b"".join([header, *rows]).decode())
        self._columns, self._end = columns, len(header) + sum(map(len, rows))
        self._last, self._start = max(self._rows, default=0), self._end - (len(rows[-1]) if rows else 0)
        if not rows:
            self._start = self._end

    @rank_zero_only
    def finalize(self, status: str) -> None:
        self.save()


def _lines(columns: Sequence[str], rows: Mapping[int, Mapping[str, str]], head: bool = False) -> bytes:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, ["step", *columns], restval="", lineterminator="\n")
    if head:
        writer.writerow({name: inert(name) for name in ("step", *columns)})
    writer.writerows({"step": step, **row} for step, row in rows.items())
    return buffer.getvalue().encode()


def _rows_of(text: str, last: int) -> dict[int, dict[str, str]]:
    """The rows of a file until a step."""
    rows = ((int(row["step"]), row) for row in csv.DictReader(io.StringIO(text, newline="")))
    return {
        step: {_term(k): v for k, v in row.items() if k and k != "step" and v}
        for step, row in rows
        if step <= last
    }


def _term(head: str) -> str:
    """A column's term, as it was before it was made inert."""
    return head[1:] if head[:1] == "'" and inert(head[1:]) == head else head
