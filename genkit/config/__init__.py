"""Configuration: composed by Hydra, checked strictly, frozen as plain values.  Nothing here imports torch."""

from genkit.config.class_section import model_name
from genkit.config.composing import compose, paths, replace, resume, typed
from genkit.config.files import about, conf_dir, groups, register_outside_conf
from genkit.config.frozen import (
    NOT_FROZEN,
    check_given,
    check_reads,
    digest,
    freeze,
    is_given,
    load_frozen,
    view,
)
from genkit.config.hydra import hydra_session, one_line_errors
from genkit.config.manual import completions, explain
from genkit.config.settings import Config
from genkit.config.sweeps import jobs, sweep
from genkit.config.words import as_text, check_places, launching, split_free_text
from genkit.core.options import key_and_value

__all__ = [
    "NOT_FROZEN",
    "Config",
    "about",
    "as_text",
    "check_given",
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
    "is_given",
    "jobs",
    "key_and_value",
    "launching",
    "load_frozen",
    "model_name",
    "one_line_errors",
    "paths",
    "register_outside_conf",
    "replace",
    "resume",
    "split_free_text",
    "sweep",
    "typed",
    "view",
]
