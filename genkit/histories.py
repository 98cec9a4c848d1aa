"""What is written down of a training step by step; a disk that is full ends the history, not the training."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities import rank_zero_only
from rich.console import Console

from genkit.core.errors import CheckpointError, StorageError
from genkit.core.plain import read_text
from genkit.runs import MAX_HISTORY_BYTES, reason, write_atomically


class Trouble:
    """Says once that a history cannot be written."""

    def __init__(self, path: Path) -> None:
        self.path, self.told = path, False

    def tell(self, error: BaseException) -> None:
        if not self.told:
            reason = " ".join(str(error.__cause__ or error).split())
            Console(stderr=True, soft_wrap=True).print(
                f"note: {self.path} cannot be written ({reason}); the training goes on without it.",
                highlight=False,
                markup=False,
            )
        self.told = True


class CSVHistory(Logger):
    """`metrics.csv` of a run: a row a step, a column a term; a resumed run goes on in the same file.

    (Lightning's CSVLogger starts its file anew.)
    """

    def __init__(self, path: Path, start_step: int = 0) -> None:
        super().__init__()
        self.path, self._trouble = path, Trouble(path)
        self._rows: dict[int, dict[str, str]] = {}
        if path.is_file() and start_step:
            try:
                text = read_text(path, MAX_HISTORY_BYTES)
                for row in csv.DictReader(io.StringIO(text, newline="")):
                    if int(row["step"]) <= start_step:
                        self._rows[int(row["step"])] = {
                            k: v for k, v in row.items() if k and k != "step" and v
                        }
            except (OSError, ValueError, LookupError, TypeError, csv.Error) as error:
                raise CheckpointError(
                    f"{path} is damaged: {reason(error)}; restore it, or delete it."
                ) from None
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
        if time.monotonic() - self._written > 5:
            self.save()

    @rank_zero_only
    def save(self) -> None:
        columns = sorted({name for row in self._rows.values() for name in row})
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, ["step", *columns], restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({"step": step, **row} for step, row in sorted(self._rows.items()))
        self._written = time.monotonic()
        try:
            write_atomically(self.path, buffer.getvalue())
        except StorageError as error:
            self._trouble.tell(error)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        self.save()


class BoardHistory(TensorBoardLogger):
    """TensorBoard's files of a run, in `tensorboard/`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, name="", version="tensorboard")
        self._folder = folder / "tensorboard"
        self._trouble = Trouble(self._folder)

    @property
    def log_dir(self) -> str:
        """The folder itself: Lightning would replace `$HOME` in a run's name by what the variable holds."""
        return str(self._folder)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if self._trouble.told:
            return
        try:
            super().log_metrics(dict(metrics), step)
        except (OSError, ValueError) as error:  # Lightning wraps whatever the writer raises
            self._trouble.tell(error)

    def save(self) -> None:
        self._unless_full(super().save)

    def finalize(self, status: str) -> None:
        self._unless_full(super().finalize, status)

    def _unless_full(self, write: Callable[..., None], *arguments: str) -> None:
        try:
            if not self._trouble.told:
                write(*arguments)
        except OSError as error:
            self._trouble.tell(error)
