"""The catalogue: what is declared, what others offer, what is refused when it is loaded."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace

import pytest
import torch

from genkit.core.media.image import IMAGE
from genkit.core.media.medium import Medium
from genkit.core.media.text import TEXT
from genkit.metrics.catalogue import BUILT_IN, GROUPS, catalogue, group_of, kind_of, offers, read
from genkit.metrics.declaration import NEEDS, Metric
from genkit.metrics.evidence import Evidence, Seen
from genkit.metrics.features import collect
from genkit.metrics.measure import Measure
from genkit.metrics.panel import beside, measured
from genkit.system.errors import ConfigError, Unmeasurable

SPREAD = Metric(
    "spread", "1", "higher", ("arrays",), lambda e: float(e.generated.arrays.std()), help="of all numbers"
)


@dataclass(frozen=True)
class Tones(Medium):
    """Arrays that no network looks at."""

    name: str = "tones"
    one: str = "a tone"
    many: str = "tones"
    axes: tuple[str, ...] = ("time",)

    def sheet(self, shown, columns=None, border=1):
        return None


def offered(folder, monkeypatch, *points, code="", name="theirs"):
    """A distribution on the path that offers metrics."""
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / f"metrics_of_{name}.py").write_text(code)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{point} = metrics_of_{name}:{target}" for point, target in points]
    (about / "entry_points.txt").write_text("[genkit.metrics]\n" + "\n".join(lines) + "\n")
    monkeypatch.syspath_prepend(str(folder))


HEAD = "from genkit.metrics.declaration import Metric\nfrom dataclasses import replace\n"
GOOD = HEAD + 'GOOD = Metric("{}", "1", "lower", ("arrays",), lambda e: 1.0, help="one")\n'


def test_what_is_built_in_declares_what_there_is():
    assert [metric.name for metric in catalogue().metrics.values()][: len(BUILT_IN)] == list(BUILT_IN)
    for metric in BUILT_IN.values():
        assert set(metric.needs) <= set(NEEDS)
        assert metric.help
        assert metric.least < metric.most
        assert metric.counted <= (metric.interval == "")
    assert (
        *("likelihood", "prediction", "answers", "images", "classes", "sounds", "speech", "frames"),
        *("process", "verse", "texts", "memorisation", "restyling", "cost"),
    ) == GROUPS
    assert {beside for metric in BUILT_IN.values() for beside in metric.beside} <= set(BUILT_IN)
    depends = {metric.name for metric in BUILT_IN.values() if metric.depends_on_n}
    assert depends >= {"fid", "recall", "mauve"}
    assert not depends & {"kid", "fid_infinity", "distinct_1", "nll", "diversity"}


def test_kinds_are_told_from_the_networks_that_they_are_of():
    assert [
        kind_of(name) for name in ("fid_digits", "fid_infinity", "fid_infinity_x", "recall", "spread")
    ] == [*("fid", "fid_infinity", "fid_infinity", "recall", "spread")]
    assert {"fid_digits", "kid_random", "images", "mauve"} <= set(catalogue().known())


@pytest.mark.parametrize(
    ("medium", "has", "lacks"),
    [
        (IMAGE, {"bits_per_dimension", "fid", "nearest_train", "parameters"}, {"mauve", "bits_per_byte"}),
        (TEXT, {"bits_per_byte", "perplexity", "mauve", "novel_1grams"}, {"fid", "exact_copies"}),
        (Tones(), {"nll", "sliced_wasserstein", "exact_copies", "duplicates"}, {"fid", "recall", "mauve"}),
    ],
)
def test_what_a_medium_offers_says_which_metrics_it_has(medium, has, lacks):
    names = {metric.name for metric in catalogue().fitting(offers(medium))}
    assert has <= names
    assert not lacks & names


def test_metrics_are_chosen_by_name_by_group_and_by_the_medium():
    names = lambda asked, medium: [m.name for m in catalogue().chosen(asked, medium)]  # noqa: E731
    assert names(["kid_digits", "recall", "fid"], IMAGE) == ["fid", "kid", "recall"]
    assert names(["memorisation"], IMAGE) == [
        *("exact_copies", "duplicates", "memorised_share", "memorisation", "nearest_train")
    ]
    assert set(names(None, Tones())) == {
        *("nll", "bits_per_dimension", "sliced_wasserstein", "exact_copies", "duplicates"),
        *(metric.name for metric in BUILT_IN.values() if metric.group == "cost"),
    }
    for asked, medium, said in (
        ("fidd", IMAGE, r"metrics=fidd is no metric and no group of them. Did you mean fid\?"),
        (
            "texts",
            IMAGE,
            "metrics=texts: the run draws images; it has likelihood, images, classes, memorisation",
        ),
        (
            "mauve",
            Tones(),
            "metrics=mauve: the run draws tones; it has likelihood, images, memorisation, restyling and",
        ),
    ):
        with pytest.raises(ConfigError, match=said):
            catalogue().chosen([asked], medium)


def test_a_metric_of_another_distribution_is_imported_when_it_is_asked_for(tmp_path, monkeypatch):
    offered(tmp_path, monkeypatch, ("calm", "GOOD"), code=GOOD.format("calm"))
    assert catalogue().find("kid") is BUILT_IN["kid"]
    assert "metrics_of_theirs" not in sys.modules
    found = catalogue().find("calm")
    assert (found.unit, found.group, found.source) == ("1", "own", "theirs")
    assert "calm" in catalogue().known()
    assert group_of("calm") == "own"
    assert [metric.name for metric in catalogue().chosen(["calm", "own"], IMAGE)] == ["calm"]
    assert ("calm", "1", "↓", "one") in catalogue().listed()


BAD = {
    "no unit": ('replace(GOOD, unit="")', "unit is empty"),
    "a wrong direction": ('replace(GOOD, direction="up")', "direction 'up' is none of lower, higher, none"),
    "an unknown need": (
        'replace(GOOD, needs=("feature",))',
        "it needs feature, which no evidence has",
    ),
    "no needs": ("replace(GOOD, needs=())", "needs is no list of what it is given"),
    "a need alone": ('replace(GOOD, needs="arrays")', "needs is no list of what it is given"),
    "another name": ('replace(GOOD, name="other")', "calls itself other: use one name"),
    "no function": ("replace(GOOD, measure=3)", "measure is no function of the evidence"),
    "no floor": ('replace(GOOD, floor="yes")', "floor is neither true, false nor a function"),
    "a long help": ('replace(GOOD, help="x" * 101)', "help is longer than 100"),
    "nothing of a metric": ("3", "declares no name: it needs name, unit, direction, needs"),
    "an object that lacks something": (
        'type("Half", (), {"name": "mine", "unit": "1"})',
        "declares no direction: it needs name, unit",
    ),
    "nothing": ("[][0]", "cannot be imported: IndexError"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_declaration_is_refused_when_it_is_loaded(kind, tmp_path, monkeypatch):
    code, said = BAD[kind]
    offered(tmp_path, monkeypatch, ("mine", "BAD"), code=f"{GOOD.format('mine')}BAD = {code}\n", name="lax")
    monkeypatch.delitem(sys.modules, "metrics_of_lax", raising=False)
    for ask in (lambda: catalogue().find("mine"), lambda: catalogue().metrics, lambda: catalogue().known()):
        with pytest.raises(ConfigError) as refused:
            ask()
        assert "of lax" in str(refused.value), refused.value
        assert said in str(refused.value)
        assert "\n" not in str(refused.value)
    assert read("mine") is None  # a row of it can still be read, and so can all others
    assert catalogue().find("kid") is BUILT_IN["kid"]
    monkeypatch.delitem(sys.modules, "metrics_of_lax", raising=False)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("kid", "metric 'kid' of twin: that name exists"),
        ("images", "metric 'images' of twin: that name exists"),
        ("fid_mine", "metric 'fid_mine' of twin: that is fid of the features of mine"),
        ("Kid", "metric 'Kid' of twin: name 'Kid' is none: lower case letters"),
    ],
)
def test_a_name_that_exists_is_refused(name, said, tmp_path, monkeypatch):
    offered(tmp_path, monkeypatch, (name, "GOOD"), code=GOOD.format(name), name="twin")
    monkeypatch.delitem(sys.modules, "metrics_of_twin", raising=False)
    with pytest.raises(ConfigError, match=said):
        _ = catalogue().metrics
    with pytest.raises(ConfigError, match="that name exists"):
        catalogue([replace(SPREAD, name="recall")])
    with pytest.raises(ConfigError, match="that name exists"):
        catalogue([SPREAD, SPREAD])
    monkeypatch.delitem(sys.modules, "metrics_of_twin", raising=False)


def test_one_name_of_two_distributions_is_refused(tmp_path, monkeypatch):
    for name in ("one", "two"):
        offered(tmp_path / name, monkeypatch, ("calm", "GOOD"), code=GOOD.format("calm"), name=name)
    with pytest.raises(ConfigError, match=r"metric 'calm' is offered by one and two: uninstall"):
        _ = catalogue().metrics


def test_a_report_of_a_metric_that_is_not_installed_knows_nothing_of_it():
    assert read("unheard_of") is None
    assert group_of("unheard_of") is None


# ---------------------------------------------------------------------- measuring


def seen(n, seed, keep=True):
    arrays = torch.randint(
        0, 256, (n, 2, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
    )
    return Seen(lambda: collect(None, [arrays]), (lambda: arrays) if keep else None)


def test_arrays_without_a_network_are_measured_by_their_numbers():
    evidence = Evidence(seen(40, 0), seen(60, 1), train=seen(50, 2))
    chosen = catalogue().chosen(["sliced_wasserstein", "exact_copies", "duplicates"], Tones())
    found = {m.metric: m for m in measured(chosen, evidence)}
    assert found["exact_copies"].value == 0
    assert 0 < found["sliced_wasserstein"].value < 1
    assert found["sliced_wasserstein"].protocol["shape"] == "2×5"
    assert "extractor" not in found["sliced_wasserstein"].protocol
    assert evidence.generated.vectors.shape == (40, 0)
    assert evidence.generated.arrays.shape == (40, 10)
    assert float(evidence.generated.arrays.max()) <= 1


def test_a_number_becomes_a_measure_as_its_metric_declares_it():
    evidence = Evidence(seen(40, 0), seen(60, 1))
    (measure,) = measured([catalogue([SPREAD]).own["spread"]], evidence)
    expected = float(evidence.generated.arrays.std())
    assert measure == Measure(
        "spread", expected, "1", "higher", "estimate", 40, 60, protocol={"shape": "2×5"}
    )
    ends = replace(SPREAD, measure=lambda e: (2.0, 1.0, 4.0), interval="guessed")
    assert [(m.low, m.high) for m in measured([ends], evidence)] == [(1.0, 4.0)]
    assert measured([ends], evidence)[0].interval


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ((1.0, 0.5, 2.0), "metric 'spread' of theirs gave an interval, and declares none"),
        ("text", "metric 'spread' of theirs measured a str: return a number"),
        ((1.0, 2.0), "metric 'spread' of theirs measured a tuple: return a number"),
        (Measure("spread", 1.0, "s", "higher", "estimate", 4), "measured the unit s, and declares 1"),
        (
            Measure("spread", 1.0, "1", "lower", "estimate", 4),
            "measured the direction lower, and declares",
        ),
        (ZeroDivisionError("by nothing"), "metric 'spread' of theirs failed: ZeroDivisionError: by nothing"),
    ],
)
def test_what_is_not_as_it_was_declared_is_refused(made, said):
    def measure(evidence):
        if isinstance(made, Exception):
            raise made
        return made

    with pytest.raises(ConfigError, match=said):
        measured([replace(SPREAD, measure=measure, source="theirs")], Evidence(seen(4, 0), seen(4, 1)))


def test_a_callers_own_mistake_is_shown_with_where_it_is():
    with pytest.raises(ZeroDivisionError):
        measured([replace(SPREAD, measure=lambda e: 1 / 0)], Evidence(seen(4, 0), seen(4, 1)))
    with pytest.raises(LookupError, match="holds no arrays: a metric that reads them says"):
        measured([SPREAD], Evidence(seen(4, 0, keep=False), seen(4, 1)))


def test_what_is_not_finite_cannot_be_measured():
    refused: list[Unmeasurable] = []
    nan = replace(SPREAD, measure=lambda e: float("nan"))
    assert measured([nan, replace(SPREAD, name="other")], Evidence(seen(4, 0), seen(4, 1)), refused)
    assert [str(error) for error in refused] == ["spread has no finite value here (nan)."]


def test_metrics_that_share_a_function_are_measured_by_one_call():
    calls = []

    def both(evidence):
        calls.append(evidence)
        return [
            Measure(name, float(i), "1", "higher", "estimate", 4) for i, name in enumerate(("b", "a", "c"))
        ]

    pair = [replace(SPREAD, name=name, measure=both) for name in ("a", "b")]
    found = measured(pair, Evidence(seen(4, 0), seen(4, 1)))
    assert [(m.metric, m.value) for m in found] == [("a", 1.0), ("b", 0.0)]  # in their order, and no other
    assert len(calls) == 1


def test_floors_and_ceilings_are_declared():
    model, other = Evidence(seen(4, 0), seen(4, 1)), Evidence(seen(9, 2), seen(4, 1))
    count = replace(SPREAD, measure=lambda e: float(len(e.generated)))
    of_model = replace(count, name="of_model", floor=lambda e: -float(len(e.generated)))
    none = replace(count, name="none_at_all", floor=False)
    found = beside([of_model, none, count], "floor", model, lambda: other)
    assert [(m.metric, m.value) for m in found] == [("of_model", -4.0), ("spread", 9.0)]


def test_the_catalogue_needs_no_torch():
    code = "import sys; from genkit.metrics.catalogue import catalogue; catalogue().listed();"
    subprocess.run([sys.executable, "-c", f"{code} assert 'torch' not in sys.modules"], check=True)
