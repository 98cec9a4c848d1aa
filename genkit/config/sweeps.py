"""Sweeps: one command that is many jobs."""

from __future__ import annotations

from collections.abc import Sequence

from genkit.config.composing import sorted_words
from genkit.config.hydra import one_line_errors
from genkit.config.words import (
    launching,
    parse,
    parse_sweep,
    split_free_text,
)
from genkit.system.errors import ConfigError

MAX_JOBS = 1_000


def sweep(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Free text and words of a sweep (`-m`), whose keys and options are all known.

    Raises:
        ConfigError: an unknown key or option, `name=`, or more than `MAX_JOBS` jobs without `yes=true`.
    """
    words = [word for word in arguments if word != "yes=true"]
    texts = [word for word in words if split_free_text([word])[0]]
    words = [word for word in words if word not in texts]
    if any(text.startswith("name=") for text in texts):
        raise ConfigError("name= is one run's; leave it out of a sweep, and each run gets a name of its own.")
    jobs, own = 1, launching(words)
    for key, values in parse_sweep([word for word in words if word not in own]):
        for value in values or []:
            sorted_words(parse([f"{key}={value}"]))
        jobs *= len(values or [None])
    if jobs > MAX_JOBS and "yes=true" not in arguments:
        raise ConfigError(f"{jobs:,} jobs are more than {MAX_JOBS:,}; add yes=true to run them all.")
    return texts, words


def jobs(words: Sequence[str]) -> list[list[str]]:
    """The words of each job of a sweep; to be called within a `hydra_session`.

    Raises:
        ConfigError: values that only another sweeper than Hydra's basic one could list.
    """
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.override_parser.overrides_parser import OverridesParser

    with one_line_errors():
        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
        overrides = parser.parse_overrides([word for word in words if not word.startswith("hydra")])
        return BasicSweeper.split_arguments(overrides, None)[0]
