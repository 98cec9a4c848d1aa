"""A page for each command, from its declaration."""

from __future__ import annotations

from collections.abc import Iterator

from genkit import config
from genkit.cli.command import Command, CommandWord, named, words_of
from genkit.cli.commands import BUILT_IN, find
from genkit.cli.help import FIRST_GROUPS, taken, typed
from tools.site.markdown import code, contents, page, plain, table

FOLDER = "reference/commands"


def pages() -> Iterator[tuple[str, str]]:
    """Place and text of each page."""
    rows = []
    for name in BUILT_IN:
        command = find(name)
        rows.append((f"[`genkit {name}`]({name}.md)", plain(command.summary), code(command.usage)))
        yield f"{FOLDER}/{name}.md", _page(name, command)
    told = (
        "Words, never dashes: `key=value` for a value, `group=option` for a choice. `genkit COMMAND --help`"
    )
    told += " says in a terminal what these pages say."
    overview = table(("command", "what it does", "its words"), rows)
    yield f"{FOLDER}/index.md", page("Commands", told, overview, contents(BUILT_IN))


def _page(name: str, command: Command) -> str:
    parts = [f"{plain(command.summary[0].upper() + command.summary[1:])}.", _usage(name, command)]
    words = [*command.configured, *words_of(command.settings).values()]
    if words:
        parts += ["## Words", table(("word", "what it takes", "what it is"), map(_row, words))]
    if command.more:
        parts.append(f"```text\n{command.more}\n```")
    if command.configured:
        parts += ["## Choices", *_groups()]
    if command.listed:
        header, *listed = named(command.listed)()
        rows = [(code(row[0]), *map(plain, row[1:])) for row in listed]
        parts += ["## What there is", table([title or "better" for title in header], rows)]
    return page(f"genkit {name}", *parts)


def _usage(name: str, command: Command) -> str:
    return f"```text\ngenkit {name} {command.usage}".rstrip() + "\n```"


def _row(word: CommandWord) -> tuple[str, str, str]:
    several = ["several with commas"] if word.commas else ["may be repeated"] if word.many else []
    notes = [*several * (not word.below), *["required"] * word.required]
    return code(typed(word)), code(taken(word)), plain("; ".join([word.help, *notes]))


def _groups() -> Iterator[str]:
    """What a training can be told to choose, group by group."""
    known = config.groups()
    for group in (*FIRST_GROUPS, *(group for group in known if group not in FIRST_GROUPS)):
        rows = [(code(f"{group}={name}"), plain(config.about(file))) for name, file in known[group].items()]
        yield f"### {group}="
        yield table(("choice", "what it is"), rows)
