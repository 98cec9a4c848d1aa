"""What is said of a path at which nothing is: where it was, and what is beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from genkit.system.paths import sought


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with `mine/train/a.txt`, `Photos` and `poems.txt`."""
    (tmp_path / "mine" / "train").mkdir(parents=True)
    (tmp_path / "mine" / "train" / "a.txt").write_text("")
    (tmp_path / "Photos").mkdir()
    (tmp_path / "poems.txt").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("mien", "mine"),
        ("mien/train", "mine/train"),  # the first part that is missing is what is mistyped
        ("mien/train/a.txt", "mine/train/a.txt"),
        ("mine/trian/a.txt", "mine/train/a.txt"),
        ("./mien", "mine"),
        ("PHOTOS", "Photos"),  # no letter of which is the same
        ("poem.txt", "poems.txt"),
    ],
)
def test_the_nearest_name_beside_what_is_missing_is_offered(asked, near, here):
    assert sought(asked) == f" Looked at {here / os.path.normpath(asked)}; did you mean {near}?"
    assert sought(here / asked) == f" Did you mean {here / near}?"
    assert Path(near).exists()


@pytest.mark.parametrize("asked", ["quite/another", "mien/test", "mine/b"])
def test_without_a_near_one_that_is_there_the_place_alone_is_named(asked, here):
    assert sought(asked) == f" Looked at {here / asked}."
    assert sought(here / asked) == ""


def test_nothing_is_said_of_what_is_there(here):
    (here / "loop").symlink_to("loop")
    (here / "gone").symlink_to("nowhere")
    assert [sought(asked) for asked in ("mine", "poems.txt", "loop", "gone")] == [""] * 4


def test_a_path_from_home_is_looked_at_there(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    assert sought("~/mien") == f" Did you mean {here / 'mine'}?"


def test_a_folder_that_cannot_be_looked_into_offers_nothing(here):
    assert sought(here / "poems.txt" / "x") == ""  # (a file is none)
    assert sought("a\0b").startswith(" Looked at ")
