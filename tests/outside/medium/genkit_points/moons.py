"""Two half circles that reach into each other."""

import numpy as np

from genkit.data.sources import Images
from genkit_points.points import POINTS


def moons(data, paths):
    """256 points of each half circle, on 256 levels across and up."""
    turn = np.linspace(0, np.pi, 256)
    one = np.stack([np.cos(turn), np.sin(turn)], 1)
    other = np.stack([1 - np.cos(turn), 0.5 - np.sin(turn)], 1)
    points = np.concatenate([one, other])
    low, high = points.min(0), points.max(0)
    levels = np.round((points - low) / (high - low) * 255).astype(np.uint8)
    labels = np.repeat([0, 1], 256)
    return Images(levels[:, :, None], labels, 256, ("upper", "lower"), medium=POINTS)
