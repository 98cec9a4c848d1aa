"""Moving MNIST: what predictions without any model are worth, and the least cross-entropy that there is.

    python experiments/043_moving_mnist_floors/floors.py data=data/MNIST/raw clips=4000

The folder holds MNIST's four files as published.  Clips of 20 frames of 64×64 with two of MNIST's test digits
are made by the rule of Srivastava et al. 2015; ten frames are given, and the other ten are measured.  The
mean frame is of as many clips of training digits.  SSIM stands here as genkit has it and as OpenSTL does, by
scikit-image's default: flat windows of 7×7, spreads divided by 48, a range of 2, the edges left out; that one
of every fourth clip.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import uniform_filter

from genkit.data.video.bouncing import BouncingDigits, Cast, Motion
from genkit.metrics import frames, value_intervals
from genkit.metrics.prediction import CLIPPED, cross_entropy

MOTION = Motion(size=64, side=28, frames=20, objects=2, speed=0.1)
GIVEN, AT_ONCE, SIDE = 10, 100, 7


def read(folder: Path, part: str) -> np.ndarray:
    """MNIST's pictures, uint8 (N, 28, 28)."""
    file = next(path for path in sorted(folder.iterdir()) if path.name.startswith(f"{part}-images"))
    content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    return np.frombuffer(content, np.uint8, offset=16).reshape(-1, 28, 28)


def clips_of(pictures: np.ndarray, clips: int) -> BouncingDigits:
    return BouncingDigits(MOTION, {"all": Cast(pictures, np.zeros(len(pictures), np.int64), clips)})


def openstl_ssim(made: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The mean over the frames of each clip, (n,), of floats (n, 1, T, H, W)."""

    def means(numbers: np.ndarray) -> np.ndarray:
        return np.asarray(uniform_filter(numbers, (1, 1, 1, SIDE, SIDE)))

    x, y = means(truth), means(made)
    unbiased = SIDE**2 / (SIDE**2 - 1)
    xx, yy = unbiased * (means(truth**2) - x**2), unbiased * (means(made**2) - y**2)
    xy = unbiased * (means(truth * made) - x * y)
    first, second = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    similar = (2 * x * y + first) * (2 * xy + second) / ((x**2 + y**2 + first) * (xx + yy + second))
    inner = slice(SIDE // 2, -(SIDE // 2))
    return np.asarray(similar[..., inner, inner].mean((1, 2, 3, 4)))


def told(numbers: list[np.ndarray]) -> str:
    value, low, high = value_intervals.mean(np.concatenate(numbers))
    digits = 4 if abs(value) < 1 else 2
    return f"{value:.{digits}f} ± {(high - low) / 2:.{digits}f}"


def main(folder: Path, clips: int) -> None:
    learnt, judged = (clips_of(read(folder, part), clips) for part in ("train", "t10k"))
    parts = [slice(start, min(start + AT_ONCE, clips)) for start in range(0, clips, AT_ONCE)]
    mean = sum(learnt[part].sum((0, 1, 2), dtype=np.int64) for part in parts) / (255 * clips * MOTION.frames)
    found: dict[tuple[str, str], list[np.ndarray]] = {}
    lit = 0.0
    for part in parts:
        whole = torch.from_numpy(judged[part]).double() / 255
        truth = whole[:, :, GIVEN:]
        lit += float((truth > 0).double().mean()) * len(truth) / clips
        trivial = {
            "mean frame": torch.from_numpy(mean).expand_as(truth),
            "black": torch.zeros_like(truth),
            "last frame": whole[:, :, GIVEN - 1 : GIVEN].expand_as(truth),
        }
        for name, made in trivial.items():
            values = {
                of.__name__: of(made, truth) for of in (frames.mse, frames.mae, frames.ssim, frames.psnr)
            }
            values["ssim of OpenSTL"] = torch.from_numpy(openstl_ssim(made[::4].numpy(), truth[::4].numpy()))
            if name == "mean frame":
                values["cross-entropy"] = cross_entropy(made, truth)
            for of, numbers in values.items():
                found.setdefault((name, of), []).append(numbers.numpy())
        found.setdefault(("the frames themselves", "cross-entropy"), []).append(
            cross_entropy(truth, truth, 0.0).numpy()
        )
    columns = ("mse", "mae", "ssim", "ssim of OpenSTL", "psnr", "cross-entropy")
    print(f"{clips:,} clips; {lit:.1%} of their pixels carry ink; chances clipped at {CLIPPED:g}\n")
    print("| predicted | " + " | ".join(columns) + " |")
    print("|---|" + "---|" * len(columns))
    for name in dict.fromkeys(name for name, _ in found):
        cells = [told(found[name, of]) if (name, of) in found else "–" for of in columns]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    words = dict(word.split("=", 1) for word in sys.argv[1:])
    main(Path(words["data"]), int(words.get("clips", 4000)))
