"""Frames of video beside what they should be, by the definitions that predictions are published by.

Every function takes clips (n, C, T, H, W), uint8 or floats from 0 to 1, as arrays or tensors, and gives one
number a clip, float64 (n,): the mean over its T frames.  So the mean over clips is that over all frames.

| function | of a frame | better | of equal frames | of white instead of black |
|---|---|---|---|---|
| `mse`  | Σ (y - x)², over its C·H·W numbers: a sum, no mean         | lower  | 0   | C·H·W  |
| `mae`  | Σ of their absolute differences                            | lower  | 0   | C·H·W  |
| `psnr` | -10 log10 of the mean of (y - x)², dB, at most 100         | higher | 100 | 0      |
| `ssim` | structural similarity (Wang et al. 2004), Gaussian windows | higher | 1   | 0.0001 |

The first three are those of OpenSTL (Tan et al. 2023): PSNR is of each frame, and then the mean.  (Of equal
frames it is infinite there; the nearest of 8 bits that differ, by one step in one of 64×64 numbers, have 84.)
Two other numbers go by the same names: PSNR of the mean error of all frames together, which is lower, and, in
older tables, of differences of 8 bits that have wrapped round, which is higher by some 15 dB.  OpenSTL's SSIM
is scikit-image's by default: flat windows of 7×7 and, of floats, a range of 2; see `experiments`.

Legend: N frames.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from genkit.metrics.truth_distance import Distance
from genkit.system.errors import DataError

Clips = np.ndarray | Tensor
MOST = 100.0  # decibels
WINDOW, SIGMA = 11, 1.5  # pixels, of a Gaussian
C1, C2 = 0.01**2, 0.03**2  # against small divisors; the range is 1
AT_ONCE = 2**20  # pixels whose windows are held together


def ink(clips: Clips) -> Tensor:
    """float64 (n, C, T, H, W), from 0 to 1.

    Raises:
        DataError: they have no five axes, are integers of another width, or leave the range.
    """
    given = torch.as_tensor(clips)
    if given.ndim != 5 or not (given.is_floating_point() or given.dtype == torch.uint8):
        kind = f"{str(given.dtype).removeprefix('torch.')} {tuple(given.shape)}"
        raise DataError(f"clips are uint8 or floats of a shape (n, C, T, H, W), not {kind}.")
    if given.dtype == torch.uint8:
        return given.double() / 255
    if not bool(((given >= 0) & (given <= 1)).all()):
        raise DataError("clips of floats are from 0 to 1, and these leave that range.")
    return given.double()


def ink_pairs(clips: Clips, truth: Clips) -> tuple[Tensor, Tensor]:
    """Both from 0 to 1.

    Raises:
        DataError: they are no clips, or there are not as many of one shape.
    """
    made, wanted = ink(clips), ink(truth)
    if made.shape != wanted.shape:
        shapes = f"{tuple(made.shape)} beside {tuple(wanted.shape)}"
        raise DataError(f"clips are measured beside as many of the same shape, not {shapes}.")
    return made, wanted


# ---------------------------------------------------------------------- pixel by pixel


def mse(clips: Clips, truth: Clips) -> Tensor:
    """Squared error, summed over a frame."""
    return _mean_of_frames(lambda made, wanted: (made - wanted).square().flatten(1).sum(1), clips, truth)


def mae(clips: Clips, truth: Clips) -> Tensor:
    """Absolute error, summed over a frame."""
    return _mean_of_frames(lambda made, wanted: (made - wanted).abs().flatten(1).sum(1), clips, truth)


def psnr(clips: Clips, truth: Clips) -> Tensor:
    """Peak signal-to-noise ratio of each frame, dB; the peak is 1."""

    def of(made: Tensor, wanted: Tensor) -> Tensor:
        error = (made - wanted).square().flatten(1).mean(1)
        return (-10 * error.clamp(min=10 ** (-MOST / 10)).log10()).clamp(max=MOST)

    return _mean_of_frames(of, clips, truth)


# ---------------------------------------------------------------------- by windows


def ssim(clips: Clips, truth: Clips) -> Tensor:
    """Structural similarity, the mean over a Gaussian window around each pixel, and over channels.

    Windows have 11×11 pixels, σ = 1.5, and constants of (0.01)² and (0.03)² (Wang et al. 2004, section
    III.B).  At the edges frames go on by their reflection, as torchmetrics has it, so that no pixel is left
    out; a side below 6 has no such reflection, and a window of twice the side less one, with the same σ.
    """

    def of(made: Tensor, wanted: Tensor) -> Tensor:
        down, across = (_windows(side, min(made.shape[2:])).to(made) for side in made.shape[2:])
        parts = torch.stack((made, wanted, made * made, wanted * wanted, made * wanted))
        y, x, yy, xx, xy = down @ parts @ across.T
        likeness = (2 * x * y + C1) / (x * x + y * y + C1)
        spread = (xx - x * x).clamp(min=0) + (yy - y * y).clamp(min=0)
        structure = (2 * (xy - x * y) + C2) / (spread + C2)
        found: Tensor = (likeness * structure).flatten(1).mean(1)
        return found

    return _mean_of_frames(of, clips, truth)


def _windows(side: int, least: int) -> Tensor:
    """What takes a line of pixels to the weighted mean of the window around each, float64 (side, side).

    Args:
        least: the shorter side, by which windows are no wider than fits.
    """
    edge = min(WINDOW, 2 * least - 1) // 2
    weights = (-0.5 * (torch.arange(-edge, edge + 1, dtype=torch.float64) / SIGMA).square()).exp()
    lines = torch.eye(side, dtype=torch.float64)[:, None]
    means = F.conv1d(F.pad(lines, (edge, edge), mode="reflect"), (weights / weights.sum())[None, None])
    return means[:, 0].T


DISTANCES = {
    "mse": Distance("MSE of a frame", mse, "lower"),
    "mae": Distance("MAE of a frame", mae, "lower"),
    "ssim": Distance("SSIM", ssim, "higher"),
    "psnr": Distance("PSNR, dB", psnr, "higher"),
}


# ---------------------------------------------------------------------- of clips


def _mean_of_frames(of: Callable[[Tensor, Tensor], Tensor], clips: Clips, truth: Clips) -> Tensor:
    """The mean over the frames of each clip of a number of two frames, (N,) of (N, C, H, W) each, a bounded
    number of pixels at a time."""
    made, wanted = ink_pairs(clips, truth)
    count, channels, length, height, width = made.shape
    rows = max(1, AT_ONCE // max(1, channels * height * width))
    pairs = zip(*(part.transpose(1, 2).flatten(0, 1).split(rows) for part in (made, wanted)), strict=True)
    found = [of(y, x) for y, x in pairs] if made.numel() else [made.new_zeros(count * length)]
    return torch.cat(found).view(count, length).mean(1)
