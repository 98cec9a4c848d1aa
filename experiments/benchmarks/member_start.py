"""Seconds that a member of a study takes beyond its own training.

    python experiments/benchmarks/member_start.py [rounds=5] [threads=2] [out=FILE.json]

A study of small VAEs on digits, one after another, each of 50 steps and judged by 100 samples; of each the
whole time as the study has it, less that of its training with validations and checkpoints.  So what counts
is the start of a process, configuration, data, network, the evaluation and the end.  The first member waits
for what the others begin from, and is left out.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path

from time_to_quality import timed

from genkit.runs.studies import read_members, read_outcome

STUDY = """\
question: How long does a member take beyond its training?
common: [data=digits, trainer=cpu, trainer.threads={threads}, batch_size=64, callbacks.samples.n=0]
arms:
  vae: [model=vae, model.latent_size=16, model.width=16]
seeds: {seeds}
budget: {{steps: 50}}
primary: kid
evaluate: {{n: 100}}
"""


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    threads, rounds = int(given.get("threads", 2)), int(given.get("rounds", 5))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        file = folder / "starts.yaml"
        file.write_text(STUDY.format(threads=threads, seeds=rounds + 1), encoding="utf-8")
        command = [sys.executable, "-m", "genkit", "study", f"study={file}", f"paths.runs_dir={folder}"]
        whole, _ = timed(command, folder, (threads, "wall"))
        study = folder / file.stem
        members = []
        for member in read_members(study):
            outcome = read_outcome(study, member.number)
            assert outcome.status == "finished", f"{member.name}: {outcome.status}"
            run = json.loads((study / member.name / "run.json").read_text(encoding="utf-8"))
            times = {"member": outcome.seconds, "training": run["wall_seconds"]}
            members.append({"name": member.name, **times})
    beyond = [times["member"] - times["training"] for times in members]
    for times, seconds in zip(members, beyond, strict=True):
        print(f"{times['name']:<8} {times['member']:6.2f} s, {seconds:5.2f} beyond its training", flush=True)
    print(
        f"{statistics.median(beyond[1:]):.2f} s beyond their training, but for the first; {whole:.1f} in all"
    )
    if "out" in given:
        found = {"threads": threads, "whole": whole, "members": members, "beyond": beyond[1:]}
        Path(given["out"]).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
