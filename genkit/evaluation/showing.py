"""Real examples of the part that judges, kept beside a run's numbers so that its samples can be looked at."""

from __future__ import annotations

from pathlib import Path

from genkit.data.real import as_samples, unchanged
from genkit.evaluation.subject import Subject


def keep_real(subject: Subject, folder: Path) -> None:
    """Write `real.png`, `real.txt`, … into the folder: always the same examples of a part, from all of it.

    Raises:
        StorageError: it cannot be written.
    """
    spec, examples = subject.dataset.spec, unchanged(subject.examples)
    shown = as_samples(spec, examples, examples.some(spec.medium.kept))
    for suffix in spec.medium.keeps:
        shown.save(folder / f"real{suffix}")
