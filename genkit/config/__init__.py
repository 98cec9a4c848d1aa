"""Configuration: composed by Hydra, checked strictly, frozen as plain values.  Nothing here imports torch."""

from genkit.config.composing import (
    about,
    compose,
    conf_dir,
    groups,
    hydra_session,
    jobs,
    one_line_errors,
    paths,
    register_outside_conf,
    resume,
    sweep,
)
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
from genkit.config.words import as_text, check_places, key_and_value, launching, split_free_text

__all__ = [
    "NOT_FROZEN",
    "about",
    "as_text",
    "check_places",
    "check_reads",
    "compose",
    "conf_dir",
    "digest",
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
