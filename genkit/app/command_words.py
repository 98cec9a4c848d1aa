"""The words of a command that a page has controls for, of one run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Generic, TypeVar

from genkit.app.controls import control, words
from genkit.app.served_run import ServedRun
from genkit.cli.command import CommandSettings, words_of
from genkit.cli.example_words import OF_GIVEN, FromData
from genkit.core.options import LABEL
from genkit.system.errors import ConfigError, closest

S = TypeVar("S", bound=CommandSettings)
Offered = Mapping[str, Mapping[str, Any]]  # attributes, and what is another way on a page than in a shell
CLASSES, FIRST = ("label", "labels"), ("label", "labels", "prompt")  # attributes: of classes, of what is made
NEEDED = {"label": LABEL.name, "labels": LABEL.name, "prompt": "prompt"}  # by attributes, options


class CommandWords(Generic[S]):
    """Those words.

    Args:
        offered: the attributes that have controls; one that is of an option which the run lacks has none.
    """

    def __init__(self, run: ServedRun, settings: type[S], offered: Offered) -> None:
        self._run, self._settings, self._usual = run, settings, words_of(settings)
        has = {option.name for option in run.module.options}
        kept = {name: replace(self._usual[name], **more) for name, more in offered.items()}
        self._offered = {name: word for name, word in kept.items() if NEEDED.get(name, "") in (*has, "")}

    def controls(self, without: Collection[str] = ()) -> list[dict[str, object]]:
        """Of all but some attributes; what says something of a file alone says so."""
        classes, of_file = (
            self._run.module.spec.classes,
            OF_GIVEN if issubclass(self._settings, FromData) else (),
        )
        made = []
        for name, word in self._offered.items():
            if name not in without:
                own = control(word, choices=classes if name in CLASSES else (), first=name in FIRST)
                made.append({**own, "of_file": name in of_file})
        return made

    def settings(self, given: Mapping[str, object], *, whole: bool = True) -> S:
        """The words of the command, those that are given checked.

        Args:
            whole: whether all that the command needs have to be given.

        Raises:
            ConfigError: the command has not such, or not such a value, or one that it needs is missing.
        """
        by_name = {word.name: attribute for attribute, word in self._offered.items()}
        values: dict[str, Any] = {}
        for name, value in given.items():
            if name not in by_name:
                raise ConfigError(f"{name[:40]}= is not asked for here.{closest(name, by_name)}")
            word = self._offered[by_name[name]]
            found = word.check(value)
            if word.many:
                found = tuple(found if isinstance(found, list) else [found])
            values[by_name[name]] = found
        for name, word in self._offered.items():
            if whole and word.required and not values.get(name):
                raise ConfigError(f"{word.name}= is needed: {word.help}.")
        run, of_page = self._run, {}
        for name, word in self._offered.items():
            if word.default != self._usual[name].default:
                of_page[name] = word.default
        served = run.settings
        common = {"checkpoint": run.checkpoint, "weights": served.weights, "device": served.device}
        return self._settings(run=str(run.folder), places=served.places, **common, **{**of_page, **values})

    def typed(self, settings: S) -> list[str]:
        """The words whose values are not those that the command has without them."""
        given = {}
        for name, word in self._offered.items():
            if (value := getattr(settings, name)) != self._usual[name].default:
                several = list(value) if isinstance(value, tuple) else value
                given[word.name] = ",".join(value) if word.commas else several
        return words(given, list(self._offered.values()))
