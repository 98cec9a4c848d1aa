"""Representations by name: what a model reads in the place of what its medium has.  No torch here."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from genkit.core.representations.representation import Representation
from genkit.system.schemas import typed

# `module:class` of each, imported when one is named.
REPRESENTATIONS: Mapping[str, str] = {
    "mu_law": "genkit.core.representations.mu_law:MuLaw",
    "log_mel": "genkit.core.representations.log_mel:LogMel",
}


def find(name: str) -> type[Representation]:
    """The class of a name.

    Raises:
        ValueError: there is none.
    """
    if name not in REPRESENTATIONS:
        raise ValueError(f"no representation is called {name[:40]!r}; known: {', '.join(REPRESENTATIONS)}")
    module, _, attribute = REPRESENTATIONS[name].partition(":")
    found: type[Representation] = getattr(importlib.import_module(module), attribute)
    return found


def representation_from_dict(plain: object) -> Representation:
    """Rebuild one from `to_dict()`.

    Raises:
        ValueError: there is no such representation.
    """
    held = typed(plain, dict[str, object], "representation")
    kind = find(typed(held.get("name"), str, "representation.name"))
    return typed({key: value for key, value in held.items() if key != "name"}, kind)
