"""`genkit study`, declared."""

from __future__ import annotations

from genkit.cli.command import Command, required, word
from genkit.cli.shared import Placed


class StudySettings(Placed):
    study: str = required(
        "of conf/study, or a file: arms, seeds, one budget, a primary metric",
        shown="NAME | FILE.yaml",
        values="genkit.cli.shared:studies",
    )
    dry: bool = word(False, "say what would run, and whether so many seeds can show anything; run nothing")
    yes: bool = word(False, "run a study of many members")
    retry: bool = word(False, "run those again that failed")
    seeds: str | None = word(None, "a number, or a list: [0,1,2]; more may be added later", shown="8")
    budget: tuple[str, ...] = word(
        (), "steps, examples, tokens, seconds or flops of every run", below=("budget.",)
    )
    primary: str | None = word(
        None, "the metric that decides, of those of genkit evaluate --help", shown="METRIC"
    )
    evaluate: tuple[str, ...] = word(
        (), "words of genkit evaluate, such as evaluate.n=1000", below=("evaluate.",)
    )
    equivalence_margin: str | None = word(
        None, "a difference of the primary that counts as none; that it is smaller is tested", shown="X"
    )
    looks: str | None = word(
        None, "how often the results may decide while seeds are added; they share the 5 %", shown="N"
    )
    selected_on_test: str | None = word(
        None, "true: what selects may be what the study reports, and each number says so", shown="true"
    )
    name: str | None = word(
        None, "of the folder in paths.runs_dir; the same study goes on where it was", shown="NAME"
    )
    device: str = word(
        "auto", "where members are evaluated; trainings run where trainer= says", kind="device"
    )
    launcher: tuple[str, ...] = word(
        (),
        "hydra/launcher=joblib hydra.launcher.n_jobs=2: two at a time; submitit_local, submitit_slurm, ray",
        below=("hydra",),
        shown="/launcher=NAME",
    )


COMMAND = Command(
    "arms × seeds under one budget",
    StudySettings,
    "genkit.cli.study:study",
    usage="study=NAME [dry=true] [yes=true]",
)
