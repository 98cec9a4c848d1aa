"""Walks over a folder of runs: what a person does to it in a month, at random, against a model of what holds.

A walk of twelve actions creates, resumes, kills, copies, moves and deletes runs, measures them, draws from
them and mistypes.  After each action every byte of every folder is compared with what was there before: only
what the action names has changed; what a walk ends with is what undisturbed runs are.  See `walking`.
"""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from pathlib import Path

import yaml

from tools.reliability.rows import Row, Trial
from tools.reliability.walking import DONE, Folder, Kept, Made, typed

WALKS, ACTIONS, REAL_STUDIES = 100, 12, 25  # one walk of so many runs a whole study
FAMILIES = ("vae", "gpt")
STEPS, MORE = 4, 3  # of a training, and that a resume may add
NAMES = ("a", "B", "two words", "é", "x.1", "long-" * 12)
MOVED = (*NAMES, "p=q", "null", "1e3", "a,b", "{x}", "[0]", "$HOME", "#3", "~t", "last", "'", "e\u0301")


class Walk(Folder):
    """What is done to a folder, an action a method."""

    def walk(self, actions: int, *, study: bool) -> None:
        """Do so many things; an AssertionError says what was done until it failed."""
        try:
            self.create()
            for _ in range(actions):
                getattr(self, self.draw.choice(ACTS))()
            if study:
                self.study()
            self.list()
            self.settle()
        except AssertionError as error:
            raise AssertionError(f"{error} | after {' > '.join(self.said)}") from error

    def create(self) -> None:
        made = Made(self.draw.choice(FAMILIES), self.draw.choice((1, 2)), STEPS)
        if path := self.free(NAMES, self.here):
            self.do(typed(made, self.here, path.name), [path])
            self.runs[path] = Kept(made, True)
            self.sound(path)

    def create_killed(self) -> None:
        made = Made(self.draw.choice(FAMILIES), self.draw.choice((1, 2)), STEPS)
        if path := self.free(NAMES, self.here):
            done = self.killed(typed(made, self.here, path.name), path)
            if (path / "config.yaml").exists():
                self.runs[path] = Kept(made, done)
            elif path.exists():  # left before it was a run: the same words make it
                self.do(typed(made, self.here, path.name), [path])
                self.runs[path] = Kept(made, True)

    def begin_from(self) -> None:
        origin, path = self.any(done=True), self.free(NAMES, self.here)
        if origin and path and self.runs[origin].made.origin is None:
            before = self.runs[origin].made
            made = replace(before, seed=3, steps=2, origin=before)
            self.do(typed(made, self.here, path.name, origin), [path])
            self.runs[path] = Kept(made, True)
            self.sound(path)

    def create_taken(self) -> None:
        if path := self.any(there=False):
            self.refused(typed(Made("vae", 1, STEPS), self.here, path.name))

    def resume(self) -> None:
        if path := self.any():
            self.do(["train", f"resume={path}"], [path])
            self.runs[path] = replace(self.runs[path], is_done=True)
            self.sound(path)

    def resume_by_name(self) -> None:
        if path := self.any():
            self.do(["train", f"resume={path.name}", f"paths.runs_dir={path.parent}"], [path])
            self.runs[path] = replace(self.runs[path], is_done=True)
            self.sound(path)

    def resume_longer(self) -> None:
        if (path := self.any()) and self.runs[path].made.steps < STEPS + 2 * MORE:
            made = self.runs[path].made
            longer = replace(made, steps=made.steps + MORE)
            self.do(["train", f"resume={path}", f"budget.steps={longer.steps}"], [path])
            self.runs[path] = Kept(longer, True)
            self.sound(path)

    def resume_killed(self) -> None:
        if (path := self.any()) and self.runs[path].made.steps < STEPS + 2 * MORE:
            made = self.runs[path].made
            longer = replace(made, steps=made.steps + MORE)
            done = self.killed(["train", f"resume={path}", f"budget.steps={longer.steps}"], path)
            self.runs[path] = Kept(longer, done)
            if not done:  # what was killed said nowhere how long it was to be
                self.do(["train", f"resume={path}", f"budget.steps={longer.steps}"], [path])
                self.runs[path] = Kept(longer, True)
            self.sound(path)

    def resume_otherwise(self) -> None:
        """Settings that a run keeps for its life."""
        if path := self.any():
            other = self.draw.choice(
                ("seed=9", "model=dcgan", "data=digits8", "batch_size=0", "model.width=9")
            )
            self.refused(["train", f"resume={path}", other])

    def mistype(self) -> None:
        if path := self.any(done=True):
            self.refused([*self.draw.choice(mistakes(path, self.out))], (2, 3, 4))

    def mistype_new(self) -> None:
        wrong = self.draw.choice(("model.widht=3", "optim.lr=-1", "trainer=nine", "seed=x", "batch_size=1.5"))
        path = self.free(NAMES, self.here)
        if path:
            self.refused([*typed(Made("vae", 1, STEPS), self.here, path.name), wrong])

    def rename(self) -> None:
        path = self.any()
        place = self.draw.choice((self.here, self.there))
        if path and (other := self.free(MOVED, place)):
            self.said.append(f"mv {path.name} {other.name}")
            path.rename(other)
            self.runs[other] = self.runs.pop(path)
            self.look(other)

    def copy(self) -> None:
        path = self.any()
        place = self.draw.choice((self.here, self.there))
        if path and (other := self.free(MOVED, place)):
            self.said.append(f"cp {path.name} {other.name}")
            shutil.copytree(path, other)
            self.runs[other] = self.runs[path]
            self.look(other)

    def delete(self) -> None:
        if path := self.any():
            self.said.append(f"rm {path.name}")
            shutil.rmtree(path)
            del self.runs[path]
            self.refused(["sample", f"run={path}", f"out={self.out / 'gone'}.png"])
            self.refused(["train", f"resume={path.name}", f"paths.runs_dir={path.parent}"])

    def evaluate(self) -> None:
        if path := self.any(done=True):
            file = path / "evaluation.jsonl"
            before = file.read_bytes() if file.exists() else b""
            self.do(["evaluate", f"run={path}", "n=8", "metrics=likelihood", "split=test"], [file])
            assert file.read_bytes().startswith(before), "rows of before have changed"
            assert len(file.read_bytes()) > len(before), "no row was written"

    def sample(self) -> None:
        if path := self.any(done=True):
            self.look(path)

    def verify(self) -> None:
        if path := self.any():
            self.verify_one(path)

    def report(self) -> None:
        if path := self.any(done=True):
            self.do(["report", f"run={path}", f"out={self.out / 'page'}"])

    def list(self) -> None:
        """`runs` lists what is there, by the folders' names, and says of each what it is."""
        for place in (self.here, self.there):
            answer = self.do(["runs", f"paths.runs_dir={place}"])
            wanted = {path.name: kept for path, kept in self.runs.items() if path.parent == place}
            lines = answer.out.rstrip("\n").split("\n")[2:] if wanted else []
            shown = {}
            width = len(answer.out.split("\n")[1].split("  ")[0]) if wanted else 0
            for line in lines:
                shown[line[:width].rstrip()] = line[width:].split()[0]
            assert sorted(shown) == sorted(wanted), f"runs lists {sorted(shown)}, there are {sorted(wanted)}"
            for name, kept in wanted.items():
                fine = ("finished",) if kept.is_done else ("running", "finished", "–")
                assert shown[name] in fine, f"{name} is {shown[name]}"

    def dry_study(self) -> None:
        self.do(["study", f"study={self.declared()}", "dry=true", f"paths.runs_dir={self.here}"])

    def study(self) -> None:
        """A whole study in the same folder, in which the runs stay as they are."""
        self.do(
            ["study", f"study={self.declared()}", "yes=true", f"paths.runs_dir={self.here}"],
            [self.here / "compared"],
        )

    def declared(self) -> Path:
        file = self.out / "compared.yaml"
        arm = [
            word
            for word in typed(Made("vae", 0, STEPS), self.here, "x")[1:]
            if not word.startswith(("paths.", "name=", "seed=", "budget."))
        ]
        arm.append("model.likelihood=categorical")  # of which a likelihood can be measured
        plain = {
            "name": "compared",
            "question": "which?",
            "seeds": [0],
            "budget": {"steps": STEPS},
            "primary": "bits_per_dimension",
            "arms": {"a": arm, "b": [*arm, "optim.lr=0.001"]},
            "evaluate": {"n": 8, "metrics": "likelihood"},
        }
        file.write_text(yaml.safe_dump(plain))
        return file

    def settle(self) -> None:
        """In the end what is left is trained to its end."""
        for path in sorted(self.runs):
            if not self.runs[path].is_done:
                self.do(["train", f"resume={path}"], [path])
                self.runs[path] = replace(self.runs[path], is_done=True)
            self.sound(path)


def mistakes(run: Path, out: Path) -> tuple[list[str], ...]:
    """Commands about a finished run that are wrong in one word."""
    return (
        ["sample", f"run={run}", "n=-1"],
        ["sample", f"run={run}", "temprature=2", f"out={out}/x.png"],
        ["sample", f"run={run}", "checkpoint=step-99"],
        ["sample", f"run={run}x", "n=1"],
        ["sample", f"run={run}", f"out={run}/checkpoints"],
        ["evaluate", f"run={run}", "metrics=nonsense"],
        ["evaluate", f"run={run}", "split=nonsense"],
        ["evaluate", f"run={run}", "n=0"],
        ["score", f"run={run}", "split=nonsense"],
        ["score", f"run={run}"],
        ["verify", f"run={run}", "out=1"],
        ["runs", "sort=nonsense", f"paths.runs_dir={run.parent}"],
        ["runs", "status=nonsense", f"paths.runs_dir={run.parent}"],
        ["report", f"run={run}", f"out={run}"],
        ["report", "run=nowhere"],
        ["compare", f"{run}"],
        ["export", f"run={run}", "format=nonsense", f"out={out}/exported"],
        ["study", "study=nonsense"],
        ["train", f"resume={run}", "budget.steps=many"],
        ["train", f"resume={run}", "budget.steps=-1"],
        ["train", "init_from=nowhere", f"paths.runs_dir={run.parent}"],
    )


ACTS = (
    *("create", "create_killed", "create_killed", "begin_from", "create_taken", "resume", "resume_by_name"),
    *("resume_longer", "resume_killed", "resume_otherwise", "mistype", "mistype", "mistype_new", "rename"),
    *("rename", "copy", "copy", "delete", "evaluate", "sample", "verify", "report", "list", "dry_study"),
)


def walked(seed: int) -> Trial:
    def trial(folder: Path) -> None:
        Walk(folder, random.Random(seed)).walk(ACTIONS, study=seed % REAL_STUDIES == 0)

    return trial


def _note() -> str:
    return f"{sum(DONE.values())} commands, {DONE['kill']} of them killed"


ROW = Row(
    "walks of 12 actions over a folder of runs: only what an action names changes, the ends are bitwise",
    {f"walk {seed}": walked(seed) for seed in range(WALKS)},
    share=60,
    note=_note,
)
