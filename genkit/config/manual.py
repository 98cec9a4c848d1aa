"""The knobs for people: the page of a group's option, and what a word can be completed to."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from genkit.config.composing import KEPT, sorted_words
from genkit.config.declared import declarations
from genkit.config.files import OPTIONAL_GROUPS, about, groups
from genkit.config.hydra import compose_by_hydra
from genkit.config.refusals import Section, sections
from genkit.config.values import leaves, shown
from genkit.config.words import parse
from genkit.core.knobs import GIVEN, Knob, any_of, knobs_of
from genkit.system.errors import ConfigError

WIDTH, LEAST, MOST, GAP = 110, 20, 38, "  "  # of a page, and of each of its first two columns


class KnobLine(NamedTuple):
    """What there is to say of one knob of an option: its key and default, what it takes, and what it does."""

    key: str
    default: str
    takes: str
    help: str


class OptionPage(NamedTuple):
    """What there is to say of a group's option.

    Attributes:
        knobs: of the group; none where the option is a file of words for other groups.
        parts: by the names of its phases, the keys that each may have of its own.
    """

    group: str
    option: str
    about: str
    knobs: tuple[KnobLine, ...] = ()
    parts: Mapping[str, tuple[str, ...]] = {}


def described(group: str, option: str, *beside: str) -> OptionPage:
    """The page of an option as values, with the defaults that it has where nothing else is chosen.

    Args:
        beside: choices of other groups that are made with it.
    """
    return _described(
        group, option, compose_by_hydra("train", sorted_words(parse([*beside, f"{group}={option}"]))[0])
    )


def described_run() -> tuple[KnobLine, ...]:
    """The knobs that stand in no group."""
    cfg = compose_by_hydra("train", [])
    (own,) = (section for section in sections(declarations(cfg), cfg) if not section.group)
    return (*_lines(own),)


def explain(words: Sequence[str]) -> str:
    """A page for each option that is typed (`model=dcgan`): its knobs with range, unit, default and help.

    Raises:
        ConfigError: there is no such option, or a word is none.
    """
    choices, values = sorted_words(parse(words))
    if values:
        raise ConfigError(f"{values[0].line}: help is of a group's option, such as model=gpt; leave it out.")
    cfg = compose_by_hydra("train", choices)
    return "\n\n".join("\n".join(_page(str(word.key), str(word.value), cfg)) for word in choices)


def _described(group: str, option: str, cfg: Mapping[str, object]) -> OptionPage:
    said, declared = about(groups()[group][option]), declarations(cfg)
    if group in OPTIONAL_GROUPS or group not in declared:
        return OptionPage(group, option, said)
    own, *parts = [section for section in sections(declared, cfg) if section.group == group]
    return OptionPage(group, option, said, (*_lines(own),), {p.part: (*p.values,) for p in parts})


def _page(group: str, option: str, cfg: Mapping[str, object]) -> Iterator[str]:
    page = _described(group, option, cfg)
    yield from textwrap.wrap(f"{group}={option}: {page.about}", WIDTH)
    if page.knobs:
        yield ""
    yield from _columns([(f"{line.key}={line.default}", line.takes, line.help) for line in page.knobs])
    for part, keys in page.parts.items():
        names = ", ".join(keys)
        yield from textwrap.wrap(f"{group}.{part}.KEY of one phase; null: as {group}.KEY: {names}", WIDTH)


def _lines(section: Section) -> Iterator[KnobLine]:
    flat = dict(leaves(section.values))
    for name, knob in knobs_of(section.knobs).items():
        if name in KEPT.get(section.group, ()):
            continue
        default = flat.get(name, knob.default)
        value = "" if default is msgspec.NODEFAULT else _visible(shown(default))
        yield KnobLine(section.key(name), value, _takes(knob), _help(knob))


def _visible(text: str) -> str:
    """A text whose every character can be seen: a separator is `'\\x1e'`."""
    return text if text.isprintable() else repr(text)


def _takes(knob: Knob) -> str:
    """What values a knob takes."""
    if knob.choices:
        return knob.extent
    kinds = {"an integer": "integer", "a number": "number", "a word": "text", "a list": "list"}
    kind = {**kinds, "a number or a list": "number or list"}.get(knob.kind)
    if knob.extent:
        return f"{kind}, {knob.extent.removeprefix('a ')}" if kind != "number" else knob.extent
    said = " ".join(filter(None, (kind or knob.kind, f"of {knob.unit}" if knob.unit else "")))
    return f"{said}, or null" if knob.nullable and kind else said


def _help(knob: Knob) -> str:
    conditions = [
        f"where {other} is set" if fitting is GIVEN else f"with {other}={any_of([*map(shown, fitting)])}"
        for other, fitting in knob.only.items()
    ]
    return f"{knob.help} (only {', '.join(conditions)})" if conditions else knob.help


def _columns(rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """Rows of three columns; what is too long for a column begins on a line of its own."""
    widths = [max([LEAST, *(len(row[i]) for row in rows if len(row[i]) <= MOST)]) for i in range(2)]
    rest = WIDTH - 2 - sum(widths) - 2 * len(GAP)
    for row in rows:
        first, second = (
            textwrap.wrap(text, width, break_long_words=False) or [""]
            for text, width in zip(row, widths, strict=False)
        )
        if len(first[0]) > widths[0]:
            yield f"  {first[0]}"
            first = [""]
        cells = [first, second, textwrap.wrap(row[2], rest)]
        for line in range(max(map(len, cells))):
            left, middle, right = (cell[line] if line < len(cell) else "" for cell in cells)
            yield f"  {left:<{widths[0]}}{GAP}{middle:<{widths[1]}}{GAP}{right}".rstrip()


# ---------------------------------------------------------------------- completion


def completions(typed: Sequence[str], last: str) -> list[str]:
    """What the word that is being typed can become: groups and keys with `=`, or a key with each value.

    Args:
        typed: the words before it; those that are no choice of an option, or of none, are passed over.
        last: the beginning of the word.
    """
    known = groups()
    chosen = [word for word in typed if word.partition("=")[2] in known.get(word.partition("=")[0], {})]
    key, equals, _ = last.partition("=")
    if equals and key in known:
        found = [f"{key}={option}" for option in known[key]]
    else:
        knobs = _keys(compose_by_hydra("train", sorted_words(parse(chosen))[0]))
        if equals:
            found = [f"{key}={value}" for value in _values(knobs[key])] if key in knobs else []
        else:
            used = {word.partition("=")[0] for word in typed}
            found = [f"{name}=" for name in (*known, *knobs) if name not in used and name != "study"]
    return [word for word in found if word.startswith(last)]


def _keys(cfg: Mapping[str, object]) -> dict[str, Knob]:
    """Every knob of a configuration by its dotted key."""
    found: dict[str, Knob] = {}
    for section in sections(declarations(cfg), cfg):
        knobs = knobs_of(section.knobs)
        names = section.values if section.part else knobs
        found |= {section.key(n): knobs[n] for n in names if n not in KEPT.get(section.group, ())}
    return found


def _values(knob: Knob) -> list[str]:
    """The values that can be listed."""
    if knob.is_list:
        return []
    values = [*map(shown, knob.choices), *(("true", "false") if bool in knob.kinds else ())]
    return [*values, "null"] if knob.nullable else values
