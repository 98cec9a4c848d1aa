"""Metrics of others: one that a distribution offers, one that a caller has in hand, end to end."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import torch

from genkit import evaluate
from genkit.report import report
from genkit.report.analysis import analyse
from genkit.report.sources import read_study
from genkit.runs import rows
from genkit.study import open_study, read_declaration
from genkit.system.errors import ConfigError
from tests.unit.report.report_runs import write_run, write_study

SOURCE = Path(__file__).parents[1] / "outside" / "metric"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The distribution of tests/outside/metric, as if it were installed."""
    about = tmp_path / "site" / "outside_reach-0.1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: outside-reach\nVersion: 0.1.0\n")
    declared = (SOURCE / "pyproject.toml").read_text()
    target = declared.partition("reach = ")[2].partition("\n")[0].strip('"')
    (about / "entry_points.txt").write_text(f"[genkit.metrics]\nreach = {target}\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.syspath_prepend(str(SOURCE))
    yield about
    for name in [name for name in sys.modules if name.startswith("genkit_reach")]:
        monkeypatch.delitem(sys.modules, name)


def test_a_metric_of_another_distribution_is_evaluated_by_name(installed, trained, genkit, tmp_path):
    run, out = trained("vae"), tmp_path / "rows.jsonl"
    words = [f"run={run}", "n=64", "checkpoint=last", f"out={out}"]
    code, said, err = genkit("evaluate", *words, "metrics=reach,sliced_wasserstein")
    assert code == 0, err
    assert "reach" in said
    found = {(row.metric, row.role): row for row in rows.read(out)}
    assert {metric for metric, _ in found} == {"reach", "sliced_wasserstein"}
    model, floor, ceiling = (found["reach", role] for role in rows.ROLES)
    assert (model.unit, model.direction, model.kind, model.n) == ("1", "lower", "estimate", 64)
    assert model.low < model.value < model.high
    assert model.interval
    assert 0 < floor.value < model.value < ceiling.value
    assert model.protocol["shape"] == "1×8×8"
    drawn = torch.from_numpy(_samples(run)).flatten(1).float() / 255
    real = torch.from_numpy(_real()).flatten(1).float() / 255
    nearest = ((real[:, None] - drawn[None]) ** 2).sum(2).sqrt().min(1).values
    assert model.value == pytest.approx(float(nearest.mean()), rel=1e-4)


def _samples(run):
    from genkit import load

    return load(run).sample(64, seed=0, batch_size=64).arrays


def _real():
    from genkit import config
    from genkit.data import open_dataset
    from genkit.data.real import as_samples

    cfg = config.compose("train", ["model=vae", "data=digits"])
    data = open_dataset(cfg.data, cfg.paths.by_name, config.view(cfg))
    examples = data.split("test")
    return as_samples(data.spec, examples, examples.some(10_000)).arrays


def test_it_decides_a_study_and_stands_in_its_report(installed, trained, tmp_path):
    study = "arms:\n  a: [model=vae]\n  b: [model=dcgan]\nseeds: 6\nbudget: {steps: 2}\nprimary: reach\n"
    (tmp_path / "few.yaml").write_text(f"{study}common: [data=digits]\nevaluate: {{metrics: [reach]}}\n")
    declaration = read_declaration(str(tmp_path / "few.yaml"))
    places = {"runs_dir": str(tmp_path / "runs"), "cache_dir": str(tmp_path / "c"), "data_dir": str(tmp_path)}
    plan = open_study(declaration, places)
    assert (len(plan.members), plan.declaration.primary) == (12, "reach")

    measured = evaluate(trained("vae"), "last", n=64, metrics=["reach"], out=tmp_path / "x.jsonl")
    folder = write_study(
        tmp_path / "s", [(a, s, {"status": "finished"}) for a in "ab" for s in range(8)], primary="reach"
    )
    for arm in "ab":
        for seed in range(8):
            lines = [rows.to_plain(row) for row in measured]
            lines[0]["value"] += seed / 100 + (arm == "b")
            write_run(folder / f"{arm}-{seed}", arm, seed, lines)
    found = analyse(read_study(folder)[1], "reach")
    assert (found.primary.metric, found.primary.unit, found.primary.direction) == ("reach", "1", "lower")
    assert found.verdict.best == "a"
    assert found.primary.floor < found.primary.ceiling
    assert "reach" in report(folder, tmp_path / "out").read_text()


def test_a_study_by_a_metric_that_is_not_installed_is_refused(tmp_path):
    study = "arms: {a: [model=vae]}\nseeds: 2\nbudget: {steps: 2}\nprimary: reach\n"
    (tmp_path / "few.yaml").write_text(study)
    with pytest.raises(ConfigError, match="primary=reach is no metric of an evaluation"):
        read_declaration(str(tmp_path / "few.yaml"))


def test_a_bad_metric_of_another_distribution_is_one_line(installed, trained, genkit):
    (installed / "entry_points.txt").write_text("[genkit.metrics]\nreach = genkit_reach.reach:torch\n")
    for words in (["metrics=reach"], []):
        code, _, err = genkit("evaluate", f"run={trained('vae')}", "n=64", *words)
        assert (code, err.count("\n")) == (2, 1), err
        assert "metric 'reach' of outside-reach declares no name" in err
    code, _, err = genkit("evaluate", f"run={trained('vae')}", "checkpoint=last", "metrics=kid,nll")
    assert code == 0, err  # what is built in is measured all the same


class Brightness:
    """The mean of all numbers of the samples, less that of the real ones."""

    name, unit, direction, needs = "brightness", "1", "none", ("arrays",)
    help, group, ceiling = "mean level beside the real ones", "images", False

    def measure(self, evidence):
        return float(evidence.generated.arrays.mean() - evidence.real.arrays.mean())


class Arithmetic:
    """Whether a GPU would compute in whole float32 while samples are measured."""

    name, unit, direction, needs = "arithmetic", "1", "none", ("arrays",)
    help, group, ceiling = "whether float32 is whole", "images", False

    def measure(self, evidence):
        return float(
            not torch.backends.cudnn.allow_tf32 and torch.get_float32_matmul_precision() == "highest"
        )


def test_numbers_are_those_of_a_cpu_whatever_the_process_has_set(trained, tmp_path):
    before = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    torch.backends.cudnn.allow_tf32 = True
    torch.set_float32_matmul_precision("high")
    try:
        found = evaluate(trained("vae"), "last", n=64, metrics=[Arithmetic], out=tmp_path / "rows.jsonl")
        assert torch.backends.cudnn.allow_tf32
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.backends.cudnn.allow_tf32 = before[0]
        torch.set_float32_matmul_precision(before[1])
    assert {row.value for row in found} == {1.0}


def test_a_callers_own_metric_is_measured_beside_the_others(trained, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(trained("vae"), copy)
    for own in (Brightness, Brightness()):
        found = evaluate(copy, "last", n=64, metrics=["kid", own, "parameters"])
        assert {row.metric for row in found} == {"kid_digits", "brightness", "parameters"}
        mine = {row.role: row for row in found if row.metric == "brightness"}
        assert set(mine) == {"model", "floor"}
        expected = _samples(copy).mean() / 255 - _real().mean() / 255
        assert mine["model"].value == pytest.approx(expected, abs=1e-5)
        assert abs(mine["floor"].value) < 0.1
        assert (mine["model"].low, mine["model"].interval) == (None, "")
    read = [row for row in rows.read(copy / rows.FILE) if row.metric == "brightness"]
    assert len(read) == 4
    assert read[:2] == [row for row in found if row.metric == "brightness"]
    plain = evaluate(copy, "last", n=64, metrics=["kid"])
    assert [row.value for row in plain] == [row.value for row in found if row.metric == "kid_digits"]


def test_a_callers_own_metric_that_is_none_is_refused_before_anything_is_drawn(trained):
    class Nameless(Brightness):
        unit = ""

    with pytest.raises(ConfigError, match="metric 'brightness': unit is empty"):
        evaluate(trained("vae"), metrics=[Nameless()])
    with pytest.raises(ConfigError, match="metric 'kid': that name exists"):
        evaluate(trained("vae"), metrics=[type("Kid", (Brightness,), {"name": "kid"})])
    with pytest.raises(ConfigError, match="metrics=brightness: the run draws texts"):
        evaluate(trained("gpt"), metrics=[Brightness])
