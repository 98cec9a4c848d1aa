"""Walks between latents, and completions, that a page asks for, by the words and verbs of the commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from genkit.app.controls import control, words
from genkit.app.drawing_queue import Tell
from genkit.app.exhibits import exhibits
from genkit.app.served_run import ServedRun
from genkit.app.uploads import Uploads
from genkit.cli.command import CommandSettings, CommandWord, words_of
from genkit.cli.commands.complete import CompleteSettings
from genkit.cli.commands.interpolate import InterpolateSettings
from genkit.cli.hidden_part import hidden_part
from genkit.cli.observed_examples import ObservedExamples
from genkit.cli.opened import Opened, OpenedWithData
from genkit.core.media.medium import Shown
from genkit.core.options import LABEL, key_and_value
from genkit.system.errors import ConfigError, GenkitError, closest

S = TypeVar("S", bound=CommandSettings)
MOST_WALKS, MOST_ANSWERS = 8, 16
FILE = "file"  # what stands before the key of a file that was given
# The words of the commands that a page has controls for, and what they are at most and at first.
WALK: Mapping[str, Mapping[str, Any]] = {
    "n": {"default": 1, "high": MOST_WALKS},
    "seed": {},
    "steps": {"default": 25},
    "path": {},
    "label": {},
}
COMPLETE: Mapping[str, Mapping[str, Any]] = {
    "own": {"default": "0", "kind": "text", "help": "the number of an example of the split, or a file"},
    "split": {},
    "mask": {},
    "draws": {"high": MOST_ANSWERS},
    "seed": {},
    "label": {},
    "fit": {},
    "prompt": {},
}
NEEDED = {"label": LABEL.name, "prompt": "prompt"}  # by words, an option without which they say nothing


def declared(
    run: ServedRun, settings: type[CommandSettings], shown: Mapping[str, Mapping[str, Any]]
) -> dict[str, CommandWord]:
    """The words by attribute that a page has controls for."""
    own = words_of(settings)
    has = {option.name for option in run.module.options}
    kept = {name: replace(own[name], **more) for name, more in shown.items()}
    return {name: word for name, word in kept.items() if NEEDED.get(name, "") in (*has, "")}


def walk_controls(run: ServedRun) -> list[dict[str, object]]:
    return _controls(run, declared(run, InterpolateSettings, WALK))


def completion_controls(run: ServedRun) -> list[dict[str, object]]:
    """All but what is hidden, and of which example."""
    shown = declared(run, CompleteSettings, COMPLETE)
    return _controls(run, {name: word for name, word in shown.items() if name not in ("own", "mask")})


def _controls(run: ServedRun, shown: Mapping[str, CommandWord]) -> list[dict[str, object]]:
    classes = run.module.spec.classes
    return [
        control(word, choices=classes if name == "label" else (), first=name in ("label", "prompt"))
        for name, word in shown.items()
    ]


def _settings(
    run: ServedRun, settings: type[S], given: Mapping[str, object], shown: Mapping[str, CommandWord]
) -> S:
    """The words of a command, those that are given checked.

    Raises:
        ConfigError: the command has not such, or not such a value.
    """
    by_name = {word.name: attribute for attribute, word in shown.items()}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in by_name:
            raise ConfigError(f"{name[:40]}= is not asked for here.{closest(name, by_name)}")
        values[by_name[name]] = shown[by_name[name]].check(value)
    usual, served = words_of(settings), run.settings
    own = {name: word.default for name, word in shown.items() if word.default != usual[name].default}
    common = {"checkpoint": run.checkpoint, "weights": served.weights, "device": served.device}
    return settings(run=str(run.folder), places=served.places, **common, **{**own, **values})


def _typed(settings: CommandSettings, shown: Mapping[str, CommandWord]) -> list[str]:
    """The words whose values are not those that the command has without them."""
    usual = words_of(type(settings))
    given = {
        word.name: value
        for name, word in shown.items()
        if (value := getattr(settings, name)) != usual[name].default
    }
    return words(given, list(shown.values()))


class WalkRequest:
    """Ways between latents of a run, a step at a time.

    Raises:
        ConfigError: it asks for what there is not.
    """

    def __init__(self, run: ServedRun, given: Mapping[str, object]) -> None:
        self._run, self._words = run, declared(run, InterpolateSettings, WALK)
        self._settings = _settings(run, InterpolateSettings, given, self._words)

    @property
    def command(self) -> str:
        return self._run.command("interpolate", *_typed(self._settings, self._words))

    def draw(self, tell: Tell) -> None:
        from genkit.inference import verbs

        settings, module = self._settings, self._run.module
        run = Opened(settings, "interpolate", module=module)
        labels = run.labels(settings.n, settings.label)
        with module.weights(settings.weights):
            rows = verbs.interpolate(
                module,
                settings.n,
                steps=settings.steps,
                path=settings.path,
                seed=settings.seed,
                labels=labels,
            )
        classes = [""] * settings.n if labels is None else [run.array.classes[label] for label in labels]
        for number, (row, of) in enumerate(zip(rows, classes, strict=True)):
            steps = list(exhibits(run.shown(row)))
            tell({"event": "walk", "number": number, "caption": of, "steps": steps})
        tell({"event": "done"})


class CompletionRequest:
    """Answers of a run to an example of which a part is hidden.

    Args:
        given: words of `genkit complete`; `in` and `mask` may be `file:KEY` of what was given.

    Raises:
        ConfigError: it asks for what there is not.
    """

    def __init__(self, run: ServedRun, given: Mapping[str, object], uploads: Uploads) -> None:
        self._run, self._words = run, declared(run, CompleteSettings, COMPLETE)
        self._files = {
            name: uploads.find(value.partition(":")[2])
            for name in ("in", "mask")
            if isinstance(value := given.get(name), str) and value.startswith(f"{FILE}:")
        }
        found = {**given, **{name: str(path) for name, path in self._files.items()}}
        self._check_own(found)
        self._settings = _settings(run, CompleteSettings, found, self._words)

    def _check_own(self, given: Mapping[str, object]) -> None:
        """See that an example is named by its number, and a mask by its name or places, unless files were
        given: no other file of this machine is read.

        Raises:
            ConfigError: they are not.
        """
        own, mask = str(given.get("in", "0")), given.get("mask")
        if "in" not in self._files and not (own.isascii() and own.isdecimal() and len(own) < 10):
            raise ConfigError(f"in={own[:40]} is no number of an example; give one from 0, or a file.")
        if "mask" not in self._files and isinstance(mask, str) and ("/" in mask or "." in mask):
            raise ConfigError(f"mask={mask[:40]} is no part of an example; paint it, or choose one.")

    @cached_property
    def _example(self) -> OpenedWithData:
        return OpenedWithData(self._settings, "complete", self._settings.prompt, module=self._run.module)

    @property
    def command(self) -> str:
        typed = []
        for word in _typed(self._settings, self._words):
            name, value = key_and_value(word)
            path: Path | None = self._files.get(name)
            typed.append(f"{name}={value if path is None else path.name}")
        return self._run.command("complete", *typed)

    def show(self, tell: Tell) -> None:
        """The example that is begun with."""
        self._told(self._shown, tell)

    def draw(self, tell: Tell) -> None:
        """What is known of it, and answers."""
        self._told(self._answered, tell)

    def _told(self, work: Callable[[Tell], None], tell: Tell) -> None:
        try:
            work(tell)
        except GenkitError as error:  # of files it speaks by the names that the visitor knows
            said = str(error)
            for path in self._files.values():
                said = said.replace(str(path), path.name)
            raise type(error)(said) from None
        tell({"event": "done"})

    def _shown(self, tell: Tell) -> None:
        run = self._example
        _, truth = run.examples()
        self._notices(run, tell)
        _tell_all([(truth, "example")], tell)

    def _answered(self, tell: Tell) -> None:
        run, settings = self._example, self._settings
        hidden = hidden_part(settings.mask, run.array, settings.seed)
        seen = ObservedExamples(run, hidden, settings.seed)
        self._notices(run, tell)
        _tell_all([(seen.given, "input")], tell)
        for number in range(settings.draws):
            with run.module.weights(settings.weights):
                answer = run.shown(seen.answer(number))
            _tell_all([(answer, f"answer {number + 1}")], tell, number + 1)
            tell({"event": "progress", "share": (number + 1) / settings.draws})
        _tell_all([(seen.truth, "truth")], tell, settings.draws + 1)

    def _notices(self, run: OpenedWithData, tell: Tell) -> None:
        for line in [] if run.given is None else run.given.notices:
            tell({"event": "note", "said": line})


def _tell_all(rows: Sequence[tuple[Shown, str]], tell: Tell, first: int = 0) -> None:
    for row, name in rows:
        for number, exhibit in enumerate(exhibits(row), first):
            caption = f"{name}, {exhibit['caption']}" if exhibit["caption"] else name
            tell({"event": "sample", "number": number, **exhibit, "caption": caption})
