"""Log-mel pictures of clips: what they show, what comes back, and whether a listener still understands it."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import genkit
from genkit.core.representations import representation_from_dict
from genkit.core.representations.log_mel import LogMel
from genkit.system.errors import ConfigError

USUAL = LogMel()
OTHERS = [
    USUAL,
    LogMel(bands=64, hop=64),
    LogMel(levels=256, samples=1000, hop=100),
    LogMel.usual(16000.0, 16384, bands=64),
    LogMel(samples=50),
]


def tone(frequency, height=1.0, samples=4096, rate=8000):
    """A sine, int16 (1, 1, T)."""
    turns = 2 * np.pi * frequency * np.arange(samples) / rate
    return np.round(height * 32767 * np.sin(turns)).astype(np.int16).reshape(1, 1, -1)


def voices(count, samples, seed=0):
    """Harmonics that decay, int16 (n, 1, T), peaks at full scale."""
    generator, time = np.random.default_rng(seed), np.arange(samples) / 8000
    pitches = generator.uniform(90, 300, (count, 1, 1, 1))
    heights = generator.random((count, 1, 12, 1)) / np.arange(1, 13)[:, None]
    phases = generator.uniform(0, 2 * np.pi, (count, 1, 12, 1))
    turns = 2 * np.pi * pitches * np.arange(1, 13)[:, None] * time
    sums = (heights * np.sin(turns + phases)).sum(2) * np.exp(-generator.uniform(1, 6, (count, 1, 1)) * time)
    return np.round(32767 * sums / np.abs(sums).max(axis=2, keepdims=True)).astype(np.int16)


def unit(picture, representation):
    return picture / (representation.levels - 1)


def there_and_back(representation, clips):
    return representation.back(unit(representation.forward(clips), representation))


@pytest.mark.parametrize("band", [0, 1, 5, 16, 30, 31])
def test_a_tone_lands_in_its_band(band):
    """Whose centre is at equal steps of mel."""
    top = 2595 * math.log10(1 + 4000 / 700)
    centre = 700 * (10 ** ((band + 1) * top / 33 / 2595) - 1)
    picture = USUAL.forward(tone(centre))[0, 0]
    middle = picture[:, 2:-2]
    assert picture.shape == (32, 32)
    assert (middle.argmax(0) == band).all()
    assert (middle[band] >= 14).all()  # 0 dB is level 15; a step has 4 dB
    far = np.abs(np.arange(32) - band) > (12 if band < 8 else 6)  # where a bin is as wide as many bands
    assert middle[far].max() <= 3


@pytest.mark.parametrize("frequency", [150, 440, 1000, 2500, 3700])
def test_and_comes_back_as_that_tone(frequency):
    back = there_and_back(USUAL, tone(frequency, 0.5))[0, 0, 512:-512].astype(float)
    spectrum = np.abs(np.fft.rfft(back * np.hanning(len(back))))
    found = spectrum.argmax() * 8000 / len(back)
    own = np.diff(USUAL._bank._corners)[np.searchsorted(USUAL._bank.centres, frequency)]
    assert abs(found - frequency) < own  # no nearer than the width of a band
    assert 0.5 / 2 < np.abs(back).max() / 32767 < 0.5 * 2


def test_half_as_loud_is_six_decibels_lower():
    one, half = (USUAL.loudness(voices(3, 4096)[i, 0] // scale) for i, scale in ((0, 1), (0, 2)))
    loud = one > one.max() - 50
    assert (one - half)[loud] == pytest.approx(20 * math.log10(2), abs=0.3)


def test_time_goes_to_the_right():
    clip = tone(1000)
    clip[:, :, :2048] = 0
    picture = USUAL.forward(clip)[0, 0]
    assert not picture[:, :15].any()
    assert (picture[:, 17:].max(0) >= 13).all()


@pytest.mark.parametrize("representation", OTHERS)
def test_silence_stays_silence(representation):
    silence = np.zeros((1, 2, representation.samples), np.int16)
    assert not representation.forward(silence).any()
    assert not there_and_back(representation, silence).any()
    nearly = np.full(
        (1, 1, *representation.sizes((representation.samples,))), 0.49 / (representation.levels - 1)
    )
    assert not representation.back(nearly).any()


@pytest.mark.parametrize("representation", OTHERS)
def test_sizes(representation):
    frames = -(-representation.samples // representation.hop)
    clips = voices(2, representation.samples)
    picture = representation.forward(clips)
    assert picture.dtype == np.uint8
    assert picture.shape == (2, 1, representation.bands, frames)
    assert picture.max() < representation.levels
    assert representation.sizes((representation.samples,)) == (representation.bands, frames)
    assert representation.native((representation.bands, frames)) == (representation.samples,)
    back = representation.back(unit(picture, representation))
    assert back.shape == clips.shape
    assert back.dtype == np.int16
    for call, wrong in ((representation.sizes, (7,)), (representation.native, (representation.bands, 0))):
        with pytest.raises(ValueError, match="log_mel is"):
            call(wrong)


def test_frames_are_samples_over_hop():
    assert USUAL.sizes((4096,)) == (32, 32)
    assert LogMel.usual(8000.0, 4096, bands=64).sizes((4096,)) == (64, 64)
    assert LogMel.usual(8000.0, 4096, hop=256).sizes((4096,)) == (32, 16)
    assert LogMel.usual(8000.0, 4096, bands=64).window == 256  # with two hops a low band would hear nothing
    assert LogMel.usual(16000.0, 16384).high == 8000.0
    assert LogMel.usual(8000.0, 4096) == USUAL


def test_a_clip_depends_on_no_other():
    """Bitwise, at any number of clips, there and back; also in another precision and order of memory."""
    clips = voices(7, 4096)
    whole = USUAL.forward(clips)
    back = USUAL.back(unit(whole, USUAL))
    for part in (slice(0, 1), slice(2, 5), slice(6, 7)):
        assert np.array_equal(USUAL.forward(clips[part]), whole[part])
        assert np.array_equal(USUAL.back(unit(whole[part], USUAL)), back[part])
    assert np.array_equal(USUAL.back(unit(whole, USUAL).astype(np.float32)), back)
    assert np.array_equal(USUAL.back(np.asfortranarray(unit(whole, USUAL))), back)
    assert np.array_equal(LogMel().back(unit(whole[:2], USUAL)), back[:2])  # nor on what was asked before


def test_each_channel_is_by_itself():
    clips = voices(4, 4096)
    pairs = clips.reshape(2, 2, 4096)
    assert np.array_equal(there_and_back(USUAL, pairs).reshape(4, 1, 4096), there_and_back(USUAL, clips))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([(4096, 128), (1500, 100), (900, 128)]))
def test_the_picture_of_what_comes_back_is_that_picture(seed, shape):
    """Nearly: magnitudes of overlapping frames must agree, and a level is 4 dB.  Of 4,500 such clips none is
    farther off than 0.6 levels where it is heard, and 1.7 where 50 dB below are counted, too."""
    representation = LogMel(samples=shape[0], hop=shape[1])
    picture = representation.forward(voices(1, shape[0], seed))
    again = representation.forward(representation.back(unit(picture, representation)))
    heard = picture > 4
    assert np.abs(again.astype(int) - picture)[heard].mean() < 0.75
    assert np.abs(again.astype(int) - picture).mean() < 2


def test_what_is_too_loud_is_clipped():
    loud = USUAL.back(np.ones((1, 1, 32, 32)))
    assert loud.max() == 32767
    assert loud.min() == -32768


def test_it_is_plain_data():
    for representation in OTHERS:
        plain = json.loads(json.dumps(representation.to_dict()))
        assert representation_from_dict(plain) == representation
        assert hash(representation_from_dict(plain)) == hash(representation)


HOSTILE = [0, -1, 2**70, 1e300, -1e-300, math.nan, math.inf, True, None, "16", [16], {}]
FIELDS = ["levels", "rate", "samples", "window", "hop", "bands", "low", "high", "decibels", "top"]


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(HOSTILE) | st.integers(-3, 10**5), min_size=1)
)
def test_whatever_stands_in_a_file_is_a_picture_or_refused_in_a_line(plain):
    try:
        said, made = "", representation_from_dict({"name": "log_mel", **plain})
    except ValueError as error:
        said, made = str(error), USUAL
    assert "\n" not in said
    assert len(said) < 250
    assert math.prod(made.sizes((made.samples,))) < 2**26


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ({"rate": 1e9}, "log_mel.rate is 1000000000.0, and must be from 1 to 1,000,000"),
        ({"samples": 0}, "log_mel.samples is 0"),
        ({"samples": 2**62}, "log_mel.samples"),
        ({"samples": 2**24, "hop": 1}, "a hop of 1 is too short for 16,777,216 samples"),
        ({"hop": 129}, "log_mel.hop is 129, and must be from 1 to 128"),
        ({"bands": 200}, "200 bands from 0 to 4000 Hz are narrower than what a window of 256 samples"),
        ({"low": 4000.0}, "32 bands from 4000 to 4000 Hz"),
        ({"low": math.nan}, "log_mel.low is nan"),
        ({"high": 4000.5}, "log_mel.high is 4000.5, and must be from 0 to 4,000"),
        ({"levels": 257}, "log_mel.levels is 257, and must be from 2 to 256"),
        ({"decibels": 0}, "log_mel.decibels is 0"),
        ({"levels": "16"}, "levels is not a whole number"),
    ],
)
def test_refusals(plain, said):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as refused:
        representation_from_dict({"name": "log_mel", **plain})
    assert said in str(refused.value)


# ---------------------------------------------------------------------- a listener of its own


def ears(clips):
    """40 × 32 log-mels, float64 (n, 1280), by torch alone: powers, natural mel, a floor of its own."""
    import torch

    signals = torch.from_numpy(clips[:, 0].astype(np.float64) / 32768)
    spectra = torch.stft(
        signals, 256, 128, 256, torch.hamming_window(256, dtype=torch.float64), return_complex=True
    )
    bins, mels = torch.linspace(0, 4000, 129), torch.linspace(0, math.log1p(4000 / 700), 42)
    distance = (torch.log1p(bins / 700)[None] - mels[1:-1, None]).abs() / (mels[1] - mels[0])
    heard = torch.einsum(
        "nkt,mk->nmt", spectra.abs().square()[..., :32], (1 - distance).clamp(min=0).double()
    )
    return (heard + 0.1).log().flatten(1).numpy()


def ridge(features, labels, penalty=300.0):
    """Ten regressions on standardised features; the highest one wins."""
    mean, deviation = features.mean(0), features.std(0)
    standard = (features - mean) / deviation
    wanted = 2 * np.eye(10)[labels] - 1
    gram = standard.T @ standard + penalty * np.eye(features.shape[1])
    weights = np.linalg.solve(gram, standard.T @ (wanted - wanted.mean(0)))
    return lambda heard: ((heard - mean) / deviation @ weights + wanted.mean(0)).argmax(1)


@pytest.mark.parametrize("representation", [USUAL, LogMel(bands=64, hop=64)], ids=["32 by 32", "64 by 64"])
def test_digits_are_still_understood(representation, digits):
    clips, labels, test = digits
    listener = ridge(ears(clips[~test]), labels[~test])
    originals = listener(ears(clips[test])) == labels[test]
    returned = listener(ears(there_and_back(representation, clips[test]))) == labels[test]
    assert originals.mean() > 0.92
    assert returned.mean() >= originals.mean() - 0.015


@pytest.mark.parametrize("hop", [3000, 4096])
def test_bands_that_no_window_hears_are_refused_in_words_of_bands(hop: int) -> None:
    """Doubling a window of 6,000 samples would pass the longest there is, which nobody chose."""
    with pytest.raises(ValueError, match=r"256 bands .*take fewer"):
        LogMel.usual(1e6, 16384, bands=256, hop=hop)


@pytest.mark.parametrize(("key", "most"), [("bands", 256), ("hop", 4096)])
def test_what_a_knob_names_as_its_nearest_value_is_one_that_a_picture_takes(key: str, most: int) -> None:
    with pytest.raises(ConfigError, match=f"nearest: data.{key}={most}"):
        genkit.train(["data=plucks", f"data.{key}=60000"])
    assert getattr(LogMel.usual(8000.0, 4096, **{key: most}), key) == most
