"""Samples: geometry of the grid, files that read back as what was drawn, text that cannot do harm."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from genkit.core.codecs import ByteCodec, CharCodec
from genkit.core.samples import Samples
from genkit.core.spec import ArraySpec, TokenSpec
from genkit.system.errors import ConfigError


def images(n=5, channels=1, height=8, width=8, **more):
    generator = torch.Generator().manual_seed(0)
    levels = torch.randint(0, 256, (n, channels, height, width), generator=generator)
    return Samples(levels / 255, ArraySpec(channels, (height, width)), seed=3, **more), levels.numpy()


def texts(*lines, **more):
    codec = ByteCodec()
    return Samples([torch.from_numpy(codec.encode(line)) for line in lines], TokenSpec(codec), seed=3, **more)


# ---------------------------------------------------------------------- pictures


def test_images_are_bytes_on_a_fixed_scale():
    samples, levels = images(channels=3)
    assert samples.images.shape == (5, 8, 8, 3)
    assert (samples.images == levels.transpose(0, 2, 3, 1)).all()
    outside = Samples(torch.tensor([[[[-1.0, 0.5, 2.0]]]]), ArraySpec(1, (1, 3)), 0)
    assert outside.images.ravel().tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("n", "columns", "border", "size"),
    [
        (1, None, 1, (10, 10)),
        (4, None, 1, (19, 19)),
        (5, None, 1, (28, 19)),
        (5, 5, 1, (46, 10)),
        (5, 2, 0, (16, 24)),
        (3, 7, 2, (72, 12)),
    ],
)
def test_the_grid_holds_all_in_reading_order(n, columns, border, size):
    samples, levels = images(n)
    scale = 32 // 8
    picture = np.asarray(samples.grid(columns, border))
    assert picture.shape == (size[1] * scale, size[0] * scale)
    small = picture[::scale, ::scale]
    assert (small.repeat(scale, 0).repeat(scale, 1) == picture).all()  # enlarged by a whole factor
    across = (size[0] - border) // (8 + border)
    for i in range(n):
        top, left = (border + (8 + border) * place for place in divmod(i, across))
        assert (small[top : top + 8, left : left + 8] == levels[i, 0]).all()
    assert (small[:border] == 128).all()


def test_large_and_coloured_pictures_keep_their_size():
    samples, _ = images(2, channels=3, height=40, width=20)
    assert samples.grid().size == (2 * 21 + 1, 42)
    assert samples.grid().mode == "RGB"


@pytest.mark.parametrize("channels", [1, 3])
def test_png_reads_back(channels, tmp_path):
    samples, _ = images(channels=channels)
    with Image.open(samples.save(tmp_path / "new" / "a.PNG")) as picture:
        assert (np.asarray(picture) == np.asarray(samples.grid())).all()


def test_npz_reads_back_with_its_provenance(tmp_path):
    samples, levels = images(options={"temperature": 0.5}, origin={"run": "字", "digest": "abc"})
    with np.load(samples.save(tmp_path / "a.npz"), allow_pickle=False) as file:
        assert (file["images"] == levels.transpose(0, 2, 3, 1)).all()
        assert json.loads(str(file["provenance"])) == {
            "n": 5,
            "seed": 3,
            "options": {"temperature": 0.5},
            "origin": {"run": "字", "digest": "abc"},
        }


def test_a_folder_has_a_picture_each(tmp_path):
    samples, levels = images()
    folder = samples.save(tmp_path / "out")
    assert sorted(path.name for path in folder.iterdir()) == [f"{i:05d}.png" for i in range(5)]
    with Image.open(folder / "00004.png") as picture:
        assert (np.asarray(picture) == levels[4, 0]).all()


def test_a_notebook_sees_the_grid():
    samples, _ = images()
    with Image.open(io.BytesIO(samples._repr_png_())) as picture:
        assert picture.size == samples.grid().size
    assert samples._repr_html_() is None
    assert str(samples).startswith("5 images of ")
    assert str(samples).endswith(", seed 3")


# ---------------------------------------------------------------------- texts

LINES = ["我喜欢红色。", "two\nlines", "", '"quoted", \\ and \t', "\u2028 separators \x85", "<b>&amp;</b>"]


def test_texts_are_decoded():
    assert texts(*LINES).texts == LINES
    codec = CharCodec.of("ab")
    assert Samples([torch.tensor([1, 0])], TokenSpec(codec), 0).texts == ["ba"]


def test_jsonl_reads_back_line_by_line(tmp_path):
    file = texts(*LINES).save(tmp_path / "a.jsonl")
    lines = file.read_text(encoding="utf-8").split("\n")[:-1]
    assert [json.loads(line) for line in lines] == [{"sample": i, "text": t} for i, t in enumerate(LINES)]
    assert "我" in lines[0]


def test_txt_reads_back(tmp_path):
    file = texts("a", "字\nb").save(tmp_path / "a.txt")
    assert file.read_text(encoding="utf-8") == "a\n\n字\nb\n"


def test_npz_of_texts_reads_back(tmp_path):
    with np.load(texts(*LINES).save(tmp_path / "a.npz"), allow_pickle=False) as file:
        assert file["texts"].tolist() == LINES


def test_a_folder_has_a_text_each(tmp_path):
    folder = texts(*LINES).save(tmp_path / "out")
    read = [(folder / f"{i:05d}.txt").read_bytes().decode() for i in range(len(LINES))]
    assert read == LINES


CONTROLS = "a\x1b[31mb\x07\x08\x00\r\x9b\u202ec\u2066d\te\nf"


def test_no_sample_steers_a_terminal():
    shown = str(texts(CONTROLS))
    assert shown == "a�[31mb�����" + "�c�d\te\nf"
    assert all(c.isprintable() or c in "\t\n" for c in shown)


def test_html_is_escaped():
    html = texts("<script>alert('x')</script> & \"y\"\x1b\u202e")._repr_html_()
    assert html == "<pre>&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; &amp; &quot;y&quot;</pre>"
    assert texts("a")._repr_png_() is None


def test_files_keep_what_was_drawn(tmp_path):
    file = texts(CONTROLS).save(tmp_path / "a.jsonl")
    assert json.loads(file.read_text(encoding="utf-8"))["text"] == CONTROLS


# ---------------------------------------------------------------------- what does not fit


@pytest.mark.parametrize(("kind", "suffix"), [("images", ".txt"), ("images", ".gif"), ("texts", ".png")])
def test_a_suffix_that_does_not_fit_names_those_that_do(kind, suffix, tmp_path):
    samples = images()[0] if kind == "images" else texts("a")
    fits = r"\.png, \.npz" if kind == "images" else r"\.txt, \.jsonl, \.npz"
    with pytest.raises(ConfigError, match=f"{kind} are saved as {fits}"):
        samples.save(tmp_path / f"a{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_texts_are_no_images_and_images_no_texts():
    with pytest.raises(ConfigError, match=r"see \.images"):
        _ = images()[0].texts
    with pytest.raises(ConfigError, match=r"see \.texts"):
        _ = texts("a").images


def test_samples_are_frozen():
    with pytest.raises(AttributeError):
        texts("a").seed = 4


def test_samples_can_be_looked_at_one_by_one():
    """In a notebook `samples` and `samples[3]` are typed; neither shows tensors."""
    pictures, levels = images(3, origin={"run": "digits"})
    assert repr(pictures) == "Samples(3 images of 1×8×8, seed 3, of digits)"
    assert np.array_equal(np.asarray(pictures[2]), levels[2, 0])
    assert np.array_equal(pictures[1:].images[..., 0], levels[1:, 0])
    assert pictures[-1].size == (8, 8)
    with pytest.raises(IndexError):
        pictures[3]
    words = texts("abc", "fade")
    assert repr(words) == "Samples(2 texts, seed 3)"
    assert words[1] == "fade"
    assert [words[i] for i in range(len(words))] == words[:].texts == ["abc", "fade"]
