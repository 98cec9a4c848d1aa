"""`genkit evaluate run=R real=DIR`: a run's samples against a folder of the user's own, and `device=`."""

import shutil

import numpy as np
import pytest
from PIL import Image

from genkit import evaluate
from genkit.core.spec import View
from genkit.evaluation import measuring
from genkit.runs import row_tables, rows
from tests.conftest import open_plain
from tests.unit.data.test_data_folders import SETTINGS

N = 60
OF_FOLDER = ("kid_digits", "precision", "recall", "density", "coverage", "sliced_wasserstein", "exact_copies")


def written(folder, levels):
    """Levels (N, 1, 8, 8) of 17 as pictures."""
    folder.mkdir()
    for i, picture in enumerate(levels):
        Image.fromarray(np.round(picture[0] * (255 / 16)).astype(np.uint8)).save(folder / f"{i:03}.png")
    return folder


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """A folder of digits of the part for training."""
    examples = open_plain({**SETTINGS, "name": "digits"}, {}, View("arrays")).split("train")
    return written(tmp_path_factory.mktemp("own") / "mine", examples.gather(examples.some(120))[0])


@pytest.fixture(scope="module")
def judged(mine, trained):
    """The rows of a VAE's samples against that folder, for which its data is not opened."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(measuring, "reopen_data", None)
        return evaluate(trained("vae"), "last", n=N, real=str(mine), say=lambda line: None)


def values(found, role="model"):
    return {row.metric: row.value for row in found if row.role == role}


def test_the_numbers_are_those_of_the_samples_written_out_and_compared(
    judged, mine, trained, genkit, tmp_path
):
    run = trained("vae")
    assert genkit("sample", f"run={run}", f"n={N}", f"out={tmp_path / 'drawn'}")[0] == 0
    out = tmp_path / "rows.jsonl"
    code, _, err = genkit(
        "evaluate", f"real={mine}", f"fake={tmp_path / 'drawn'}", "device=cpu", f"out={out}"
    )
    assert code == 0, err
    for role in ("model", "floor"):
        expected, found = values(rows.read(out), role), values(judged, role)
        assert set(OF_FOLDER) <= set(found)
        for metric in OF_FOLDER:
            assert found[metric] == pytest.approx(expected[metric], rel=1e-6, abs=1e-9), metric
    assert {row.place.judged for row in judged} == {row.place.judged for row in rows.read(out)}


def test_rows_name_the_folder_and_the_contents_that_judged(judged, mine, trained, tmp_path):
    assert {row.place.split for row in judged} == {"real=mine"}
    assert {row.place.checkpoint for row in judged} == {"last"}
    assert not any(row.place.trained or row.place.selected for row in judged)
    own = {row.place.judged for row in evaluate(trained("vae"), "last", n=N, metrics=("kid",))}
    same, other = tmp_path / "elsewhere", tmp_path / "mine"
    for place in (same, other):
        shutil.copytree(mine, place)
    (same / "000.png").rename(same / "zzz.png")  # neither names nor their order count
    Image.new("L", (8, 8)).save(other / "000.png")
    found = [
        {row.place.judged for row in evaluate(trained("vae"), "last", n=N, metrics=("kid",), real=str(place))}
        for place in (same, other)
    ]
    assert found[0] == {row.place.judged for row in judged}
    assert len({*own, *found[0], *found[1]}) == 3


def test_a_column_takes_no_numbers_that_other_pictures_judged(judged, trained):
    from genkit.system.errors import ConfigError

    of_data = evaluate(trained("vae"), "last", n=N, metrics=("precision",))
    both = [next(r for r in found if r.metric == "precision") for found in (judged, of_data)]
    with pytest.raises(ConfigError, match="do not belong in one column"):
        row_tables.column(both)


def test_a_report_keeps_them_apart_and_its_verdict_is_of_the_data(mine, trained, genkit, tmp_path):
    run = tmp_path / "runs" / "r"
    shutil.copytree(trained("vae"), run)
    (run / rows.FILE).unlink(missing_ok=True)
    runs = f"paths.runs_dir={run.parent}"
    for more in ([f"real={mine}"], []):  # theirs first
        code, said, err = genkit(
            "evaluate", "run=r", runs, f"n={N}", "checkpoint=last", "metrics=kid,coverage", *more
        )
        assert code == 0, err
        assert ("against real=mine" in said) == bool(more)
    code, _, err = genkit("report", "run=r", runs, f"out={tmp_path / 'page'}")
    assert code == 0, err
    table = (tmp_path / "page" / "tables" / "summary.csv").read_text()
    page = (tmp_path / "page" / "report.html").read_text()
    for metric in ("kid_digits ↓", "coverage ↑"):
        name, arrow = metric.split()
        assert f"{metric}," in table
        assert f"{name} (real=mine) {arrow}," in table
    assert "(real=mine)" in page
    shutil.copytree(run, run.with_name("s"))
    code, said, err = genkit("compare", "r", "s", runs)
    assert code == 0, err
    assert "kid_digits (real=mine) ↓" in said
    assert "*" not in said.split("number")[1]  # of two equal runs nothing was measured otherwise


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (["run=VAE", "real=MINE", "fake=MINE"], 2, "evaluate needs run=RUN"),
        (["run=VAE", "fake=MINE"], 2, "evaluate needs run=RUN"),
        (["real=MINE"], 2, "evaluate needs run=RUN"),
        (["run=VAE", "real=MINE", "split=test"], 2, "split= is of the run's own data"),
        (["run=VAE", "real=MINE", "importance_samples=5"], 2, "importance_samples= is of the run's own"),
        (["run=VAE", "real=MINE", "metrics=likelihood"], 2, "metrics=likelihood is of the run's own data"),
        (["run=VAE", "real=MINE", "metrics=memorisation"], 2, "leave one of the two out"),
        (["run=VAE", "real=MISSING"], 4, "is no folder"),
        (["run=VAE", "real=LARGE"], 4, "pictures of 16×16, and the run draws 8×8"),
        (["run=VAE", "real=COLOUR"], 4, "colour, and the run draws grey ones"),
        (["run=GPT", "real=MINE"], 2, "draws texts"),
        (["real=MINE", "fake=MINE", "device=tpu"], 2, "auto, cpu, gpu or mps"),
        (["real=MINE", "fake=MINE", "device=mps"], 2, "device=mps"),
    ],
)
def test_what_cannot_be_judged_so_is_refused_in_a_line(words, code, hint, mine, trained, genkit, tmp_path):
    draw = np.random.default_rng(0)
    for name, shape in {"large": (16, 16), "colour": (8, 8, 3)}.items():
        (tmp_path / name).mkdir()
        Image.fromarray(draw.integers(0, 256, shape, dtype=np.uint8)).save(tmp_path / name / "a.png")
    places = {
        "MINE": mine,
        "MISSING": tmp_path / "no",
        "LARGE": tmp_path / "large",
        "COLOUR": tmp_path / "colour",
    }
    places |= {"VAE": trained("vae"), "GPT": trained("gpt")}
    typed = []
    for word in words:
        key, _, value = word.partition("=")
        typed.append(f"{key}={places.get(value, value)}")
    found, out, err = genkit("evaluate", *typed)
    assert (found, out) == (code, "")
    assert len(err.splitlines()) == 1
    assert hint in err


def test_two_folders_that_are_sorted_by_class_are_halved_by_all_classes(tmp_path, monkeypatch):
    """The floor of a folder is one half against the other: neither is of some classes alone."""
    from genkit.evaluation import judging, sets

    examples = open_plain({**SETTINGS, "name": "digits"}, {}, View("arrays")).split("train")
    levels, labels, _ = examples.gather(examples.some(200))
    place = tmp_path / "sorted"
    place.mkdir()
    for i, (picture, label) in enumerate(zip(levels, labels, strict=True)):
        (place / str(label)).mkdir(exist_ok=True)
        pixels = np.round(picture[0] * (255 / 16)).astype(np.uint8)
        Image.fromarray(pixels).save(place / str(label) / f"{i:03}.png")
    seen = []
    judged = judging.beside_real

    def measured(metrics, real, made, halves, *more):
        seen.append((real.features, *(half.features for half in halves)))
        return judged(metrics, real, made, halves, *more)

    monkeypatch.setattr(judging, "beside_real", measured)
    sets.evaluate_files(place, place, say=lambda line: None)
    ((whole, one, other),) = seen
    names = sorted(path.relative_to(place).as_posix() for path in place.rglob("*.png"))
    label_of = {int(key): int(name[0]) for key, name in zip(whole.keys, names, strict=True)}
    share = len(names) / 20  # of a class, in a half
    for half in (one, other):
        counted = np.bincount([label_of[int(key)] for key in half.keys], minlength=10)
        assert (abs(counted - share) <= 3).all(), counted
