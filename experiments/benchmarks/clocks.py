"""Which time counts: the wall's, or, where other work shares the machine, that of the processors.

`clock=cpu` is meant for threads=1: several threads that wait for one another burn time as well.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}


def of_children() -> float:
    """Seconds of processor that processes started from here have used, once they have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
