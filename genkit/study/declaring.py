"""What a study is: a file of names and plain values, checked strictly.

question: which family draws the best digits?
arms:                       # each a list of words of `genkit train`
  gpt: [model=gpt_pixels]
  vae: [model=vae, model.latent_size=16]
  codes: {codec: [model=codes_image], words: [model=gpt]}   # two stages; see genkit.study.arms
common: [data=digits]       # words of every arm, before its own
seeds: [0, 1, 2]            # or a number: the first so many
looks: 1                    # how often the results may decide while seeds are added; they share the 5 %
budget: {steps: 500}        # one number in one unit: steps, examples, tokens, seconds or flops
primary: fid                # the metric of the verdict
equivalence_margin: 2       # a difference of the primary that counts as none; that it is smaller is tested
evaluate: {n: 1000}         # settings of `genkit evaluate`
search: …                   # of every arm, before its seeds run; see genkit.study.space
selected_on_test: false     # true: what selects may be what the study reports, and each number says so
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genkit import config
from genkit.metrics.catalogue import catalogue
from genkit.study.arms import FirstStage, check_arm, check_words
from genkit.study.primary import check_primary
from genkit.study.space import Search, check_search
from genkit.system.errors import ConfigError, nearest
from genkit.system.paths import place, sought
from genkit.system.plain import MAX_YAML_BYTES, parse_yaml, read_text

KEYS = (
    *("name", "question", "arms", "common", "seeds", "budget", "primary", "evaluate", "search"),
    *("selected_on_test", "looks", "equivalence_margin"),
)
CHANGED = ("seeds", "name", "primary", "selected_on_test", "looks", "equivalence_margin")  # by a word
MOST_LOOKS = 100
UNITS = ("steps", "examples", "tokens", "seconds", "flops")
EVALUATE = (
    *("n", "seed", "split", "extractor", "extractor_weights", "metrics", "weights"),
    *("importance_samples", "stride"),
    *("batch_size", "checkpoint", "sampling"),
)
COUNTS = ("n", "seed", "importance_samples", "stride", "batch_size")
CHOICES = {"split": ("train", "validation", "test"), "weights": ("ema", "raw")}
MAX_MEMBERS = 1_000


@dataclass(frozen=True)
class Declaration:
    """A checked study.

    Attributes:
        name: of its folder below the runs folder.
        arms: words of each arm's run, those of all arms included.
        codecs: of the arms that train one first.
        budget: (unit, amount).
        primary: the metric of the verdict; None: the usual ones are tried.
        evaluate: settings of the evaluation of every member.
        search: what is tried for each arm before its seeds run; None: nothing.
        looks: times that the results may decide while seeds are added.
        equivalence_margin: the difference of the primary metric below which arms count as equal; None: none.
        selected_on_test: whether checkpoints and trials may be chosen on the examples that are reported.
    """

    name: str
    question: str
    arms: Mapping[str, Sequence[str]]
    seeds: Sequence[int]
    budget: tuple[str, float]
    primary: str | None
    evaluate: Mapping[str, Any]
    search: Search | None = None
    selected_on_test: bool = False
    looks: int = 1
    equivalence_margin: float | None = None
    codecs: Mapping[str, FirstStage] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return len(self.arms) * (len(self.seeds) + (self.search.trials if self.search else 0))

    def to_dict(self) -> dict[str, object]:
        """As a study file says it."""
        unit, amount = self.budget
        return {
            "name": self.name,
            "question": self.question,
            "arms": {arm: self._said(arm) for arm in self.arms},
            "seeds": list(self.seeds),
            "budget": {unit: amount},
            "primary": self.primary,
            "evaluate": dict(self.evaluate),
            **({"search": self.search.to_dict()} if self.search else {}),
            **({"selected_on_test": True} if self.selected_on_test else {}),
            **({"looks": self.looks} if self.looks > 1 else {}),
            **({"equivalence_margin": self.equivalence_margin} if self.equivalence_margin else {}),
        }

    def _said(self, arm: str) -> list[str] | dict[str, object]:
        """An arm as a study file says it."""
        words = list(self.arms[arm])
        if (codec := self.codecs.get(arm)) is None:
            return words
        return {"codec": list(codec.words), "words": words, "share": codec.share}


def read_declaration(study: str, changes: Mapping[str, str] | None = None) -> Declaration:
    """The study of a name in `conf/study`, or of a file.

    Args:
        changes: as for `read_plain`.

    Raises:
        ConfigError: there is no such study, or it says what no study can.
    """
    return check(*read_plain(study, changes))


def read_plain(study: str, changes: Mapping[str, str] | None = None) -> tuple[dict[str, object], str]:
    """What a study's file says, with the name that it has where it says none, and where that stands.

    Args:
        changes: words that replace what the file says: those of `CHANGED`, `budget.UNIT`, `evaluate.KEY`.

    Raises:
        ConfigError: there is no such study, it is no mapping of plain values, or no study takes such words.
    """
    file = find(study)
    try:
        plain = parse_yaml(read_text(file.resolve(), MAX_YAML_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file} cannot be read: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(plain, dict):
        raise ConfigError(f"{file} is no study: it has no keys; write arms:, seeds: and budget:.")
    name = file.resolve().parent.name if file.stem == "study" else file.stem
    plain = {"name": name, **plain}
    for key, text in (changes or {}).items():
        _change(plain, key, text)
    return plain, str(file)


def is_factorial(plain: Mapping[str, object]) -> bool:
    """Whether what a file says is a factorial study (`genkit.study.factorial`), no single one."""
    return "blocks" in plain


def find(study: str) -> Path:
    """The file of a study.

    Raises:
        ConfigError: neither the group nor a folder has it.
    """
    known = config.groups().get("study", {})
    if study in known:
        return known[study]
    if study and (file := place(study, "study")).is_file():
        return file
    hint = sought(study) if os.sep in study or Path(study).suffix else nearest(study, known)
    raise ConfigError(f"there is no study {study!r}, and no such file.{hint}")


def _change(plain: dict[str, Any], key: str, text: str) -> None:
    """Replace what the file says by a word of the command line."""
    try:
        value = parse_yaml(text)
    except ValueError:
        raise ConfigError(f"{key}={text} cannot be read; quote it.") from None
    group, _, name = key.partition(".")
    if group == "budget" and name:
        plain["budget"] = {name: value}
    elif group == "evaluate" and name:
        plain["evaluate"] = {**(plain.get("evaluate") or {}), name: value}
    elif key in CHANGED:
        plain[key] = value
    else:
        known = ["study", *CHANGED, "dry", "yes"]
        known += [f"budget.{unit}" for unit in UNITS]
        raise ConfigError(f"study takes no {key}=.{nearest(key, known)}")


def check(plain: Mapping[str, object], where: str) -> Declaration:
    """The declaration, every part of it checked.

    Raises:
        ConfigError: a key that no study has, a value of the wrong kind, an empty factorial.
    """
    if is_factorial(plain):
        raise ConfigError(f"{where} is a factorial study; genkit study study=… runs it.")
    for key in plain:
        if key not in KEYS:
            raise ConfigError(f"{where}: a study has no {key}.{nearest(str(key), KEYS)}")
    common = check_words(plain.get("common"), f"{where}: common")
    arms = plain.get("arms")
    if not isinstance(arms, dict) or not arms:
        raise ConfigError(f"{where}: a study needs arms, each a name and a list of words; it has none.")
    folded: dict[str, str] = {}
    for arm in arms:
        if not isinstance(arm, str) or not re.fullmatch(r"[A-Za-z0-9][\w.+-]{0,39}", arm, re.ASCII):
            raise ConfigError(f"{where}: arm {arm!r}: a name is 1 to 40 letters, digits and any of _ . + -")
        if (other := folded.setdefault(arm.casefold(), arm)) != arm:
            raise ConfigError(f"{where}: the arms {other} and {arm} differ in case alone; rename one.")
    seeds, evaluate = _seeds(plain.get("seeds"), where), _evaluate(plain.get("evaluate") or {}, where)
    primary = None if plain.get("primary") is None else str(plain["primary"])
    if primary is not None:
        check_primary(primary, evaluate.get("metrics"))
    on_test = plain.get("selected_on_test", False)
    if not isinstance(on_test, bool):
        raise ConfigError(f"{where}: selected_on_test={on_test} is neither true nor false.")
    looks = plain.get("looks", 1)
    if type(looks) is not int or not 1 <= looks <= MOST_LOOKS:
        raise ConfigError(f"{where}: looks={looks}: give a number from 1 to {MOST_LOOKS}.")
    margin = _margin(plain.get("equivalence_margin"), primary, where)
    search = None
    if plain.get("search") is not None:
        search = check_search(plain["search"], list(arms), seeds, where)
        if primary is None:
            raise ConfigError(f"{where}: a search needs a primary metric to go by; write primary: kid.")
    budget = _budget(plain.get("budget"), where)
    stages = {arm: check_arm(said, common, f"{where}: arm {arm}") for arm, said in arms.items()}
    searched = [key for keys in search.space.values() for key in keys] if search else []
    if budget[0] == "flops" and (costly := [key for key in searched if key.startswith("model.")]):
        raise ConfigError(
            f"{where}: a search of {costly[0]} changes what a step costs; give a budget in steps or examples."
        )
    return Declaration(
        name=check_name(plain.get("name"), where),
        question=str(plain.get("question") or ""),
        arms={arm: words for arm, (words, _) in stages.items()},
        seeds=seeds,
        budget=budget,
        primary=primary,
        evaluate=evaluate,
        search=search,
        selected_on_test=on_test,
        looks=looks,
        equivalence_margin=margin,
        codecs={arm: codec for arm, (_, codec) in stages.items() if codec is not None},
    )


def check_name(name: Any, where: str) -> str:
    """A name, if a folder can have it.

    Raises:
        ConfigError: it cannot.
    """
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][\w.+-]{0,79}", name, re.ASCII):
        raise ConfigError(
            f"{where}: name={name!r} cannot name a study: use letters, digits and any of _ . + -"
        )
    return name


def _seeds(seeds: Any, where: str) -> list[int]:
    if isinstance(seeds, int) and not isinstance(seeds, bool):
        if seeds > 1_000_000:
            raise ConfigError(f"{where}: seeds={seeds} are too many; give at most 1,000,000.")
        seeds = list(range(seeds))
    if not isinstance(seeds, list) or not seeds:
        raise ConfigError(f"{where}: a study needs seeds, a number of them or a list; it has none.")
    for seed in seeds:
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**32:
            raise ConfigError(f"{where}: seed {seed!r} is none; give numbers from 0 to 4294967295.")
    if len(set(seeds)) < len(seeds):
        twice = next(seed for seed in seeds if seeds.count(seed) > 1)
        raise ConfigError(f"{where}: seed {twice} stands twice; each gives one run.")
    return seeds


def _budget(budget: Any, where: str) -> tuple[str, float]:
    if not isinstance(budget, dict) or len(budget) != 1:
        raise ConfigError(f"{where}: a study has one budget in one unit: {', '.join(UNITS)}.")
    unit, amount = next(iter(budget.items()))
    if unit not in UNITS:
        raise ConfigError(f"{where}: a study has no budget in {unit}.{nearest(str(unit), UNITS)}")
    number = _number(amount)
    if not (math.isfinite(number) and number > 0) or (unit == "steps" and number != int(number)):
        raise ConfigError(f"{where}: budget {unit}={amount} is no positive number of {unit}.")
    return unit, int(number) if number == int(number) else number


def _margin(margin: Any, primary: str | None, where: str) -> float | None:
    if margin is None:
        return None
    number = _number(margin)
    if not (math.isfinite(number) and number > 0):
        raise ConfigError(
            f"{where}: equivalence_margin={margin}: give a number above 0, in the primary's unit."
        )
    if primary is None:
        raise ConfigError(f"{where}: equivalence_margin={margin} is of no metric; write primary: kid.")
    return number


def _number(value: Any) -> float:
    """A number of a file, in which YAML reads 1e-3 as a text; nan where it is none."""
    try:
        return math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _evaluate(settings: Any, where: str) -> dict[str, Any]:
    if not isinstance(settings, dict):
        raise ConfigError(f"{where}: evaluate: is no mapping; write evaluate: {{n: 1000}}.")
    for key, value in settings.items():
        if key not in EVALUATE:
            raise ConfigError(f"{where}: evaluate has no {key}.{nearest(str(key), EVALUATE)}")
        if key in COUNTS and not (type(value) is int and value >= (0 if key == "seed" else 1)):
            raise ConfigError(f"{where}: evaluate: {key}={value} is no number of its kind; give 1 or more.")
        if key == "sampling" and not (
            isinstance(value, dict) and all(isinstance(name, str) for name in value)
        ):
            raise ConfigError(f"{where}: evaluate: sampling={value}; write sampling: {{pixels: drawn}}.")
        values = value if isinstance(value, list) else [value]
        choices = catalogue().known() if key == "metrics" else list(CHOICES.get(key, ()))
        for one in values if choices else ():
            if one not in choices:
                raise ConfigError(f"{where}: evaluate: {key}={one}.{nearest(str(one), choices)}")
    if isinstance(settings.get("metrics"), str):
        return {**settings, "metrics": [settings["metrics"]]}
    return dict(settings)
