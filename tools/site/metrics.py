"""A page for each group of metrics: definition, unit, direction, interval, from the catalogue."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from itertools import groupby

from genkit.metrics.catalogue import ARROWS, BUILT_IN, EXTRACTORS, GROUPS
from genkit.metrics.declaration import NEEDS, Call, Metric
from tools.site.markdown import about, code, contents, page, plain, table

FOLDER = "reference/metrics"
BETTER = {"lower": "lower is better", "higher": "higher is better", "none": "neither way is better"}


def pages() -> Iterator[tuple[str, str]]:
    """Place and text of each page."""
    rows = []
    for group in GROUPS:
        own = [metric for metric in BUILT_IN.values() if metric.group == group]
        rows += [
            (f"[`{m.name}`]({group}.md)", plain(m.unit), ARROWS[m.direction], code(group), plain(m.help))
            for m in own
        ]
        yield f"{FOLDER}/{group}.md", page(f"Metrics: {group}", *_of_group(group, own))
    told = (
        "Every metric that `genkit evaluate` knows. `metrics=fid,likelihood` asks for some, by their names"
        " or their groups. What the intervals, floors and ceilings mean says [Evaluate a"
        " run](../../guides/evaluate.md)."
    )
    needs = table(("what it is called", "what it is"), [(code(key), plain(NEEDS[key])) for key in NEEDS])
    extractors = ", ".join(map(code, EXTRACTORS.names()))
    yield (
        f"{FOLDER}/index.md",
        page(
            "Metrics",
            told,
            table(("metric", "unit", "better", "group", "what it is"), rows),
            "## What a metric can ask for",
            needs,
            f"## Extractors\n\n`extractor=` is one of {extractors}, or another distribution's.",
            contents(GROUPS),
        ),
    )


def _of_group(group: str, metrics: list[Metric]) -> Iterator[str]:
    asked = f"`genkit evaluate run=R metrics={group}`"
    yield f"{asked} measures these, where the run and its data have what they need."
    for definition, several in groupby(metrics, key=_definition):
        for metric in several:
            yield f"## {metric.name}"
            yield f"{plain(_sentence(metric.help))}."
            yield "\n".join(f"- {line}" for line in _facts(metric))
        yield definition


def _sentence(words: str) -> str:
    """Words with a capital at their beginning, where that is no metric's name."""
    return words if words.split()[0] in BUILT_IN else words[0].upper() + words[1:]


def _facts(metric: Metric) -> Iterator[str]:
    yield f"unit: {plain(metric.unit) if metric.unit != '1' else 'a pure number'}; {BETTER[metric.direction]}"
    if metric.interval:
        yield f"95 % interval: {plain(metric.interval)}"
    yield f"needs {', '.join(f'{code(need)} ({plain(NEEDS[need])})' for need in metric.needs)}"
    if metric.depends_on_n:
        yield "depends on the number of samples: numbers of other n refuse one column"
    if metric.by_extractor:
        names = f"`{metric.name}_digits`; `{metric.name}` alone is Inception's"
        yield f"a row says whose features it is of: {names}"
    if metric.beside:
        yield f"measured together with {', '.join(map(code, metric.beside))}, without which it misleads"


def _definition(metric: Metric) -> str:
    """What the function says that measures it."""
    return about(_function(metric))


def _function(metric: Metric) -> Callable[..., object]:
    if not isinstance(metric.measure, Call):
        return metric.measure
    module, _, name = metric.measure.target.partition(":")
    found: Callable[..., object] = getattr(importlib.import_module(f"genkit.metrics.{module}"), name)
    return found
