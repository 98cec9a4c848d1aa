"""An answer in a talk with a run of pairs: what `genkit chat` would say, had the same been said to it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import closing
from typing import Any, cast

from genkit.app.controls import control, controls, words
from genkit.app.draw_request import check_letters, gathered
from genkit.app.drawing_queue import Tell
from genkit.app.served_run import ServedRun
from genkit.cli.command import words_of
from genkit.cli.commands.chat import ChatSettings
from genkit.cli.talk import Answering, Talk, known, pairs_of, seed_of, spoken
from genkit.core.options import Option, resolve_options
from genkit.system.errors import ConfigError

MOST_TURNS = 200  # questions and answers of a talk
SAY = Option("say", "text", None, "what you say; Enter sends it")
OWN = ("seed", "system")  # words of the command beside the options of the family


def able(run: ServedRun) -> bool:
    """Whether one can talk with it."""
    spec = run.module.spec
    return spec.kind == "tokens" and spec.pairs is not None and isinstance(run.module, Answering)


def talk_controls(run: ServedRun) -> list[dict[str, object]]:
    """What is said first, then the options of the family that have a place in a talk."""
    own = [control(words_of(ChatSettings)[name]) for name in OWN]
    return [control(SAY, first=True), *own, *controls(spoken(run.module.options), (), (), ())]


class TalkRequest:
    """The next answer of a talk.

    Args:
        given: `turns`, what was said so far, by the visitor and by the run in turn, the last by the visitor;
            words of `genkit chat`.

    Raises:
        ConfigError: it asks for what there is not.
    """

    def __init__(self, run: ServedRun, given: Mapping[str, object]) -> None:
        if not able(run):
            raise ConfigError(f"{run.folder.name} is not asked to chat here; load the page anew.")
        self._run = run
        self._said = _turns(given.get("turns"))
        own = {name: value for name, value in given.items() if name != "turns"}
        check_letters([*self._said, *own.values()])
        settings = words_of(ChatSettings)
        self._seed = cast(int, settings["seed"].check(own.pop("seed", 0)))
        self._system = cast("str | None", settings["system"].check(own.pop("system", None)))
        declared = {option.name: option for option in spoken(run.module.options)}
        checked = resolve_options(declared.values(), own, "chat")
        self._options: dict[str, Any] = {
            name: checked[name] for name in own if checked[name] != declared[name].default
        }

    @property
    def command(self) -> str:
        """What says all of it again in a shell, and is answered the same."""
        own = [f"seed={self._seed}", *([] if self._system is None else [f"system={self._system}"])]
        declared = spoken(self._run.module.options)
        said = self._run.command("chat", *own, *words(self._options, declared))
        return f"printf '%s\\n' {shlex.join(self._said[::2])} | {said}"

    def draw(self, tell: Tell) -> None:
        module = cast(Any, self._run.module)
        spec = pairs_of(module.spec, self._run.folder.name)
        notes: list[str] = []
        talk = Talk(spec, module.context, self._system, notes.append)
        for question, answer in zip(self._said[:-1:2], self._said[1::2], strict=True):
            talk.asked(known(spec, question, self._options))
            talk.answered(answer)
        turns = talk.asked(known(spec, self._said[-1], self._options))
        for note in notes:
            tell({"event": "note", "said": note})
        number = len(self._said) // 2
        tell({"event": "sample", "number": number, "kind": "text", "text": "", "caption": "", "said": ""})
        seed, weights = seed_of(self._seed, number), self._run.settings.weights
        pieces = module.stream(turns=turns, seed=seed, weights=weights, **self._options)
        with closing(pieces):
            for text in gathered(pieces, "".join):
                tell({"event": "piece", "number": number, "text": text})
        tell({"event": "done"})


def _turns(given: object) -> list[str]:
    """
    Raises:
        ConfigError: they are no talk.
    """
    if not isinstance(given, list) or not all(isinstance(text, str) for text in given) or not len(given) % 2:
        raise ConfigError("turns are texts of the visitor and of the run in turn; load the page anew.")
    if len(given) > MOST_TURNS:
        raise ConfigError(
            f"this talk has {len(given)} turns, and a page takes {MOST_TURNS}: begin a new one, or talk in a"
            " terminal by genkit chat."
        )
    if not given[-1].strip():
        raise ConfigError("nothing is said; write something.")
    if any("\n" in text or "\r" in text for text in given[::2]):
        raise ConfigError("what is said is one line; leave line ends out.")
    return given
