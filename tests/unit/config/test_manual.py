"""The page of a group's option and the completion of words: every knob, without torch."""

import subprocess
import sys

import pytest

from genkit import config
from genkit.config.values import leaves, shown
from genkit.system.errors import ConfigError

OPTIONS = [
    f"{group}={option}"
    for group, options in config.groups().items()
    if group != "study"
    for option in options
    if option != "python"  # whose knobs are those of a class that is not here
]


@pytest.mark.parametrize("word", OPTIONS)
def test_a_page_fits_a_terminal_and_names_every_knob_with_its_default(word):
    lines = config.explain([word]).splitlines()
    group = word.partition("=")[0]
    assert lines[0].startswith(f"{word}: ")
    assert all(len(line) <= 110 and line.isprintable() for line in lines)
    said = [line.split()[0] for line in lines[1:] if line.strip()]
    section = config.compose("train", [word]).plain.get(group) or {}
    for key, value in leaves({} if group == "paths" else section):
        if key not in ("family", "view", "sizes", "axes", "name") or group == "optim":
            text = shown(value)
            assert f"{group}.{key}={text if text.isprintable() else repr(text)}" in said


def test_a_page_says_range_choices_unit_and_conditions():
    page = config.explain(["model=vae", "optim=muon"])
    for said in (
        "integer, from 1 to 100,000 latents",
        "conv, mlp, moving, residual or resnet",
        "(only with",
        "weight of the KL divergence in the loss",
        "optim.lr=0.02",
        "optim=muon: Muon for the hidden matrices",
    ):
        assert said in page
    assert "optim.generator.KEY of one phase" in config.explain(["model=dcgan", "optim=adam"])


@pytest.mark.parametrize("word", ["model=gptt", "model.width=3", "modle=gpt"])
def test_help_of_what_is_no_option(word):
    with pytest.raises(ConfigError):
        config.explain([word])


def test_help_of_options_imports_no_torch():
    code = (
        "import sys; from genkit.cli import main; assert main(['train', '--help', 'model=dcgan']) == 0;"
        "assert main(['train', 'data=mnist', 'help']) == 0; assert 'torch' not in sys.modules"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "model.gradient_penalty=0.0" in ran.stdout
    assert "data.download=true" in ran.stdout


@pytest.mark.parametrize(
    ("typed", "last", "found"),
    [
        ([], "model=v", ["model=vae", "model=vae_mlp", "model=vae_resnet"]),
        (["model=dcgan"], "model.lo", ["model.loss="]),
        (["model=dcgan"], "model.loss=h", ["model.loss=hinge"]),
        ([], "model.loss=h", []),
        (["model=dcgan"], "optim.generator.b", ["optim.generator.betas="]),
        (["model=dcgan"], "model.extra_layers=", ["model.extra_layers=null"]),
        (
            ["name='a", "b'", "model=nobody"],
            "trainer.compile=",
            ["trainer.compile=true", "trainer.compile=false"],
        ),
        (["seed=3"], "se", []),
        ([], "se", ["seed="]),
        (
            ["data=image_folder"],
            "data.channels=",
            ["data.channels=1", "data.channels=3", "data.channels=null"],
        ),
        ([], "-", []),
        ([], "data.name", []),
    ],
)
def test_what_a_word_can_become(typed, last, found):
    assert config.completions(typed, last) == found


def test_the_page_of_a_class_has_what_the_house_knows():
    lines = config.explain(["model=python"]).splitlines()
    assert "genkit.train([…], family=CLASS)" in lines[0]
    assert [line.split()[0] for line in lines[1:] if line.strip()] == ["model.select=null"]
