"""Errors of frames: against torchmetrics, plain loops and scipy's filters, and what they are of black and
white."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torchmetrics.image import PeakSignalNoiseRatio, StructuralSimilarityIndexMeasure

from genkit.core.media.video import VIDEO
from genkit.data.video.bouncing import BouncingDigits, Cast, Motion
from genkit.metrics import frames
from genkit.system.errors import DataError

EACH = pytest.mark.parametrize("name", ["mse", "mae", "ssim", "psnr"])


def moving(n=3, frames_=4, size=24):
    """Clips of squares that move, uint8 (n, 1, T, H, W)."""
    generator = np.random.default_rng(0)
    pictures = generator.integers(0, 256, (10, 8, 8)).astype(np.uint8)
    cast = Cast(pictures, np.arange(10), n)
    return BouncingDigits(Motion(size, 8, frames_), {"test": cast})[:]


def noisy(clips, seed=1, scale=40):
    noise = np.random.default_rng(seed).normal(0, scale, clips.shape)
    return (clips + noise).clip(0, 255).astype(np.uint8)


def smooth(*shape, seed=0):
    """Floats in [0, 1]."""
    return torch.from_numpy(np.random.default_rng(seed).uniform(0, 1, shape)) ** 2


def each_frame(clips):
    """(n, T) lists of frames (C, H, W), as floats."""
    scaled = np.asarray(clips, np.float64) / (255 if clips.dtype in (np.uint8, torch.uint8) else 1)
    return [[clip[:, t] for t in range(clip.shape[1])] for clip in scaled]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), [(6, 9), (11, 11), (16, 24), (40, 13)])
def test_similarity_and_noise_ratio_are_those_of_torchmetrics(channels, height, width):
    truth = smooth(3, channels, 4, height, width)
    made = (truth + 0.2 * (smooth(*truth.shape, seed=1) - 0.3)).clamp(0, 1)
    for name, metric in (
        ("ssim", StructuralSimilarityIndexMeasure(data_range=1.0)),
        ("psnr", PeakSignalNoiseRatio(data_range=1.0)),
    ):
        wanted = torch.zeros(3)
        for i in range(3):
            of_clip = [metric(made[i : i + 1, :, t], truth[i : i + 1, :, t]) for t in range(4)]
            wanted[i] = torch.stack(of_clip).mean()
        torch.testing.assert_close(
            getattr(frames, name)(made, truth).float(), wanted, atol=1e-5, rtol=0, msg=name
        )


def test_similarity_of_moving_squares_is_torchmetrics_s_too():
    truth = moving(size=20)
    made = noisy(truth)
    metric = StructuralSimilarityIndexMeasure(data_range=1.0)
    both = (torch.from_numpy(part).double().div(255).transpose(1, 2).flatten(0, 1) for part in (made, truth))
    assert float(frames.ssim(made, truth).mean()) == pytest.approx(float(metric(*both)), abs=1e-5)


@pytest.mark.parametrize(("height", "width", "window"), [(5, 5, 9), (4, 30, 7), (20, 3, 5), (12, 9, 11)])
def test_similarity_of_small_frames_is_in_windows_that_fit(height, width, window):
    truth, made = smooth(2, 1, 3, height, width), smooth(2, 1, 3, height, width, seed=1)

    def means(frame):
        return ndimage.gaussian_filter(frame, 1.5, mode="mirror", radius=window // 2)

    found = []
    for y, x in zip(made[:, 0].flatten(0, 1).numpy(), truth[:, 0].flatten(0, 1).numpy(), strict=True):
        my, mx, vy, vx = means(y), means(x), means(y * y) - means(y) ** 2, means(x * x) - means(x) ** 2
        top = (2 * mx * my + 0.0001) * (2 * (means(x * y) - mx * my) + 0.0009)
        found.append((top / ((mx**2 + my**2 + 0.0001) * (vx + vy + 0.0009))).mean())
    wanted = np.reshape(found, (2, 3)).mean(1)
    assert frames.ssim(made, truth).tolist() == pytest.approx(wanted.tolist(), abs=1e-9)


@pytest.mark.parametrize("channels", [1, 3])
def test_errors_are_summed_over_a_frame(channels):
    truth = moving().repeat(channels, 1)
    made = noisy(truth)
    squared, absolute = [], []
    for ys, xs in zip(each_frame(made), each_frame(truth), strict=True):
        of_frames = []
        for y, x in zip(ys, xs, strict=True):
            gaps = [float(a) - float(b) for a, b in zip(y.ravel(), x.ravel(), strict=True)]
            of_frames.append((sum(gap * gap for gap in gaps), sum(map(abs, gaps))))
        squared.append(sum(s for s, _ in of_frames) / len(of_frames))
        absolute.append(sum(a for _, a in of_frames) / len(of_frames))
    assert frames.mse(made, truth).tolist() == pytest.approx(squared)
    assert frames.mae(made, truth).tolist() == pytest.approx(absolute)


def test_a_noise_ratio_is_of_each_frame_and_then_the_mean():
    truth = np.zeros((1, 1, 2, 12, 12), np.uint8)
    made = truth.copy()
    made[0, 0, 0] = 255  # 0 dB; the other frame is equal, 100
    made[0, 0, 1, 0, 0] = 51  # (1/5)² / 144
    assert frames.psnr(made, truth).tolist() == pytest.approx([(0 + 10 * np.log10(25 * 144)) / 2])


@EACH
def test_what_is_said_of_equal_clips_and_of_white_instead_of_black(name):
    of = getattr(frames, name)
    black = np.zeros((2, 3, 2, 12, 13), np.uint8)
    equal, white = {"mse": (0, 468), "mae": (0, 468), "ssim": (1, 1e-4), "psnr": (100, 0)}[name]
    assert of(black, black).tolist() == pytest.approx([equal] * 2)
    assert of(noisy(moving()), noisy(moving())).tolist() == pytest.approx([equal] * 3)
    assert of(black + np.uint8(255), black).tolist() == pytest.approx([white] * 2, rel=1e-3)


@EACH
def test_a_clip_is_measured_alone_and_in_blocks_as_it_is_together(name, monkeypatch):
    truth, of = moving(5), getattr(frames, name)
    made = noisy(truth)
    whole = of(made, truth)
    alone = torch.cat([of(made[i : i + 1], truth[i : i + 1]) for i in range(5)])
    torch.testing.assert_close(whole, alone)
    monkeypatch.setattr(frames, "AT_ONCE", 3 * 24 * 24)
    torch.testing.assert_close(of(made, truth), whole)
    torch.testing.assert_close(of(torch.from_numpy(made), torch.from_numpy(truth).double() / 255), whole)
    assert of(made[:0], truth[:0]).shape == (0,)


@EACH
def test_what_are_no_clips_is_refused(name):
    of, clips = getattr(frames, name), moving()
    for made, truth, reason in (
        (clips[0], clips[0], "of a shape \\(n, C, T, H, W\\), not uint8 \\(1, 4, 24, 24\\)"),
        (clips.astype(np.int64), clips, "not int64"),
        (clips, clips[:, :, :2], "beside as many of the same shape"),
        (clips / 100.0, clips, "from 0 to 1"),
        (np.full(clips.shape, np.nan), clips, "from 0 to 1"),
    ):
        with pytest.raises(DataError, match=reason):
            of(made, truth)


def test_what_a_video_is_compared_by_is_known():
    table = frames.DISTANCES
    assert VIDEO.distances == "genkit.metrics.frames:DISTANCES"
    assert {name: (one.of, one.better) for name, one in table.items()} == {
        **{name: (getattr(frames, name), "lower") for name in ("mse", "mae")},
        **{name: (getattr(frames, name), "higher") for name in ("ssim", "psnr")},
    }
