"""A GPT on sounds: tokens of μ-law samples and of log-mels in time, and streams of what is heard."""

import io
import itertools
import wave

import numpy as np
import pytest
import torch

from genkit.cli.sound_stream import header
from genkit.core.codecs import PatchCodec, PixelCodec
from genkit.core.media.audio import AUDIO
from genkit.core.representations.log_mel import LogMel
from genkit.core.representations.mu_law import MuLaw
from genkit.core.spec import ArraySpec, TokenSpec
from genkit.families.gpt import GPT
from genkit.system.errors import ConfigError

SIZES = {"n_layer": 1, "n_head": 2, "n_embd": 16}
MEL = LogMel.usual(8000.0, 512, levels=4, bands=8, hop=64)


def waves(channels=1, samples=12, levels=16, classes=()):
    return ArraySpec(channels, (samples,), levels, classes, AUDIO, 8000.0, MuLaw(levels))


def gpt(codec, classes=(), **settings):
    torch.manual_seed(0)
    return GPT(TokenSpec(codec, classes=classes), **SIZES, **settings).eval()


@pytest.mark.parametrize(("channels", "patch"), [(1, 1), (2, 1), (1, 3), (2, 2)])
@pytest.mark.parametrize("options", [{}, {"max_new_tokens": 3}, {"prompt": "1 2 3 4 5 6"}])
def test_a_stream_of_sound_joins_to_the_sample(channels, patch, options):
    module = gpt(PatchCodec(waves(channels), (patch,)))
    pieces = list(module.stream(seed=3, **options))
    whole = module.sample(1, seed=3, **options).arrays[0]
    assert whole.dtype == np.int16
    np.testing.assert_array_equal(np.concatenate(pieces, axis=1), whole)
    if not options:  # as soon as all channels of a patch are drawn
        assert [piece.shape for piece in pieces] == [(channels, patch)] * (12 // patch)
    if "max_new_tokens" in options:  # F(x) = 1/15, the nearest to silence of 16
        assert set(np.abs(whole[:, -(-3 // channels) * patch :]).flat) == {
            round(2**15 * (16 ** (1 / 15) - 1) / 15)
        }


def test_a_label_is_streamed_too():
    module = gpt(PixelCodec(waves()), ("a", "b"), conditional=True)
    for label in ("a", "b"):
        pieces = list(module.stream(seed=1, label=label))
        np.testing.assert_array_equal(
            np.concatenate(pieces, axis=1), module.sample(1, seed=1, label=label).arrays[0]
        )


def test_what_needs_the_whole_is_refused_with_the_reason():
    sizes = MEL.sizes((512,))
    mels = gpt(PixelCodec(ArraySpec(1, sizes, 4, (), AUDIO, 8000.0, MEL)))
    with pytest.raises(ConfigError, match="draws sounds by log_mel, whose way back needs the whole of each"):
        mels.stream()
    images = gpt(PixelCodec(ArraySpec(1, (2, 2), 4)))
    with pytest.raises(ConfigError, match="this model draws images, which are not streamed; use sample"):
        images.stream()


def test_tokens_of_log_mels_stand_in_time_from_low_to_high():
    bands, frames = MEL.sizes((512,))
    codec = PatchCodec(ArraySpec(1, (bands, frames), 4, (), AUDIO, 8000.0, MEL), (2, 1))
    picture = np.random.default_rng(0).integers(0, 4, (bands, frames))
    expected = [
        picture[band, frame] * 4 + picture[band + 1, frame]
        for frame, band in itertools.product(range(frames), range(0, bands, 2))
    ]
    assert codec.to_ids(picture[None, None].astype(np.uint8))[0].tolist() == expected
    assert codec.vocab_size == 17


def test_what_is_not_drawn_of_a_sound_is_silence():
    array = waves(levels=64)
    level = PixelCodec(array).to_array([5, 7])[0]
    assert level[:2].tolist() == [5, 7]
    assert set(level[2:].tolist()) == {32}  # sample 35, the upper of the two beside silence
    assert np.abs(array.shown(level).arrays[0, 0, 2:]).max() == 35


def test_a_header_says_how_long_the_sound_will_be():
    samples = np.arange(-6, 6, dtype="<i2").reshape(6, 2)
    with wave.open(io.BytesIO(header(2, 8000.0, 6) + samples.tobytes())) as file:
        assert file.getparams()[:4] == (2, 2, 8000, 6)
        assert file.readframes(6) == samples.tobytes()
