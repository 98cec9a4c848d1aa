"""What a run folder holds beside its checkpoints, read: the record and the spec."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from genkit.core.spec import Spec, spec_from_dict
from genkit.runs.layout import MAX_SPEC_BYTES, SPEC
from genkit.runs.record import Record
from genkit.runs.run import Run
from genkit.system.errors import CheckpointError
from genkit.system.plain import parse_json, read_bytes, read_text
from genkit.system.storage import reason


def read(path: Path) -> Record:
    """What run.json of a run folder says."""
    return Run(path).record()


def spec(path: Path) -> Spec:
    """What the data of a run is, tokeniser included, as it was when the run was trained.

    Raises:
        CheckpointError: it is missing, damaged, or another than the run's record says.
    """
    file = path / SPEC
    try:
        text = read_text(file, MAX_SPEC_BYTES)
        made = spec_from_dict(parse_json(text))
    except OSError:
        raise CheckpointError(f"{file} is missing: the run was not trained yet, or restore it.") from None
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise CheckpointError(f"{file} is damaged: {reason(error)}. Restore it from a copy.") from None
    recorded = read(path).spec_sha256
    if recorded and hashlib.sha256(text.encode()).hexdigest() != recorded:
        raise CheckpointError(f"{file} is not the one that the run was trained with; restore it from a copy.")
    return made


def spec_text(made: Spec) -> str:
    """What spec.json holds."""
    return json.dumps(made.to_dict(), ensure_ascii=False) + "\n"


def spec_digest(path: Path) -> str:
    """SHA-256 of a run's spec.json.

    Raises:
        CheckpointError: it cannot be read.
    """
    try:
        return hashlib.sha256(read_bytes(path / SPEC, MAX_SPEC_BYTES)).hexdigest()
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path / SPEC} cannot be read: {reason(error)}. Restore it.") from None
