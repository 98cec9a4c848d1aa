"""How a number of a training went, as a line of blocks: ▁▂▃▄▅▆▇█."""

import csv
import math

from genkit.runs.layout import history
from genkit.system.errors import ConfigError, nearest
from genkit.system.terminal import say
from genkit_curve.command import CurveSettings

BLOCKS = "▁▂▃▄▅▆▇█"


def curve(settings: CurveSettings) -> int:
    rows = list(csv.DictReader(history(settings.folder / "metrics.csv").splitlines()))
    numbers = [float(row.get(settings.term) or "nan") for row in rows]
    values = [value for value in numbers if math.isfinite(value)]
    if not values:
        known = nearest(settings.term, rows[0] if rows else ())
        raise ConfigError(f"term={settings.term}: {settings.run} has logged no such number.{known}")
    low, high = min(values), max(values)
    highest = len(BLOCKS) - 1
    heights = [round((value - low) / (high - low or 1) * highest) for value in values[-settings.width :]]
    blocks = "".join(BLOCKS[height] for height in heights)
    say(f"{settings.term} {blocks} {values[0]:.4g} to {values[-1]:.4g}")
    return 0
