"""What other distributions offer: found by name, refused in one line that says whose it is."""

import pytest

from genkit.core import media
from genkit.core.knobs import DataKnobs
from genkit.core.media import MEDIA
from genkit.core.spec import View
from genkit.data import open_dataset
from genkit.data.sources import DATASETS
from genkit.families import FAMILIES
from genkit.system.errors import ConfigError

THEIRS = """
from dataclasses import dataclass
import numpy as np
from genkit.data.sources import Images
from genkit.core.media.medium import Medium

@dataclass(frozen=True)
class Points(Medium):
    def sheet(self, shown, columns=None, border=1):
        return None

GOOD = Points("points", "a point", "points", ("point",))
NAMED = Points("dots", "a dot", "dots", ("point",))
FLAT = Points("points", "a point", "points", ())
VIEWS = Points("points", "a point", "points", ("point",), views=("pictures",))
MUTE = Points("points", "", "points", ("point",))
SUFFIX = Points("points", "a point", "points", ("point",), suffixes=("png",))
NUMBER = 3

def numbers(data, paths):
    return [1, 2, 3]

def dots(data, paths):
    return Images(np.zeros((30, 1, 4), np.uint8), None, medium=GOOD)
"""


@pytest.fixture
def offer(tmp_path, monkeypatch):
    """`offer(distribution, group, **names)`: a distribution that offers these."""
    (tmp_path / "theirs_of_registry.py").write_text(THEIRS)
    (tmp_path / "raises_of_registry.py").write_text("raise ValueError('no\\nluck')\n")
    monkeypatch.syspath_prepend(tmp_path)

    def install(distribution, group, **names):
        about = tmp_path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        lines = [f"[genkit.{group}]", *(f"{name} = {target}" for name, target in names.items())]
        (about / "entry_points.txt").write_text("\n".join(lines) + "\n")

    return install


def refusal(load, *given):
    with pytest.raises(ConfigError) as refused:
        load(*given)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("registry", "name", "target", "said"),
    [
        (MEDIA, "points", "NUMBER", "that is of type int, not a genkit.core.media.medium Medium"),
        (MEDIA, "points", "FLAT", "that has 0 axes; an array has from 1 to 3"),
        (MEDIA, "points", "VIEWS", "that has views ('pictures',), of which a model reads arrays and tokens"),
        (MEDIA, "points", "MUTE", "that says not what an example, and what many are called"),
        (MEDIA, "points", "SUFFIX", "that has suffixes ('png',); one is written .png"),
        (MEDIA, "points", "ABSENT", "that cannot be imported: AttributeError"),
        (DATASETS, "mine", "NUMBER", "that is of type int, no function of data and paths"),
        (FAMILIES, "spline", "NUMBER", "that is no class of genkit.core.module.GenerativeModule"),
    ],
)
def test_what_is_not_sound_is_refused_with_its_distribution(offer, registry, name, target, said):
    offer("outside-things", registry.group, **{name: f"theirs_of_registry:{target}"})
    whole = refusal(registry.load, name)
    declared = f"{registry.kind} '{name}' of outside-things is declared as theirs_of_registry:{target}"
    assert whole.startswith(f"{declared}, but {said}")


def test_a_module_that_raises_is_refused_with_what_it_said(offer):
    offer("outside-things", "media", points="raises_of_registry:X")
    assert "of outside-things is declared as raises_of_registry:X" in (said := refusal(media.find, "points"))
    assert "ValueError: no luck" in said


def test_a_medium_has_one_name(offer):
    offer("outside-things", "media", points="theirs_of_registry:NAMED", good="theirs_of_registry:GOOD")
    assert "'points' of outside-things calls itself dots: use one name" in refusal(media.find, "points")


def test_a_dataset_that_returns_no_data_is_refused(offer):
    offer("outside-things", "datasets", mine="theirs_of_registry:numbers")
    said = refusal(open_dataset, DataKnobs(name="mine"), {}, View("arrays"))
    assert said.startswith("dataset 'mine' of outside-things returns a list; ")


def test_a_dataset_of_a_medium_that_nobody_offers_is_refused(offer):
    offer("outside-things", "datasets", mine="theirs_of_registry:dots")
    said = refusal(open_dataset, DataKnobs(name="mine"), {}, View("arrays"))
    assert said.startswith("dataset 'mine' of outside-things is of a medium that no distribution offers: ")
    assert "give points an entry point in the group genkit.media" in said
    offer("outside-media", "media", points="theirs_of_registry:GOOD")
    assert open_dataset(DataKnobs(name="mine"), {}, View("arrays")).spec.medium.name == "points"


def test_one_name_of_two_distributions_is_refused_and_the_others_stay(offer):
    offer("outside-b", "media", points="theirs_of_registry:GOOD", planes="theirs_of_registry:GOOD")
    offer("outside-a", "media", points="theirs_of_registry:NAMED")
    assert {"points", "planes"} <= set(MEDIA.names())
    assert "is offered by outside-a and outside-b: uninstall one of them." in refusal(MEDIA.load, "points")
    assert MEDIA.load("planes").name == "points"


def test_nobody_takes_the_name_of_what_is_built_in(offer):
    offer("outside-things", "media", text="theirs_of_registry:GOOD")
    assert media.find("text").name == "text"
    assert MEDIA.names().count("text") == 1
