"""A class in hand as a family: for a while it has a name, and words that choose it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
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
    return [f"model={OPTION}", f"{FAMILY}={family.__name__}"]


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
    parameters = list(inspect.signature(family).parameters)
    if not parameters:
        raise ConfigError(f"family={name}: its __init__ takes no spec; write __init__(self, spec, …).")
    if taken := [key for key in parameters[1:] if key in HOUSE]:
        raise ConfigError(f"family={name}: its knob {taken[0]} has a name of the house; call it otherwise.")
    return family


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
