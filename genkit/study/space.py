"""What a study may search before its seeds run: equal trials for every arm, over lists and ranges.

search:
  trials: 4                       # of every arm
  space:
    a: {optim.lr: {low: 1e-3, high: 1e-1, log: true}, model.dropout: [0.0, 0.2]}
    b: {optim.lr: {low: 1e-4, high: 1e-2, log: true}}
  seed: 4294967295                # of the trials' trainings, none of the study's own (this is the default)
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genkit.system.errors import ConfigError, nearest

KEYS, RANGE = ("trials", "space", "seed"), ("low", "high", "log")
LAST_SEED = 2**32 - 1
MOST_TRIALS = 1_000
Values = Sequence[Any] | Mapping[str, Any]  # a list, or {low, high, log}; whole numbers where both ends are


@dataclass(frozen=True)
class Search:
    """A checked search.

    Attributes:
        trials: of every arm.
        space: by arm and dotted key.
    """

    trials: int
    space: Mapping[str, Mapping[str, Values]]
    seed: int = LAST_SEED

    def to_dict(self) -> dict[str, Any]:
        """As a study file says it."""
        space = {
            arm: {k: dict(v) if isinstance(v, Mapping) else list(v) for k, v in keys.items()}
            for arm, keys in self.space.items()
        }
        return {"trials": self.trials, "space": space, "seed": self.seed}

    def corners(self, arm: str) -> Iterator[str]:
        """Words that try every value of a list and both ends of a range, one at a time."""
        for key, values in self.space[arm].items():
            ends = (values["low"], values["high"]) if isinstance(values, Mapping) else values
            yield from (f"{key}={_typed(value)}" for value in ends)


def in_words(values: Values) -> str:
    """A list or a range as a plan shows it."""
    if isinstance(values, Mapping):
        return f"{values['low']:g} to {values['high']:g}{' (log)' if values['log'] else ''}"
    return ", ".join(map(_typed, values))


def _typed(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)


def check_search(plain: Any, arms: Sequence[str], seeds: Sequence[int], where: str) -> Search:
    """The search of a study file.

    Raises:
        ConfigError: a key that no search has, an arm without a space, a value of the wrong kind.
    """
    where = f"{where}: search"
    if not isinstance(plain, dict):
        raise ConfigError(f"{where} is no mapping; write search: {{trials: 4, space: {{…}}}}.")
    for key in plain:
        if key not in KEYS:
            raise ConfigError(f"{where} has no {key}.{nearest(str(key), KEYS)}")
    trials, seed = plain.get("trials"), plain.get("seed", LAST_SEED)
    if type(trials) is not int or not 1 <= trials <= MOST_TRIALS:
        raise ConfigError(f"{where}: trials={trials}: give a number from 1 to {MOST_TRIALS:,}.")
    if type(seed) is not int or not 0 <= seed <= LAST_SEED:
        raise ConfigError(f"{where}: seed {seed!r} is none; give a number from 0 to {LAST_SEED}.")
    if seed in seeds:
        raise ConfigError(f"{where}: seed {seed} is one of the study's own; what is found would favour it.")
    space = plain.get("space")
    if not isinstance(space, dict) or not space:
        raise ConfigError(f"{where}: space is empty; give every arm keys with lists or ranges of values.")
    for arm in space:
        if arm not in arms:
            raise ConfigError(f"{where}: there is no arm {arm}.{nearest(str(arm), arms)}")
    if lacking := [arm for arm in arms if not space.get(arm)]:
        raise ConfigError(f"{where}: arm {lacking[0]} has no space; every arm gets as many trials.")
    return Search(trials, {arm: _keys(space[arm], f"{where}: {arm}") for arm in arms}, seed)


def _keys(keys: Any, where: str) -> dict[str, Values]:
    if not isinstance(keys, dict):
        raise ConfigError(f"{where} is no mapping of keys to values.")
    found: dict[str, Values] = {}
    for key, values in keys.items():
        if not isinstance(key, str) or not re.fullmatch(r"\w+(\.\w+)+", key):
            raise ConfigError(f"{where}: {key} is no dotted key such as optim.lr; groups are not searched.")
        if key.split(".")[0] in ("data", "budget", "paths", "logger"):
            raise ConfigError(f"{where}: {key} is the same for all runs of a study; leave it out.")
        found[key] = _range(values, f"{where}: {key}") if isinstance(values, dict) else values
        if isinstance(values, list) and values and all(map(_is_plain, values)):
            continue
        if not isinstance(values, dict):
            raise ConfigError(f"{where}: {key} is neither a list of values nor {{low: …, high: …}}.")
    return found


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _range(values: dict[str, object], where: str) -> dict[str, object]:
    for key in values:
        if key not in RANGE:
            raise ConfigError(f"{where}: a range has no {key}.{nearest(str(key), RANGE)}")
    low, high, log = (values.get("low"), values.get("high"), values.get("log", False))
    ends = [_number(low), _number(high)]
    if not all(map(math.isfinite, ends)) or not ends[0] < ends[1] or (log and ends[0] <= 0):
        raise ConfigError(
            f"{where}: low={low}, high={high}: give two numbers, the lower first, above 0 with log."
        )
    if type(log) is not bool:
        raise ConfigError(f"{where}: log={log}: write log: true or log: false.")
    whole = type(low) is int and type(high) is int
    return {"low": low if whole else ends[0], "high": high if whole else ends[1], "log": log}


def _number(value: Any) -> float:
    try:
        return math.nan if isinstance(value, bool) else float(value)  # YAML reads 1e-3 as a text
    except (TypeError, ValueError):
        return math.nan
