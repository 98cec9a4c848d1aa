"""Metrics of sounds and of classes: counted by hand, and beside what others compute."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from genkit.core.media.audio import AUDIO, DIGITS
from genkit.core.media.image import IMAGE
from genkit.core.media.text import TEXT
from genkit.core.notes import note
from genkit.core.spec import ArraySpec
from genkit.data.audio.plucks import LOWEST, string
from genkit.evaluation.array_quality import lacking
from genkit.metrics import dnsmos
from genkit.metrics.catalogue import BUILT_IN, catalogue, offers
from genkit.metrics.evidence import Evidence, Seen
from genkit.metrics.extractors import extractor
from genkit.metrics.features import Features, collect
from genkit.metrics.of_restyling import OF_RESTYLING
from genkit.metrics.panel import measured
from genkit.metrics.value_intervals import share
from genkit.system.errors import Unmeasurable

SPEC = ArraySpec(1, (4096,), 65_536, DIGITS, AUDIO, 8000.0)
CLASSES = ("cat", "dog", "cow")


def probable(*columns: int, extractor: str = "zoo") -> Features:
    """Features whose probabilities are highest in these columns."""
    probabilities = torch.full((len(columns), 3), 0.2)
    probabilities[torch.arange(len(columns)), torch.tensor(columns)] = 0.6
    return Features(torch.zeros(len(columns), 2), probabilities, protocol={"extractor": extractor})


def measure(name: str, evidence: Evidence):
    return measured([BUILT_IN[name]], evidence)[0]


def test_agreement_is_the_share_that_is_seen_as_asked():
    features = probable(0, 1, 1, 2, 0, 0)
    asked = ["cat", "dog", "cow", "cow", "", "unicorn"]
    found = measure("agreement", Evidence(Seen(lambda: features, asked=lambda: asked), classes=CLASSES))
    assert (found.metric, found.value, found.n, found.n_real) == ("agreement_zoo", 0.75, 4, None)
    # Wilson's score of 3 of 4 (statsmodels 0.14).
    assert (found.low, found.high) == pytest.approx((0.30064, 0.95441), abs=1e-4)


def test_agreement_follows_the_rows_that_are_taken():
    whole = Seen(lambda: probable(0, 1, 2, 2), asked=lambda: ["cat", "cow", "dog", "cow"])
    for rows, expected in ((slice(0, 2), 0.5), (torch.tensor([3, 0]), 1.0), (torch.tensor([1, 2]), 0.0)):
        assert measure("agreement", Evidence(whole[rows], classes=CLASSES)).value == expected


@pytest.mark.parametrize(
    ("features", "asked", "said"),
    [
        (probable(0, 1), ["", ""], "needs samples that are asked to be of a class"),
        (replace(probable(0, 1), probabilities=None), ["cat", "cat"], "needs an extractor whose classes are"),
        (replace(probable(0, 1), probabilities=torch.ones(2, 5)), ["cat", "cat"], "needs an extractor whose"),
    ],
)
def test_agreement_says_what_it_lacks(features, asked, said):
    with pytest.raises(Unmeasurable, match=said):
        measure("agreement", Evidence(Seen(lambda: features, asked=lambda: asked), classes=CLASSES))


def test_what_there_is_depends_on_the_extractor_and_on_what_was_asked_for():
    digits, ear = extractor("spoken_digits"), extractor("random_ear")
    notes = replace(SPEC, classes=("A2", "Db3"))
    assert lacking(digits, SPEC, ["", "seven"]) == {"pitches"}
    assert lacking(digits, SPEC, ["", ""]) == {"pitches", "asked"}
    assert lacking(ear, SPEC, ["one"]) == {"probabilities", "asked", "speech", "pitches"}
    assert lacking(ear, notes, ["A2"]) == {"probabilities", "asked", "speech"}
    assert lacking(None, notes, [""]) >= {"features", "probabilities", "asked", "speech", "pitches"}
    # Inception's classes serve for the inception score of any pictures, and for no agreement.
    any_classes = replace(extractor("digits"), any_classes=True)
    assert lacking(any_classes, ArraySpec(1, (8, 8), classes=CLASSES), ["cat"]) >= {"asked"}


def test_which_metrics_sounds_have_and_which_of_them_are_measured_unless_told_otherwise():
    whole = {metric.name for metric in catalogue().fitting(offers(AUDIO))}
    usual = {metric.name for metric in catalogue().chosen(None, AUDIO)}
    assert whole - usual == {"dnsmos", *(metric.name for metric in OF_RESTYLING)}
    assert usual >= {"kid", "fid", "precision", "agreement", "silent_share", "clipped_share", "in_tune"}
    for other in (IMAGE, TEXT):
        assert not {"silent_share", "dnsmos"} & {m.name for m in catalogue().fitting(offers(other))}
        assert "agreement" not in {metric.name for metric in catalogue().chosen(None, other)}
    assert [metric.name for metric in catalogue().chosen(["agreement_digits"], IMAGE)] == ["agreement"]
    # An opinion of speech never stands alone.
    assert [metric.name for metric in catalogue().chosen(["dnsmos"], AUDIO)] == ["silent_share", "dnsmos"]


def waves(*kinds: str) -> torch.Tensor:
    """Clips that are a tone, silent, or cut off."""
    tone = np.sin(2 * np.pi * 220 * np.arange(4096) / 8000)
    made = {"tone": tone, "silent": tone * 1e-4, "cut": (tone * 3).clip(-1, 1)}
    return torch.from_numpy(np.stack([np.round(made[kind] * 32_767) for kind in kinds]).astype(np.int16))[
        :, None
    ]


def test_silent_and_clipped_sounds_are_counted():
    heard = waves("tone", "silent", "cut", "cut", "tone")
    seen = Seen(lambda: collect(None, [heard]), lambda: heard)
    for name, expected in (("silent_share", 0.2), ("clipped_share", 0.4)):
        found = measure(name, Evidence(seen, array=SPEC))
        assert found.value == expected
        assert (found.value, found.low, found.high) == share(round(5 * expected), 5)
        assert found.protocol["shape"] == "1×4096"
        assert "extractor" not in found.protocol


def test_arrays_of_sounds_are_told_apart_by_all_their_bits():
    heard = waves("tone", "tone", "tone")
    heard[1, 0, 7] += 1
    features = collect(None, [heard])
    assert features.keys is not None
    assert len(features.keys.unique()) == 2
    seen = Seen(lambda: features, lambda: heard)
    assert float(seen.arrays.min()) == pytest.approx((32_768 - 32_767) / 65_535)
    assert float(Seen(arrays=lambda: torch.zeros(1, 1, 4, dtype=torch.int16)).arrays.mean()) == pytest.approx(
        0.5, abs=1e-4
    )


def test_plucked_strings_are_in_tune_as_they_are_asked_to_be():
    numbers = [LOWEST + i for i in range(12)]
    strings = torch.from_numpy(np.stack([string(i, number) for i, number in enumerate(numbers)]))[:, None]
    strings = strings.to(torch.int16)
    names = [note(number) for number in numbers]
    spec = replace(SPEC, classes=tuple(names))

    def tuned(asked):
        seen = Seen(lambda: collect(None, [strings]), lambda: strings, asked=lambda: asked)
        return measure("in_tune", Evidence(seen, array=spec))

    assert (tuned(names).value, tuned(names).n) == (1.0, 12)
    assert tuned(names[1:] + names[:1]).value == 0
    half = [*names[:6], *([""] * 6)]
    assert (tuned(half).value, tuned(half).n) == (1.0, 6)
    with pytest.raises(Unmeasurable, match="needs sounds that are asked to be of a pitch"):
        tuned([""] * 12)


# ---------------------------------------------------------------------- opinions of speech


def test_what_is_heard_of_short_and_of_long_clips():
    (short,) = dnsmos.stretches(np.arange(8192))
    assert len(short) == 144_160
    assert (short[8191], short[8192], short[-1]) == (8191, 0, 144_159 % 8192)
    for seconds, begins in ((9.01, [0]), (10, [0]), (10.1, [0, 16_000]), (12, [0, 16_000, 32_000])):
        found = dnsmos.stretches(np.arange(int(seconds * 16_000)))
        assert [int(part[0]) for part in found] == begins
        assert {len(part) for part in found} == {144_160}


def test_without_the_package_it_says_what_to_install(monkeypatch):
    dnsmos.listener.cache_clear()
    monkeypatch.setattr(dnsmos.importlib.util, "find_spec", lambda name: None)
    heard = waves("tone")
    seen = Seen(lambda: collect(None, [heard]), lambda: heard)
    refused: list[Unmeasurable] = []
    evidence = Evidence(seen, array=SPEC)
    found = measured([BUILT_IN["silent_share"], BUILT_IN["dnsmos"]], evidence, refused)
    assert [one.metric for one in found] == ["silent_share"]
    assert [error.reason for error in refused] == [
        "needs onnxruntime and the file of speechmos: pip install 'generator-kit[audio]'."
    ]


def test_noise_tones_and_near_silence_get_the_opinions_that_are_known():
    pytest.importorskip("onnxruntime")
    if dnsmos.importlib.util.find_spec("speechmos") is None:
        pytest.skip("speechmos is not here")
    generator = np.random.default_rng(0)
    time = np.arange(int(9.1 * 16_000)) / 16_000
    clips = [generator.normal(0, 0.1, len(time)), 0.5 * np.sin(2 * np.pi * 440 * time)]
    said = [dnsmos.listener()(torch.from_numpy(clip).float()[None].clamp(-1, 1)) for clip in clips]
    assert said == pytest.approx([1.08, 1.51], abs=0.25)
