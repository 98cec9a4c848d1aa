"""Members of a study that are forked give what members that begin by themselves give, bit by bit."""

from __future__ import annotations

import json
import sys
from unittest import mock

import pytest

from genkit.study import open_study, run_missing, running
from genkit.study.running import MEMBER, TIMED, TIMED_COLUMNS, write_table
from genkit.system.forks import Forks
from tests.integration.conftest import TINY, weights_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every member begins by itself")
ARMS = {
    family: [word for word in TINY[family] if word != "data=digits"] for family in ("vae", "dcgan", "flow")
}
STUDY = """
common: [data=digits, trainer=cpu, batch_size=8, trainer.val_batches=1, callbacks.samples.n=2]
arms: {arms}
seeds: 1
budget: {{steps: 3}}
evaluate: {{n: 16}}
""".format(arms=json.dumps(ARMS).replace('"', ""))
BY_ITSELF = (MEMBER[0], "-u", *MEMBER[1:])


def ran(plan, paths, **how):
    """The table of a study that was run, without what a clock decides, and each member's weights and end."""
    plan.write()
    damaged = plan.folder / "members" / "0002.yaml"
    damaged.write_text(damaged.read_text().replace("seed: 0", "seed: nobody"))
    run_missing(plan, paths, **how)
    rows = [json.loads(line) for line in write_table(plan).read_text().splitlines()]
    table = [{**row, **dict.fromkeys(TIMED_COLUMNS)} for row in rows if row["metric"] not in TIMED]
    ends = [(end.status, end.reason, end.code) for end in map(plan.outcome, plan.members)]
    table, ends = json.loads(json.dumps([table, ends]).replace(str(plan.folder), "FOLDER"))
    return table, [weights_of(plan.path(member), 3) for member in plan.members], ends


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [(), ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")])
def test_forked_members_train_to_the_same_bits(declare, paths, tmp_path, launcher):
    plans = [
        open_study(declare(name="few"), {**paths, "runs_dir": str(tmp_path / name)})
        for name in ("forked", "alone")
    ]
    with mock.patch.object(Forks, "start", autospec=True, side_effect=Forks.start) as started:
        forked = ran(plans[0], paths, launcher=launcher)
        assert started.call_count == (0 if launcher else 3)  # joblib's processes have others
    alone = ran(plans[1], paths, launcher=launcher, program=BY_ITSELF)
    assert [end[0] for end in forked[2]] == ["finished", "finished", "failed"]
    assert all(weights for weights in forked[1][:2])
    assert forked == alone
    assert running.FORKS._server is None
    assert running.FORKS._usable  # it could be forked from
