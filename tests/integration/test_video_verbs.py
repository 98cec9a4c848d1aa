"""What models make of videos, from the command line, on tiny runs of every family: an answer or a reason."""

import numpy as np
import pytest
import torch
from PIL import Image

from genkit import config, load
from genkit.cli import main
from genkit.core.batch import Batch
from genkit.core.observation import mask
from genkit.data import reopen
from genkit.data.real import unchanged
from genkit.inference import verbs
from genkit.runs import read

WORDS = ["debug=fast", "callbacks.progress=none", "logger=none", "callbacks.samples.n=0", "batch_size=16"]
DATA, BINARY = ["data=moving_digits", "model.select=null"], ["data.levels=2", "model=gpt_tiny"]
SMALL = ["model=vae", "model.width=4", "model.hidden=16", "model.latent_size=4"]
MODELS = {
    "vae": SMALL,
    "told": [*SMALL, "model.conditional=true"],
    "dcgan": ["model=dcgan", "model.width=4", "model.latent_size=4"],
    "flow": ["model=flow", "model.width=4", "model.patch=4"],
    "gpt": [*BINARY, "data.patch=[1,4,2]"],
    "cubes": [*BINARY, "data.patch=[2,2,2]"],
}
FRAMES, SIDE = 8, 16
RASTER = (
    "genkit: GPT cannot answer this observation: it draws videos in raster order, so what is known must begin"
    " them: of the verbs it answers complete with mask=end.\n"
)
GPT_HAS = "and GPT declares Likelihood, TokenLikelihood, Completion, Conditional.\n"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name, words in MODELS.items():
        assert main(["train", *words, *DATA, *WORDS, f"name={name}", f"paths.runs_dir={folder}"]) == 0
    return folder


def seen(file):
    """The videos of a file, uint8 (n, T, H, W)."""
    with np.load(file) as held:
        return held["videos"][..., 0]


@pytest.mark.parametrize(
    ("model", "words", "reason"),
    [
        ("vae", "interpolate n=1 steps=3", ""),
        ("vae", "reconstruct n=2", ""),
        ("vae", "restyle label=1", "train one with model.conditional=true.\n"),
        ("told", "restyle n=2 label=1", ""),
        ("dcgan", "restyle label=1", "restyle needs Encoder, and DCGAN declares LatentSpace.\n"),
        ("gpt", "restyle label=1", f"restyle needs Encoder, {GPT_HAS}"),
        ("vae", "complete n=2 draws=1 mask=middle given=3", ""),
        ("vae", "denoise n=2 draws=2", ""),
        ("vae", "upscale n=2 draws=1 along=all", ""),
        ("dcgan", "interpolate n=1 steps=3", ""),
        ("dcgan", "reconstruct", "reconstruct needs Reconstruction, and DCGAN declares LatentSpace.\n"),
        ("dcgan", "complete n=2 draws=1 mask=box", ""),
        ("dcgan", "denoise n=1 draws=1", ""),
        ("dcgan", "upscale n=1 draws=1 along=time factor=4", ""),
        ("flow", "interpolate n=1 steps=3", ""),
        ("flow", "reconstruct n=2", ""),
        ("flow", "complete n=2 draws=1 mask=alternate", ""),
        ("flow", "denoise n=1 draws=1", ""),
        ("flow", "upscale n=1 draws=1 along=time factor=4", ""),
        ("gpt", "interpolate", f"interpolate needs LatentSpace, {GPT_HAS}"),
        ("gpt", "reconstruct", f"reconstruct needs Reconstruction, {GPT_HAS}"),
        ("gpt", "complete n=2 draws=2", ""),
        ("gpt", "complete n=1 draws=1 given=7", ""),
        ("gpt", "denoise", RASTER),
        ("gpt", "upscale along=time", RASTER),
        *(
            ("gpt", f"complete mask={part}", RASTER)
            for part in ("start", "alternate", "lower", "box", "random")
        ),
        ("cubes", "complete n=1 draws=1 given=6", ""),
        ("cubes", "complete given=3", "must end between them: the first 2 or 4 of 8 along time.\n"),
    ],
)
def test_each_verb_answers_or_says_why_it_cannot(verb, tmp_path, model, words, reason):
    out = tmp_path / "made.npz"
    name, *more = words.split()
    code, said, err = verb(name, f"run={model}", *more, f"out={out}")
    if reason:
        assert (code, err.count("\n")) == (2, 1)
        assert err.endswith(reason)
        assert not out.exists()
        return
    assert (code, err) == (0, "")
    typed = dict(word.split("=") for word in more)
    rows = {"interpolate": 3, "reconstruct": 2, "restyle": 2}.get(name, int(typed.get("draws", 0)) + 2)
    assert seen(out).shape == (rows * int(typed["n"]), FRAMES, SIDE, SIDE)
    told = [line.partition(":")[0] for line in said.splitlines()]
    assert ("MSE of a frame" in told) == (name not in ("interpolate", "restyle"))
    assert ("best of 2" in said) == (typed.get("draws") == "2")


HIDDEN = {
    "end": np.s_[4:],
    "end given=1": np.s_[1:],
    "start": np.s_[:4],
    "start given=6": np.s_[:2],
    "middle": np.s_[2:6],
    "middle given=3": np.s_[2:7],
    "alternate": np.s_[1::2],
    "lower": np.s_[:, 8:],
    "upper given=5": np.s_[:, :11],
    "left": np.s_[:, :, :8],
    "right": np.s_[:, :, 8:],
    "box": np.s_[:, 4:12, 4:12],
}


@pytest.mark.parametrize("part", HIDDEN)
def test_what_is_hidden_is_grey_and_what_is_known_is_kept(verb, tmp_path, part):
    words = [f"mask={part.split()[0]}", *part.split()[1:]]
    code, _, err = verb("complete", "run=vae", "n=1", "draws=1", *words, f"out={tmp_path / 'a.npz'}")
    assert (code, err) == (0, "")
    given, answer, truth = seen(tmp_path / "a.npz")
    hidden = np.zeros(truth.shape, bool)
    hidden[HIDDEN[part]] = True
    assert set(given[hidden].tolist()) == {128}
    for kept in (given, answer):
        np.testing.assert_array_equal(kept[~hidden], truth[~hidden])
    assert not np.array_equal(answer[hidden], truth[hidden])


@pytest.mark.parametrize(("along", "block"), [("space", (1, 2, 2)), ("time", (2, 1, 1)), ("all", (2, 2, 2))])
def test_of_space_or_time_or_both_the_means_are_known(verb, tmp_path, along, block):
    words = [] if along == "space" else [f"along={along}"]  # the usual one
    assert verb("upscale", "run=vae", "n=1", "draws=1", *words, f"out={tmp_path / 'a.npz'}")[0] == 0
    given, _, truth = seen(tmp_path / "a.npz").astype(float)
    t, h, w = block
    means = truth.reshape(FRAMES // t, t, SIDE // h, h, SIDE // w, w).mean((1, 3, 5))
    assert np.abs(given - np.kron(means, np.ones(block))).max() <= 1  # of 255 levels


def test_a_strip_and_a_moving_picture_show_the_same_beside_the_truth(verb, tmp_path):
    for suffix in ("png", "gif", "npz"):
        assert verb("complete", "run=gpt", "n=2", "draws=2", f"out={tmp_path / 'a'}.{suffix}")[0] == 0
    clips = seen(tmp_path / "a.npz")  # input, answers, truth of the one, then of the other
    with Image.open(tmp_path / "a.gif") as moving:
        moving.seek(0)
        first = np.asarray(moving.convert("L"))
    scale = first.shape[1] // (4 * (SIDE + 1))  # four side by side
    small = first[scale // 2 :: scale, scale // 2 :: scale]
    for i, clip in enumerate(clips):
        row, column = divmod(i, 4)
        top, left = 1 + row * (SIDE + 1), 1 + column * (SIDE + 1)
        np.testing.assert_array_equal(small[top : top + SIDE, left : left + SIDE], clip[0])
    with Image.open(tmp_path / "a.png") as strip:
        pixels = np.asarray(strip)
    assert len(np.flatnonzero((pixels == (214, 40, 40)).all(-1).any(0))) == 2  # one line, two pixels wide


def test_of_one_example_asked_for_by_its_number_the_library_makes_the_same(verb, runs, tmp_path):
    words = ["in=17", "draws=2", "given=3", "seed=5"]
    assert verb("complete", "run=gpt", *words, f"out={tmp_path / 'a.npz'}")[0] == 0
    _, *answers, truth = seen(tmp_path / "a.npz")
    cfg = config.load_frozen(runs / "gpt" / "config.yaml")
    dataset = reopen(cfg.data, config.paths([]), config.view(cfg), read(runs / "gpt"))
    clips, _, _ = unchanged(dataset.split("test")).images.gather(np.array([17]))
    np.testing.assert_array_equal(truth, 255 * clips[0, 0])
    model, observation = load(runs / "gpt"), mask("end", (FRAMES, SIDE, SIDE), given=3)
    batch = Batch(torch.from_numpy(clips).float(), range(1))
    for i, answer in enumerate(answers):
        made = verbs.complete(model, observation, observation.measure(batch.data), batch, seed=5 + i)
        np.testing.assert_array_equal(answer, 255 * made[0, 0].numpy())


def test_a_likelihood_is_of_each_video(verb):
    code, said, _ = verb("score", "run=gpt", "split=test")
    assert code == 0
    nats, bits = (float(said.split(unit)[0].split()[-1]) for unit in (" nats/example", " bits/dimension"))
    assert bits == pytest.approx(nats / np.log(2) / (FRAMES * SIDE * SIDE), rel=1e-3)
    code, _, err = verb("score", "run=dcgan", "split=test")
    assert (code, err.count("\n")) == (2, 1)
    assert "DCGAN has no likelihood" in err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("complete mask=high", "Did you mean right?"),
        (
            "complete given=8",
            "given=8: mask=end hides a part of the 8 places along time, of which 1 to 7 can be",
        ),
        ("complete mask=alternate given=4", "not of mask=alternate; leave given= out."),
        ("complete given=0", "given takes an integer from 1, not 0"),
        ("complete image=a.png", "image= is a picture, and vae models videos; leave it out."),
        ("upscale factor=3", "factor=3 does not divide the sides 16×16."),
        ("upscale along=time factor=3", "factor=3 does not divide the sides 8."),
        ("upscale along=all factor=16", "factor=16 does not divide the sides 8×16×16."),
        ("upscale along=tme", "Did you mean time?"),
        ("denoise out=a.wav", "videos are saved as .gif"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(verb, words, reason):
    name, *more = words.split()
    code, _, err = verb(name, "run=vae", *more)
    assert (code, err.count("\n")) == (2, 1)
    assert reason in err
