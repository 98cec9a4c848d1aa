"""Knobs of a family that declares none: by its signature, read from a class or from its source."""

from collections.abc import Sequence
from importlib.metadata import EntryPoint
from typing import Any, Literal

import pytest

from genkit.config import declared, derived
from genkit.core import registry
from genkit.core.knobs import ModelKnobs, knobs_of

SOURCE = """
from __future__ import annotations
import not_installed
raise RuntimeError("must not be imported")

class Base:
    def __init__(self, spec, *, depth: int = 3): ...

class Mine(Base): ...

class Flow(not_installed.Module):
    def __init__(
        self, spec: Spec, width: int = 8, *, rate: float = 1e-3, name: str | None = None,
        kind: Literal["a", "b"] = "a", sides: Sequence[int] = (1, 2), plain=3, nothing=None, needed: int,
        odd: Foo[int] = None, made=int("3"), flag: "bool" = False, maybe: Optional[float] = 0.5,
    ) -> None: ...

class Open:
    def __init__(self, spec, *, depth: int = 3, **more): ...

class Strange:
    __init__ = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "derived_of_tests").mkdir()
    (tmp_path / "derived_of_tests" / "__init__.py").write_text("raise RuntimeError('nor this')\n")
    (tmp_path / "derived_of_tests" / "flows.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    return "derived_of_tests.flows"


KINDS = {
    "width": ("an integer", False),
    "rate": ("a number", False),
    "name": ("a word", True),
    "kind": ("a word", False),
    "sides": ("a list", False),
    "plain": ("an integer", False),
    "nothing": ("a single value", True),
    "needed": ("an integer", False),
    "odd": ("a single value", True),
    "made": ("a single value", True),
    "flag": ("true or false", False),
    "maybe": ("a number", True),
}


def test_a_source_is_read_and_not_imported(module):
    signature = derived.signature_of(f"{module}:Flow")
    knobs = knobs_of(derived.declaration("flow", signature.parameters, ModelKnobs))
    assert {name: (knobs[name].kind, knobs[name].nullable) for name in KINDS} == KINDS
    assert knobs["kind"].choices == ("a", "b")
    assert not knobs["needed"].fits("x")
    assert not signature.open


def test_the_signature_may_be_a_base_classes(module):
    assert [p.name for p in derived.signature_of(f"{module}:Mine").parameters] == ["depth"]
    assert derived.signature_of(f"{module}:Open").open


@pytest.mark.parametrize(
    "target", ["{}:Nobody", "{}:Strange", "{}.more:Flow", "nothing_there:Flow", "os:PathLike"]
)
def test_what_a_source_does_not_tell(target, module):
    assert derived.signature_of(target.format(module)) is None


class Notebook:
    def __init__(
        self,
        spec,
        width: int = 8,
        *,
        kind: Literal["a", "b"] = "a",
        sides: Sequence[int] = (),
        any: Any = 3,
        no=None,
        share: float | None = 0.1,
    ):
        pass


def test_a_class_at_hand_needs_no_source():
    knobs = knobs_of(declared.knobs_from(Notebook))
    assert knobs["width"].kind == "an integer"
    assert knobs["kind"].choices == ("a", "b")
    assert knobs["sides"].fits([1])
    assert not knobs["sides"].fits(["x"])
    assert knobs["any"].kind == "a single value"
    assert knobs["share"].nullable
    assert knobs["share"].kind == "a number"
    assert {"family", "view", "select"} < set(knobs)


def test_a_family_of_another_distribution_without_a_declaration(module, monkeypatch):
    offered = [EntryPoint(name.lower(), f"{module}:{name}", "genkit.families") for name in ("Flow", "Open")]
    monkeypatch.setattr(registry, "entry_points", lambda group: offered)
    assert "width" in knobs_of(declared.model_knobs({"family": "flow", "extra": 3}))
    assert "extra" not in knobs_of(declared.model_knobs({"family": "flow", "extra": 3}))
    assert "extra" in knobs_of(declared.model_knobs({"family": "open", "extra": 3}))
