"""Validity of bouncing digits: real clips are valid, and what the process does not make is not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from genkit.data.video.moving import moving_mnist
from genkit.data.video_knobs import MovingDigitsKnobs, MovingMnistKnobs, VideoFolderKnobs
from genkit.diagnostics.video_symptoms import of_videos
from genkit.evaluation.array_quality import process_of
from genkit.metrics.bouncing_paths import Bouncing, Tracks, lawful
from genkit.metrics.declaration import Call
from genkit.metrics.evidence import Evidence, Seen
from genkit.metrics.validity import kept, process_shares
from genkit.system.errors import Unmeasurable

N = 60
DIGITS = load_digits()


@dataclass(frozen=True)
class Scene:
    """The rule, written down again as one would say it."""

    size: int = 16
    side: int = 8
    frames: int = 8
    step: float = 2**0.5  # pixels
    speed: float = 1.0  # times the step
    turns: float = 0.0  # radians a frame

    def path(self, rng: np.random.Generator) -> np.ndarray:
        """Whole pixels (T, 2)."""
        free = self.size - self.side
        place, angle = rng.uniform(0, free, 2), rng.uniform(0, 2 * np.pi)
        sign, found = np.ones(2), []
        for _ in range(self.frames):
            found.append(np.floor(place).astype(int))
            place = place + sign * self.speed * self.step * np.array([np.sin(angle), np.cos(angle)])
            angle += self.turns
            for axis in range(2):
                if place[axis] <= 0 or place[axis] >= free:
                    sign[axis] = -sign[axis]
                    place[axis] = min(max(place[axis], 0), free)
        return np.array(found)

    def clip(self, pictures: list[np.ndarray], path: np.ndarray) -> np.ndarray:
        """Of a picture for each frame, (1, T, H, H)."""
        made = np.zeros((1, self.frames, self.size, self.size), np.uint8)
        for t, ((down, across), picture) in enumerate(zip(path, pictures, strict=True)):
            made[0, t, down : down + self.side, across : across + self.side] = picture
        return made

    @property
    def rule(self) -> Bouncing:
        return Bouncing(self.side, self.step)

    def real(self, rng: np.random.Generator, levels: int = 17) -> np.ndarray:
        return np.stack([self.clip([picture(rng, levels)] * self.frames, self.path(rng)) for _ in range(N)])


SMALL = Scene()
LARGE = Scene(size=64, frames=20, step=5.6)


def picture(rng: np.random.Generator, levels: int = 17, label: int | None = None) -> np.ndarray:
    rows = np.arange(len(DIGITS.target)) if label is None else np.flatnonzero(DIGITS.target == label)
    shades = DIGITS.images[rng.choice(rows)]
    return (
        np.round(shades * 255 / 16).astype(np.uint8) if levels > 2 else ((shades >= 8) * 255).astype(np.uint8)
    )


def valid(clips: np.ndarray, scene: Scene = SMALL) -> float:
    return float(kept(clips, scene.rule).valid.mean())


@pytest.mark.parametrize(
    ("scene", "levels"), [(SMALL, 17), (SMALL, 2), (LARGE, 17), (LARGE, 2)], ids=["16", "16b", "64", "64b"]
)
def test_real_clips_are_valid(scene, levels):
    assert valid(scene.real(np.random.default_rng(levels), levels), scene) >= 0.99


def test_the_data_that_are_made_are_valid():
    from genkit.data.video.bouncing import Motion

    rng = np.random.default_rng(5)
    motion = Motion(32, 14, 16, 1, 0.1)  # other proportions, frames and a larger side
    pictures = np.stack([np.pad(picture(rng), 3) for _ in range(N)])  # with empty edges
    places = motion.places(rng.random((N, 2)), rng.random(N) * 2 * np.pi)
    clips = motion.drawn(pictures[:, None], places[:, None])
    assert kept(clips, Bouncing(14, motion.speed * motion.free)).valid.mean() >= 0.99


def made(what: str, scene: Scene, levels: int) -> np.ndarray:
    """Clips with one thing wrong."""
    rng = np.random.default_rng(7)
    real = scene.real(rng, levels)
    T, half = scene.frames, scene.frames // 2
    if what == "noise":
        return rng.integers(0, 256, real.shape).astype(np.uint8)
    if what == "nothing":
        return np.zeros_like(real)
    if what == "still":
        return np.repeat(real[:, :, :1], T, 2)
    if what == "frozen half-way":
        return np.concatenate([real[:, :, :half], np.repeat(real[:, :, half - 1 : half], T - half, 2)], 2)
    if what == "shuffled":
        return np.stack([clip[:, rng.permutation(T)] for clip in real])
    if what == "faded":
        return (real * np.linspace(1, 0.2, T)[:, None, None]).astype(np.uint8)
    if what == "gone half-way":
        return np.concatenate([real[:, :, :half], np.zeros_like(real[:, :, half:])], 2)
    if what in ("half speed", "double speed", "curved"):
        other = replace(
            scene,
            speed={"half speed": 0.5, "double speed": 2.0}.get(what, 1.0),
            turns=2 * np.pi / T if what == "curved" else 0.0,
        )
        return other.real(rng, levels)
    clips = []
    for _ in range(N):
        path, label = scene.path(rng), int(rng.integers(10))
        own, other = (
            picture(rng, levels, label),
            picture(rng, levels, (label + int(rng.integers(1, 10))) % 10),
        )
        if what == "changed half-way":
            clips.append(scene.clip([own] * half + [other] * (T - half), path))
        elif what == "teleported":
            clips.append(scene.clip([own] * T, np.concatenate([path[:half], scene.path(rng)[: T - half]])))
        elif what == "two":
            clips.append(np.maximum(scene.clip([own] * T, path), scene.clip([other] * T, scene.path(rng))))
        else:
            raise AssertionError(what)
    return np.stack(clips)


# At 16×16 a wall is in the way before a curve, or a jump, has led far: some of them fit a straight path.
WRONG = {
    **dict.fromkeys(("noise", "nothing", "still", "frozen half-way", "shuffled", "faded"), 0.0),
    **{"gone half-way": 0.0, "half speed": 0.05, "double speed": 0.0, "changed half-way": 0.05},
    **{"teleported": 0.1, "curved": 0.25, "two": 0.05},
}


@pytest.mark.parametrize("what", WRONG)
def test_what_the_process_does_not_make_is_not_valid(what):
    assert valid(made(what, SMALL, 17)) <= WRONG[what]
    assert valid(made(what, SMALL, 2)) <= WRONG[what]


@pytest.mark.parametrize("what", [what for what in WRONG if what not in ("noise", "nothing")])
def test_with_more_frames_hardly_any_is(what):
    assert valid(made(what, LARGE, 2), LARGE) <= 0.05


def test_each_part_tells_its_own_fault():
    def parts(what: str) -> list[float]:
        found = kept(made(what, SMALL, 17), SMALL.rule)
        return [float(part.mean()) for part in (found.straight, found.same_digit, found.ink)]

    still, faded, changed = parts("still"), parts("faded"), parts("changed half-way")
    assert still == [0.0, 1.0, 1.0]
    assert (faded[0], faded[2]) == (1.0, 0.0)
    assert changed[0] > 0.9 > 0.1 > changed[1]


def test_paths_are_found_by_trying_every_one():
    # All starts and directions of a fine grid, through the rule itself: what no path comes near is refused,
    # what one meets exactly is not.
    scene, rng = replace(SMALL, frames=6), np.random.default_rng(3)
    tried = np.stack([replace(scene).path(rng) for _ in range(20_000)])
    seen = np.concatenate([rng.integers(0, 9, (200, 6, 2)), tried[:200] + rng.integers(0, 2, (200, 6, 2))])
    nearest = np.array([np.abs(tried - one).max((1, 2)).min() for one in seen])
    nothing = np.zeros((len(seen), 2))
    fits = lawful(Tracks(seen, nothing, nothing), scene.rule, scene.size, 0.5)
    assert fits[nearest == 0].all()
    assert not fits[nearest > 1].any()
    assert 10 < fits.sum() < 300


def test_shares_have_intervals_and_need_the_process():
    clips = torch.from_numpy(np.concatenate([made("still", SMALL, 17), SMALL.real(np.random.default_rng(0))]))
    evidence = Evidence(Seen(arrays=lambda: clips), process=SMALL.rule)
    shares = {measure.metric: measure for measure in process_shares(evidence)}
    assert [*shares] == ["valid_share", "straight_share", "same_digit_share", "ink_share"]
    assert shares["valid_share"].value == shares["straight_share"].value == 0.5
    assert shares["valid_share"].low < 0.5 < shares["valid_share"].high
    assert shares["ink_share"].value == 1.0 > shares["ink_share"].low > 0.95
    with pytest.raises(Unmeasurable, match="one in a clip"):
        process_shares(replace(evidence, process=None))
    assert Call("validity:process_shares")(evidence) == process_shares(evidence)


# ---------------------------------------------------------------------- the data themselves


@pytest.fixture(scope="module")
def mnist(data_dir, tmp_path_factory):
    """Clips of MNIST's digits by their side, and of how many frames."""
    made = {}
    paths = {"data_dir": str(data_dir), "cache_dir": str(tmp_path_factory.mktemp("cache"))}
    for size, frames in ((32, 16), (64, 20)):
        data = MovingMnistKnobs(size=size, frames=frames, objects=1, examples=100, tested=100, download=False)
        made[size] = data, np.asarray(moving_mnist(data, paths).images[:100])
    return made


@pytest.mark.parametrize(("size", "frames", "levels"), [(32, 10, 256), (32, 16, 2), (64, 20, 256)])
def test_clips_of_mnists_digits_are_valid(size, frames, levels, mnist):
    data, clips = mnist[size]
    rule = process_of(data)
    assert rule == Bouncing(7 * size // 16, 0.9 * size / 16)  # a tenth of what 28 of 64 pixels leave free
    shown = clips if levels > 2 else ((clips >= 128) * 255).astype(np.uint8)
    assert kept(shown[:, :, :frames], rule).valid.mean() >= 0.99


@pytest.mark.parametrize("size", [32, 64])
def test_clips_of_mnists_digits_have_no_symptom(size, mnist):
    _, clips = mnist[size]
    symptoms = of_videos(clips[:32], clips[32:64])
    assert symptoms == dict.fromkeys(("freezing", "looping_videos", "flicker"), 0.0)


@pytest.mark.parametrize("times", [0.5, 2.0])
def test_clips_of_mnists_digits_are_not_those_of_another_speed(times, mnist):
    data, clips = mnist[32]
    rule = process_of(data)
    assert kept(clips[:50], replace(rule, step=times * rule.step)).straight.mean() <= 0.05


def test_of_several_digits_and_of_other_data_no_process_is_known():
    assert process_of(MovingMnistKnobs()) is None  # two digits, as published
    assert process_of(MovingDigitsKnobs(objects=2)) is None
    assert process_of(VideoFolderKnobs()) is None
    assert process_of(MovingDigitsKnobs()) == Bouncing(8, pytest.approx(2**0.5))
