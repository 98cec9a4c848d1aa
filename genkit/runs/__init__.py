"""The run folder: its name, its lock, its record.  Nothing here imports torch.

runs/<name>/config.yaml       the composed configuration, frozen at launch
            run.json          status, provenance, options of the family, last validation terms
            spec.json         what the data is, tokeniser included
            checkpoints/      step-N/ folders and the pointers last and best (see genkit.runs.checkpoints)
            metrics.csv       and TensorBoard's files
            codec/            the model whose codes its data are, if they are (see genkit.runs.codec_folder)
            samples/          drawn during training and afterwards
"""

from genkit.runs.contents import read, spec, spec_digest, spec_text
from genkit.runs.layout import (
    CODEC,
    CONFIG,
    LOCK,
    MAX_SPEC_BYTES,
    OWN,
    RECORD,
    SHARED,
    SPEC,
    history,
    is_run,
    write_atomically,
)
from genkit.runs.lookup import check_plain, find, list_runs
from genkit.runs.names import check_run_name, new_name, same_name
from genkit.runs.origins import provenance, versions
from genkit.runs.record import READERS, SCHEMA, Best, CodecUse, PastSession, Provenance, Record
from genkit.runs.run import Run, check_room, is_abandoned, refuse_taken

__all__ = [
    "CODEC",
    "CONFIG",
    "LOCK",
    "MAX_SPEC_BYTES",
    "OWN",
    "READERS",
    "RECORD",
    "SCHEMA",
    "SHARED",
    "SPEC",
    "Best",
    "CodecUse",
    "PastSession",
    "Provenance",
    "Record",
    "Run",
    "check_plain",
    "check_room",
    "check_run_name",
    "find",
    "history",
    "is_abandoned",
    "is_run",
    "list_runs",
    "new_name",
    "provenance",
    "read",
    "refuse_taken",
    "same_name",
    "spec",
    "spec_digest",
    "spec_text",
    "versions",
    "write_atomically",
]
