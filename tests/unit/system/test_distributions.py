"""What other distributions offer: read once, and again where one was installed or removed."""

import importlib.metadata
import os
import shutil

import pytest

from genkit.system import distributions
from genkit.system.distributions import entry_points

GROUP = "genkit.tests_of_distributions"


def install(place, name):
    about = place / f"{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {name}.thing:THING\n")
    os.utime(place, ns=(0, place.stat().st_mtime_ns + 1))  # a clock may tick more slowly than this test
    return about


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def offered():
    found = [(point.name, point.value, point.dist.name) for point in entry_points(group=GROUP)]
    asked = importlib.metadata.entry_points(group=GROUP)
    assert found == [(point.name, point.value, point.dist.name) for point in asked]
    return [name for name, *_ in found]


def test_what_is_installed_or_removed_meanwhile_is_seen(place):
    assert offered() == []
    about = install(place, "first")
    assert offered() == ["first"]
    install(place, "second")
    assert sorted(offered()) == ["first", "second"]
    shutil.rmtree(about)
    os.utime(place, ns=(0, place.stat().st_mtime_ns + 1))
    assert offered() == ["second"]


def test_nothing_is_read_twice(place, monkeypatch):
    install(place, "first")
    assert offered() == ["first"]
    monkeypatch.setattr(importlib.metadata, "entry_points", None)
    assert [point.name for point in entry_points(group=GROUP)] == ["first"]
    assert not entry_points(group="genkit.nothing_of_this_name")


def test_a_place_that_is_missing_holds_nothing(place, monkeypatch):
    monkeypatch.syspath_prepend(str(place / "missing"))
    assert offered() == []
    assert distributions._changed(str(place / "missing")) is None
