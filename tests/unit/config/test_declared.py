"""Where declarations of knobs come from, and which of other distributions are refused."""

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from genkit.config import declared
from genkit.core.knobs import DataKnobs, ModelKnobs, knobs_of
from genkit.data.dataset_knobs import DATASET_KNOBS, ImageKnobs
from genkit.data.example_knobs import ExampleKnobs
from genkit.data.sources import DATASETS
from genkit.families import FAMILIES, FAMILY_KNOBS
from genkit.system.errors import ConfigError

HEAD = """
from typing import Annotated
from genkit.core.knobs import DataKnobs, ModelKnobs, knob
"""
GOOD = HEAD + 'class Mine(ModelKnobs):\n    depth: Annotated[int, knob("layers", ge=1)] = 3\n'
BAD = {
    "missing module": (None, "cannot be read: ModuleNotFoundError"),
    "missing class": (HEAD, "cannot be read: AttributeError"),
    "no class": (HEAD + "Mine = 3\n", "is no class of ModelKnobs"),
    "another class": (HEAD + "class Mine: ...\n", "is no class of ModelKnobs"),
    "of data": (HEAD + "class Mine(DataKnobs): ...\n", "is no class of ModelKnobs"),
    "raises": ("raise ValueError('no\\nluck')\n", "ValueError: no luck"),
    "no help": (HEAD + "class Mine(ModelKnobs):\n    depth: int = 3\n", "depth says no help"),
    "default out of range": (
        HEAD + 'class Mine(ModelKnobs):\n    depth: Annotated[int, knob("l", ge=1)] = 0\n',
        "depth=0 is out of its own range",
    ),
    "default of another type": (
        HEAD + 'class Mine(ModelKnobs):\n    depth: Annotated[int, knob("l", ge=1)] = "a"\n',
        "depth=a is out of its own range",
    ),
    "depends on nothing": (
        HEAD + 'class Mine(ModelKnobs):\n    depth: Annotated[int, knob("l", only={"wdth": (1,)})] = 0\n',
        "depends on wdth",
    ),
    "a range of words": (
        HEAD + 'class Mine(ModelKnobs):\n    depth: Annotated[str, knob("l", ge=1)] = "a"\n',
        "Can only set `ge` on a numeric type",
    ),
}


class Distribution:
    name = "theirs"


def point(name, value, monkeypatch):
    found = EntryPoint(name, value, declared.GROUP)
    vars(found)["dist"] = Distribution
    monkeypatch.setattr(declared, "_point", lambda asked: found if asked == name else None)


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_declaration_is_refused_in_one_line_with_its_distribution(kind, tmp_path, monkeypatch):
    text, said = BAD[kind]
    module = f"bad_{kind.replace(' ', '_')}"
    if text is not None:
        (tmp_path / f"{module}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    point("mine", f"{module}:Mine", monkeypatch)
    with pytest.raises(ConfigError) as refused:
        declared.model_knobs({"family": "mine"})
    assert str(refused.value).startswith(f"theirs declares genkit.knobs mine = {module}:Mine")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_good_declaration_is_taken(tmp_path, monkeypatch):
    (tmp_path / "good_knobs.py").write_text(GOOD)
    monkeypatch.syspath_prepend(tmp_path)
    point("mine", "good_knobs:Mine", monkeypatch)
    assert knobs_of(declared.model_knobs({"family": "mine"}))["depth"].extent == "1 or more"


def test_a_dataset_of_another_distribution_is_named_with_its_group(tmp_path, monkeypatch):
    text = HEAD + 'class Mine(DataKnobs):\n    sides: Annotated[int, knob("of a shape", ge=3)] = 4\n'
    (tmp_path / "shapes_knobs.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    point("data.shapes", "shapes_knobs:Mine", monkeypatch)
    assert set(knobs_of(declared.data_knobs({"name": "shapes"}))) == {"name", "sides"}


def test_what_imports_torch_is_refused(tmp_path):
    (tmp_path / "heavy_knobs.py").write_text("import torch\n" + GOOD)
    about = tmp_path / "theirs-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[genkit.knobs]\nmine = heavy_knobs:Mine\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from genkit.config import declared\n"
        "from genkit.system.errors import ConfigError\n"
        "try:\n    declared.model_knobs({'family': 'mine'})\n"
        "except ConfigError as error:\n    print(error)\n"
    )
    (tmp_path / "torch.py").write_text("")  # as heavy as the name
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("theirs declares genkit.knobs mine = heavy_knobs:Mine, which imports torch")


def test_everything_built_in_is_declared():
    assert set(FAMILY_KNOBS) == set(FAMILIES.built_in)
    assert set(DATASET_KNOBS) == set(DATASETS.built_in)
    for family in FAMILY_KNOBS:
        assert issubclass(declared.model_knobs({"family": family}), ModelKnobs)


def test_every_knob_says_its_help_and_has_a_default_in_its_range():
    from genkit.config.settings import GROUPS

    groups = [*GROUPS.values(), *DATASET_KNOBS.values()]
    for knobs in [*groups, *(declared.model_knobs({"family": family}) for family in FAMILY_KNOBS)]:
        for knob in knobs_of(knobs).values():
            if knob.name in ("family", "view") or (knob.name == "name" and issubclass(knobs, DataKnobs)):
                continue
            assert knob.help, (knobs, knob.name)
            default = list(knob.default) if isinstance(knob.default, tuple) else knob.default
            assert knob.fits(default), (knobs, knob.name)
            assert set(knob.only) <= set(knobs_of(knobs))


def test_a_dataset_without_a_declaration_has_the_knobs_of_its_file():
    section = {"name": "shapes", "levels": None, "sides": 4, "round": False, "what": None}
    knobs = declared.data_knobs(section)
    assert issubclass(knobs, ExampleKnobs)
    assert not issubclass(knobs, ImageKnobs)
    assert issubclass(declared.data_knobs({**section, "size": None}), ImageKnobs)
    found = knobs_of(knobs)
    assert [found[key].kind for key in ("sides", "round", "what")] == [
        "an integer",
        "true or false",
        "a single value",
    ]
    assert found["levels"].extent == "from 2 to 256 levels, or null"
