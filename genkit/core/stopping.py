"""Stopping what is drawn between two of its steps, for whoever asked for it and no longer waits.

What draws in many steps calls `between_steps` before each; whoever may stop it says how, for the thread that
draws: `with stoppable(check): …`, where `check` raises what ends the drawing.  Nothing is counted or drawn
otherwise by it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

_check: ContextVar[Callable[[], None] | None] = ContextVar("check", default=None)


@contextlib.contextmanager
def stoppable(check: Callable[[], None]) -> Iterator[None]:
    """Within the context, `check` is called between steps; what it raises ends the drawing."""
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def between_steps() -> None:
    """Nothing, or what a stopped drawing raises."""
    if (check := _check.get()) is not None:
        check()
