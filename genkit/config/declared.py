"""Which knobs a family and a dataset have: those declared with them, here or elsewhere, or derived."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from genkit.config.frozen import is_given
from genkit.config.settings import GROUPS
from genkit.core.knobs import DataKnobs, Knobs, ModelKnobs, knobs_of
from genkit.data.dataset_knobs import DATASET_KNOBS, ImageKnobs
from genkit.data.example_knobs import ExampleKnobs
from genkit.data.text_knobs import TextKnobs
from genkit.families import FAMILIES, FAMILY_KNOBS
from genkit.system.distributions import entry_points
from genkit.system.errors import ConfigError, nearest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "genkit.knobs"
K = TypeVar("K", bound=Knobs)


def declarations(cfg: Mapping[str, Any]) -> dict[str, type[Knobs]]:
    """The knobs of every group of a configuration, "" for those of none.

    Raises:
        ConfigError: a declaration of another distribution is none.
    """
    model = cfg["model"]
    absent = is_given(cfg) and FAMILIES.own(model.get("family")) is None  # a class that nobody has in hand
    known = _with_values("Absent", model, ModelKnobs) if absent else model_knobs(model)
    return {**GROUPS, "model": known, "data": data_knobs(cfg.get("data", {}))}


def model_knobs(section: Mapping[str, object]) -> type[Knobs]:
    """The knobs of the family that a configuration's model names.

    A family without a declaration has those that its `__init__` takes.
    """
    if section.get("family", "") is None:  # (a class in hand, of which nobody has spoken yet)
        return ModelKnobs
    family = str(section.get("family"))
    if family in FAMILY_KNOBS:
        return loaded(FAMILY_KNOBS[family], ModelKnobs)
    if (own := FAMILIES.own(family)) is not None:
        return knobs_from(own)
    if (point := _point(family)) is not None:
        return _outside(point, ModelKnobs)
    from genkit.config.derived import declaration, signature_of  # (which few need)

    signature = signature_of(FAMILIES.target(family))
    if signature is None:
        return _with_values(family, section, ModelKnobs)
    derived = declaration(family, signature.parameters, ModelKnobs)
    return _with_values(family, section, derived) if signature.open else derived


def data_knobs(section: Mapping[str, object]) -> type[Knobs]:
    """The knobs of the dataset that a configuration names; without a declaration, what its file sets."""
    name = str(section.get("name"))
    if name in DATASET_KNOBS:
        return DATASET_KNOBS[name]
    if (point := _point(f"data.{name}")) is not None:
        return _outside(point, DataKnobs)
    bases: dict[str, type[DataKnobs]] = {"size": ImageKnobs, "levels": ExampleKnobs, "tokenizer": TextKnobs}
    base = next((base for key, base in bases.items() if key in section), DataKnobs)
    return _with_values(name, section, base)


def knobs_from(family: type) -> type[Knobs]:
    """The knobs of a class that is at hand, a notebook's for example, by its `__init__`."""
    from genkit.config.derived import knobs_of_class

    return knobs_of_class(family, ModelKnobs)


def _with_values(name: str, section: Mapping[str, object], base: type[Knobs]) -> type[Knobs]:
    """With knobs of the types of their values, where nothing else is known of them."""
    from genkit.config.derived import Parameter, declaration

    more = [Parameter(key, "", value) for key, value in section.items() if not isinstance(value, dict)]
    return declaration(name, more, base)


def loaded(target: str, base: type[K]) -> type[K]:
    """The declaration `module:class`."""
    module, _, name = target.partition(":")
    found: object = getattr(importlib.import_module(module), name)
    if not (isinstance(found, type) and issubclass(found, base)):
        raise TypeError(f"is no class of {base.__name__}")
    return found


def _point(name: str) -> EntryPoint | None:
    return next((point for point in entry_points(group=GROUP) if point.name == name), None)


@cache
def _outside(point: EntryPoint, base: type[K]) -> type[K]:
    """The declaration of another distribution.

    Raises:
        ConfigError: it cannot be read, imports torch, is no declaration, or says of a knob no help, or a
            default that its own range leaves out.
    """
    where = (
        f"{point.dist.name if point.dist else 'a distribution'} declares {GROUP} {point.name} = {point.value}"
    )
    light = "torch" not in sys.modules
    try:
        found = loaded(point.value, base)
        knobs = knobs_of(found)
        for knob in knobs.values():
            knob.fits(None)  # (whether msgspec can read its type)
    except Exception as error:  # whatever a stranger's module does when it is imported
        raise ConfigError(f"{where}, which {_said(error)}.") from None
    if light and "torch" in sys.modules:
        raise ConfigError(
            f"{where}, which imports torch: give the knobs a file of their own, which is read before."
        )
    for knob in knobs.values():
        if knob.name in base.__struct_fields__:
            continue
        if not knob.help:
            raise ConfigError(f"{where}, whose {knob.name} says no help; annotate it with knob('…').")
        value = msgspec.to_builtins(knob.default) if knob.default is not msgspec.NODEFAULT else None
        if knob.default is not msgspec.NODEFAULT and not knob.fits(value):
            raise ConfigError(f"{where}, whose {knob.name}={knob.default} is out of its own range.")
        for other in knob.only:
            if other not in knobs:
                raise ConfigError(
                    f"{where}, whose {knob.name} depends on {other}, which it has not.{nearest(other, knobs)}"
                )
    return found


def _said(error: Exception) -> str:
    if isinstance(error, TypeError) and str(error).startswith("is no class"):
        return str(error)
    return f"cannot be read: {type(error).__name__}: {' '.join(str(error).split())[:150]}"
