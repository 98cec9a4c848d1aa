"""A model whose family is a class in hand: what its file would say, by what the class itself says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from genkit.config.declared import knobs_from
from genkit.config.frozen import OPTION
from genkit.config.refusals import UNSET
from genkit.config.settings import Config
from genkit.config.values import copied, put
from genkit.config.words import Word, texts_of
from genkit.core.knobs import knobs_of
from genkit.families import FAMILIES
from genkit.system.errors import ConfigError

if TYPE_CHECKING:
    from genkit.core.contract import Contract

FAMILY = "model.family"  # the key that names one


def section_of(name: str | None) -> dict[str, object]:
    """The group `model` of a family, with every knob as its `__init__` has it.

    Raises:
        ConfigError: nobody has given the family, or it takes what cannot be a knob.
    """
    if name is None:
        raise ConfigError(
            f"model={OPTION} is a family that genkit.train([…], family=CLASS) is given in Python; choose a"
            " model here, or give the family a file, and the entry points genkit.families and genkit.conf."
        )
    family = FAMILIES.load(FAMILIES.check(name))
    declared = knobs_of(knobs_from(family))
    section: dict[str, Any] = {"family": name, "view": _view(family)}
    for key, knob in declared.items():
        if key in section:
            continue
        if key.startswith("_"):
            raise ConfigError(f"family={name}: its knob {key} begins with an underscore; rename it.")
        default = UNSET if knob.default is msgspec.NODEFAULT else knob.default
        section[key] = list(default) if isinstance(default, tuple) else default
    return section


def _view(family: type[Contract]) -> str:
    """What a family reads; left open where it says that it reads anything."""
    return getattr(family.reads, "kind", UNSET)


def with_words(model: dict[str, object], words: Sequence[Word]) -> dict[str, object]:
    """The group with what a person typed of it.

    Raises:
        ConfigError: a word looks something up.
    """
    made = copied({"model": model})
    for word in words:
        if any("${" in text for text in texts_of(word.value)):
            raise ConfigError(f"{word.line}: nothing is looked up for a class of Python's; give the value.")
        put(made, word.key, word.value)
    return dict(made["model"])


def model_name(cfg: Config) -> str:
    """What a configuration's model is called: as its file, or as its family where it has none."""
    chosen = cfg.choices.get("model")
    return cfg.model.family if chosen in (None, OPTION) else str(chosen)
