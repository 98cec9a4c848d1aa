"""Two half circles that reach into each other, with noise."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from genkit.data.sources import Images
from genkit_points.points import POINTS


def moons(data: Mapping[str, Any], paths: Mapping[str, str]) -> Images:
    """Half of the points on either half circle, on 256 levels across and up."""
    drawn = np.random.default_rng(0)
    labels = np.arange(data["examples"]) % 2
    turn = drawn.uniform(0, np.pi, len(labels))
    upper = np.stack([np.cos(turn), np.sin(turn)], 1)
    points = np.where(labels[:, None] == 0, upper, [1.0, 0.5] - upper)
    points += data["noise"] * drawn.standard_normal(points.shape)
    low, high = points.min(0), points.max(0)
    levels = np.round((points - low) / (high - low) * 255).astype(np.uint8)
    return Images(levels[:, :, None], labels, classes=("upper", "lower"), medium=POINTS)
