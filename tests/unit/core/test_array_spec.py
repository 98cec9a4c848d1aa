"""Arrays over one, two and three axes: to JSON and back, in the order of tokens, and what is none."""

import itertools
import json
from dataclasses import dataclass
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from genkit.core import registry
from genkit.core.codecs import PixelCodec
from genkit.core.media.medium import Medium
from genkit.core.spec import ArraySpec, TokenSpec, spec_from_dict
from genkit.system.errors import ConfigError


@dataclass(frozen=True)
class Unseen(Medium):
    """A medium that nobody looks at."""

    def sheet(self, shown, columns=None, border=1):
        return None


WAVES = Unseen("wave", "a wave", "waves", ("time",))
BANDS = Unseen("bands", "a spectrogram", "spectrograms", ("frequency", "time"), order=(1, 0))
FILMS = Unseen("film", "a film", "films", ("time", "height", "width"))
SPECS = [
    ArraySpec(1, (16,), 64, ("a", "b"), WAVES, 8000.0),
    ArraySpec(2, (3, 5), 16, medium=BANDS, rate=62.5),
    ArraySpec(3, (2, 4, 6), medium=FILMS),
    ArraySpec(1, (8, 8), 17),
]


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    def points(group):
        names = {"wave": "WAVES", "bands": "BANDS", "film": "FILMS", "broken": "SPECS", "gone": "no_such"}
        found = [EntryPoint(name, f"{__name__}:{value}", group) for name, value in names.items()]
        return found if group == "genkit.media" else []

    monkeypatch.setattr(registry, "entry_points", points)


@pytest.mark.parametrize("array", SPECS)
@pytest.mark.parametrize("view", ["arrays", "tokens"])
def test_there_and_back_through_json(array, view):
    spec = array if view == "arrays" else TokenSpec(PixelCodec(array), classes=array.classes)
    again = spec_from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again.to_dict() == spec.to_dict()
    assert again.array == spec.array == array
    assert (again.medium, again.kind, again.classes) == (array.medium, view, array.classes)
    assert again.numbers == len(np.zeros(array.shape).ravel())


def test_what_images_wrote_before_there_were_media_is_written_still():
    image = ArraySpec(3, (4, 6), 17, ("零", "1"))
    pixels = TokenSpec(PixelCodec(image), classes=image.classes)
    assert json.dumps(image.to_dict(), ensure_ascii=False) == (
        '{"kind": "arrays", "shape": [3, 4, 6], "levels": 17, "classes": ["零", "1"]}'
    )
    assert json.dumps(pixels.to_dict(), ensure_ascii=False) == (
        '{"kind": "tokens", "codec": {"name": "pixels", "shape": [3, 4, 6], "levels": 17},'
        ' "separator": null, "classes": ["零", "1"]}'
    )


def test_a_medium_and_a_rate_are_written_where_there_are_any():
    assert SPECS[0].to_dict() == {
        "kind": "arrays",
        "shape": [1, 16],
        "levels": 64,
        "medium": "wave",
        "rate": 8000.0,
        "classes": ["a", "b"],
    }


def test_sizes():
    film = SPECS[2]
    assert (film.shape, film.size, film.array) == ((3, 2, 4, 6), 144, film)
    with pytest.raises(ValueError, match="films of 3×2×4×6 have no height and width"):
        _ = film.height
    assert (SPECS[3].height, SPECS[3].width) == (8, 8)
    with pytest.raises(TypeError, match=r"together, as in \(28, 28\), not 8"):
        ArraySpec(1, 8, 8)
    assert [spec.said() for spec in SPECS[:2]] == ["waves of 1×16", "spectrograms of 2×3×5"]


@pytest.mark.parametrize("array", SPECS)
def test_tokens_are_reversible(array):
    codec = PixelCodec(array)
    arrays = np.random.default_rng(0).integers(0, array.levels, (4, *array.shape)).astype(np.uint8)
    ids = codec.to_ids(arrays)
    assert ids.shape == (4, codec.length)
    assert all((codec.to_array(row) == one).all() for row, one in zip(ids, arrays, strict=True))
    assert codec.outputs == codec.start == array.levels == codec.vocab_size - 1


def test_the_beginning_of_a_sequence_is_the_beginning_of_time():
    bands = np.array([[[1, 2, 3], [4, 5, 6]]])  # two frequencies at three times
    codec = PixelCodec(ArraySpec(1, (2, 3), 8, medium=BANDS))
    assert codec.to_ids(bands[None])[0].tolist() == [1, 4, 2, 5, 3, 6]
    film = np.arange(2 * 2 * 3 * 2).reshape(1, 2, 2, 3, 2)  # channels first
    ids = PixelCodec(ArraySpec(2, (2, 3, 2), 32, medium=FILMS)).to_ids(film)[0]
    places = itertools.product(range(2), range(3), range(2), range(2))
    assert ids.tolist() == [film[0, c, t, y, x] for t, y, x, c in places]


def test_a_medium_that_nobody_has_is_named_in_one_line():
    for plain in ({"kind": "arrays"}, {"kind": "tokens", "codec": {"name": "pixels"}}):
        held = plain.get("codec", plain)
        held |= {"shape": [1, 8], "levels": 4, "medium": "smells"}
        with pytest.raises(ConfigError, match="medium=smells is none that is known here; install") as refused:
            spec_from_dict(plain)
        assert "\n" not in str(refused.value)


def test_what_is_offered_as_a_medium_and_is_none():
    plain = {"kind": "arrays", "shape": [1, 8], "levels": 4}
    with pytest.raises(ConfigError, match=r"'broken' of .* that is of type list, not a"):
        spec_from_dict({**plain, "medium": "broken"})
    with pytest.raises(ConfigError, match=r"'gone' of .* is declared as .*no_such"):
        spec_from_dict({**plain, "medium": "gone"})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"shape": [1, 8]}, "an image has 2 axes"),
        ({"shape": [1, 8, 8, 8]}, "an image has 2 axes"),
        ({"shape": [1, 8, 8], "medium": "wave"}, r"a wave has 1 axes \(time\)"),
        ({"shape": [1, 8], "medium": "text"}, "a text has no axes"),
        ({"shape": [1, 0, 8]}, "no images of 1×0×8"),
        ({"shape": [1, 8, 8], "levels": 1}, "with 1 levels"),
        ({"shape": [1, 8, 8], "levels": 257}, "with 257 levels"),
        ({"shape": [1, 8, 8], "rate": -1}, "no rate is -1"),
        ({"shape": [1, 8, 8], "rate": float("nan")}, "no rate is nan"),
        ({"shape": [1, 8, 8], "rate": "fast"}, "rate is not a number"),
        ({"shape": [1, 8, 8], "medium": 3}, "medium is not a text"),
        ({"shape": [1, 8, 8], "medium": "x" * 10**6}, "no medium has the name"),
        ({"shape": [1] * 100_000}, "an image has 2 axes"),
    ],
)
def test_arrays_that_there_are_not(changed, said):
    with pytest.raises(ValueError, match=said) as refused:
        spec_from_dict({"kind": "arrays", "levels": 4, **changed})
    assert len(str(refused.value)) < 200
