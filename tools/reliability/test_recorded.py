"""What is said of a history: that it can be true, or which two events cannot."""

import pytest

from tools.reliability.recorded import Event, linearizable


def write(start, end):
    return Event("write", None, start, end)


def read(seen, start, end):
    return seen, Event("read", None, start, end)


def test_histories_that_can_be_true():
    linearizable({}, [read(0, 1, 2)])
    linearizable({1: write(1, 4), 2: write(2, 3)}, [read(0, 1, 2), read(2, 2, 3), read(2, 5, 6)])
    linearizable({1: write(1, 2), 2: write(3, None)}, [read(1, 8, 9)])  # killed, and perhaps not written yet
    linearizable({1: write(1, 9)}, [read(1, 2, 3), read(1, 4, 5)])  # there before it was acknowledged


@pytest.mark.parametrize(
    ("writes", "reads", "said"),
    [
        ({1: write(5, 6), 2: write(1, 2)}, [], "2 was done before 1 began"),
        ({1: write(1, 2)}, [read(0, 3, 4)], "saw 0, and 1 was there"),
        ({1: write(5, 6)}, [read(1, 1, 2)], "asked for later"),
        ({1: write(1, 9)}, [read(1, 2, 3), read(0, 4, 5)], "saw 0 after another had seen 1"),
        ({1: write(1, None)}, [read(1, 2, 3), read(0, 4, 5)], "saw 0 after another had seen 1"),
    ],
)
def test_histories_that_cannot(writes, reads, said):
    with pytest.raises(AssertionError, match=said):
        linearizable(writes, reads)
