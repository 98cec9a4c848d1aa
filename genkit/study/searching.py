"""The search before the seeds: optuna is asked for a trial of every arm, told what it gave, and asked again.

What is asked for is a function of the arm, of the trial's place and of what its earlier trials gave, so a
study that was stopped goes on with the same questions.  A trial is a member like others, but is trained from
a seed of its own and measured on the validation part; one that fails gives nothing, and counts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from genkit import runs
from genkit.config.values import leaves
from genkit.metrics.catalogue import answers
from genkit.runs import rows as row_files
from genkit.runs.rows import Row
from genkit.runs.studies import SEARCH, Outcome, Planned, Searched, Trial, read_found
from genkit.study.folder import Plan, write_outcome
from genkit.study.space import Values
from genkit.system.errors import ConfigError
from genkit.system.plain import parse_yaml

DIGITS = 3  # significant digits of a value that is asked for


def parts(plan: Plan, retry: bool = False) -> Iterator[list[Planned]]:
    """Members that are to run, in parts: what a part runs is known once the parts before it have ended.

    Raises:
        StorageError: a configuration cannot be written.
    """
    search = plan.declaration.search
    if search is None:
        yield plan.missing(retry)
        return
    for place in range(search.trials):
        trials = [member for member in plan.members if member.trial == place]
        for trial in trials:
            if trial.number not in plan.configs:
                trials_before = told(plan, trial.arm, place)
                asked = ask(trial.arm, search.trials, search.space[trial.arm], trials_before)
                plan.freeze(trial, asked)
        yield [member for member in plan.missing(retry) if member.trial == place]
    _settle(plan)
    yield [m for m in plan.missing(retry) if m.trial is None and m.number in plan.configs]


def _settle(plan: Plan) -> None:
    """Freeze what every arm's seeds run with, once: the values of its best trial."""
    found, search = read_found(plan.folder), plan.declaration.search
    assert search is not None
    for arm in plan.declaration.arms:
        if arm not in found or not found[arm].best:
            found[arm] = _found(plan, arm)
        best = found[arm].best
        for member in plan.members:
            if member.arm != arm or member.trial is not None or member.number in plan.configs:
                continue
            if best is None:
                reason = f"no trial of its search gave a number of {plan.declaration.primary}"
                write_outcome(plan.folder, member.number, Outcome("failed", reason, 2, 0.0))
            else:
                plan.freeze(member, {key: best.values[key] for key in search.space[arm]})
    plain = {arm: asdict(searched) for arm, searched in found.items()}
    runs.write_atomically(plan.folder / SEARCH, json.dumps(plain, indent=1, ensure_ascii=False) + "\n")


def _found(plan: Plan, arm: str) -> Searched:
    """An arm's trials, and the best of them; of equal ones the first."""
    search = plan.declaration.search
    assert search is not None
    trials = told(plan, arm, search.trials)
    worth = [(trial.value, trial) for trial in trials if trial.value is not None]
    sign = -1 if any(trial.direction == "higher" for _, trial in worth) else 1
    best = min(worth, key=lambda pair: sign * pair[0], default=None)
    return Searched(best[1] if best else None, tuple(trials))


def told(plan: Plan, arm: str, before: int) -> list[Trial]:
    """What an arm's first so many trials were asked, and what they gave: value and direction, or None."""
    search = plan.declaration.search
    assert search is not None
    found = []
    for member in plan.members:
        if member.arm != arm or member.trial is None or member.trial >= before:
            continue
        cfg = dict(leaves(parse_yaml(plan.configs[member.number])))
        values = {key: cfg[key] for key in search.space[arm]}
        row = _row(plan, member)
        value, direction = (row.value, row.direction) if row else (None, "lower")
        found.append(Trial(run=member.name, values=values, value=value, direction=direction))
    return found


def _row(plan: Plan, member: Planned) -> Row | None:
    """The row of the primary metric that a trial's evaluation left."""
    file = plan.path(member) / row_files.FILE
    if not plan.outcome(member).finished or not file.is_file():
        return None
    of = [row for row in row_files.read(file) if answers(row.metric, str(plan.declaration.primary))]
    return next((row for row in of if row.role == "model" and row.value is not None), None)


def ask(arm: str, total: int, space: Mapping[str, Values], trials: Sequence[Trial]) -> dict[str, object]:
    """The values of an arm's next trial, by a tree-structured Parzen estimator from its earlier ones.

    Args:
        total: trials that the arm has; half of them, ten at most, look around.

    Raises:
        ConfigError: optuna is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise ConfigError("search needs optuna: pip install optuna.") from None
    from optuna.distributions import (
        BaseDistribution,
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )
    from optuna.trial import TrialState, create_trial

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    of: dict[str, BaseDistribution] = {}
    for key, values in space.items():
        if not isinstance(values, Mapping):
            of[key] = CategoricalDistribution(list(values))
        elif isinstance(values["low"], int):
            of[key] = IntDistribution(**values)
        else:
            of[key] = FloatDistribution(**values)
    seed = int(hashlib.sha256(f"{arm} {len(trials)}".encode()).hexdigest()[:8], 16)
    sampler = optuna.samplers.TPESampler(n_startup_trials=max(2, min(10, total // 2)), seed=seed)
    lower = all(trial.direction == "lower" for trial in trials)
    study = optuna.create_study(sampler=sampler, direction="minimize" if lower else "maximize")
    for trial in trials:
        failed = trial.value is None
        state = TrialState.FAIL if failed else TrialState.COMPLETE
        given = None if trial.value is None else [trial.value]
        study.add_trial(create_trial(params=dict(trial.values), distributions=of, state=state, values=given))
    asked = study.ask(of).params
    return {key: _rounded(asked[key], values) for key, values in space.items()}


def _rounded(value: Any, values: Values) -> Any:
    """A number of a range in a few digits, still within it."""
    if not isinstance(value, float) or not isinstance(values, Mapping):
        return value
    return min(max(float(f"{value:.{DIGITS}g}"), values["low"]), values["high"])
