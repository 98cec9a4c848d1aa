"""What a safetensors file says of itself: names, shapes and places of its tensors, bounded, without a tensor.

A header may speak of a million tensors or of one with a hundred thousand dimensions in a few megabytes, and
whoever opens such a file waits for minutes; so it is looked at before it is opened.
"""

from __future__ import annotations

from pathlib import Path

from genkit.system.plain import open_file, parse_json
from genkit.system.schemas import conform

MAX_HEADER_BYTES = 32_000_000  # a tensor takes about 100 of them
MAX_TENSORS, MAX_RANK = 100_000, 16
ENTRY = {"dtype": str, "shape": [int], "data_offsets": [int]}


def read_header(path: Path, *, follow: bool = False) -> dict[str, dict[str, object]]:
    """The entries of a safetensors file by name.

    Args:
        follow: whether the path may be a link.

    Raises:
        OSError: it is no plain file, or cannot be read.
        ValueError: it is none, speaks of too much, or has another length than it says.
    """
    with open_file(path, follow=follow) as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= MAX_HEADER_BYTES:
            raise ValueError(f"its header would have {length:,} bytes")
        header = conform(parse_json(file.read(length).decode("utf-8")), dict)
        size = file.seek(0, 2)
    header.pop("__metadata__", None)
    if len(header) > MAX_TENSORS:
        raise ValueError(f"it speaks of {len(header):,} tensors")
    end = 0
    for name, entry in header.items():
        conform(entry, ENTRY, name[:60])
        if len(entry["shape"]) > MAX_RANK or len(entry["data_offsets"]) != 2:
            raise ValueError(f"{name[:60]} has {len(entry['shape']):,} dimensions")
        end = max(end, entry["data_offsets"][1])
    if 8 + length + end != size:
        raise ValueError(f"it has {size:,} bytes, its header says {8 + length + end:,}")
    return dict(header)
