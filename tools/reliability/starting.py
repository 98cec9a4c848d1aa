"""Eight processes that start on one name at once: one trains, the others are told, nothing is mixed."""

from __future__ import annotations

from pathlib import Path

import yaml

from genkit import runs
from genkit.runs import checkpoints
from tools.reliability.processes import Process
from tools.reliability.rows import Row, Trial
from tools.reliability.tiny import strays, words

ROUNDS, TOGETHER = 20, 8


def together(round_: int) -> Trial:
    def trial(folder: Path) -> None:
        typed = [words("vae", folder, "run", "budget.steps=4", f"seed={i}") for i in range(TOGETHER)]
        pids, answers = zip(
            *[
                (p.pid, p)
                for p in [Process(typed[i], ("wait_for", str(folder / "go"))) for i in range(TOGETHER)]
            ],
            strict=True,
        )
        (folder / "go").touch()
        ended = [process.wait() for process in answers]
        (folder / "go").unlink()
        winners = [i for i, answer in enumerate(ended) if answer.code == 0]
        assert len(winners) == 1, [answer.code for answer in ended]
        for answer in ended:
            assert answer.code in (0, 2, 7), (answer.code, answer.err)
            assert answer.code == 0 or (answer.is_one_line and "run" in answer.err), answer.err
        (winner,) = winners
        record = runs.read(folder / "run")
        assert (record.status, record.pid, record.seed) == ("finished", pids[winner], winner)
        config = yaml.safe_load((folder / "run" / "config.yaml").read_text())
        assert config["seed"] == winner
        checkpoints.verify(checkpoints.locate(folder / "run" / "checkpoints", "last"))
        assert not strays(folder), strays(folder)

    return trial


ROW = Row(
    f"{TOGETHER} processes at once on one name, {ROUNDS} times: one winner, none mixed",
    {f"round {i}": together(i) for i in range(ROUNDS)},
    share=20,
)
