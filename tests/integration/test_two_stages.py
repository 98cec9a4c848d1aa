"""Arms of two stages: a codec is trained first, then what learns its codes, under the budget of any arm."""

from __future__ import annotations

import shutil

import pytest
from pytorch_lightning.callbacks import Callback

from genkit import config
from genkit.cli.study import in_words
from genkit.runs import codec_folder, read
from genkit.runs.rows import read as rows_of
from genkit.runs.rows import to_plain
from genkit.runs.studies import Outcome
from genkit.study import member, open_study, read_declaration
from genkit.study.folder import codec_config, member_config, write_outcome
from genkit.study.running import TIMED, TIMED_COLUMNS, write_table
from genkit.system.errors import ConfigError
from genkit.training import launch as training
from tests.integration.studies import run

SMALL = "model.n_layer=1, model.n_embd=16, model.n_head=2"
CODEC = "model=codes, model.width=4, model.depth=1, 'model.code_levels=[3,3]'"
STUDY = f"""
common: [data=digits, data.levels=2, trainer=cpu, batch_size=8, trainer.val_every=4, trainer.val_batches=1,
  callbacks.samples.n=0, logger=csv]
arms:
  pixels: [model=gpt_pixels, {SMALL}]
  codes: {{codec: [{CODEC}], words: [model=gpt, {SMALL}], share: 0.6}}
seeds: 2
budget: {{steps: 20}}
primary: nll
evaluate: {{n: 60, metrics: [likelihood, cost], checkpoint: last}}
"""


def budgets(plan, paths):
    """What each member's run has, and its codec."""
    plan.write()
    found = {}
    for m in plan.members:
        stages = (member_config(plan.folder, m.number, paths), codec_config(plan.folder, m.number, paths))
        found[m.name] = tuple((c.budget.unit, c.budget.amount, c.seed) if c else None for c in stages)
    return found


# ---------------------------------------------------------------------- declaring


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("share: 0.6", "share: 1", "the codec alone would take the whole budget; give a number between 0"),
        ("share: 0.6", "share: 0", "that is no part of a budget"),
        ("share: 0.6", "share: yes", "share=True: that is no part of a budget"),
        ("share: 0.6", "shares: 0.6", "has no shares. Did you mean share"),
        ("words:", "word:", "has no word. Did you mean words"),
        (f", words: [model=gpt, {SMALL}]", "", "lacks words; write"),
        ("[model=gpt, ", "[model=gpt, data.codec=other, ", "the arm trains a codec of its own"),
        ("[model=codes, ", "[model=codes, budget.steps=3, ", "the study decides budget.steps"),
    ],
)
def test_what_no_arm_of_two_stages_can_be_is_refused(declare, old, new, said):
    with pytest.raises(ConfigError, match=said):
        declare(STUDY.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("steps: 20", "steps: 1", "arm codes: a share of 0.6 of 1 steps is all for its codec"),
        ("share: 0.6", "share: 0.01", "a share of 0.01 of 20 steps is all for what learns its codes"),
        (
            "share: 0.6}\nseeds: 2\nbudget: {steps: 20}",
            "share: 0.01}\nseeds: 2\nbudget: {flops: 2.0e7}",
            "arm codes: a step of its codec takes .* the budget is 2e.05; give at least a step",
        ),
        (CODEC, "model=vae", "a codec needs Tokenizer of arrays"),
        ("words: [model=gpt, ", "words: [model=gpt, data.levels=4, ", "makes codes of .*2 levels, and"),
        ("'model.code_levels=[3,3]'", "model.reconstruction=l1", "arm codes has no likelihood here"),
        ("pixels: [", "pixels: [data.size=16, ", "have different data: data.size"),
        ("{steps: 20}", "{tokens: 2000}", "budget.tokens is for texts"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is(declare, paths, old, new, said):
    with pytest.raises(ConfigError, match=said):
        open_study(declare(STUDY.replace(old, new)), paths)


def test_the_budget_of_an_arm_is_that_of_both_stages(declare, paths):
    for number, (text, own, left) in enumerate(
        [("steps: 20", 12, 8), ("examples: 1000", 600, 400), ("seconds: 5", 3, 2)]
    ):
        unit = text.partition(":")[0]
        plan = open_study(declare(STUDY.replace("steps: 20", text), name=f"b{number}"), paths)
        found = budgets(plan, paths)
        amount = float(text.partition(":")[2])
        assert found["pixels-1"] == ((unit, amount, 1), None)
        assert found["codes-1"] == ((unit, left, 1), (unit, own, 1)), text
        assert f"first its codec for {own} {unit}" in in_words(plan)
        assert f"on its codes for {left} {unit}" in in_words(plan)


def test_a_study_of_two_stages_is_frozen_and_extended_as_any_other(declare, paths):
    declared = declare()
    assert declare(text=None).to_dict() == declared.to_dict()
    run(open_study(declared, paths), paths)  # by stand-ins
    assert open_study(declare(), paths).declaration == declared
    more = open_study(declare(seeds="3"), paths)
    assert [m.name for m in more.missing()] == ["pixels-2", "codes-2"]
    for old, new in (("share: 0.6", "share: 0.5"), ("model.width=4", "model.width=6")):
        with pytest.raises(ConfigError, match="has an arm codes with other words"):
            open_study(declare(STUDY.replace(old, new)), paths)


def test_a_search_tries_what_learns_the_codes_of_one_codec(declare, paths):
    searched = "search: {trials: 2, space: {pixels: {optim.lr: [0.01, 0.1]}, codes: {optim.lr: [0.01]}}}\n"
    text = STUDY.replace("metrics: [likelihood, cost], ", "")
    plan = open_study(declare(f"{text}{searched}", primary="fid"), paths)
    table = run(plan, paths)
    assert '"codes-trial-1"' in table
    trials = [m for m in plan.members if m.arm == "codes" and m.trial is not None]
    codecs = [codec_config(plan.folder, m.number, paths) for m in trials]
    assert {cfg.name for cfg in codecs} == {"codes-4294967295-codec"}
    assert member_config(plan.folder, trials[1].number, paths).data.codec == "codes-4294967295-codec"


# ---------------------------------------------------------------------- running


def trained(plan, paths):
    """The rows of a study whose members run in this process, without what a clock decides."""
    if plan.new:
        plan.write()
    for m in plan.missing():
        status, reason, _ = member.attempt(plan.folder, m.number, paths)
        assert status == "finished", reason
        write_outcome(plan.folder, m.number, Outcome("finished", "", 0, 1.0))
    rows = [to_plain(row) for row in rows_of(write_table(plan))]
    return [{**row, **dict.fromkeys(TIMED_COLUMNS)} for row in rows if row["metric"] not in TIMED]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A study that nothing disturbed: its plan and its rows."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "few.yaml").write_text(STUDY)
    paths = {**config.paths([]), "runs_dir": str(folder / "runs")}
    plan = open_study(read_declaration(str(folder / "few.yaml")), paths)
    return plan, trained(plan, paths)


def test_each_seed_trains_a_codec_of_its_own(whole):
    digests = set()
    for seed in (0, 1):
        codec, made = (whole[0].folder / f"codes-{seed}{end}" for end in ("-codec", ""))
        record = read(codec)
        assert (record.seed, record.step, record.status) == (seed, 12, "finished")
        assert read(made).step == 8
        assert codec_folder.sha256(codec) == codec_folder.sha256(made / "codec")
        digests.add(codec_folder.sha256(codec))
    assert len(digests) == 2


class Killed(BaseException):
    """As if the process were no more."""


class Kill(Callback):
    """After the sixth step."""

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == 6:
            raise Killed


def test_a_study_that_ended_in_the_middle_goes_on_to_the_same_table(whole, declare, paths, monkeypatch):
    """In the training of a codec, in that of what learns its codes, and when the codec's run is gone."""
    launch, begun = training.launch, []

    def killed(cfg, **how):
        begun.append((cfg.name, cfg.resume is not None))
        return launch(cfg, **how, callbacks=[Kill()] if len(begun) in (1, 3) else [])

    monkeypatch.setattr(training, "launch", killed)
    plan = open_study(declare(), paths)
    plan.write()
    number = next(m.number for m in plan.members if m.name == "codes-0")
    for _ in range(2):
        with pytest.raises(Killed):
            member.attempt(plan.folder, number, paths)
    shutil.rmtree(plan.folder / "codes-0-codec")
    assert trained(plan, paths) == whole[1]
    of_codes = [(name, resumed) for name, resumed in begun if name.startswith("codes-0")]
    assert of_codes == [
        ("codes-0-codec", False),
        ("codes-0-codec", True),
        ("codes-0", False),
        ("codes-0", True),
    ]
