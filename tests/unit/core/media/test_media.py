"""Media: those built in, and one from another distribution, through everything that shows samples."""

import json
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from genkit.core import media, registry
from genkit.core.budget import check_unit
from genkit.core.codecs import ByteCodec, PixelCodec
from genkit.core.media.medium import Medium, Shown
from genkit.core.samples import Samples
from genkit.core.spec import ArraySpec, TokenSpec, spec_from_dict
from genkit.system.errors import ConfigError
from genkit.training.callbacks import SampleWriter
from genkit.training.loggers import BoardHistory

OUTSIDE = Path(__file__).parents[3] / "outside" / "medium"
CORNERS = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])[:, :, None]  # (across, up) of three points


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.syspath_prepend(str(OUTSIDE))
    declared = "genkit_points.points:POINTS"
    monkeypatch.setattr(
        registry,
        "entry_points",
        lambda group: [EntryPoint("points", declared, group)] if group == "genkit.media" else [],
    )
    yield media.find("points")
    for name in [name for name in sys.modules if name.startswith("genkit_points")]:
        del sys.modules[name]


@pytest.fixture
def points(installed):
    return Samples(CORNERS, ArraySpec(2, (1,), medium=installed), seed=5, origin={"run": "moons"})


# ---------------------------------------------------------------------- built in


@pytest.mark.parametrize("name", ["text", "image"])
def test_a_medium_is_a_declaration(name):
    medium = media.find(name)
    assert medium == media.find(name)
    assert medium.name == name
    assert hash(medium) == hash(media.find(name))
    with pytest.raises(AttributeError):
        medium.many = "others"
    assert set(medium.views) <= {"arrays", "tokens"}
    assert not medium.rest or medium.rest in medium.parts


def test_every_view_of_an_image_is_of_images():
    image = ArraySpec(1, (8, 8), 17, ("a", "b"))
    pixels = TokenSpec(PixelCodec(image), classes=image.classes)
    assert image.medium == pixels.medium == media.find("image")
    assert image.array == pixels.array == image
    assert image.numbers == pixels.numbers == 64
    text = TokenSpec(ByteCodec())
    assert (text.medium, text.array, text.numbers) == (media.find("text"), None, 1)


def test_tokens_are_a_budget_of_texts_alone():
    check_unit("tokens", media.find("text"), "colors")
    check_unit("examples", media.find("image"), "digits")
    with pytest.raises(ConfigError, match=r"budget\.tokens is for texts, and data=digits is of images"):
        check_unit("tokens", media.find("image"), "digits")


def test_what_a_dataset_gathers_is_shown_as_samples_are():
    image = ArraySpec(3, (4, 5), 17)
    levels = np.random.default_rng(0).integers(0, 17, (6, 3, 4, 5)).astype(np.uint8)
    drawn = Samples(torch.from_numpy(levels) / 16, image, 0)
    assert (image.shown(levels).arrays == drawn.arrays).all()
    codec = PixelCodec(image)
    windows = np.insert(codec.to_ids(levels), 0, codec.start, axis=1)
    assert (TokenSpec(codec).shown(windows).arrays == drawn.arrays).all()
    text = TokenSpec(ByteCodec())
    assert text.shown([np.array([*b"ab", -1, -1])]).texts == ["ab"]


def test_noise_of_images_has_every_level_everywhere():
    spec = ArraySpec(1, (3, 5), 4)
    shown = spec.medium.noise(spec, [0] * 2000, np.random.default_rng(0))
    assert shown.arrays.shape == (2000, 1, 3, 5)
    values, counts = np.unique(shown.arrays, return_counts=True)
    assert values.tolist() == [0, 85, 170, 255]
    assert abs(counts / counts.sum() - 0.25).max() < 0.01


def test_noise_of_texts_has_their_tokens_as_often_but_no_separator():
    spec = TokenSpec(ByteCodec(), "\n")
    counts = np.zeros(256)
    counts[[ord("a"), ord("b"), ord("\n")]] = 3, 1, 5
    lengths = [2000, 0, 4000]
    shown = spec.medium.noise(spec, lengths, np.random.default_rng(0), counts)
    assert [len(text) for text in shown.texts] == lengths
    whole = "".join(shown.texts)
    assert set(whole) == {"a", "b"}
    assert abs(whole.count("a") / len(whole) - 3 / 4) < 0.02


# ---------------------------------------------------------------------- from outside


def test_an_outside_medium_is_in_json(points):
    for spec in (points.spec, TokenSpec(PixelCodec(points.spec))):
        again = spec_from_dict(json.loads(json.dumps(spec.to_dict())))
        assert again == spec or again.to_dict() == spec.to_dict()
        assert again.medium == points.spec.medium


def dotted(scatter):
    """The corners (across, up) of the plane in which there is a dot."""
    corners = [(across, up) for across in (0, 1) for up in (0, 1)]
    return [(a, u) for a, u in corners if scatter[258 - 255 * u, 3 + 255 * a].min() < 200]


def test_an_outside_medium_shows_itself(points):
    scatter = np.asarray(points.grid())
    assert scatter.shape == (262, 262, 3)
    assert dotted(scatter) == [(0, 0), (1, 0), (1, 1)]
    assert dotted(np.asarray(points[1])) == [(1, 0)]
    assert str(points) == "3 points of 2×1, seed 5"
    assert repr(points) == "Samples(3 points of 2×1, seed 5, of moons)"
    assert points._repr_html_() is None
    assert points._repr_png_().startswith(b"\x89PNG")


def test_tokens_of_an_outside_medium_are_shown_as_its_arrays(points):
    codec = PixelCodec(points.spec)
    levels = [torch.tensor(ids) for ids in ([0, 0], [255, 0], [255, 255])]
    drawn = Samples(levels, TokenSpec(codec), seed=5)
    assert (drawn.arrays == points.arrays).all()
    assert (np.asarray(drawn.grid()) == np.asarray(points.grid())).all()


def test_an_outside_medium_saves_itself(points, tmp_path):
    with Image.open(points.save(tmp_path / "a.png")) as picture:
        assert (np.asarray(picture) == np.asarray(points.grid())).all()
    with np.load(points.save(tmp_path / "a.npz"), allow_pickle=False) as file:
        assert file["arrays"][:, :, 0].tolist() == [[0, 0], [255, 0], [255, 255]]
        assert json.loads(str(file["provenance"]))["origin"] == {"run": "moons"}
    folder = points.save(tmp_path / "each")
    assert sorted(path.name for path in folder.iterdir()) == ["00000.png", "00001.png", "00002.png"]
    with pytest.raises(ConfigError, match=r"points are saved as \.png, \.csv, \.npz or, without a suffix"):
        points.save(tmp_path / "a.txt")


def test_an_outside_medium_is_neither_of_ours(points):
    for wrong in ("texts", "images"):
        with pytest.raises(ConfigError, match=rf"samples are points, not {wrong}; see \.arrays"):
            getattr(points, wrong)
    with pytest.raises(ConfigError, match=r"samples are texts, not arrays; see \.texts"):
        _ = Samples([torch.tensor([97])], TokenSpec(ByteCodec()), 0).arrays


def test_an_outside_medium_is_logged(points, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = BoardHistory(tmp_path)
    board.log_samples(points, 7)
    board.experiment.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    logged = events.Images("samples")[0]
    assert (logged.step, logged.width, logged.height) == (7, 262, 262)


def test_what_a_run_keeps_of_an_outside_medium_has_its_suffix(points, tmp_path):
    class Trainer:
        global_step, should_stop, is_global_zero, loggers = 3, False, True, ()

    class Module:
        spec = points.spec

        def sample(self, n, seed):
            return points

    class Run:
        samples = tmp_path

    SampleWriter(Run(), 3, None).on_validation_end(Trainer(), Module())
    assert [path.name for path in tmp_path.iterdir()] == ["step-3.png"]


def test_a_medium_without_a_picture_says_so():
    class Silent(Medium):
        def sheet(self, shown, columns=None, border=1):
            return None

    silent = Silent("silence", "a silence", "silences", ("time",))
    samples = Samples(torch.zeros(1, 1, 4), ArraySpec(1, (4,), medium=silent), 0)
    with pytest.raises(ConfigError, match="samples are silences, not images"):
        samples.grid()
    assert samples._repr_png_() is None
    with pytest.raises(TypeError, match="Silent draws no sheet"):
        silent.board(Shown(arrays=samples.arrays, array=samples.spec))
