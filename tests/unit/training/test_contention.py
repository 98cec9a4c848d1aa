"""Whether other work kept the threads of a training from their cores: decided on numbers alone."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
import torch

from genkit.system.processor import busy_seconds, cores_allowed
from genkit.training.contention import Moment, remark, watches

BEGUN = Moment(wall=100.0, own=7.0, busy=5000.0)


def after(seconds, own, busy):
    return Moment(BEGUN.wall + seconds, BEGUN.own + own, None if busy is None else BEGUN.busy + busy)


@pytest.mark.parametrize(
    ("seconds", "own", "busy", "threads", "cores", "others", "fewer"),
    [
        (100, 100, 200, 2, 2, "1.0", 1),
        (100, 60, 200, 2, 2, "1.4", 1),
        (100, 5, 200, 2, 2, "1.9", 1),  # starved
        (100, 900, 1600, 16, 16, "7.0", 9),
    ],
)
def test_threads_that_had_fewer_cores_than_they_are_take_fewer(
    seconds, own, busy, threads, cores, others, fewer
):
    said = remark(BEGUN, after(seconds, own, busy), threads, cores)
    assert said.startswith(f"other work kept {others} of {cores} cores busy while {threads} threads trained")
    assert f"trainer.threads={fewer} may be faster" in said


@pytest.mark.parametrize(
    ("seconds", "own", "busy", "threads", "cores"),
    [
        (100, 200, 200, 2, 2),  # alone
        (100, 90, 120, 2, 2),  # a step that has no use for the second core, on a machine that is free
        (100, 100, 200, 1, 2),  # one thread waits for none
        (10, 5, 20, 2, 2),  # too short to tell
        (100, 400, 800, 4, 16),  # cores enough for both
        (100, 100, None, 2, 2),  # a system that tells nothing
    ],
)
def test_else_nothing_is_said(seconds, own, busy, threads, cores):
    assert remark(BEGUN, after(seconds, own, busy), threads, cores) is None


def test_only_threads_that_nobody_has_counted_are_watched():
    def asked(threads, processes, device):
        return watches(SimpleNamespace(threads=threads, processes=processes), torch.device(device))

    assert asked(None, 1, "cpu")
    assert not any([asked(2, 1, "cpu"), asked(None, 2, "cpu"), asked(None, 1, "cuda")])


STAT = """cpu  300 0 60 900 40 5 5 10 7 0
cpu0 100 10 20 500 30 1 2 3 7 0
cpu1 200 0 40 400 10 4 3 7 0 0
cpu10 1 1 1 1 1 1 1 1 0 0
intr 5 6
"""


def test_the_time_of_cores_is_all_that_is_not_idle(tmp_path):
    about, tick = tmp_path / "stat", os.sysconf("SC_CLK_TCK")
    about.write_text(STAT)
    assert busy_seconds(frozenset({0}), about) == 136 / tick
    assert busy_seconds(frozenset({0, 1}), about) == (136 + 254) / tick
    for told in ("", "cpu0 x\n", "intr 5\n"):
        about.write_text(told)
        assert busy_seconds(frozenset({0}), about) is None
    assert busy_seconds(frozenset({0}), tmp_path / "none") is None
    assert cores_allowed()
