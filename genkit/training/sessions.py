"""The sessions of a run: each start that trained, with its command, what it changed, versions and threads.

The configuration that a run was begun with stays as it is, and so does everything else until all that could
be refused has been looked at: `Session.begin` is the first write of a training that goes on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import torch

from genkit import config, runs
from genkit.config import Config
from genkit.config.frozen import may_change
from genkit.config.settings import BudgetKnobs
from genkit.config.values import leaves, shown
from genkit.core.budget import Budget, Size
from genkit.core.module import GenerativeModule
from genkit.core.optim.schedules import schedule_factor
from genkit.core.plan import TrainingPlan
from genkit.runs import PastSession, Run
from genkit.system.plain import parse_yaml


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass
class Session:
    """One start of a training.

    Attributes:
        run: the run folder.
        changed: the value of each dotted key that this start changes, before and after.
        entries: what the record says of it: status, process, start.
    """

    run: Run
    changed: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    entries: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, run: Run, cfg: Config, entries: Mapping[str, Any]) -> Session:
        """What a run that goes on changes of its own configuration."""
        before = config.load_frozen(run.path / runs.CONFIG)
        changed = differences(before.plain, parse_yaml(config.freeze(cfg)))
        return cls(run, changed, dict(entries))

    def begin(self, step: int, threads: int, **described: Any) -> None:
        """Write down that training begins, after a step.

        Args:
            described: what else the record says of the run from now on.
        """
        provenance, record = runs.provenance(), self.run.record()
        own = PastSession(
            begun=now(),
            step=step,
            command=provenance.command,
            python=provenance.python,
            versions=provenance.versions,
            git=provenance.git,
            threads=threads,
            overrides={key: after for key, (_, after) in self.changed.items()},
        )
        first = {} if record.provenance else {"provenance": provenance}
        self.run.add_session(own, **described, **first, **self.entries)

    def share(self, cfg: Config) -> None:
        """Tell the other processes of this start what they train, without a word in the record yet."""
        plain = {"config": parse_yaml(config.freeze(cfg)), "entries": self.entries}
        plain["changed"] = {key: list(pair) for key, pair in self.changed.items()}
        plain["accept_new_data"] = cfg.accept_new_data
        self.run.share(plain)


def joined(run: Run) -> tuple[Config, Session]:
    """What one of several processes trains, and the session that it is part of."""
    if not (plain := run.shared()):
        return config.load_frozen(run.path / runs.CONFIG), Session(run)
    changed = {key: (pair[0], pair[1]) for key, pair in plain["changed"].items()}
    cfg = config.typed({**plain["config"], "accept_new_data": plain["accept_new_data"]})
    return cfg, Session(run, changed, plain["entries"])


# ---------------------------------------------------------------------- what is said


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The values, before and after, of the keys that a resumed run may change."""
    old, new = dict(leaves(before)), dict(leaves(after))
    old |= {f"choices.{key}": value for key, value in (before.get("choices") or {}).items()}
    new |= {f"choices.{key}": value for key, value in (after.get("choices") or {}).items()}
    return {
        key: (old.get(key), value)
        for key, value in new.items()
        if may_change(key) and (key not in old or old[key] != value)
    }


def notices(session: Session, cfg: Config, module: GenerativeModule, step: int, size: Size) -> list[str]:
    """What goes on otherwise than it went until now, in words: keys, learning rates, versions, threads.

    Args:
        step: of the checkpoint.
        size: of the training set.
    """
    said = []
    keys = {key: pair for key, pair in session.changed.items() if not key.startswith("choices.")}
    if keys:
        listed = ", ".join(f"{key}={shown(new)} (was {shown(old)})" for key, (old, new) in keys.items())
        said.append(f"from here on {listed}.")
        said += _rates(session, cfg, module, step, size)
    sessions = session.run.record().sessions
    last = sessions[-1] if sessions else PastSession(step, {})
    known, here = last.versions, runs.versions()
    other = [
        f"{name} {known[name]}, now {here[name]}"
        for name in here
        if known.get(name, here[name]) != here[name]
    ]
    if other:
        said.append(
            f"it was trained with other versions ({'; '.join(other)}): it goes on, though not bit for bit as"
            " it would have with those."
        )
    threads = torch.get_num_threads()
    if last.threads not in (None, threads):
        said.append(
            f"it was trained on {last.threads} threads and goes on with {threads}, which add numbers in"
            f" another order: trainer.threads={last.threads} keeps the bits."
        )
    return said


def _rates(session: Session, cfg: Config, module: GenerativeModule, step: int, size: Size) -> list[str]:
    """Learning rates that jump, as the schedule is another one or is spread over another budget."""
    if any(key.endswith("lr") for key in session.changed):
        return []  # that is what was asked for
    changed = {
        key: old for key, (old, _) in session.changed.items() if key.split(".")[0] in ("optim", "budget")
    }
    old, plan = config.replace(cfg, changed), module.plan
    budget = budget_of(old.budget)
    steps = budget.steps(cfg.batch_size, size)
    before = dataclasses.replace(plan, optim=old.plain["optim"], budget=budget, total_steps=steps)
    said, phases = [], module.phases()
    for phase in phases:
        was, now = (_rate(which, phase.name, step) for which in (before, plan))
        if abs(now - was) <= 0.01 * was:
            continue
        own = phase.name if isinstance(cfg.plain["optim"].get(phase.name), Mapping) else None
        key = f"optim.{own}" if own else "optim"
        of = f" of {phase.name}" if len(phases) > 1 else ""
        said.append(
            f"the learning rate{of} goes on at {now:.3g} and not at {was:.3g}, as the schedule is spread"
            f" anew: {key}.schedule=constant {key}.warmup=0 {key}.lr={was:.3g} keeps it."
        )
    return said


def _rate(plan: TrainingPlan, phase: str, step: int) -> float:
    settings = plan.settings(phase)
    progress = plan.budget.progress(step, plan.total_steps, plan.seconds_before)
    return float(settings["lr"] * schedule_factor(settings, step, plan.total_steps, progress))


def budget_of(knobs: BudgetKnobs) -> Budget:
    """The budget that the group `budget` describes."""
    return Budget(knobs.unit, knobs.amount)
