"""What `genkit compare` and `genkit runs` say of runs that differ."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.unit.report.report_runs import row, write_run


@pytest.fixture
def folder(tmp_path):
    """Three runs: two of one configuration but for the seed, and one of another family."""
    for name, family, seed, value, status in (
        ("v0", "vae", 0, 2.0, "finished"),
        ("v1", "vae", 1, 3.0, "finished"),
        ("g0", "gpt", 0, 1.0, "failed"),
    ):
        rows = [row("fid", value), row("nll", value, kind="exact" if family == "gpt" else "bound")]
        final = {"val/nll": value, "step": 100}
        more = {"family": family, "model": family, "data": "digits", "step": 100 * (seed + 1), "final": final}
        write_run(
            tmp_path / name, family, seed, rows, created=f"2026-01-0{seed + 1}", **{**more, "status": status}
        )
    return tmp_path


def test_differences_of_configuration_and_numbers(folder, genkit):
    code, out, _ = genkit("compare", str(folder / "v0"), str(folder / "v1"))
    lines = [line.split() for line in out.splitlines()]
    assert code == 0
    assert ["seed", "0", "1"] in lines
    assert ["fid_digits", "↓", "2", "3"] in lines
    assert not [line for line in lines if line[:1] == ["model.width"]]


def test_numbers_that_were_measured_otherwise_are_marked(folder, genkit):
    _, out, _ = genkit("compare", "v0", "g0", f"paths.runs_dir={folder}")
    assert "* nll of g0: kind is exact, not bound" in out


def test_runs_that_are_the_same(folder, genkit, tmp_path):
    write_run(tmp_path / "again", "vae", 0, [])
    _, out, _ = genkit("compare", str(folder / "v0"), str(tmp_path / "again"))
    assert "the configurations are the same" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["v0"], "compare needs two runs"),
        (["v0", "v0"], "one run twice"),
        (["v0", "v9"], "Known: g0, v0, v1"),
        (["v0", "v1", "metric=fid"], "compare takes no metric="),
    ],
)
def test_compare_refuses(folder, genkit, words, said):
    code, _, err = genkit("compare", *words, f"paths.runs_dir={folder}")
    assert (code, said in err, len(err.splitlines())) == (2, True, 1)


def listed(genkit, folder, *words):
    code, out, err = genkit("runs", *words, f"paths.runs_dir={folder}")
    assert code == 0, err
    return [line.split()[0] for line in out.splitlines()[2:]]


def test_runs_are_filtered_and_sorted(folder, genkit):
    assert set(listed(genkit, folder)) == {"v0", "v1", "g0"}
    assert listed(genkit, folder, "family=vae", "sort=val/nll", "order=down") == ["v1", "v0"]
    assert listed(genkit, folder, "sort=val/nll") == ["g0", "v0", "v1"]
    assert listed(genkit, folder, "status=failed,diverged") == ["g0"]
    assert listed(genkit, folder, "seed=0", "sort=name", "last=1") == ["v0"]
    record = json.loads((folder / "g0" / "run.json").read_text())
    (folder / "g0" / "run.json").write_text(json.dumps({**record, "final": {}}))
    assert listed(genkit, folder, "sort=val/nll")[-1] == "g0"
    assert listed(genkit, folder, "sort=val/nll", "order=down")[-1] == "g0"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("sort=val/nl", "Did you mean val/nll"),
        ("order=sideways", "none of up, down"),
        ("last=0", "last"),
        ("statu=finished", "Did you mean status"),
        ("status=done", "no run has status=done"),
    ],
)
def test_runs_refuses(folder, genkit, word, said):
    code, _, err = genkit("runs", word, f"paths.runs_dir={folder}")
    assert (code, said in err, len(err.splitlines())) == (2, True, 1)


def test_a_configuration_is_read_as_plain_values(folder, genkit):
    evil = {"model": {"family": "vae", "_target_": "os.system"}, "seed": 0}
    (folder / "v1" / "config.yaml").write_text(yaml.safe_dump(evil))
    code, _, err = genkit("compare", "v0", "v1", f"paths.runs_dir={folder}")
    assert (code, "_target_" in err) == (3, True)
