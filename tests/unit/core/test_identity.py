"""What numbers share that stand in one column: what is likely, given what, in which frame, whose features."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from genkit import config
from genkit.core.capabilities import Likelihood, LikelihoodKind
from genkit.core.identity import named
from genkit.core.module import GenerativeModule
from genkit.core.spec import ArraySpec, View
from genkit.data import open_dataset
from genkit.data.arrays.treatments import Levels
from genkit.data.dataset import ArrayExamples, Dataset
from genkit.evaluation.likelihood_rows import likelihood
from genkit.evaluation.subject import Settings, Subject, reasons, to_rows
from genkit.families.vae import VAE
from genkit.metrics.catalogue import BUILT_IN, answers, catalogue, kind_of
from genkit.metrics.features import Features
from genkit.metrics.memorisation import memorisation, memorisation_floor
from genkit.metrics.panel import image_measures
from genkit.runs import Record, row_tables, rows
from genkit.system.errors import ConfigError, Unmeasurable

SPEC = ArraySpec(1, (8, 8), levels=4, classes=("a", "b"))
CONFIG = config.compose("train", ["model=vae", "data=digits"])
PLACE = rows.Place("run", "last", 1, "raw", "d" * 12, 0, "test", "data", "judged")


class Levelled(GenerativeModule, Likelihood):
    """Every level as likely; or the same as a density on [0, 1], where it has no nats at all."""

    def __init__(self, spec: ArraySpec, of: str, nats: float) -> None:
        super().__init__(spec)
        self.kind, self.nats, self.scale = (
            LikelihoodKind("exact", of=of),
            nats,
            torch.nn.Parameter(torch.ones(1)),
        )

    def phases(self):
        return ()

    def score_batch(self, batch, noise):
        return {}

    def draw(self, noise, condition, options):
        return torch.zeros(len(noise.rows), *SPEC.shape)

    def likelihood_kind(self) -> LikelihoodKind:
        return self.kind

    def log_likelihood(self, batch, noise, *, importance_samples=1):
        return torch.full((len(batch.data),), self.nats)


def examples(n: int = 40) -> ArrayExamples:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 4, (n, *SPEC.shape)).astype(np.uint8)
    return ArrayExamples(images, np.arange(n) % 2, np.arange(n), Levels(4, 4))


def scored(module: GenerativeModule, unpadded: tuple[int, int] | None = None, n: int = 40) -> list[rows.Row]:
    """The rows of its likelihood."""
    parts = dict.fromkeys(("train", "validation", "test"), examples(n))
    dataset = Dataset("levels", module.spec, parts, "", "data", unpadded=unpadded)
    subject = Subject(module.eval(), dataset, Settings(weights="raw"), CONFIG, Record(), "")
    return to_rows([likelihood(subject, catalogue().chosen(["likelihood"], module.spec.medium))], PLACE)


def nll(found: list[rows.Row], role: str = "model") -> rows.Row:
    return next(row for row in found if row.metric == "nll" and row.role == role)


def test_an_exact_density_stands_in_no_column_of_probabilities():
    probability = nll(scored(Levelled(SPEC, "probability", -88.7)))
    for of, nats in (("density", 0.0), ("density", 12.0), ("unsaid", -88.7)):
        found = scored(Levelled(SPEC, of, nats))
        with pytest.raises(ConfigError, match=f"of is {of}, not probability"):
            row_tables.column([probability, nll(found)])
        assert all(row.role == "model" for row in found)  # equal chances of levels are no density's ceiling
        assert nll(found).fingerprint != probability.fingerprint


def test_what_calls_itself_a_probability_and_is_more_likely_than_certain_is_refused():
    with pytest.raises(
        ConfigError, match=r"Levelled says that its likelihood is a probability, and gives.*12 nats"
    ):
        scored(Levelled(SPEC, "probability", 12.0))


def test_the_exact_families_and_bounds_stand_in_one_column():
    torch.manual_seed(0)
    vae = nll(scored(VAE(SPEC, network="mlp", likelihood="categorical", hidden=8, latent_size=2)))
    exact = nll(scored(Levelled(SPEC, "probability", -88.7)))
    assert [row.kind for row in row_tables.column([vae, exact])] == ["bound", "exact"]
    assert row_tables.identity(vae) == row_tables.identity(exact)


def test_given_labels_is_another_column_than_given_nothing():
    torch.manual_seed(0)
    small = {"network": "mlp", "likelihood": "categorical", "hidden": 8, "latent_size": 2}
    plain, given = (nll(scored(VAE(SPEC, **small, conditional=flag))) for flag in (False, True))
    assert (plain.protocol["given"], given.protocol["given"]) == ("nothing", "labels")
    with pytest.raises(ConfigError, match="given is labels, not nothing"):
        row_tables.column([plain, given])


def test_a_frame_of_known_zeros_is_another_column_and_is_said():
    module = Levelled(SPEC, "probability", -88.7)
    bits = [
        next(row for row in scored(module, frame) if row.metric == "bits_per_dimension")
        for frame in (None, (7, 7))
    ]
    assert bits[1].protocol["padded_from"] == "7×7"
    with pytest.raises(ConfigError, match="padded_from is 7×7, not None"):
        row_tables.column(bits)


def test_data_that_is_padded_says_from_what(tmp_path):
    np.savez(
        tmp_path / "x.npz", images=np.random.default_rng(0).integers(0, 256, (60, 28, 28)).astype(np.uint8)
    )
    words = [
        "model=dcgan",
        "data=arrays",
        f"data.path={tmp_path / 'x.npz'}",
        f"paths.cache_dir={tmp_path / 'c'}",
    ]
    cfg = config.compose("train", words)
    for sizes, frame in (((32,), (28, 28)), ((28,), None), ((64,), None)):
        assert open_dataset(cfg.data, cfg.paths.by_name, View("arrays", sizes)).unpadded == frame


def test_the_ceiling_has_the_identity_of_what_it_is_set_beside():
    found = scored(Levelled(SPEC, "probability", -80.0))
    ceiling = nll(found, "ceiling")
    assert row_tables.identity(ceiling) == row_tables.identity(nll(found))
    assert ceiling.value == pytest.approx(64 * np.log(4))


def test_too_few_examples_have_a_row_that_says_so():
    found = scored(Levelled(SPEC, "probability", -80.0), n=9)
    assert [row.metric for row in found] == ["nll", "bits_per_dimension"]
    assert {row.value for row in found} == {None}
    assert found[0].note == "need at least 10 examples; there are 9."


def test_a_model_without_a_likelihood_has_no_bits_either():
    class Silent(Levelled):
        def likelihood_kind(self) -> LikelihoodKind:
            return LikelihoodKind("none", "only samples")

    found = scored(Silent(SPEC, "unsaid", 0.0))
    assert {row.metric: row.note for row in found} == {
        "nll": "none: only samples",
        "bits_per_dimension": "none: only samples",
    }


# ---------------------------------------------------------------------- names


def features(n: int, seed: int, **protocol: str) -> Features:
    vectors = torch.randn(n, 4, generator=torch.Generator().manual_seed(seed))
    return Features(vectors, vectors.softmax(1), vectors, torch.arange(n) + 1000 * seed, protocol)


@pytest.mark.parametrize("extractor", ["digits", "random", "inception", "faces"])
def test_a_distance_of_features_says_whose_in_its_name(extractor):
    found = image_measures(features(60, 0, extractor=extractor), features(60, 1, extractor=extractor))
    names = {measure.metric for measure in found}
    bare = {"fid", "fid_infinity", "kid", "inception_score"}
    assert names & bare == (bare if extractor == "inception" else set())
    assert {kind_of(name) for name in names} >= bare
    if extractor != "inception":
        assert f"fid_infinity_{extractor}" in names
        assert kind_of(f"fid_infinity_{extractor}") == "fid_infinity"
        assert answers(f"fid_{extractor}", "fid")
        assert not answers(f"fid_infinity_{extractor}", "fid")
        assert not answers(f"fid_{extractor}", named("fid", "other"))


def write(file, plain):
    """Lines as some version has written them."""
    file.write_text("".join(json.dumps(line) + "\n" for line in plain))


def test_rows_of_earlier_versions_are_read_under_their_true_names(tmp_path):
    file = tmp_path / "evaluation.jsonl"
    protocol = {"extractor": "digits", "version": 1}
    old = {
        "value": 1.0,
        "n": 60,
        "n_real": 60,
        "kind": "estimate",
        "direction": "lower",
        "fingerprint": "0" * 12,
    }
    kinds = ("fid", "fid_infinity", "kid", "inception_score", "memorised_share", "memorisation", "recall")
    write(file, [{**old, "metric": kind, "protocol": protocol} for kind in kinds])
    read = rows.read(file)
    assert [row.metric for row in read] == [
        *("fid_digits", "fid_infinity_digits", "kid_digits", "inception_score_digits"),
        *kinds[4:],
    ]
    assert [row.direction for row in read] == ["lower"] * 4 + ["none", "none", "lower"]
    new = image_measures(features(60, 0, **protocol), features(60, 1, **protocol), ("fid",))[0]
    assert read[0].fingerprint == new.fingerprint  # so old and new ones stand in one column
    rows.write(file, read, append=False)
    assert rows.read(file) == read
    text = [{**old, "metric": "nll", "low": 0.9, "high": 1.1, "protocol": {"stride": 8, "stretches": 50}}]
    write(file, text)  # an interval that held in a third of cases is not read
    assert [(row.low, row.protocol) for row in rows.read(file)] == [(None, {"stride": 8})]
    inception = [{**old, "metric": "fid", "protocol": {"extractor": "inception"}}]
    write(file, inception)
    assert rows.to_plain(rows.read(file)[0]) == inception[0]


def test_nearness_to_training_examples_has_no_better_direction():
    """White noise and a collapsed model are nearer to no training picture than held-out pictures are."""
    real = torch.randn(400, 8, generator=torch.Generator().manual_seed(0))
    train, held_out = (
        Features(part, keys=torch.arange(200) + 200 * i) for i, part in enumerate(real.split(200))
    )
    noise = Features(torch.full((200, 8), 9.0) + torch.rand(200, 8), keys=torch.arange(200) + 999)
    for made in (noise, held_out):
        found = {measure.metric: measure for measure in memorisation(made, train, held_out)[0]}
        for name in ("memorised_share", "memorisation"):
            assert found[name].direction == "none"
        assert found["exact_copies"].direction == "lower"


def test_the_floor_of_memorisation_is_the_mean_of_many_deals():
    generator = torch.Generator().manual_seed(3)

    def drawn(n: int, first: int) -> Features:
        vectors = torch.randn(n, 6, generator=generator)
        return Features(vectors, keys=torch.arange(n) + first, protocol={"extractor": "x"})

    train, held_out = drawn(300, 0), drawn(120, 1000)
    found = {measure.metric: measure.value for measure in memorisation_floor(train, held_out, deals=300)}
    dealt: dict[str, list[float]] = {"memorised_share": [], "memorisation": []}
    for _ in range(300):
        rows = torch.randperm(120, generator=generator)
        measures, _pairs = memorisation(held_out[rows[:60]], train, held_out[rows[60:]])
        for measure in measures:
            if measure.metric in dealt:
                dealt[measure.metric].append(measure.value)
    for metric, values in dealt.items():
        error = np.std(values) * np.sqrt(2 / 300)
        assert abs(found[metric] - np.mean(values)) < 3.5 * error
        assert np.std(values) > 5 * error  # which one deal alone would be off by
    assert found["nearest_train"] == pytest.approx(
        torch.cdist(held_out.vectors, train.vectors).min(1).values.mean().item(), rel=1e-4
    )
    with pytest.raises(Unmeasurable, match="at least 40"):
        memorisation_floor(train, held_out[:39])


# ---------------------------------------------------------------------- what cannot be measured


def test_what_cannot_be_measured_has_a_row_under_each_of_its_names():
    refused: list[Unmeasurable] = []
    image_measures(features(30, 0, extractor="digits"), features(30, 1, extractor="digits"), refused=refused)
    found = reasons(refused)
    assert [row.metric for row in found] == ["precision", "recall", "density", "coverage"]
    assert {row.note for row in found} == {"need at least 48 real pictures; there are 30."}
    assert {BUILT_IN[row.metric].group for row in found} == {"images"}


def test_an_arrow_is_that_of_a_number_not_of_a_gap():
    gap = rows.missing("recall", "1", "too few", replace(PLACE, run="a"))
    number = rows.Row("recall", 0.5, direction="higher", kind="estimate", n=9, place=replace(PLACE, run="b"))
    assert row_tables.comparison([gap, number]).cells[0] == ("recall ↑", "none", "0.5")
