"""Walks between latents that a page asks for, by the words and the verb of `genkit interpolate`."""

from __future__ import annotations

from collections.abc import Mapping

from genkit.app.command_words import CommandWords, Offered
from genkit.app.drawing_queue import Tell
from genkit.app.exhibits import exhibits
from genkit.app.served_run import ServedRun
from genkit.cli.commands.interpolate import InterpolateSettings
from genkit.cli.opened import Opened

MOST_WALKS = 8
WALK: Offered = {
    "n": {"default": 1, "high": MOST_WALKS},
    "seed": {},
    "steps": {"default": 25},
    "path": {},
    "label": {},
}


def walk_words(run: ServedRun) -> CommandWords[InterpolateSettings]:
    return CommandWords(run, InterpolateSettings, WALK)


class WalkRequest:
    """Ways between latents of a run, a step at a time.

    Raises:
        ConfigError: it asks for what there is not.
    """

    def __init__(self, run: ServedRun, given: Mapping[str, object]) -> None:
        self._run, self._words = run, walk_words(run)
        self._settings = self._words.settings(given)

    @property
    def command(self) -> str:
        return self._run.command("interpolate", *self._words.typed(self._settings))

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
