"""Text from anywhere on somebody's terminal."""

from __future__ import annotations

import re

# C0 and C1 controls but tab and newline, and the bidirectional overrides: what could steer a terminal.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def without_controls(text: str, instead: str = "\N{REPLACEMENT CHARACTER}") -> str:
    """The text with something harmless instead of what could steer a terminal."""
    return _CONTROLS.sub(instead, text)
