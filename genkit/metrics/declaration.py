"""What a metric says of itself: one declaration, from which everything else is known.  No torch here.

    REACH = Metric(
        "reach", "1", "lower", needs=("arrays",), measure=reach, help="the farthest sample from the real ones"
    )

`measure` is a function of the evidence (see `genkit.metrics.evidence.Evidence`): `evidence.generated.arrays`,
`evidence.real.texts`, …  It returns a number, a number with the ends of its interval, or a `Measure`.
"""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import TYPE_CHECKING, get_args

from genkit.core.references import find
from genkit.metrics.measure import Direction, Measure
from genkit.system.errors import ConfigError

if TYPE_CHECKING:
    from genkit.metrics.evidence import Evidence

Interval = tuple[float, float, float]  # value, low, high
Measured = float | Interval | Measure | list[Measure]
Measuring = Callable[["Evidence"], Measured]
# What a metric can ask for, and what it is then given.
NEEDS = {
    "features": "an extractor's vectors of each example",
    "probabilities": "the classes that an extractor sees in each, where they are those of the data",
    "projections": "each example's numbers along fixed random directions",
    "arrays": "all numbers of each example",
    "keys": "a hash of each example, equal where two are",
    "waveforms": "sounds as they are heard, and their rate",
    "asked": "the class that each example is asked to be of, where an extractor has those classes",
    "process": "the rule by which the data were made, where they were made by one",
    "pitches": "the pitch that each sound is asked to have, where classes are names of notes",
    "speech": "sounds that are speech, as the extractor has it",
    "texts": "the examples as texts",
    "source": "the training text, in pieces",
    "verse": "texts that are verse, by what their data say",
    "train": "training examples, too, in the forms asked for",
    "likelihoods": "how likely held-out data are to the model",
    "clips": "moving pictures",
    "predictions": "what the model makes of the rest of clips whose beginning it is given",
    "restylings": "what the model makes of held-out examples in classes that they do not have",
    "answers": "an answer to each held-out prompt, beside the one that is right",
    "costs": "what the model cost",
}
NEEDED = ("name", "unit", "direction", "needs", "measure", "help")  # the rest has defaults
OWN_GROUP = "own"  # of a metric that names none
ONE_LINE = 100


@dataclass(frozen=True)
class Call:
    """A function of this package on parts of the evidence, imported when it is first called.

    Attributes:
        target: `module:function`, below `genkit.metrics`.
        parts: dotted names of what it is given; none: the evidence itself.
        more: further arguments.
    """

    target: str
    parts: tuple[str, ...] = ()
    more: tuple[object, ...] = ()

    def __call__(self, evidence: Evidence) -> Measured:
        module, _, name = self.target.partition(":")
        function: Callable[..., Measured] = getattr(importlib.import_module(f"genkit.metrics.{module}"), name)
        given = [attrgetter(part)(evidence) for part in self.parts] if self.parts else [evidence]
        return function(*given, *self.more)


@dataclass(frozen=True)
class Metric:
    """A metric.  Those that share a function are measured by one call of it.

    Attributes:
        name: lower case, as in `metrics=NAME`.
        unit: "1" for a pure number; "nats" where rows say of what: "nats/token".
        direction: which way is better: "lower", "higher" or "none".
        needs: names of `NEEDS`.
        measure: a function of the evidence.
        help: half a line for a person.
        group: that it is asked for with.
        interval: how its 95 % interval is made, in words, or of what it is; "": it has none.
        depends_on_n: whether its expected value changes with the number of samples.
        floor: whether real examples are measured in the place of samples, or a function of the model's
            evidence that measures the floor in another way.
        ceiling: the same of noise.
        by_extractor: whether a row's name says whose features it is of (`fid_digits`).
        least, most: what it can be at all.
        counted: whether it is a number of things, of which there is nothing to estimate.
        beside: names of metrics without which it misleads: they are measured with it.
        cites: the papers that it comes from: keys or entries, see `genkit.core.references`.
        source: the distribution that offers it; "": it is built in, or a caller's own.
    """

    name: str
    unit: str
    direction: Direction
    needs: tuple[str, ...]
    measure: Measuring
    help: str
    group: str = OWN_GROUP
    interval: str = ""
    depends_on_n: bool = False
    floor: bool | Measuring = True
    ceiling: bool | Measuring = True
    by_extractor: bool = False
    least: float = -math.inf
    most: float = math.inf
    counted: bool = False
    beside: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()
    source: str = ""

    @property
    def said(self) -> str:
        """What messages call it."""
        return f"metric {self.name!r} of {self.source}" if self.source else f"metric {self.name!r}"


def declared(offered: object, source: str, name: str = "") -> Metric:
    """What a distribution or a caller offers, as a checked metric.

    Args:
        offered: a `Metric`, or an object or a class with its attributes.
        source: the distribution; "": a caller.
        name: by which it is offered, where it has one.

    Raises:
        ConfigError: it is no metric, or declares what none can; what, and whose, is said.
    """
    made = offered() if isinstance(offered, type) else offered
    called = str(name or getattr(made, "name", type(made).__name__))[:60]
    whose = f"metric {called!r} of {source}" if source else f"metric {called!r}"
    if not isinstance(made, Metric):
        if lacking := [key for key in NEEDED if not hasattr(made, key)]:
            raise ConfigError(f"{whose} declares no {lacking[0]}: it needs {', '.join(NEEDED)}.")
        known = [f.name for f in fields(Metric)]
        made = Metric(**{key: getattr(made, key) for key in known if hasattr(made, key)})
    if reason := _wrong(made):
        raise ConfigError(f"{whose}: {reason}.")
    return replace(made, source=source)


def _wrong(metric: Metric) -> str | None:
    """Why such a metric is none; None where it is one."""
    if not isinstance(metric.name, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,59}", metric.name):
        return f"name {str(metric.name)[:60]!r} is none: lower case letters, digits and _"
    for key in ("unit", "help", "group"):
        if not isinstance(said := getattr(metric, key), str) or not said.strip() or "\n" in said:
            return f"{key} is empty, or more than a line"
    if len(metric.help) > ONE_LINE:
        return f"help is longer than {ONE_LINE} characters"
    directions = get_args(Direction)
    if metric.direction not in directions:
        return f"direction {str(metric.direction)[:40]!r} is none of {', '.join(directions)}"
    if isinstance(metric.needs, str) or not metric.needs:
        return f"needs is no list of what it is given: {', '.join(NEEDS)}"
    for need in metric.needs:
        if need not in NEEDS:
            return f"it needs {str(need)[:40]}, which no evidence has; there are {', '.join(NEEDS)}"
    for key in ("floor", "ceiling"):
        if not isinstance(value := getattr(metric, key), bool) and not callable(value):
            return f"{key} is neither true, false nor a function"
    if not callable(metric.measure):
        return "measure is no function of the evidence"
    try:
        for cited in metric.cites:
            find(cited)
    except (TypeError, ValueError) as error:
        return f"cites: {error}"
    if not isinstance(metric.interval, str):
        return "interval is no text that says how it is made"
    return None
