"""Hydra at work: one session at a time, and its refusals as ours."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from genkit.config.files import check_outside, conf_dir, groups, register_outside_conf
from genkit.config.values import leaves
from genkit.config.words import Word, refuse_calls
from genkit.system.errors import ConfigError

VERSION_BASE = "1.3"  # of Hydra's behaviour
_session, _composing = threading.RLock(), threading.RLock()


@contextlib.contextmanager
def hydra_session() -> Iterator[Any]:
    """Hydra over our configurations and those of other distributions, whatever Hydra is at work around it.

    There is one Hydra in a process: a second thread waits until the first has left.
    """
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    with _session:
        register_outside_conf()
        outer = GlobalHydra.instance().hydra
        GlobalHydra.instance().clear()
        try:
            with initialize_config_dir(str(conf_dir()), job_name="genkit", version_base=VERSION_BASE):
                yield GlobalHydra.instance().hydra
        finally:
            GlobalHydra.instance().hydra = outer


@contextlib.contextmanager
def _loading() -> Iterator[Any]:
    """What loads configurations for Hydra, without the Hydra of this process; one thread at a time."""
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra._internal.utils import create_config_search_path
    from hydra.core.utils import setup_globals
    from hydra.version import VersionBase, setbase

    with _composing:
        register_outside_conf()
        outer = VersionBase.instance().getbase()
        setbase(VERSION_BASE)
        setup_globals()
        try:
            yield ConfigLoaderImpl(create_config_search_path(str(conf_dir())))
        finally:
            VersionBase.instance().version_base = outer


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Hydra's and OmegaConf's refusals as ours."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        yield
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        said = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise ConfigError("; ".join(said[:3])[:300]) from None


def compose_by_hydra(command: str, words: Sequence[Word]) -> dict[str, Any]:
    """What Hydra makes of a command's file and these words, resolved, as plain values with `choices`.

    Raises:
        ConfigError: Hydra refuses a word, one calls a function, or a group's option is no mapping.
    """
    from hydra.types import RunMode
    from omegaconf import OmegaConf, open_dict

    check_outside()
    with one_line_errors(), _loading() as loader:
        lines = [word.line for word in words]
        cfg = loader.load_configuration(command, lines, run_mode=RunMode.RUN, from_shell=False)
        choices = {k: v for k, v in cfg.hydra.runtime.choices.items() if "/" not in k}
        with open_dict(cfg):
            del cfg["hydra"]
        unresolved: Any = OmegaConf.to_container(cfg)
        for key, value in leaves(unresolved):
            refuse_calls(key, value)
        plain = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(plain, dict)
    for group, option in choices.items():
        if group in plain and not isinstance(plain[group], dict):
            raise ConfigError(f"{group}={option}: {groups()[group][option]} is no mapping; write key: value.")
    return {**{str(key): value for key, value in plain.items()}, "choices": choices}
