"""The report: what it shows of finished, failed and missing runs, what it escapes, and what it costs."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from genkit.report import report
from genkit.report.analysis import analyse
from genkit.report.sources import read_runs, read_study
from tests.unit.report.report_runs import row, write_run, write_study

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


@pytest.fixture
def study(tmp_path):
    """Three arms and eight seeds: one arm without likelihood, one run killed, one deleted."""
    folder, members, rng = tmp_path / "digits", [], np.random.default_rng(0)
    for arm, mean in (("gpt", 1.2), ("dcgan", 3.0), ("vae", 2.2)):
        for seed in range(8):
            if (arm, seed) == ("dcgan", 7):
                members.append((arm, seed, {"status": "killed", "reason": f"signal 9 {EVIL}"}))
                continue
            members.append((arm, seed, {"status": "finished"}))
            kid = mean + 0.2 * rng.normal()
            rows = [row("kid", kid), row("kid", 0.1, role="floor"), row("kid", 9.0, role="ceiling")]
            rows.append(row("training_seconds", 10 * mean + seed))
            if arm == "dcgan":
                rows.append(row("nll", None, kind="none", note="none: it has only samples"))
            else:
                rows.append(row("nll", 100 * kid, kind="exact" if arm == "gpt" else "bound"))
            write_run(folder / f"{arm}-{seed}", arm, seed, rows)
    shutil.rmtree(folder / "vae-7")
    return write_study(folder, members, primary="kid", question=f"Which? {EVIL}")


class Page(HTMLParser):
    """Tags, their attributes and the text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_table_keeps_apart_what_was_measured_otherwise(study):
    found = analyse(read_study(study)[1], "kid")
    assert found.arms == ["gpt", "dcgan", "vae"]
    assert {arm: len(cell.values) for arm, cell in found.primary.cells.items()} == {
        "gpt": 8,
        "dcgan": 7,
        "vae": 7,
    }
    assert (found.primary.floor, found.primary.ceiling) == (pytest.approx(0.1), 9.0)
    (nll,) = (line for line in found.lines if line.metric == "nll")
    assert nll.kinds == ["exact", "bound"]
    assert [arm for arm, cell in nll.cells.items() if cell.bound] == ["vae"]
    assert nll.cells["dcgan"].reason == "it has only samples"
    assert nll.cells["dcgan"].summary is None
    assert found.verdict.best == "gpt"


def test_the_page_says_it_all_and_runs_nothing(study, tmp_path):
    page = Page(report(study, tmp_path / "out").read_text())
    said = " ".join(page.text.split())
    assert "gpt is better than dcgan and vae by kid" in said
    assert f"signal 9 {EVIL}" in said
    assert "its folder was deleted" in said
    assert "it has only samples" in said
    assert not page.of("script")
    assert not [1 for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert not [1 for _, attributes in page.tags if "style" in attributes]
    policy = next(m["content"] for m in page.of("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    for attributes in page.of("img"):
        assert attributes["src"].startswith("data:image/")
    links = [a["href"] for a in page.of("a")]
    anchors = {attributes["id"] for _, attributes in page.tags if attributes.get("id")}
    assert {link[1:] for link in links if link.startswith("#")} <= anchors
    for link in links:
        if not link.startswith("#"):
            assert (tmp_path / "out" / link).exists() or "-7" in link


def test_every_number_leads_to_its_command_and_configuration(study, tmp_path):
    page = Page(report(study, tmp_path / "out").read_text())
    assert page.text.count("genkit train model=gpt") == 8
    assert page.text.count("family: vae") == 7


def test_tables_hold_the_numbers_and_cannot_be_run(study, tmp_path):
    evil = write_run(
        tmp_path / "=HYPERLINK(1)", "gpt", 0, [row("kid", 1.0), row("fid", 2.0, note=f"|{EVIL}")]
    )
    report([evil, study / "gpt-0"], tmp_path / "out")
    tables = tmp_path / "out" / "tables"
    with open(tables / "values.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {line["run"] for line in rows} == {"'=HYPERLINK(1)", "gpt-0"}
    kid = next(line for line in rows if line["run"] == "gpt-0" and line["metric"] == "kid_digits")
    stored = json.loads((study / "gpt-0" / "evaluation.jsonl").read_text().splitlines()[0])
    assert float(kid["value"]) == stored["value"]
    for line in (tables / "summary.md").read_text().splitlines():
        assert len(re.findall(r"(?<!\\)\|", line)) == 7
    assert r"\begin{tabular}" in (tables / "summary.tex").read_text()


def test_figures_are_whole_and_the_same_each_time(study, tmp_path):
    for name in ("one", "two"):
        report(study, tmp_path / name)
    for figure in ("curves", "curves_training_seconds", "intervals", "costs"):
        svg = (tmp_path / "one" / "figures" / f"{figure}.svg").read_bytes()
        assert svg == (tmp_path / "two" / "figures" / f"{figure}.svg").read_bytes()
        assert ElementTree.fromstring(svg).tag.endswith("svg")
        assert (tmp_path / "one" / "figures" / f"{figure}.png").read_bytes().startswith(b"\x89PNG")


def test_ranks_and_chances_are_drawn_where_seeds_allow_it(study, tmp_path):
    page = Page(report(study, tmp_path / "out").read_text())
    words = {a["alt"] for a in page.of("img")}
    (ranks,) = (said for said in words if said.startswith("Mean ranks"))
    # Of the seeds of all arms one training failed, and ranks last; vae's eighth folder is gone.
    assert ranks.startswith("Mean ranks: gpt 1.00, vae 2.00, dcgan 3.00. Critical difference 1.25. ")
    assert any(said.startswith("Probability of improvement: gpt over dcgan 1.00") for said in words)
    assert "does not tell apart" in " ".join(page.text.split())
    for name in ("ranks", "improvements"):
        assert (tmp_path / "out" / "figures" / f"{name}.svg").is_file()
    few = [study / f"{arm}-{seed}" for arm in ("gpt", "dcgan", "vae") for seed in range(4)]
    words = {a["alt"] for a in Page(report(few, tmp_path / "few").read_text()).of("img")}
    assert not [said for said in words if said.startswith("Mean ranks")]


def test_one_axis_is_shown_without_a_choice(tmp_path):
    page = Page(report([write_run(tmp_path / "a", "vae", 0, [])], tmp_path / "out").read_text())
    assert not page.of("input")
    assert any(a.get("alt", "").startswith("val/nll against step") for a in page.of("img"))
    assert not [a for _, a in page.tags if a.get("class") == "choice"]  # which would hide it


def test_what_a_bound_hides_is_not_ranked(tmp_path):
    for kinds, ranked in ((("exact", "exact", "bound"), False), (("bound", "bound", "bound"), True)):
        runs = []
        for arm, kind in zip("abc", kinds, strict=True):
            for seed in range(5):
                rows = [row("nll", ord(arm) + seed / 10, kind=kind)]
                runs.append(write_run(tmp_path / kinds[0] / f"{arm}{seed}", arm, seed, rows))
        assert (analyse(read_runs(runs), "nll").ranking is not None) == ranked


def test_seeds_of_one_configuration_are_one_arm(tmp_path):
    paths = [write_run(tmp_path / f"r{seed}", "vae", seed, [row("kid", 1.0 + seed)]) for seed in range(3)]
    other = write_run(tmp_path / "other", "gpt", 0, [row("kid", 2.0)])
    members = read_runs([*paths, other])
    assert [(m.arm, m.seed) for m in members] == [("r0", 0), ("r0", 1), ("r0", 2), ("other", 0)]


def test_runs_without_any_number_make_a_page_that_says_so(tmp_path):
    run = write_run(tmp_path / "bare", "vae", 0, [])
    page = Page(report([run], tmp_path / "out").read_text())
    assert "No run has been evaluated." in page.text


def test_the_command_line_says_what_is_wrong(study, genkit, tmp_path):
    where = f"paths.runs_dir={study.parent}"
    code, out, _ = genkit("report", "study=digits", where, f"out={tmp_path / 'r'}")
    assert code == 0
    assert str(tmp_path / "r" / "report.html") in out
    for words, said in (
        (["report", where], "report needs study=NAME, or run=RUN"),
        (["report", "study=digitz", where], "Did you mean digits?"),
        (["report", "run=nothing", where], "no run 'nothing'"),
        (["report", "study=digits", "out=a.html", where], "a report is a folder"),
        (["report", "studi=digits", where], "Did you mean study?"),
        (["report", f"run={study / 'gpt-0'}", f"run={study / 'gpt-0'}", where], "given twice"),
    ):
        code, _, err = genkit(*words)
        assert code == 2
        assert said in err
        assert len(err.splitlines()) == 1


def test_samples_are_of_the_checkpoint_whose_numbers_are_shown_beside_real_ones(study, tmp_path):
    """Rows are of step 100; the training went on to 300, and its last checkpoint was looked at too."""
    run = study / "gpt-0"
    for name, colour in (("samples/step-300", 10), ("samples/step-60", 20), ("samples/step-100", 30)):
        Image.new("L", (8, 8), colour).save(run / f"{name}.png")
    for step, colour in ((300, 40), (100, 50)):
        place = run / "evaluation" / f"step-{step}"
        place.mkdir(parents=True)
        Image.new("L", (8, 8), colour).save(place / "nearest.png")
        Image.new("L", (8, 8), colour + 1).save(place / "real.png")
    (study / "dcgan-0" / "samples" / "step-100.png").rename(study / "dcgan-0" / "samples" / "step-60.png")
    page = Page(report(study, tmp_path / "out").read_text())
    shown = {a["alt"]: a["src"] for a in page.of("img") if a["src"].startswith("data:image/png")}
    colours = {}
    for alt, address in shown.items():
        picture = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
        colours[alt] = picture.getpixel((0, 0))
    assert colours["samples of gpt"] == 30
    assert (colours["nearest training images of gpt"], colours["real examples"]) == (50, 51)
    said = " ".join(page.text.split())
    assert "real examples of the test part" in said
    assert "gpt, training seed 0, step 100" in said
    assert "dcgan, training seed 0, step 60 (none were drawn at step 100)" in said


def test_too_few_seeds_are_said_once(study, tmp_path):
    runs = [study / f"{arm}-{seed}" for arm in ("gpt", "vae") for seed in range(3)]
    page = Page(report(runs, tmp_path / "out").read_text())
    assert page.text.lower().count("too few seeds to tell") == 1


def test_no_torch_is_imported(study, tmp_path):
    line = "import sys; from pathlib import Path; from genkit.report import report;"
    line += f"report(Path({str(study)!r}), Path({str(tmp_path / 'o')!r})); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", line], check=True)


def test_two_hundred_runs_are_each_read_once(tmp_path, monkeypatch):
    """Work, not time: a report opens each file of a run once, and draws as many figures as for two runs."""
    from genkit.report import plots
    from genkit.runs import rows

    opened, drawn, read, vector = [], [], rows.read, plots.vector
    monkeypatch.setattr(rows, "read", lambda path: opened.append(path) or read(path))
    monkeypatch.setattr(plots, "vector", lambda figure: drawn.append(figure) or vector(figure))
    paths = [write_run(tmp_path / f"r{i}", "vae", i, [row("kid", 1.0 + i)]) for i in range(200)]
    report(paths, tmp_path / "out")
    assert len(opened) == len(set(opened)) == 200
    assert len(drawn) <= 3


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("chromium"), reason="no chromium on this machine")
@pytest.mark.parametrize("width", [390, 1200])
def test_a_browser_shows_it(study, tmp_path, width):
    page = report(study, tmp_path / "out")
    done = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
            *(f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},900", "--hide-scrollbars"),
            *("--enable-logging=stderr", "--virtual-time-budget=2000", "--dump-dom", page.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "gpt is better than dcgan and vae by kid" in done.stdout
    assert "Content Security Policy" not in done.stderr
    assert "Refused to" not in done.stderr
    assert not Page(done.stdout).of("script")
