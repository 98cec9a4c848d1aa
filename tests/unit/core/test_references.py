"""What is cited: every key has its entry, every entry is cited, and others' entries are read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import genkit
from genkit.config.optim_knobs import OptimKnobs
from genkit.core.references import bibtex, find, known, listed, read
from genkit.families import FAMILY_KNOBS
from genkit.metrics.catalogue import BUILT_IN, EXTRACTORS, OF_EXTRACTORS
from genkit.metrics.declaration import declared
from genkit.system.errors import ConfigError

OWN = """@article{own2026,
  author = {M{\\"u}ller, Anna and {\\L}uk, Jan and Third, A.},
  title = "A {GAN}, {\\'e}tude",
  journal = {Journal of~Things},
  YEAR = {2026},
}"""


def families():
    from genkit.config.declared import loaded
    from genkit.core.knobs import ModelKnobs

    return {name: loaded(target, ModelKnobs) for name, target in FAMILY_KNOBS.items()}


def test_every_key_has_an_entry_and_every_entry_is_cited():
    cited = {key for metric in BUILT_IN.values() for key in metric.cites}
    cited |= {key for knobs in families().values() for several in knobs.cites.values() for key in several}
    cited |= {key for of in (OptimKnobs.cites, OF_EXTRACTORS) for several in of.values() for key in several}
    source = (Path(genkit.__file__).parent / "report" / "methods.py").read_text()
    cited |= set(re.findall(r"@(\w+\d{4}\w+)", source))
    assert cited == set(known())


def test_entries_are_whole_and_named_after_their_first_author_and_year():
    for key, reference in known().items():
        assert reference.fields["year"] in key
        assert reference.text.count("{") == reference.text.count("}")
        assert re.fullmatch(r"[a-z]+\d{4}[a-z]+", key)
        assert not re.search(r"[{}\\]", reference.words), reference.words
        assert reference.words.count(". ") >= 2, reference.words  # authors and year, title, where
    assert list(known()) == sorted(known())


def test_a_family_cites_what_its_knobs_ask_for():
    knobs = families()
    assert knobs["vae"].cited({"network": "mlp"}) == ["kingma2014auto"]
    assert knobs["vae"].cited({"network": "moving"}) == ["kingma2014auto", "gregor2015draw"]
    assert "donahue2019adversarial" in knobs["dcgan"].cited({"network": "dcgan", "axes": 1})
    assert "donahue2019adversarial" not in knobs["dcgan"].cited({"network": "dcgan", "axes": 0})
    assert "esser2021taming" in knobs["codes"].cited({"adversarial": 0.5})
    assert "esser2021taming" not in knobs["codes"].cited({"adversarial": 0.0})
    for name, family in knobs.items():
        from genkit.core.knobs import knobs_of

        own = set(knobs_of(family))
        assert {word.partition("=")[0] for word in family.cites if word} <= own, name


def test_what_optimised_and_what_saw_features_have_papers():
    from genkit.core.knobs import knobs_of

    assert {word.partition("=")[0] for word in OptimKnobs.cites} <= set(knobs_of(OptimKnobs))
    assert OptimKnobs.cited({"name": "muon", "ema": 0.99, "clip": None}) == [
        "jordan2024muon",
        "polyak1992acceleration",
    ]
    gan = families()["dcgan"].cited({"network": "resnet", "loss": "relativistic", "r1": 1.0, "r2": 0.0})
    assert {"jolicoeur2019relativistic", "mescheder2018which", "huang2024gan"} <= {*gan}
    assert "gulrajani2017improved" not in gan
    assert set(OF_EXTRACTORS) <= set(EXTRACTORS.names())


def test_names_are_read_as_people_write_them():
    own = read(OWN)
    assert own.authors == "Müller et al."
    assert own.words == "Müller et al. 2026. A GAN, étude. Journal of~Things."
    assert find("demsar2006statistical").short == "Demšar 2006"
    assert find("binkowski2018demystifying").authors == "Bińkowski et al."
    assert find("kingma2014auto").authors == "Kingma and Welling"
    assert find("sonderby2016ladder").authors == "Sønderby et al."
    assert find(OWN) == own


@pytest.mark.parametrize(
    "wrong",
    [
        "nobody2020",
        "@article",
        "@article{a, author = {A}}",
        "@article{a, author = {A}, title = {B",
        "@" * 9_000,
    ],
)
def test_what_is_no_reference_is_refused_and_left_out_of_a_list(wrong):
    with pytest.raises(ValueError, match=r"is no|has no"):
        find(wrong)
    assert listed([wrong, "fisher1935design", OWN, OWN]) == [find("fisher1935design"), read(OWN)]


def test_a_metric_that_cites_nothing_known_is_refused():
    class Own:
        name, unit, direction, needs, help = "reach", "1", "lower", ("arrays",), "the farthest"
        cites = ("nobody2020",)

        @staticmethod
        def measure(evidence):
            return 1.0

    with pytest.raises(ConfigError, match="cites: nobody2020 is no key of a reference"):
        declared(Own, "")
    Own.cites = (OWN,)
    assert bibtex(listed(declared(Own, "").cites)) == OWN + "\n"
