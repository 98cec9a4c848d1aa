"""The launchers that a study may run through, and whether what they need is installed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from genkit.system.errors import ConfigError

# What each needs: a module, and how to install it.
NEEDED = {
    "joblib": ("hydra_plugins.hydra_joblib_launcher", "hydra-joblib-launcher"),
    "submitit_local": ("hydra_plugins.hydra_submitit_launcher", "hydra-submitit-launcher"),
    "submitit_slurm": ("hydra_plugins.hydra_submitit_launcher", "hydra-submitit-launcher"),
    "ray": ("ray", "ray"),
}


def check_launcher(words: Sequence[str]) -> None:
    """See that the launcher is installed.

    Raises:
        ConfigError: it is not, or there is none of that name.
    """
    chosen = next((word.partition("=")[2] for word in words if word.startswith("hydra/launcher=")), "basic")
    if chosen not in ("basic", *NEEDED):
        raise ConfigError(f"there is no hydra/launcher={chosen}. Known: basic, {', '.join(NEEDED)}.")
    if chosen in NEEDED and not _installed(NEEDED[chosen][0]):
        raise ConfigError(f"hydra/launcher={chosen} is not installed: pip install {NEEDED[chosen][1]}.")


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even hydra_plugins, which is no package of its own
        return False
