"""Configuration: composed by Hydra, checked strictly, frozen as plain values.  Nothing here imports torch."""

from genkit.config.composing import compose, paths, resume
from genkit.config.files import about, conf_dir, groups, register_outside_conf
from genkit.config.frozen import (
    NOT_FROZEN,
    check_reads,
    digest,
    freeze,
    load_frozen,
    value_of,
    view,
    with_values,
)
from genkit.config.hydra import hydra_session, one_line_errors
from genkit.config.manual import completions, explain
from genkit.config.sweeps import jobs, sweep
from genkit.config.words import as_text, check_places, launching, split_free_text
from genkit.core.options import key_and_value

__all__ = [
    "NOT_FROZEN",
    "about",
    "as_text",
    "check_places",
    "check_reads",
    "completions",
    "compose",
    "conf_dir",
    "digest",
    "explain",
    "freeze",
    "groups",
    "hydra_session",
    "jobs",
    "key_and_value",
    "launching",
    "load_frozen",
    "one_line_errors",
    "paths",
    "register_outside_conf",
    "resume",
    "split_free_text",
    "sweep",
    "value_of",
    "view",
    "with_values",
]
