"""A class in hand as a family: for a while it has a name, and words that choose it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from genkit.config.class_section import FAMILY
from genkit.config.frozen import OPTION
from genkit.config.settings import TrainerKnobs
from genkit.families import FAMILIES
from genkit.system.errors import ConfigError
from genkit.system.launchers import place_of

if TYPE_CHECKING:
    from genkit.core.module import GenerativeModule

NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)  # what can be a knob
HOUSE = ("family", "view", "sizes", "select")  # what a model's configuration says beside the family's knobs


@contextmanager
def holding(*families: object) -> Iterator[None]:
    """Within the context these classes are families, each by its own name.

    Raises:
        ConfigError: one is no family, is not finished, or has a name that is taken.
    """
    with ExitStack() as stack:
        for family in families:
            own = checked(family)
            stack.enter_context(FAMILIES.holding(own.__name__, own))
        yield


def words_of(family: type) -> list[str]:
    """What a configuration says of it."""
    name = family.__name__
    return [f"model={OPTION}", f"{FAMILY}={name}" if name.isascii() else f'{FAMILY}="{name}"']


def beside(words: Sequence[str], family: type) -> list[str]:
    """The words of a training of a class.

    Raises:
        ConfigError: they choose another model.
    """
    for word in words:
        if word.partition("=")[0] in ("model", FAMILY):
            raise ConfigError(f"{word}: the family is given as a class; leave the word out.")
    return [*words_of(family), *words]


def checked(family: object) -> type[GenerativeModule]:
    """A class, if it is a family.

    Raises:
        ConfigError: it is none; what it lacks is said.
    """
    from genkit.core.module import GenerativeModule

    if not isinstance(family, type) or not issubclass(family, GenerativeModule):
        shown = getattr(family, "__name__", type(family).__name__)
        raise ConfigError(
            f"family={shown} is no family: give a class that derives from genkit.GenerativeModule."
        )
    name = family.__name__
    declared = ((key, inspect.getattr_static(family, key)) for key in dir(family))
    if lacking := [key for key, found in declared if getattr(found, "__isabstractmethod__", False)]:
        raise ConfigError(f"family={name} lacks {', '.join(lacking)}; its bases say what they do.")
    units = inspect.getattr_static(family, "units", {})
    if isinstance(units, property):  # of the instance
        units = {}
    if not isinstance(units, Mapping) or not all(isinstance(t, str) for pair in units.items() for t in pair):
        raise ConfigError(f"family={name}: its units are {units!r}; give names and units, {{'nll': 'nats'}}.")
    parameters = list(inspect.signature(family).parameters)
    if not parameters:
        raise ConfigError(f"family={name}: its __init__ takes no spec; write __init__(self, spec, …).")
    if taken := [key for key in parameters[1:] if key in HOUSE]:
        raise ConfigError(f"family={name}: its knob {taken[0]} has a name of the house; call it otherwise.")
    for knob in list(inspect.signature(family).parameters.values())[1:]:
        if knob.kind in NAMED and knob.default is not knob.empty and not _plain(knob.default):
            raise ConfigError(
                f"family={name}: the default of its knob {knob.name} is of type"
                f" {type(knob.default).__name__}; a run's configuration holds numbers, texts, truth values,"
                " lists of them and None."
            )
    return family


def _plain(value: object) -> bool:
    """Whether a configuration can hold it."""
    if isinstance(value, list | tuple):
        return all(map(_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def check_alone(trainer: TrainerKnobs, family: type) -> None:
    """See that the processes of a training can see the class, which those that we would start cannot.

    Args:
        trainer: the group `trainer`.

    Raises:
        ConfigError: they cannot.
    """
    if place_of(trainer.devices, trainer.num_nodes).count < trainer.devices:
        raise ConfigError(
            f"family={family.__name__} is a class of this process, which others cannot see: set"
            " trainer.devices=1, or start the processes by torchrun, each with the class."
        )
