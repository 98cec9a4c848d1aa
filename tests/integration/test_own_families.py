"""A family of one's own is a class: no entry point, no file, and what a run keeps of it is its name."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
import torch
from torch import nn

import genkit
from genkit.cli import main
from genkit.config import load_frozen
from genkit.core.capabilities import Likelihood, LikelihoodKind
from genkit.core.module import GenerativeModule
from genkit.core.phase import LossTerms, Phase
from genkit.core.spec import ArraySpec
from genkit.system.errors import CheckpointError, ConfigError
from tests.integration.conftest import QUICK, weights_of

X = np.random.default_rng(0).random((260, 8, 8), dtype=np.float32)


class Dots(GenerativeModule[ArraySpec], Likelihood):
    """Each pixel by itself: a number of levels by a categorical distribution."""

    units = {"nll": "nats"}

    def __init__(self, spec: ArraySpec, width: int = 4, kind: str = "plain", slope: float = 1.0):
        super().__init__(spec)
        self.width, self.kind, self.slope = width, kind, slope
        self.logits = nn.Linear(width, spec.size * spec.levels)
        self.register_buffer("code", torch.ones(1, width))

    def phases(self):
        return (Phase("likelihood", (self.logits,), self._loss, ema=True),)

    def _log_probabilities(self):
        return self.logits(self.code).view(*self.spec.shape, self.spec.levels).log_softmax(-1)

    def _loss(self, batch, noise):
        nll = self.score_batch(batch, noise)["nll"].mean()
        return LossTerms(nll, {"nll": nll})

    def score_batch(self, batch, noise):
        return {"nll": -self.log_likelihood(batch, noise)}

    def likelihood_kind(self):
        return LikelihoodKind("exact", of="probability")

    def log_likelihood(self, batch, noise, *, importance_samples=1):
        levels = (batch.data * (self.spec.levels - 1)).round().long()
        table = self._log_probabilities().expand(len(levels), *self.spec.shape, -1)
        return table.gather(-1, levels[..., None]).flatten(1).sum(1)

    def draw(self, noise, condition, options):
        totals = self._log_probabilities().exp().cumsum(-1)
        drawn = noise.uniform("pixels", *self.spec.shape)[..., None] > totals
        return drawn.sum(-1).clamp(max=self.spec.levels - 1) / (self.spec.levels - 1)


class Whole(Dots):
    """What it reads is said by its base; a knob without a default has to be given."""

    def __init__(self, spec, width: int):
        super().__init__(spec, width)


def words(tmp_path, name, *more):
    return [*QUICK, f"paths.runs_dir={tmp_path / 'runs'}", f"name={name}", "budget.steps=2", *more]


def test_a_class_is_trained_loaded_evaluated_and_goes_on(tmp_path, capsys):
    record = genkit.train(words(tmp_path, "a", "model.width=6"), data=X, family=Dots)
    run, places = record["run"], f"paths.runs_dir={tmp_path / 'runs'}"
    assert (record["family"], record["model"], record["status"]) == ("Dots", "Dots", "finished")
    model = load_frozen(tmp_path / "runs" / "a" / "config.yaml").plain["model"]
    assert model == {
        **{"family": "Dots", "view": "arrays", "sizes": [], "axes": 0, "select": None},
        **{"width": 6, "kind": "plain", "slope": 1.0},
    }
    module = genkit.load(run, family=Dots)
    assert (type(module), module.width, module.slope) == (Dots, 6, 1.0)
    assert module.sample(3, seed=0).data.shape == (3, 1, 8, 8)
    rows = genkit.evaluate(run, family=Dots, n=20, metrics=("likelihood",))
    assert {row.kind for row in rows if row.metric == "nll"} >= {"exact"}
    assert genkit.train(["resume=a", "budget.steps=4", places], data=X, family=Dots)["step"] == 4
    genkit.train(
        [*words(tmp_path, "whole", "model.width=6")[:-2], "model.width=6", "budget.steps=4"],
        data=X,
        family=Dots,
    )
    assert weights_of(run, 4) == weights_of(tmp_path / "runs" / "whole", 4)
    # Without the class it is told what to give; to look at the run none is needed.
    for use in (lambda: genkit.load(run), lambda: genkit.train(["resume=a", places], data=X)):
        with pytest.raises(
            CheckpointError, match=r"family Dots is a class .*: give it again, as family=Dots of"
        ):
            use()
    capsys.readouterr()
    assert main(["verify", "run=a", places]) == 0
    assert main(["runs", places]) == 0
    assert "Dots" in capsys.readouterr().out
    assert main(["sample", "run=a", "n=2", places]) == 3
    assert capsys.readouterr().err.count("\n") == 1


def test_a_knob_without_a_default_has_to_be_given(tmp_path):
    with pytest.raises(ConfigError, match=r"not given yet \(\?\?\?\): model\.width=…"):
        genkit.train(words(tmp_path, "a"), data=X, family=Whole)
    record = genkit.train(words(tmp_path, "a", "model.width=3"), data=X, family=Whole)
    assert genkit.load(record["run"], family=Whole).width == 3


class Nothing(GenerativeModule):
    pass


class Takes(Dots):
    def __init__(self, spec, sizes: int = 3):
        super().__init__(spec)


class gpt(Dots):  # which is a family's name already
    pass


class Activated(Dots):
    def __init__(self, spec, activation=nn.ReLU):
        super().__init__(spec)


class Unnamed(Dots):
    units = {"nll": 3}


class Größe(Dots):
    pass


class Anything(Dots, GenerativeModule):
    reads = GenerativeModule.reads


REFUSED = {
    "a misspelt knob": (Dots, ["model.widht=3"], r"there is no key model\.widht\. Did you mean model\.width"),
    "another type": (Dots, ["model.width=wide"], r"model\.width=wide is not an integer"),
    "another model": (Dots, ["model=vae"], r"model=vae: the family is given as a class; leave the word out"),
    "a look-up": (Dots, ["model.kind=${seed}"], r"nothing is looked up for a class of Python's"),
    "an instance": (
        3,
        [],
        r"family=int is no family: give a class that derives from genkit\.GenerativeModule",
    ),
    "a network": (nn.Linear, [], r"family=Linear is no family"),
    "one unfinished": (Nothing, [], r"family=Nothing lacks draw, phases, score_batch"),
    "a name of the house": (Takes, [], r"its knob sizes has a name of the house"),
    "a name that is taken": (gpt, [], r"there is a family 'gpt' already; give it another name"),
    "a default that is no value": (
        Activated,
        [],
        r"the default of its knob activation is of type type; a run's",
    ),
    "units that are none": (Unnamed, [], r"family=Unnamed: its units are \{'nll': 3\}; give names and units"),
    "one that reads anything": (Anything, [], r"not given yet \(\?\?\?\): model\.view=…"),
    "several processes": (
        Dots,
        ["trainer=ddp_cpu", "batch_size=8"],
        r"family=Dots is a class of this process, which others cannot see: set trainer\.devices=1",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_family_is_refused_in_a_line(tmp_path, kind):
    family, more, said = REFUSED[kind]
    typed = [
        word
        for word in words(tmp_path, "a")
        if word.partition("=")[0] not in [m.partition("=")[0] for m in more]
    ]
    with pytest.raises(ConfigError, match=said) as refused:
        genkit.train([*typed, *more], data=X, family=family)
    assert "\n" not in str(refused.value)
    assert not list((tmp_path / "runs").glob("*"))


def returning(method, change):
    """Dots, of which a method returns something else."""
    inner = getattr(Dots, method)
    return type("Odd", (Dots,), {method: lambda self, *given: change(inner(self, *given))})


RETURNED = {
    "a column of scores": (
        "score_batch",
        lambda s: {"nll": s["nll"][:, None]},
        r"shape \(\d+, 1\); give one",
    ),
    "the mean of scores": (
        "score_batch",
        lambda s: {"nll": s["nll"].mean()},
        r"'nll' as a tensor of shape \(\)",
    ),
    "a loss alone": ("_loss", lambda loss: loss.total, r"Odd, phase likelihood: its loss returned a tensor"),
    "a loss of each": (
        "_loss",
        lambda loss: LossTerms(loss.total.expand(3)),
        r"of shape \(3,\); take the mean",
    ),
    "a number": (
        "_loss",
        lambda loss: LossTerms(loss.total, {"a": 1.0}),
        r"term 'a' of its loss is an object",
    ),
    "fewer samples": ("draw", lambda x: x[:-1], r"Odd\.draw returned a tensor of shape .* one for each row"),
    "samples without channels": ("draw", lambda x: x[:, 0], r"give samples of shape \(1, 8, 8\)"),
    "nothing": ("draw", lambda x: None, r"Odd\.draw returned nothing, and was asked for"),
}


@pytest.mark.parametrize("kind", RETURNED)
def test_what_a_method_returns_is_looked_at(tmp_path, kind):
    method, change, said = RETURNED[kind]
    family = returning(method, change)

    def used():
        run = genkit.train(words(tmp_path, "a"), data=X, family=family)["run"]
        return genkit.load(run, family=family).sample(3)

    with pytest.raises(ConfigError, match=said) as refused:
        used()
    assert "\n" not in str(refused.value)


def test_the_name_of_a_class_may_have_any_letters(tmp_path):
    run = genkit.train(words(tmp_path, "a"), data=X, family=Größe)["run"]
    assert type(genkit.load(run, family=Größe)) is Größe


@pytest.mark.parametrize("given", ["model=vae", None, [3]])
def test_words_that_are_no_list_of_words_are_refused(given):
    with pytest.raises(ConfigError, match=r"genkit\.train takes a list of words"):
        genkit.train(given, data=X)


@pytest.mark.parametrize("seed", [-1, "x", 2**64])
def test_a_seed_that_is_none_is_refused(seed):
    with pytest.raises(ConfigError, match=r"seed takes an integer from 0"):
        Dots(ArraySpec(1, (8, 8), levels=4)).sample(1, seed=seed)


def test_a_family_that_reads_anything_is_told_what(tmp_path):
    record = genkit.train(words(tmp_path, "a", "model.view=arrays"), data=X, family=Anything)
    assert genkit.load(record["run"], family=Anything).spec.shape == (1, 8, 8)


def test_the_command_line_says_where_such_families_come_from(capsys):
    assert main(["train", "model=python"]) == 2
    assert "is a family that genkit.train([…], family=CLASS) is given in Python" in capsys.readouterr().err


def test_a_class_is_a_family_for_as_long_as_it_is_used(tmp_path):
    from genkit.families import FAMILIES

    genkit.train(words(tmp_path, "a"), data=X, family=Dots)
    assert "Dots" not in FAMILIES.names()
    assert FAMILIES.own("Dots") is None


# ---------------------------------------------------------------------- studies


class Falls(Dots):
    """One that cannot be trained."""

    def phases(self):
        raise ZeroDivisionError("of its own")


STUDY = {
    "seeds": 2,
    "budget": {"steps": 2},
    "primary": "bits_per_dimension",
    "evaluate": {"n": 20, "metrics": ["likelihood"]},
    "common": ["batch_size=8", "trainer=cpu", "trainer.threads=1", "callbacks.samples.n=0", "logger=csv"],
}


def test_a_study_of_classes_on_one_array(tmp_path, monkeypatch):
    monkeypatch.setattr("genkit.study.running.reserved_gpus", None)  # no other process is started
    arms = {"narrow": [Dots, "model.width=2"], "wide": [Dots, "model.width=6"], "falls": Falls}
    found = genkit.study(STUDY, name="s", arms=arms, data=X, runs_dir=tmp_path)
    assert found.ended == {
        **dict.fromkeys(("narrow-0", "narrow-1", "wide-0", "wide-1"), "finished"),
        **dict.fromkeys(("falls-0", "falls-1"), "failed"),
    }
    assert found.page == tmp_path / "s" / "report" / "report.html"
    assert "seeds" in found.verdict
    measured = {row.place.run for row in found.rows if row.metric == "bits_per_dimension" and row.value}
    assert measured == {"narrow-0", "narrow-1", "wide-0", "wide-1"}
    assert "ZeroDivisionError: of its own" in (tmp_path / "s" / "rows.jsonl").read_text()
    # The same call runs nothing again; its runs can be reported by themselves.
    table = (tmp_path / "s" / "rows.jsonl").read_bytes()
    again = genkit.study(STUDY, name="s", arms=arms, data=X, runs_dir=tmp_path)
    assert (again.rows, (tmp_path / "s" / "rows.jsonl").read_bytes()) == (found.rows, table)
    alone = genkit.report([tmp_path / "s" / "wide-0", tmp_path / "s" / "wide-1"], tmp_path / "alone")
    assert {row.place.run for row in alone.rows} == {"wide-0", "wide-1"}
    assert (tmp_path / "alone" / "report.html").is_file()
    with pytest.raises(ConfigError, match=r"s was made with|s has an arm"):
        genkit.study(STUDY, name="s", arms=arms, data=X[::-1], runs_dir=tmp_path)


def test_a_study_goes_on_where_it_was_stopped(tmp_path):
    class Stops(Dots):
        def phases(self):
            os.kill(os.getpid(), signal.SIGINT)
            return super().phases()

    with pytest.raises(KeyboardInterrupt):
        genkit.study(STUDY, name="s", arms={"a": Stops}, data=X, runs_dir=tmp_path)
    Stops.phases = Dots.phases
    found = genkit.study(STUDY, name="s", arms={"a": Stops}, data=X, runs_dir=tmp_path)
    assert set(found.ended.values()) == {"finished"}


WRONG = {
    "no arms": ({}, r"a study needs arms"),
    "no name": ({"arms": {"a": Dots}, "name": None}, r"cannot name a study"),
    "a key that is none": ({"arms": {"a": Dots}, "seed": 3}, r"a study has no seed\. Did you mean seeds"),
    "no family": ({"arms": {"a": nn.Linear}}, r"family=Linear is no family"),
    "other data": ({"arms": {"a": [Dots, "data=digits"]}}, r"data=digits: the data are given as an object"),
    "a launcher": (
        {"arms": {"a": Dots}, "launcher": ["hydra/launcher=basic"]},
        r"the family of arm a is a class of this process, which no launcher can see",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_study_that_cannot_be_is_refused_in_a_line(tmp_path, kind):
    more, said = WRONG[kind]
    with pytest.raises(ConfigError, match=said) as refused:
        genkit.study(STUDY, **{"name": "s", "data": X, "runs_dir": tmp_path, **more})
    assert "\n" not in str(refused.value)


@pytest.mark.slow
def test_a_study_of_words_on_an_array_runs_in_processes_of_its_own(tmp_path):
    words = ["model=vae", "model.width=4", "model.hidden=8", "model.likelihood=categorical"]
    arms = {"vae": words, "dots": Dots}
    found = genkit.study({**STUDY, "seeds": 1}, name="s", arms=arms, data=X, runs_dir=tmp_path)
    assert found.ended == {"vae-0": "finished", "dots-0": "finished"}
    assert main(["study", f"study={tmp_path / 's' / 'study.yaml'}", f"paths.runs_dir={tmp_path}"]) == 0
