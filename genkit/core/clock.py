"""The clock of a training: what its steps take is charged to a budget, what else happens meanwhile is not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class Clock:
    """Seconds of a training, earlier parts of a resumed one included.

    Args:
        charged: spent by the steps of earlier parts.
        wall: that passed in them, validations, drawing and checkpoints included.

    Attributes:
        agreed: the charged seconds as all processes know them, which schedules go by: clocks of two
            processes differ, and with them their learning rates would.
    """

    def __init__(self, charged: float = 0.0, wall: float = 0.0) -> None:
        self.agreed = self._charged = charged
        self._wall_before = wall
        self._started: float | None = None
        self._since: float | None = None  # when the clock last began to run; None: it stands
        self._pauses = 0

    def start(self) -> None:
        self._started = self._since = time.monotonic()

    @property
    def seconds(self) -> float:
        """Of steps alone."""
        return self._charged + (0.0 if self._since is None else time.monotonic() - self._since)

    @property
    def wall_seconds(self) -> float:
        """From the start on, whatever was done in them."""
        return self._wall_before + (0.0 if self._started is None else time.monotonic() - self._started)

    def pause(self, device: torch.device) -> None:
        """Stop charging; what a device has still to do of the steps before is charged to them."""
        self._pauses += 1
        if self._pauses == 1 and self._since is not None:
            if device.type in ("cuda", "mps"):
                getattr(torch, device.type).synchronize()
            self._charged, self._since = self.seconds, None

    def go_on(self) -> None:
        """Charge again, once every pause has ended."""
        self._pauses -= 1
        if self._pauses == 0 and self._started is not None:
            self._since = time.monotonic()

    @contextmanager
    def paused(self, device: torch.device) -> Iterator[None]:
        """What is done in here is not charged."""
        self.pause(device)
        try:
            yield
        finally:
            self.go_on()
