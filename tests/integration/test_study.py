"""Studies: what may be declared, what is frozen, what happens to members that fail, and going on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from genkit.cli.study import ended as end_of
from genkit.cli.study import in_words
from genkit.report import report
from genkit.report.sources import read_study
from genkit.runs import read
from genkit.runs.studies import Outcome
from genkit.study import open_study, planning, read_declaration, run_missing
from genkit.study.folder import member_config
from genkit.study.running import TIMED, TIMED_COLUMNS, write_table
from genkit.system.errors import ConfigError
from tests.integration.studies import FAKE, run

TINY = "[model=vae, model.width=4, model.hidden=16, model.latent_size=4]"
STUDY = f"""
question: Which?
common: [data=digits, trainer=cpu, batch_size=8, trainer.val_batches=1, callbacks.samples.n=0, logger=csv]
arms:
  a: {TINY}
  bb: {TINY[:-1]}, model.beta=2]
seeds: 3
budget: {{steps: 2}}
primary: fid
"""


def with_arms(*names):
    return STUDY.replace("arms:", "arms:\n" + "\n".join(f"  {name}: {TINY}" for name in names))


# ---------------------------------------------------------------------- declaring


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seeds: 3", "seeds: []", "needs seeds"),
        ("seeds: 3", "seeds: 0", "needs seeds"),
        ("seeds: 3", "seeds: [1, 1]", "seed 1 stands twice"),
        ("seeds: 3", "seeds: [-1]", "give numbers from 0 to 4294967295"),
        ("  bb:", "  a:", "a stands twice"),
        ("  bb:", "  A:", "differ in case alone"),
        ("  bb:", "  ../up:", "a name is 1 to 40 letters"),
        ("arms:", "arm:", "a study has no arm. Did you mean arms?"),
        ("{steps: 2}", "{steps: 2, examples: 9}", "one budget in one unit"),
        ("{steps: 2}", "{epochs: 2}", "no budget in epochs"),
        ("{steps: 2}", "{steps: 0}", "no positive number of steps"),
        ("{steps: 2}", "{steps: 1.5}", "no positive number of steps"),
        ("{steps: 2}", "{flops: .inf}", "no positive number of flops"),
        ("batch_size=8", "seed=8", "the study decides seed"),
        ("batch_size=8", "budget.steps=8", "the study decides budget.steps"),
        ("question: Which?", "evaluate: {samples: 3}", "evaluate has no samples"),
        ("question: Which?", "evaluate: {metrics: [image]}", "Did you mean images?"),
        ("question: Which?", "evaluate: {split: tests}", "Did you mean test?"),
        ("question: Which?", "evaluate: {n: 0}", "n=0 is no number of its kind"),
        ("question: Which?", "name: ../up", "cannot name a study"),
        ("question: Which?", "question: [", "cannot be read"),
    ],
)
def test_what_no_study_can_be_is_refused(declare, old, new, said):
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
        declare(STUDY.replace(old, new))


def test_a_study_without_arms_or_of_an_unknown_name_is_refused(declare):
    with pytest.raises(ConfigError, match="it has none"):
        declare("arms: {}\nseeds: 1\nbudget: {steps: 1}")
    with pytest.raises(ConfigError, match="Did you mean quickstart"):
        read_declaration("quickstar")


def test_too_many_members_need_a_yes(declare, paths):
    many = declare(seeds="600")
    with pytest.raises(ConfigError, match="1,200 members are more than 1,000; add yes=true"):
        open_study(many, paths)
    assert open_study(declare(seeds="[7]"), paths, yes=True).declaration.size == 2


def test_words_replace_what_the_file_says(declare):
    declared = declare(seeds="[4,5]", budget__examples="64", primary="kid", evaluate__n="50", name="other")
    assert (declared.seeds, declared.budget, declared.primary) == ([4, 5], ("examples", 64), "kid")
    assert (declared.name, declared.evaluate) == ("other", {"n": 50})
    with pytest.raises(ConfigError, match="Did you mean seeds"):
        declare(seed="3")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("model.beta=2, data.size=16", "data.size is None and 16"),
        ("model.beta=2, data=colors", "different data: data.name"),
        ("model.betta=2", "arm bb: there is no key model.betta"),
        ("batch_size=100000", "arm bb: batch_size"),
    ],
)
def test_an_arm_with_other_data_or_a_wrong_word_is_refused(declare, paths, words, said):
    text = STUDY.replace("model.beta=2", words).replace("batch_size=8, ", "")
    if "colors" in words:  # an arm's own word replaces that of all arms
        text = text.replace(f"{TINY[:-1]}, model.beta=2", "[model=gpt")
    with pytest.raises(ConfigError, match=said):
        open_study(declare(text), paths)


def test_checkpoints_are_not_chosen_on_what_a_study_reports(declare, paths, data_dir):
    text = STUDY.replace("data=digits", "data=mnist, data.split=peer")
    with pytest.raises(ConfigError, match=r"the best checkpoint of arm a \(by val/neg_elbo\) would choose"):
        open_study(declare(text), paths)
    assert open_study(declare(text, selected_on_test="true"), paths).declaration.selected_on_test
    for fair in ("{checkpoint: last}", "{split: validation}"):
        open_study(declare(f"{text}evaluate: {fair}\n", name=f"fair{len(fair)}"), paths)
    unselecting = text.replace("trainer=cpu", "trainer=cpu, model.select=null")
    open_study(declare(unselecting, name="unselecting"), paths)
    with pytest.raises(ConfigError, match="selected_on_test=3 is neither true nor false"):
        declare(text, selected_on_test="3")


def test_pixels_and_images_are_the_same_data(declare, paths):
    text = STUDY.replace(f"bb: {TINY[:-1]}, model.beta=2]", "bb: [model=gpt_pixels]")
    assert len(open_study(declare(text), paths).members) == 6


@pytest.mark.parametrize(
    ("words", "primary", "said"),
    [
        (
            "[model=dcgan, model.width=4, model.latent_size=4]",
            "nll",
            "arm bb has no likelihood, only samples",
        ),
        (TINY, "bits_per_dimension", "arm bb has no likelihood here: Bernoulli ELBO"),
    ],
)
@pytest.mark.parametrize("searched", [False, True])
def test_a_primary_that_an_arm_cannot_have_is_refused_before_training(
    declare, paths, words, primary, said, searched
):
    text = STUDY.replace(f"bb: {TINY[:-1]}, model.beta=2]", f"bb: {words}")
    text = text.replace(f"a: {TINY[:-1]}]", f"a: {TINY[:-1]}, model.likelihood=categorical]")
    if searched:
        text += "search: {trials: 2, space: {a: {optim.lr: [0.1]}, bb: {optim.lr: [0.1]}}}"
    with pytest.raises(ConfigError, match=f"primary={primary}: {said}"):
        open_study(declare(text, primary=primary), paths)


def test_a_primary_of_tokens_needs_arms_with_one_tokeniser(declare, paths):
    tiny = "model=gpt, model.block_size=16, model.n_layer=1, model.n_head=2, model.n_embd=16"
    text = f"""
common: [data=colors, trainer=cpu, batch_size=8]
arms: {{chars: [{tiny}], bytes: [{tiny}, data.tokenizer=bytes]}}
seeds: 2
budget: {{steps: 2}}
primary: nll
"""
    with pytest.raises(ConfigError, match="chars and bytes have other ones; take primary=bits_per_byte"):
        open_study(declare(text), paths)
    assert len(open_study(declare(text, primary="bits_per_byte"), paths).members) == 4


# ---------------------------------------------------------------------- freezing


def test_members_are_frozen_and_paired(declare, paths):
    plan = open_study(declare(), paths)
    assert not plan.folder.exists()
    plan.write()
    assert [(m.number, m.name) for m in plan.members][:3] == [(0, "a-0"), (1, "bb-0"), (2, "a-1")]
    cfg = member_config(plan.folder, 3, paths)
    assert (cfg.seed, cfg.name, cfg.model.beta) == (1, "bb-1", 2.0)
    assert cfg.plain["budget"] == {
        "steps": 2,
        "epochs": None,
        "examples": None,
        "tokens": None,
        "seconds": None,
    }


def test_a_study_that_goes_on_reads_no_configuration_again(declare, paths, monkeypatch):
    open_study(declare(), paths).write()
    monkeypatch.setattr(planning, "_compose", lambda *_: pytest.fail("composed again"))
    again = open_study(declare(), paths)
    assert not again.new
    assert len(again.members) == 6


def test_seeds_and_arms_may_be_added_and_nothing_else_changed(declare, paths):
    first = open_study(declare(), paths)
    first.write()
    more = open_study(declare(seeds="5"), paths)
    assert more.members[:6] == first.members
    assert [m.name for m in more.members[6:]] == ["a-3", "bb-3", "a-4", "bb-4"]
    more.write()
    for changes, said in (
        ({"seeds": "4"}, "has seed 4 too"),
        ({"seeds": "5", "budget__steps": "3"}, "budget"),
        ({"seeds": "5", "evaluate__n": "3"}, "evaluate"),
        ({"seeds": "5", "text": STUDY.replace("beta=2", "beta=3")}, "an arm bb with other words"),
    ):
        with pytest.raises(ConfigError, match=said):
            open_study(declare(**changes), paths)


def test_a_run_of_another_study_is_refused(declare, paths):
    plan = open_study(declare(), paths)
    run(plan, paths)
    other = open_study(declare(text=STUDY.replace("beta=2", "beta=3"), name="other"), paths)
    other.write()
    shutil.copytree(plan.folder / "bb-0", other.folder / "bb-0")
    run_missing(other, paths, program=FAKE)
    assert "is a run of another study" in other.outcome(other.members[1]).reason
    assert other.outcome(other.members[0]).finished


# ---------------------------------------------------------------------- running


def test_members_that_go_wrong_are_rows_and_the_others_finish(declare, paths):
    plan = open_study(declare(with_arms("fails", "diverges", "dies"), seeds="1"), paths)
    rows = [json.loads(line) for line in run(plan, paths).splitlines()]
    assert {row["arm"]: row["status"] for row in rows} == {
        **{"fails": "failed", "diverges": "diverged", "dies": "killed", "a": "finished", "bb": "finished"}
    }
    notes = {row["arm"]: row.get("note") for row in rows}
    assert notes["fails"] == "failed: the fault is in the arm."
    assert notes["diverges"] == "diverged: a loss is nan."
    assert notes["dies"] == "killed: by SIGKILL"
    assert [row["value"] for row in rows if row["status"] != "finished"] == [None] * 3
    assert not plan.missing()
    assert [m.arm for m in plan.missing(retry=True)] == ["fails", "diverges", "dies"]
    assert [m.reason for m in read_study(plan.folder)[1] if m.arm == "dies"] == ["by SIGKILL"]


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ([("finished", 0), ("finished", 0)], 0),
        ([("finished", 0), ("diverged", 5), ("failed", 2)], 5),
        ([("finished", 0), ("killed", -9)], 247),
        ([("finished", 0), ("failed", None)], 1),
    ],
)
def test_a_study_of_which_a_member_failed_ends_with_its_code(capsys, statuses, code):
    outcomes = [Outcome(status, code=c or 0) for status, c in statuses]
    assert end_of(outcomes) == code
    failed = sum(status != "finished" for status, _ in statuses)
    assert (f"{failed} of {len(statuses)} runs failed" in capsys.readouterr().out) is bool(failed)


def test_seeds_added_after_all_have_ended_are_a_look(declare, paths):
    run(open_study(declare(), paths), paths)
    more = open_study(declare(seeds="5"), paths)
    assert more.looks == ((0, 1, 2),)
    assert "the verdict stays that of the first 3 seeds" in in_words(more)
    more.write()
    # Before the added ones have run there is nothing to look at.
    assert open_study(declare(seeds="6"), paths).looks == ((0, 1, 2),)
    run(open_study(declare(seeds="5"), paths), paths)
    last = open_study(declare(seeds="6"), paths)
    assert last.looks == ((0, 1, 2), (0, 1, 2, 3, 4))
    report(last.folder, last.folder / "report")
    assert "of the first 3 seeds. 2 were added" in (last.folder / "report" / "verdict.txt").read_text()
    with pytest.raises(ConfigError, match="looks 1, not 4"):
        open_study(declare(seeds="6", looks="4"), paths)


def test_looks_are_declared_beforehand(declare, paths):
    declared = declare(looks="3", name="planned")
    run(open_study(declared, paths), paths)
    more = open_study(declare(looks="3", name="planned", seeds="5"), paths)
    assert (more.declaration.looks, more.looks) == (3, ((0, 1, 2),))
    assert "Holm and 3 looks" in in_words(more)
    with pytest.raises(ConfigError, match="looks=0: give a number from 1 to 100"):
        declare(looks="0")


def test_a_margin_of_equivalence_is_stated_beforehand_and_tested(declare, paths):
    declared = declare(equivalence_margin="1e3", name="margin", seeds="6")
    run(open_study(declared, paths), paths)
    plan = open_study(declare(equivalence_margin="1000", name="margin", seeds="6"), paths)
    report(plan.folder, plan.folder / "report")
    words = (plan.folder / "report" / "verdict.txt").read_text()
    assert f"Equivalent within ±1000 of {declared.primary}: a with bb (p ≤ 0.016 after Holm)." in words
    page = (plan.folder / "report" / "report.html").read_text()
    assert "equivalent within ±1000 (p ≤ 0.016)" in page
    assert "a difference below 1000 of" in page
    for margin, said in (
        ("5", "equivalence_margin 1000.*, not 5"),
        ("null", "equivalence_margin 1000.*, not none"),
    ):
        with pytest.raises(ConfigError, match=said):
            open_study(declare(equivalence_margin=margin, name="margin", seeds="6"), paths)
    for margin in ("0", "-1", "nan", "yes", "[1]"):
        with pytest.raises(ConfigError, match="give a number above 0, in the primary's unit"):
            declare(equivalence_margin=margin)


def test_a_margin_that_a_strangers_study_states_is_a_number(declare, paths):
    plan = open_study(declare(equivalence_margin="2", name="odd"), paths)
    plan.write()
    file = plan.folder / "study.yaml"
    file.write_text(file.read_text().replace("equivalence_margin: 2.0", "equivalence_margin: -.inf"))
    with pytest.raises(ConfigError, match="equivalence_margin"):
        report(plan.folder, plan.folder / "report")


def test_a_deleted_member_is_missing_and_runs_again(declare, paths):
    plan = open_study(declare(), paths)
    whole = run(plan, paths)
    shutil.rmtree(plan.folder / "a-1")
    without = write_table(plan).read_text().splitlines()
    assert json.loads(without[2])["note"] == "missing: it has not run, or its folder was deleted"
    assert [m.name for m in plan.missing()] == ["a-1"]
    assert run(plan, paths) == whole


DRIVER = """
import sys, json
from genkit.study import open_study, read_declaration, run_missing
file, program, paths = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
plan = open_study(read_declaration(file), paths)
if plan.new: plan.write()
run_missing(plan, paths, program=program)
"""


@pytest.mark.slow
def test_a_study_killed_at_five_points_ends_with_the_same_table(declare, paths, tmp_path):
    declared = declare()
    whole = run(open_study(declared, {**paths, "runs_dir": str(tmp_path / "whole")}), paths)
    arguments = [str(tmp_path / "few.yaml"), json.dumps(FAKE), json.dumps(paths)]
    place = Path(paths["runs_dir"]) / "few"
    # Before the plan is written, then with 0, 1, 2 and 4 members at an end and another at work.
    for ended in (None, 0, 1, 2, 4):
        study = subprocess.Popen([sys.executable, "-c", DRIVER, *arguments], start_new_session=True)
        while True:
            done = len(list(place.glob("outcomes/*.json")))
            if (place.is_dir() or ended is None) and done >= (ended or 0):
                at_work = [p for p in place.glob("*-*/run.json") if '"running"' in p.read_text()]
                if at_work or ended is None:
                    break
            assert study.poll() is None
            time.sleep(0.02)
        study.kill()
        study.wait()
    plan = open_study(declared, paths)
    assert len(plan.missing()) > 0
    assert run(plan, paths) == whole


@pytest.mark.slow
@pytest.mark.parametrize(
    "launcher",
    [
        ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
        ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=2"],
        ["hydra/launcher=ray", "hydra.launcher.init.num_cpus=2"],
    ],
)
def test_launchers_run_what_the_plain_one_runs(declare, paths, tmp_path, launcher, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")  # a member gets one of them, and neither is hidden
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")  # as Ray was before 2.50
    text = with_arms("fails").replace("trainer=cpu", "trainer=auto")
    plan = open_study(declare(text, seeds="1"), paths)
    elsewhere = {**paths, "runs_dir": str(tmp_path / "plain")}
    assert run(plan, paths, launcher=launcher) == run(open_study(declare(text, seeds="1"), elsewhere), paths)
    assert plan.outcome(plan.members[0]).status == "failed"
    assert {read(plan.folder / member.name).more["gpus"] for member in plan.members} <= {"5", "7"}


# ---------------------------------------------------------------------- the command line


def test_dry_says_what_would_run_and_writes_nothing(genkit, declare, tmp_path):
    declare()
    file, where = tmp_path / "few.yaml", f"paths.runs_dir={tmp_path / 'runs'}"
    code, out, _ = genkit("study", f"study={file}", "dry=true", where)
    assert code == 0
    assert "2 arms × 3 seeds = 6 runs of 2 steps; 6 of them to run" in out
    assert "Too few seeds to tell: with 3 seeds" in out
    assert "6 seeds can" in out
    assert "1,200" in genkit("study", f"study={file}", "dry=true", "seeds=600", where)[2]
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "study needs study=NAME | FILE.yaml. Known: beta_and_coverage, "),
        (["study=nothing"], "there is no study 'nothing'"),
        (["study=quickstart", "dry=yes"], "dry=yes is none of true or false; write dry=true"),
        (["study=quickstart", "hydra/launcher=slurm"], "there is no hydra/launcher=slurm"),
        (["study=quickstart", "seeds=2", "seeds=3"], "seeds= is given twice"),
    ],
)
def test_wrong_words_are_one_line(genkit, words, said):
    code, _, err = genkit("study", *words)
    assert code == 2
    assert said in err
    assert len(err.splitlines()) == 1


@pytest.mark.slow
def test_a_real_study_killed_in_a_training_goes_on(tmp_path):
    """A member that is trained and evaluated; it is killed with its study while it trains."""
    text = f"""
common: [data=digits, trainer=cpu, batch_size=8, trainer.val_every=10, trainer.val_batches=1]
arms: {{a: {TINY}}}
seeds: 1
budget: {{steps: 60}}
evaluate: {{metrics: [likelihood, cost]}}
"""
    (tmp_path / "real.yaml").write_text(text)
    tables = {}
    for name in ("whole", "killed"):
        words = [sys.executable, "-m", "genkit", "study", f"study={tmp_path / 'real.yaml'}"]
        words.append(f"paths.runs_dir={tmp_path / name}")
        folder = tmp_path / name / "real"
        if name == "killed":
            study = subprocess.Popen(words, start_new_session=True, stdout=subprocess.DEVNULL)
            while not (folder / "a-0" / "checkpoints" / "last").is_file():
                assert study.poll() is None
                time.sleep(0.05)
            os.killpg(study.pid, signal.SIGKILL)
            study.wait()
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        assert "One arm" in done.stdout
        rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
        assert {row["metric"] for row in rows} >= set(TIMED[:1])
        tables[name] = [{**row, **dict.fromkeys(TIMED_COLUMNS)} for row in rows if row["metric"] not in TIMED]
        assert (folder / "report" / "report.html").is_file()
    assert tables["killed"] == tables["whole"]
    assert {row["status"] for row in tables["whole"]} == {"finished"}
    assert {row["metric"] for row in tables["whole"]} >= {"parameters", "training_flops"}


def test_a_budget_of_tokens_is_of_texts(declare, paths):
    text = """
common: [model=gpt, model.n_layer=1, model.n_head=1, model.n_embd=8, data=pydocs, trainer=cpu]
arms: {short: [model.block_size=8], long: [model.block_size=32]}
seeds: 1
budget: {tokens: 1024}
primary: nll
"""
    plan = open_study(declare(text), paths)
    plan.write()
    assert [member_config(plan.folder, n, paths).plain["budget"]["tokens"] for n in (0, 1)] == [1024, 1024]
    with pytest.raises(ConfigError, match=r"budget.tokens is for texts, and data=digits is of images"):
        open_study(declare(budget__tokens="1000", name="images"), paths)


def test_a_budget_of_operations_is_counted_by_hand(declare, paths):
    """A perceptron on 64 pixels: 6 operations a weight, 2 less where no gradient of the input is needed."""
    text = STUDY.replace("model.width=4,", "model.network=mlp,").replace("{steps: 2}", "{flops: 1.0e8}")
    plan = open_study(declare(text), paths)
    first, others = 64 * 16, 16 * 2 * 4 + 4 * 16 + 16 * 64
    a_step = 8 * (6 * (first + others) - 2 * first)
    plan.write()
    assert member_config(plan.folder, 0, paths).plain["budget"]["steps"] == 1e8 // a_step
    with pytest.raises(ConfigError, match=r"arm a: a step takes .* give at least a step"):
        open_study(declare(text, budget__flops="9", name="small"), paths)
