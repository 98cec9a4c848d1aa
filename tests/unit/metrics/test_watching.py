"""Extractors of moving pictures, and single frames: each tells what it is there for, and not the other."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genkit.core.array_spec import ArraySpec
from genkit.core.media.video import VIDEO
from genkit.data.arrays.made import MadeArrays
from genkit.data.sources import Images
from genkit.data.video.moving import moving_digits
from genkit.data.video_knobs import MovingDigitsKnobs
from genkit.metrics.bundled import DIGITS_SHA256
from genkit.metrics.evidence import Evidence, Seen
from genkit.metrics.extractors import extractor
from genkit.metrics.features import collect
from genkit.metrics.frechet import fid
from genkit.metrics.kernel import kid
from genkit.metrics.neighbours import neighbour_measures
from genkit.metrics.single_frames import frame_measures, single_frames
from genkit.metrics.watching import brought
from genkit.system.errors import ConfigError

N = 500


@pytest.fixture(scope="module")
def data() -> Images:
    return moving_digits(MovingDigitsKnobs(examples=2 * N), {})


@pytest.fixture(scope="module")
def clips(data) -> torch.Tensor:
    """Shown, uint8 (2 N, 1, 8, 16, 16)."""
    assert isinstance(data.images, MadeArrays)
    return torch.from_numpy(np.round(data.images[: 2 * N] * (255 / 16)).astype(np.uint8))


def shuffled(clips: torch.Tensor) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.stack([clip[:, torch.randperm(clip.shape[1], generator=random)] for clip in clips])


def still(clips: torch.Tensor) -> torch.Tensor:
    # Of each the frame that single frames show: as good as real ones, one by one.
    moments = torch.arange(len(clips)) % clips.shape[2]
    return clips[torch.arange(len(clips)), :, moments][:, :, None].expand_as(clips)


@pytest.mark.parametrize("name", ["moving_digits", "random_clip"])
@pytest.mark.parametrize("wrong", [shuffled, still])
def test_what_is_wrong_in_time_is_told_by_clips_and_not_by_frames(clips, name, wrong):
    found, real, other = extractor(name), clips[:N], clips[N:]
    features = collect(found, [real])
    as_real, as_wrong = (kid(features, collect(found, [made])) for made in (other, wrong(other)))
    assert as_wrong.low is not None
    assert as_real.high is not None
    assert as_wrong.low > as_real.high
    frames = {m.metric: m for m in frame_measures(of(real, wrong(other)))}
    assert frames["frame_kid"].low < 0.0 + frames["frame_kid"].high
    assert frames["frame_kid"].value < 0.1 * frame_kid_of_noise(real)


def of(real: torch.Tensor, made: torch.Tensor) -> Evidence:
    return Evidence(Seen(arrays=lambda: made), Seen(arrays=lambda: real))


def frame_kid_of_noise(real: torch.Tensor) -> float:
    noise = torch.from_numpy(np.random.default_rng(0).integers(0, 256, real.shape).astype(np.uint8))
    return {m.metric: m.value for m in frame_measures(of(real, noise))}["frame_kid"]


def test_frames_are_judged_as_pictures_are(clips):
    """The measures of pictures, of frames that are taken here one by one."""
    real, made = clips[:N], clips[N:]
    taken = [torch.stack([clip[:, i % 8] for i, clip in enumerate(some)]) for some in (real, made)]
    assert torch.equal(single_frames(real), taken[0])
    features = [collect(extractor("digits"), [frames]) for frames in taken]
    measures = (fid(*features), kid(*features), *neighbour_measures(*features))
    wanted = {m.metric.removesuffix("_digits"): m for m in measures}
    found = {m.metric: m for m in frame_measures(of(real, made))}
    assert [*found] == ["frame_fid", "frame_kid", "frame_precision", "frame_recall"]
    for name, measure in found.items():
        same = wanted[name.removeprefix("frame_")]
        assert (measure.value, measure.low, measure.high) == (same.value, same.low, same.high)
        assert measure.protocol["extractor"] == "digits"


def test_digits_that_move_are_recognised(data, clips):
    test = slice(2 * N + 500, 2 * N + 1_500)  # another part than the network was trained on
    assert isinstance(data.images, MadeArrays)
    assert data.labels is not None
    shown = torch.from_numpy(np.round(data.images[test] * (255 / 16)).astype(np.uint8))
    found = extractor("moving_digits")
    black_and_white = (shown >= 128).to(torch.uint8) * 255
    for given, least in ((shown, 0.97), (black_and_white, 0.9)):  # 99.9 and 94.2 % where it was trained
        seen = collect(found, given.split(250)).probabilities.argmax(1)
        assert (seen == torch.from_numpy(data.labels[test])).float().mean() > least


def test_videos_have_an_extractor_by_their_size_and_colours():
    def fits(channels: int, *sizes: int) -> str:
        return VIDEO.extractor(ArraySpec(channels, sizes, medium=VIDEO))

    assert fits(1, 8, 16, 16) == fits(1, 20, 64, 64) == "moving_digits"
    assert fits(3, 8, 16, 16) == fits(1, 8, 128, 96) == "random_clip"
    for name in ("moving_digits", "random_clip"):
        assert extractor(name).digest != DIGITS_SHA256
        assert extractor(name).axes == 3
        for shape in ((2, 3, 5, 24, 16), (2, 1, 20, 64, 64), (2, 1, 2, 10, 10)):
            assert extractor(name).features(torch.rand(shape)).shape == (2, extractor(name).size)
    with pytest.raises(
        ConfigError, match="=digits is of images, not of videos; extractor=moving_digits does"
    ):
        extractor("digits").reading(ArraySpec(1, (8, 16, 16), medium=VIDEO))
    with pytest.raises(ConfigError, match="extractor=moving_digits is of videos, not of images"):
        extractor("moving_digits").reading(ArraySpec(1, (16, 16)))


def test_clips_are_brought_to_frames_at_even_steps():
    counted = torch.arange(20.0).view(1, 1, 20, 1, 1).expand(1, 1, 20, 16, 16)
    assert brought(counted, 8, 16)[0, 0, :, 0, 0].tolist() == [0, 3, 5, 8, 11, 14, 16, 19]
    assert torch.equal(brought(counted[:, :, :8], 8, 16), counted[:, :, :8])
