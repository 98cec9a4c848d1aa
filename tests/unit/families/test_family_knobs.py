"""A family's knobs are what its `__init__` takes, with the defaults of its file: nothing drifts."""

import dataclasses
import inspect

import pytest

from genkit import config
from genkit.config.declared import data_knobs, model_knobs
from genkit.config.settings import GROUPS
from genkit.config.values import leaves
from genkit.core.knobs import ModelKnobs, knobs_of
from genkit.families import FAMILIES, FAMILY_KNOBS
from genkit.nn.transformer_config import TransformerConfig

OWN = {"block_size", "vocab_size", "outputs", "grid", "levels"}  # of the network, which the family decides


def parameters(family):
    """What a family takes, by name, with defaults."""
    found = inspect.signature(FAMILIES.load(family)).parameters
    taken = {p.name: p.default for p in found.values() if p.kind is p.KEYWORD_ONLY}
    if any(p.kind is p.VAR_KEYWORD for p in found.values()):
        fields = dataclasses.fields(TransformerConfig)
        taken |= {field.name: field.default for field in fields if field.name not in OWN}
    return taken


@pytest.mark.parametrize("family", FAMILY_KNOBS)
def test_knobs_parameters_and_files_say_the_same(family):
    knobs = knobs_of(model_knobs({"family": family}))
    own = {name: knob.default for name, knob in knobs.items() if name not in knobs_of(ModelKnobs)}
    assert own == parameters(family)
    file = config.compose("train", [f"model={family}"]).plain["model"]
    written = {key: tuple(value) if isinstance(value, list) else value for key, value in file.items()}
    assert {key: written[key] for key in own} == own
    assert set(written) <= set(knobs)


DATA = list(config.groups()["data"])


@pytest.mark.parametrize("option", DATA)
def test_a_file_of_data_sets_every_knob_of_its_dataset(option):
    section = config.compose("train", [f"data={option}"]).plain["data"]
    assert set(section) == set(knobs_of(data_knobs(section)))


def test_files_of_other_groups_set_every_knob():
    cfg = config.compose("train", []).plain
    for group, knobs in GROUPS.items():
        if group:
            assert set(dict(leaves(cfg[group]))) == set(knobs_of(knobs)), group
    assert {key for key, value in cfg.items() if not isinstance(value, dict)} == set(knobs_of(GROUPS[""]))
