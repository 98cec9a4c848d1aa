"""The end of a process that a command or a member of a study has to itself."""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
import threading
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """End the process as `sys.exit` does, but leave the interpreter as it is.

    Threads are waited for, what is to be done at the exit is done, and what was said is written, in the
    order in which `multiprocessing` ends what it forks; but no module is taken apart.  With torch that takes
    a quarter of a second, in a fork more, since it writes to the pages that it had shared.
    """
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # as `multiprocessing` does; nothing public waits
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
        ctypes.CDLL(None).fflush(None)  # what code in C has said
    except OSError:  # nobody reads any more, or the disk is full
        code = code or 120  # as the interpreter has it
    finally:
        os._exit(code)
