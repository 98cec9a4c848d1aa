"""The paragraph of methods: it says what the files say, and sets as text and in LaTeX."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
import yaml

from genkit.report import report
from genkit.report.analysis import analyse
from genkit.report.latex import escaped, paragraph
from genkit.report.methods import in_words, pieces, sentences
from genkit.report.sources import read
from tests.unit.report.report_runs import row, write_run, write_study

EVIL = r"\input{/etc/passwd} 50% of a_b & {x} ~^ $1$ 中文 é ≤ [@holm1979simple] [@no]"


def make(folder, seeds=6, n=100, budget=100, failed=(), extractor="digits", **more):
    members = []
    for arm, mean in (("gpt", 1.0), ("vae", 3.0), ("dcgan", 2.0)):
        for seed in range(seeds):
            lost = (arm, seed) in failed
            members.append(
                (arm, seed, {"status": "failed", "reason": EVIL} if lost else {"status": "finished"})
            )
            rows = [
                row("kid_digits", mean + seed / 10, n=n, n_real=n + 1, protocol={"extractor": extractor}),
                row("recall", 0.5 + seed / 100, direction="higher", protocol={"extractor": extractor}),
            ]
            record = {"model": arm, "data": "digits", "protocol": "train 90 / test 10", "parameters": 1234}
            if not lost:
                write_run(folder / f"{arm}-{seed}", arm, seed, rows, **record)
    declared = {"primary": "kid", "budget": {"examples": budget}, **more}
    return write_study(folder, members, **declared)


def said(folder):
    told = read(folder)
    found = analyse(told.members, told.declared.primary, told.looks, told.declared.equivalence_margin)
    return " ".join(map(in_words, sentences(told, found)))


def test_every_number_is_that_of_the_study(tmp_path):
    one = said(make(tmp_path / "one"))
    for part in (
        "We compare 3 arms: gpt (1,234 parameters) (Radford et al. 2019), vae",
        "The data are digits, in these parts: train 90 / test 10.",
        "Each arm is trained 6 times, from the seeds 0 to 5, for 100 examples.",
        "The primary metric is kid_digits, by 100 samples and 101 real examples of the test part, in the"
        " features of digits.",
        "recall (Kynkäänniemi et al. 2019)",
        "kid (Bińkowski et al. 2018)",
        "over 6 paired seeds, with all sign flips of the mean difference (Fisher 1935)",
        "p-values of 3 comparisons are corrected by Holm's procedure (Holm 1979), and 0.05 is the level",
        "Mean ranks over 6 seeds",
        "Student's",
    ):
        assert part in one, one
    assert "bootstraps" not in one
    other = said(
        make(
            tmp_path / "other",
            seeds=21,
            n=5_000,
            budget=32_000,
            failed=[("vae", 3)],
            extractor="inception",
            looks=2,
            equivalence_margin=0.25,
        )
    )
    for part in (
        "from the seeds 0 to 20, for 32,000 examples",
        "1 of 63 runs failed or gave worthless results",
        "by 5,000 samples and 5,001 real examples",
        "in the features of inception",
        "Features are of networks that others have trained: inception (Szegedy et al. 2016).",
        "with 100,000 sign flips",
        "Holm's procedure (Holm 1979) and for 2 looks at the data",
        "Where a run failed, mean ranks are tested",
        "A difference below 0.25 counts as none; two one-sided tests (Schuirmann 1987) show it.",
        "bias-corrected and accelerated bootstraps (Efron 1987)",
    ):
        assert part in other, other
    assert "Student's" not in other


def test_what_optimised_the_arms_is_said_and_cited(tmp_path):
    study = make(tmp_path / "a", seeds=2)
    optims = {
        "gpt": {"name": "muon", "lr": 0.02, "ema": None, "schedule": "cosine"},
        "vae": {"name": "adam", "lr": 0.001, "ema": 0.999},
        "dcgan": {"name": "adam", "lr": 2e-4, "discriminator": {"lr": 4e-4}, "generator": {"lr": None}},
    }
    for arm, optim in optims.items():
        for seed in range(2):
            file = study / f"{arm}-{seed}" / "config.yaml"
            file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "optim": optim}))
    assert (
        "The optimisers: muon at a rate of 0.02 (Jordan et al. 2024; Loshchilov and Hutter 2017) (gpt);"
        " adam at a rate of 0.001, weights averaged with decay 0.999 (Kingma and Ba 2015; Polyak and"
        " Juditsky 1992) (vae); adam at a rate of 0.0002 and adam at a rate of 0.0004 for the discriminator"
        " (Kingma and Ba 2015) (dcgan)."
    ) in said(study)
    listed = (report(study, tmp_path / "out").parent / "paper" / "references.bib").read_text()
    assert {"jordan2024muon", "kingma2015adam", "polyak1992acceleration"} <= {
        *re.findall(r"@\w+\{(\w+)", listed)
    }


def test_what_nobody_knows_is_left_out(tmp_path):
    run = write_run(tmp_path / "bare", "nobody", 0, [])
    told = read([run])
    words = " ".join(map(in_words, sentences(told, analyse(told.members))))
    assert words == "We train bare. Each arm is trained once. Software: torch 2."


def test_a_name_that_looks_like_a_key_stays_a_name():
    assert pieces("a [@no] b [@holm1979simple] c") == [("a [@no] b", ["holm1979simple"]), (" c", [])]
    assert in_words("of [@no2020]") == "of [@no2020]"
    assert paragraph(["x_1 [@holm1979simple; @fisher1935design]."]) == (
        "x\\_1~\\cite{holm1979simple,fisher1935design}.\n"
    )


def test_nothing_in_a_text_is_a_command():
    assert escaped(r"\input{a}") == r"\textbackslash{}input\{a\}"
    assert escaped("é ń š ≤ 5 % ±") == r"\'{e} \'{n} \v{s} $\le$ 5 \% $\pm$"
    assert escaped("中\u202e") == "[U+4E2D][U+FFFD]"
    assert escaped(EVIL).isascii()
    assert "\n" not in escaped("a\n\\end{document}\r\x85b")


def braces(text):
    """How deep the braces of LaTeX are at the end, never below nothing."""
    depth = 0
    for brace in re.findall(r"(?<!\\)(?:\\\\)*([{}])", text):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    return depth


def test_the_files_for_a_paper_are_balanced_ascii_and_cite_what_they_list(tmp_path):
    out = report(make(tmp_path / "a"), tmp_path / "out").parent
    bibliography = (out / "paper" / "references.bib").read_text()
    listed = set(re.findall(r"^@\w+\{([^,]+),", bibliography, re.M))
    cited = set()
    for file in (*(out / "paper").glob("*.tex"), *(out / "tables").glob("*.tex")):
        text = file.read_text()
        assert text.isascii()
        assert braces(text) == 0
        for begun in re.findall(r"\\begin\{(\w+)\}", text):
            assert text.count(rf"\begin{{{begun}}}") == text.count(rf"\end{{{begun}}}")
        for keys in re.findall(r"\\cite\{([^}]*)\}", text):
            cited |= set(keys.split(","))
    assert cited == listed
    for table in ("summary", "pairs"):
        rows = [
            line
            for line in (out / "tables" / f"{table}.tex").read_text().splitlines()
            if line.endswith(r"\\")
        ]
        columns = re.search(r"\\begin\{tabular\}\{(l+)\}", (out / "tables" / f"{table}.tex").read_text())
        assert len({len(re.findall(r"(?<!\\)&", line)) for line in rows} | {len(columns[1]) - 1}) == 1


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no pdflatex on this machine")
@pytest.mark.parametrize("evil", [False, True])
def test_the_paper_compiles(tmp_path, evil):
    if evil:
        runs = [
            write_run(
                tmp_path / f"{arm}{i}",
                arm,
                i,
                [row("kid", i, note=EVIL)],
                model=EVIL,
                data=EVIL,
                protocol=EVIL,
            )
            for arm in ("b & $% _{}~^\\", "中 é≤")
            for i in range(6)
        ]
        out = report(runs, tmp_path / "out").parent
    else:
        out = report(make(tmp_path / "a"), tmp_path / "out").parent
    for program in ("pdflatex", "bibtex", "pdflatex", "pdflatex"):
        how = (
            ["-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape"]
            if program == "pdflatex"
            else []
        )
        done = subprocess.run([program, *how, "paper"], cwd=out / "paper", capture_output=True, timeout=120)
        assert done.returncode == 0, done.stdout[-3_000:]
    log = (out / "paper" / "paper.log").read_text(errors="replace")
    assert "undefined" not in log
    assert (out / "paper" / "paper.pdf").read_bytes().startswith(b"%PDF")
