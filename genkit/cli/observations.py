"""What is known of examples, as the words of `genkit complete | denoise | upscale` say it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genkit.cli.commands.complete import CompleteSettings
from genkit.cli.commands.denoise import DenoiseSettings
from genkit.cli.commands.upscale import UpscaleSettings
from genkit.cli.hidden_part import hidden_part
from genkit.core.spec import ArraySpec
from genkit.system.errors import ConfigError

if TYPE_CHECKING:
    from genkit.core.observation import Observation

SPACE = {"time", "height", "width"}  # of which what is not time is space


def all_but_a_part(array: ArraySpec, settings: CompleteSettings) -> Observation:
    """All but what is hidden.

    Raises:
        GenkitError: as `hidden_part`.
    """
    return hidden_part(settings.mask, array, settings.seed, settings.known_places)


def noisy(array: ArraySpec, settings: DenoiseSettings) -> Observation:
    """Every number with Gaussian noise on it."""
    from genkit.core.observation import WhiteNoise

    return WhiteNoise(scale=settings.scale)


def means(array: ArraySpec, settings: UpscaleSettings) -> Observation:
    """The means of blocks.

    Raises:
        ConfigError: there are no such axes, or their sides hold no whole number of blocks.
    """
    names, along = array.names, settings.along or ("space" if {*array.names} >= SPACE else "all")
    chosen = [along == "all" or (name == "time") == (along == "time") for name in names]
    if not any(chosen):
        raise ConfigError(f"along={along}: {array.medium.many} have {' and '.join(names)} alone here.")
    factor, sides = settings.factor, [side for side, own in zip(array.sizes, chosen, strict=True) if own]
    if any(side % factor for side in sides):
        raise ConfigError(f"factor={factor} does not divide the sides {'×'.join(map(str, sides))}.")
    from genkit.core.observation import AveragePool

    return AveragePool(factor=tuple(factor if own else 1 for own in chosen))
