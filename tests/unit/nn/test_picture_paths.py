"""A picture that is moved from moment to moment, and back."""

import pytest
import torch

from genkit.nn.autoencoder import moving_pair
from genkit.nn.convolutions import Generator, growth
from genkit.nn.moving_generator import MovingGenerator
from genkit.nn.picture_paths import PicturePaths, PlacePaths, chosen, followed, moved, seen_blurred

SIZES = [(9,), (6, 9), (4, 6, 9)]
ids = "×".join


def scored(sizes, batch, seed=0):
    """PicturePaths, and vectors which are their scores, so that one knows the places."""
    paths = PicturePaths(7, sizes)
    paths.layers = torch.nn.Identity()
    generator = torch.Generator().manual_seed(seed)
    return paths, torch.randn(batch, paths.moments * sum(paths.places), generator=generator)


def placed(picture, scores, paths, shape):
    """Where the scores are highest, frame by frame and entry by entry."""
    clips = torch.zeros(len(picture), picture.shape[1], paths.moments, *shape)
    scores = scores.view(len(picture), paths.moments, -1)
    for b in range(len(picture)):
        for t in range(paths.moments):
            where = []
            for part in scores[b, t].split(paths.places):
                where.append(max(range(len(part)), key=lambda k: float(part[k])))
            window = tuple(slice(w, w + n) for w, n in zip(where, paths.picture, strict=True))
            clips[(b, slice(None), t, *window)] = picture[b]
    return clips


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_a_picture_is_at_the_likeliest_place_of_each_moment(sizes):
    paths, scores = scored(sizes, 5)
    assert paths.picture == tuple(-(-size // 2) for size in sizes[-2:])
    picture = torch.randn(5, 2, *paths.picture)
    clips = moved(picture, paths(scores))
    torch.testing.assert_close(clips, placed(picture, scores, paths, sizes[-2:]))
    torch.testing.assert_close(followed(clips, paths(scores)), picture)


def test_blurred_it_is_everywhere_by_the_shares():
    """Which along two axes are products, and of a gradient it makes no difference."""
    paths, scores = scored((3, 4, 6), 2)
    scores.requires_grad_()
    picture, weight = torch.randn(2, 1, *paths.picture), torch.randn(2, 1, 3, 4, 6)
    sharp = moved(picture, paths(scores))
    with seen_blurred((torch.nn.ModuleList([paths]),), True):
        soft = moved(picture, paths(scores))
    expected = torch.zeros_like(soft)
    down, across = scores.view(2, 3, -1).split(paths.places, dim=-1)
    for i in range(paths.places[0]):
        for j in range(paths.places[1]):
            share = down.softmax(-1)[..., i] * across.softmax(-1)[..., j]  # (B, T)
            expected[:, 0, :, i : i + 2, j : j + 3] += share[..., None, None] * picture
    torch.testing.assert_close(soft, expected)
    assert not paths.blurred
    assert not torch.allclose(soft, sharp)
    slopes = torch.autograd.grad((sharp * weight).sum(), scores)[0]
    assert slopes.abs().sum() > 0


def test_what_is_chosen_is_whole_and_its_gradient_is_that_of_the_shares():
    scores = torch.tensor([[0.1, 2.0, -1.0], [3.0, 0.0, 0.5]], requires_grad=True)
    weight = torch.tensor([[1.0, -2.0, 0.5], [0.3, 0.1, 4.0]])
    whole = chosen(scores.softmax(-1))
    torch.testing.assert_close(whole, torch.tensor([[0.0, 1, 0], [1, 0, 0]]))
    expected = torch.autograd.grad((scores.softmax(-1) * weight).sum(), scores)[0]
    torch.testing.assert_close(torch.autograd.grad((whole * weight).sum(), scores)[0], expected)


def frames_of_one_picture(clips, still):
    """Whether each frame without what stands still is the first one moved; frames (B, C, T, H, W)."""
    for clip in (clips - still).detach():
        found = []
        for frame in clip.unbind(1):
            rows, columns = (frame.abs().sum((0, axis)) > 1e-5 for axis in (2, 1))
            (top, left), (bottom, right) = (
                (int(some.nonzero()[n]) for some in (rows, columns)) for n in (0, -1)
            )
            found.append(frame[:, top : bottom + 1, left : right + 1])
        assert all(torch.allclose(one, found[0], atol=1e-4) for one in found)


def test_a_decoder_shows_one_picture_in_all_frames():
    torch.manual_seed(0)
    labels = torch.arange(6) % 3
    decoder = moving_pair((1, 5, 16, 16), 2, 7, 20, 4, 3)[1]
    torch.nn.init.normal_(decoder.still)
    frames_of_one_picture(decoder(torch.randn(6, 7), labels), 5 * decoder.still)


def test_a_place_that_is_a_number_is_the_nearest_whole_one_with_the_gradient_between_two():
    """By the derivative of what a picture would be if it were interpolated between whole places."""
    paths = PlacePaths(7, (3, 9, 12))  # of 5 and 7 places
    paths.layers = torch.nn.Identity()
    numbers = torch.tensor([[-1.0, 1.0, 0.0, 0.25, -0.4, -7.0]], requires_grad=True)  # of three moments
    picture = torch.rand(1, 1, 5, 6)
    clip = moved(picture, paths(numbers))
    expected = torch.zeros(1, 1, 3, 9, 12)
    for t, (top, left) in enumerate([(0, 6), (2, 4), (1, 0)]):  # (1.2 and 3.75 are rounded)
        expected[:, :, t, top : top + 5, left : left + 6] = picture
    torch.testing.assert_close(clip, expected)
    weight = torch.rand(clip.shape)

    def between(at):
        rows, columns = torch.arange(9)[:, None], torch.arange(12)[:, None]
        down = (1 - (rows - at[0] - torch.arange(5)).abs()).clamp(min=0)  # (9, 5)
        across = (1 - (columns - 4.0 - torch.arange(6)).abs()).clamp(min=0)  # (12, 6), of the rounded place
        return (down @ picture[0, 0] @ across.T * weight[0, 0, 1]).sum()

    at = torch.tensor([2.0 + 1e-4])
    slope = (between(at + 1e-2) - between(at)) / 1e-2 * 2  # a number of 1 is two places
    found = torch.autograd.grad((clip * weight).sum(), numbers)[0][0]
    # At a whole place the derivative is that of either side.
    other = (between(at - 2e-4) - between(at - 2e-4 - 1e-2)) / 1e-2 * 2
    assert min(float(slope), float(other)) - 1e-2 <= float(found[2]) <= max(float(slope), float(other)) + 1e-2
    assert found[5] == 0  # beyond the wall


def test_a_generator_shows_one_picture_in_all_frames():
    torch.manual_seed(0)
    paths = PlacePaths(7, (5, 16, 16))
    picture = Generator(7, 1, growth(paths.picture), 4, 3, norm="none", bias=True, initial="he")
    generator = MovingGenerator(picture, paths, (1, 5, 16, 16))
    made = generator(torch.randn(6, 7), torch.arange(6) % 3)
    assert made.shape == (6, 1, 5, 16, 16)
    assert made.abs().max() <= 1
    frames_of_one_picture(made.atanh(), 5 * generator.still)
    made.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in paths.layers[-1].parameters())


def test_an_encoder_looks_where_its_decoder_shows():
    """Of clips that differ in the paths alone it reads the same picture, if it follows them."""
    torch.manual_seed(0)
    encoder, decoder = moving_pair((1, 5, 16, 16), 1, 7, 20, 4, 0)
    assert encoder.paths is decoder.paths
    assert {name for name, _ in encoder.named_parameters() if name.startswith("paths.")}
    code = encoder(torch.rand(4, 1, 5, 16, 16))
    assert code.shape == (4, 14)
    code.square().sum().backward()
    assert all(p.grad is not None for p in encoder.paths.layers[-1].parameters())
