"""The page of runs over HTTP: examples denoised, enlarged and drawn anew, bitwise as by the commands."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("starlette", reason="the extra app is not installed")
pytest.importorskip("uvicorn", reason="the extra app is not installed")

from tests.integration.test_app import pixels, png_of, repeated_picture, rows_of
from tests.page_server import said

VAE, GPT, FLOW = "0", "1", "2"
OBSERVED = ("complete", "denoise", "upscale")


def test_a_run_is_asked_for_what_it_can(page):
    runs = json.loads(page.ask("GET", "/runs")[2])["runs"]
    assert [run.get("apart") for run in runs] == [
        {"complete": ["in", "mask"], "denoise": ["in"], "upscale": ["in"]},
        None,
        {"complete": ["in", "mask"], "denoise": ["in"], "upscale": ["in"], "restyle": ["in"]},
    ]
    restyle = runs[2]["verbs"]["restyle"]
    (label,) = [own for own in restyle if own["name"] == "label"]
    assert (label["choices"], label["many"]) == ([str(digit) for digit in range(10)], True)
    assert [own["name"] for own in restyle if own["of_file"]] == ["from", "fit"]


@pytest.mark.parametrize(
    ("verb", "run", "words"),
    [
        ("denoise", VAE, {"scale": 0.5, "draws": 2, "in": "3"}),
        ("denoise", FLOW, {"draws": 1, "seed": 4, "split": "train"}),
        ("upscale", VAE, {"factor": 4, "draws": 2}),
        ("upscale", FLOW, {"along": "all", "draws": 1, "in": "2"}),
        ("restyle", FLOW, {"label": ["7", "1"], "in": "1"}),
        ("restyle", FLOW, {"label": "3"}),
    ],
)
def test_what_is_made_of_an_example_is_bitwise_that_of_the_command(page, tmp_path, verb, run, words):
    events = page.asked(verb, run, **words)[1]
    shown = [pixels(event) for event in said(events, "sample")]
    kept = rows_of(repeated_picture(said(events, "asked")[0]["command"], tmp_path / "c.png"), len(shown), 1)
    assert np.array_equal(shown, kept[:, 0])
    names = [event["caption"].partition(",")[0] for event in said(events, "sample")]
    if verb == "restyle":
        assert names == ["input", *(f"as {label}" for label in np.atleast_1d(words["label"]))]
    else:
        assert names == ["input", *(f"answer {i + 1}" for i in range(words["draws"])), "truth"]
    assert events[-1] == {"event": "done"}


@pytest.mark.parametrize("verb", ["denoise", "upscale", "restyle"])
def test_a_picture_of_ones_own_is_taken(page, tmp_path, monkeypatch, verb):
    picture = png_of(np.arange(64, dtype=np.uint8).reshape(8, 8) * 4)
    key = page.give("my picture.png", picture)
    words = {"label": ["2"], "from": "5"} if verb == "restyle" else {"draws": 1, "label": "5"}
    (begun,) = said(page.asked(f"example/{verb}", FLOW, **{"in": f"file:{key}"})[1], "sample")
    assert pixels(begun).shape == (8, 8)  # also before anybody says what it is, or is to be
    events = page.asked(verb, FLOW, **{"in": f"file:{key}", **words})[1]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my picture.png").write_bytes(picture)
    shown = [pixels(event) for event in said(events, "sample")]
    kept = rows_of(repeated_picture(said(events, "asked")[0]["command"], tmp_path / "c.png"), len(shown), 1)
    assert np.array_equal(shown, kept[:, 0])


@pytest.mark.parametrize(
    ("verb", "run", "words", "what"),
    [
        ("denoise", VAE, {"scale": 0}, "scale takes a number above 0"),
        ("denoise", VAE, {"scale": "nan"}, "scale takes a number above 0"),
        ("denoise", VAE, {"draws": 10**6}, "draws takes an integer from 1 to 16"),
        ("denoise", VAE, {"mask": "lower"}, "mask= is not asked for here"),
        ("denoise", VAE, {"in": "../../etc/passwd"}, "is no number of an example"),
        ("upscale", VAE, {"factor": 1}, "factor takes an integer from 2"),
        ("upscale", VAE, {"along": "depth"}, "along=depth is none of"),
        ("restyle", FLOW, {}, "label= is needed"),
        ("restyle", FLOW, {"label": []}, "label is an empty list"),
        ("restyle", FLOW, {"label": ["1"], "n": 10**6}, "n= is not asked for here"),
        ("restyle", FLOW, {"label": ["1"], "in": "file:none"}, "not here any more"),
        ("restyle", VAE, {"label": ["1"]}, "is not asked to restyle here"),
        ("denoise", GPT, {}, "is not asked to denoise here"),
        ("complete", GPT, {}, "is not asked to complete here"),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_line(page, verb, run, words, what):
    status, line = page.asked(verb, run, **words)
    assert status == 400
    assert what in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("verb", "run", "words", "what"),
    [
        ("upscale", VAE, {"factor": 3}, "factor=3 does not divide the sides 8×8"),
        ("upscale", VAE, {"along": "time"}, "have height and width alone"),
        ("restyle", FLOW, {"label": ["12"]}, "label=12 is no class"),
        ("restyle", FLOW, {"label": ["1", "x" * 9]}, "is no class"),
        ("denoise", VAE, {"in": "999999"}, "the test part has examples 0 to"),
    ],
)
def test_what_only_the_data_can_judge_is_refused_in_one_line(page, verb, run, words, what):
    assert what in page.asked(verb, run, **words)[1][-1]["said"]
    assert page.asked("draw", VAE, n=1)[1][-1]["event"] == "done"


@pytest.mark.parametrize("verb", ["denoise", "upscale", "restyle"])
def test_a_file_that_is_no_picture_is_refused_by_its_own_name(page, verb):
    key = page.give("bad.png", b"no picture")
    words = {"label": ["2"], "from": "5"} if verb == "restyle" else {"label": "5"}
    line = page.asked(verb, FLOW, **{"in": f"file:{key}", **words})[1][-1]["said"]
    assert line.startswith("in=bad.png")
    assert "genkit-app-" not in line


def test_nobody_asks_for_a_verb_that_is_none(page):
    assert page.ask("POST", "/example/delete", b"{}", {"content-type": "application/json"})[0] == 404
