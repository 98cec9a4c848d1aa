"""The page of findings: every rule of a training, what breaks it, and what to do."""

from __future__ import annotations

from collections.abc import Iterator

from genkit.core.rule import Rule
from genkit.diagnostics.general_rules import RULES
from genkit.families import FAMILIES
from tools.site.markdown import code, page, plain

PLACE = "reference/findings.md"


def pages() -> Iterator[tuple[str, str]]:
    """Place and text of the page."""
    families = {name: FAMILIES.load(name) for name in FAMILIES.names()}
    parts = [
        "Every rule that a training is judged by at its validations. A finding of severity *error* says that"
        " the result is worthless, a *warning* that it may be; `strict=true` ends a run at the first. What"
        " to do with one says [the guide](../guides/findings.md).",
        "## General rules",
    ]
    for rule in RULES:
        remedies = {name: family.remedies.get(rule.code, "") for name, family in families.items()}
        parts += _of_rule(rule, {name: said for name, said in remedies.items() if said})
    for name, family in families.items():
        if family.rules:
            parts.append(f"## Rules of the family {name}")
        for rule in family.rules:
            parts += _of_rule(rule, {}, f" ({name})")
    yield PLACE, page("Findings and remedies", *parts)


def _of_rule(rule: Rule, remedies: dict[str, str], whose: str = "") -> Iterator[str]:
    yield f"### {rule.code}{whose}"
    side = "above" if rule.above is not None else "below"
    broken = f"{code(rule.measure)} is {side} {rule.threshold:g}"
    yield f"**{rule.severity}**, where {broken}. {plain(rule.advice)}"
    yield "\n".join(f"- {line}" for line in _conditions(rule, remedies))


def _conditions(rule: Rule, remedies: dict[str, str]) -> Iterator[str]:
    often = (
        "one measurement is enough"
        if rule.patience == 1
        else f"{rule.patience} measurements in a row must agree"
    )
    late = [f"{rule.after:.0%} of the budget"] * bool(rule.after) + [f"{rule.since} steps"] * bool(rule.since)
    yield often + (f"; it is not asked before {' and '.join(late)}" if late else "")
    if rule.longer:
        yield "or train longer"
    for family, remedy in remedies.items():
        yield f"of {code(family)}: or {plain(remedy)}"
    if rule.unless:
        yield f"not asked where {code(rule.unless[0])} is at least {rule.unless[1]:g}"
    if rule.said_by:
        yield f"not said beside {', '.join(map(code, rule.said_by))}"
