"""Specs of what stands for something else: to JSON and back, the native array, and what there is not."""

import json

import numpy as np
import pytest

from genkit.core.media.audio import AUDIO
from genkit.core.media.image import IMAGE
from genkit.core.representations.log_mel import LogMel
from genkit.core.representations.mu_law import MuLaw
from genkit.core.spec import ArraySpec, View, spec_from_dict
from genkit.data import open_dataset
from genkit.data.clip_knobs import PlucksKnobs
from genkit.data.real import as_samples
from genkit.system.errors import ConfigError

MEL = ArraySpec(1, (32, 32), 16, ("a", "b"), AUDIO, 8000.0, LogMel())
LAW = ArraySpec(2, (100,), 64, (), AUDIO, 8000.0, MuLaw(64))


@pytest.mark.parametrize("spec", [MEL, LAW])
def test_there_and_back_through_json(spec):
    assert spec_from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_what_stands_for_a_sound_says_which_sound():
    assert (MEL.native.shape, MEL.native.levels, MEL.native.representation) == ((1, 4096), 2**16, None)
    assert MEL.native.classes == ("a", "b")
    assert (LAW.native.shape, LAW.native.native) == ((2, 100), LAW.native)
    assert (MEL.names, MEL.axes, MEL.rest) == (("frequency", "time"), (1, 0), "end")
    assert {"high", "low"} <= set(MEL.parts)


def test_it_is_shown_as_what_it_stands_for():
    levels = np.random.default_rng(0).integers(0, 64, (3, 2, 100))
    shown = LAW.shown(levels)
    assert (shown.arrays.shape, shown.arrays.dtype, shown.array) == ((3, 2, 100), np.int16, LAW.native)
    np.testing.assert_array_equal(LAW.as_shown(levels / 63), shown.arrays)
    loud = np.array([0, 2**15, 2**16 - 1]).reshape(1, 1, 3)
    assert ArraySpec(1, (3,), 2**16, medium=AUDIO).shown(loud).arrays.tolist() == [[[-(2**15), 0, 2**15 - 1]]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"medium": "image", "shape": [1, 32, 32]}, "are represented by"),
        ({"shape": [1, 32, 31]}, "32×32 here, not"),
        ({"shape": [1, 32]}, "2 axes"),
        ({"levels": 17}, "17 levels"),
        ({"levels": 8}, "8 levels"),
        ({"representation": {"name": "log_mel", "bands": "many"}}, "bands"),
        ({"representation": {"name": "__import__"}}, "no representation is called"),
        ({"representation": {}}, "name"),
    ],
)
def test_what_somebody_has_edited_is_refused(change, said):
    plain = {**MEL.to_dict(), **change}
    with pytest.raises(ValueError, match=said) as refusal:
        spec_from_dict(plain)
    assert "\n" not in str(refusal.value)


def test_no_image_is_represented():
    assert IMAGE.representations == ()


@pytest.mark.parametrize("kind", ["arrays", "tokens"])
def test_real_sounds_are_judged_as_recorded_and_not_as_what_a_model_reads(kind, tmp_path):
    knobs = PlucksKnobs(name="plucks", examples=100)
    paths = {"cache_dir": str(tmp_path), "data_dir": ""}
    mel, plain = (open_dataset(knobs, paths, view) for view in (View(kind), View("arrays", axes=1)))
    rows = np.arange(4)
    seen = as_samples(mel.spec, mel.split("validation"), rows).arrays
    recorded = plain.split("validation").gather(rows)[0].astype(np.int64) - 2**15
    np.testing.assert_array_equal(seen, recorded)
    assert mel.fingerprint == plain.fingerprint


def test_a_knob_of_another_view_than_the_model_has_is_refused(tmp_path):
    paths = {"cache_dir": str(tmp_path), "data_dir": ""}
    for knob, of in (("bands", r"data\.view=mel,"), ("levels", r"data\.view=mel or data\.view=mu_law,")):
        knobs = PlucksKnobs(name="plucks", examples=100, **{knob: 64})
        with pytest.raises(ConfigError, match=rf"data\.{knob}=64 is of {of}"):
            open_dataset(knobs, paths, View("arrays", axes=1))
    assert open_dataset(knobs, paths, View("arrays")).spec.levels == 64
