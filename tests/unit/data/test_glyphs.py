"""The same characters in eight fonts: each once, none like another, and divided by characters."""

import numpy as np
import pytest

from genkit.core.spec import View
from genkit.data import open_source
from genkit.data.dataset_knobs import GreyKnobs
from genkit.data.real import motifs_of
from genkit.data.sources.glyphs import CHARACTERS, FONTS
from tests.conftest import open_plain


def source(**knobs):
    return open_source(GreyKnobs(name="glyphs", **knobs), {})


@pytest.mark.parametrize(("size", "side"), [(None, 28), (16, 16), (20, 16), (32, 28), (4, 16)])
def test_every_character_stands_in_every_font_at_the_larger_size_that_fits(size, side):
    data = source(size=size)
    assert data.images.shape == (len(CHARACTERS) * len(FONTS), 1, side, side)
    assert data.images.dtype == np.uint8
    assert (data.images.min(), data.images.max(), data.levels) == (0, 15, 16)
    pairs = set(zip(data.motifs.tolist(), data.labels.tolist(), strict=True))
    assert len(pairs) == len(data.images)
    assert data.classes == FONTS
    assert data.names[0] == "0 in sans"
    assert len(set(CHARACTERS)) == 430


@pytest.mark.parametrize(("size", "least"), [(16, 0.04), (28, 0.8)])
def test_no_two_pictures_are_alike(size, least):
    flat = source(size=size).images.reshape(-1, size * size).astype(np.float64) / 15
    squares = (flat**2).sum(1)
    apart = squares[:, None] + squares - 2 * flat @ flat.T
    np.fill_diagonal(apart, np.inf)
    assert apart.min() > least
    assert flat.sum(1).min() > 3  # and none is empty


def test_letters_look_like_letters():
    """What everybody knows of them: bold has more ink, an oblique leans, an O is hollow, an I is narrow."""
    data = source()
    images = data.images[:, 0].reshape(len(CHARACTERS), len(FONTS), 28, 28) / 15
    ink = images.sum((2, 3)).mean(0)
    assert ink[FONTS.index("sans_bold")] > 1.2 * ink[FONTS.index("sans")]
    assert ink[FONTS.index("serif_bold")] > 1.2 * ink[FONTS.index("serif")]
    of = {character: images[CHARACTERS.index(character), 0] for character in "OIH"}
    assert of["O"][14, 14] == 0
    assert of["O"].any(0).sum() > 2 * of["I"].any(0).sum()
    upright, leaning = (images[CHARACTERS.index("I"), FONTS.index(font)] for font in ("sans", "sans_oblique"))

    def lean(picture):
        rows = np.flatnonzero(picture.any(1))
        centres = [np.average(np.arange(28), weights=picture[row]) for row in rows]
        return centres[0] - centres[-1]  # of its top, to the right of its foot

    assert abs(lean(upright)) < 0.5
    assert lean(leaning) > 2


def test_a_character_is_in_one_part_with_all_its_fonts():
    dataset = open_plain({"name": "glyphs"}, {}, View("arrays"))
    parts = {name: set(motifs_of(examples).tolist()) for name, examples in dataset.splits.items()}
    assert {name: len(own) for name, own in parts.items()} == {"train": 344, "validation": 43, "test": 43}
    assert len(set.union(*parts.values())) == 430
    for name, examples in dataset.splits.items():
        assert len(examples) == 8 * len(parts[name])
        assert np.bincount(examples.classes()).tolist() == [len(parts[name])] * 8
    assert "by characters" in dataset.protocol
