"""What a page asks to be made of one example: completed, denoised, enlarged, drawn anew in other classes.

Each is a command of the same name, by its words and by what it makes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from genkit.app.command_words import CommandWords, Offered
from genkit.app.drawing_queue import Tell
from genkit.app.exhibits import exhibits
from genkit.app.served_run import ServedRun
from genkit.app.uploads import Uploads
from genkit.cli import observations
from genkit.cli.commands.complete import CompleteSettings
from genkit.cli.commands.denoise import DenoiseSettings
from genkit.cli.commands.restyle import RestyleSettings
from genkit.cli.commands.upscale import UpscaleSettings
from genkit.cli.example_words import FromData, Observed
from genkit.cli.observed_examples import ObservedExamples
from genkit.cli.opened import OpenedWithData
from genkit.cli.restyled_examples import RestyledExamples
from genkit.core.capabilities import Completion, LatentSpace
from genkit.core.media.medium import Shown
from genkit.core.observation import Observation
from genkit.core.options import key_and_value
from genkit.core.spec import ArraySpec
from genkit.inference.verbs import check_restyling
from genkit.system.errors import ConfigError, GenkitError

Row = tuple[Shown, str]  # an example, and what it is called
MOST_ANSWERS = 16
FILE = "file"  # what stands before the key of a file that was given
IN: Offered = {
    "own": {"default": "0", "kind": "text", "help": "the number of an example of the split, or a file"},
    "split": {},
}
GIVEN: Offered = {"label": {}, "fit": {}}
ANSWERED: Offered = {**IN, "draws": {"high": MOST_ANSWERS}, "seed": {}, **GIVEN}
APART = {"own": "in", "mask": "mask"}  # words that have no control: an example is chosen, a part is marked


class ExampleRequest(ABC):
    """One of these verbs, asked of a run.

    Args:
        given: words of the command; `in` and `mask` may be `file:KEY` of what was given.
        whole: whether all that the command needs have to be given, as they have not to show an example.

    Attributes:
        verb: the command.
        settings: its words, of which those of `offered` are asked for.

    Raises:
        ConfigError: it asks for what there is not.
    """

    verb: ClassVar[str]
    settings: ClassVar[type[FromData]]
    offered: ClassVar[Offered]

    def __init__(
        self, run: ServedRun, given: Mapping[str, object], uploads: Uploads, *, whole: bool = True
    ) -> None:
        self._run, self._words = run, self.words(run)
        self._files = {
            name: uploads.find(value.partition(":")[2])
            for name in APART.values()
            if isinstance(value := given.get(name), str) and value.startswith(f"{FILE}:")
        }
        found = {**given, **{name: str(path) for name, path in self._files.items()}}
        self._check_own(found)
        self._asked: Any = self._words.settings(found, whole=whole)

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

    # ---------------------------------------------------------------- what a run can be asked

    @classmethod
    def words(cls, run: ServedRun) -> CommandWords[FromData]:
        return CommandWords(run, cls.settings, cls.offered_to(run))

    @classmethod
    def offered_to(cls, run: ServedRun) -> Offered:
        return cls.offered

    @classmethod
    def controls(cls, run: ServedRun) -> list[dict[str, object]]:
        """All but those of which example, and of what is hidden of it."""
        return cls.words(run).controls(without=APART)

    @classmethod
    def apart(cls) -> list[str]:
        """The words that an example, and what is marked on it, answer."""
        return [name for attribute, name in APART.items() if attribute in cls.offered]

    @classmethod
    @abstractmethod
    def able(cls, run: ServedRun) -> bool:
        """Whether the run can do it at all, with the words as they are without anything typed."""

    # ---------------------------------------------------------------- what it is answered

    @property
    def command(self) -> str:
        typed = []
        for word in self._words.typed(self._asked):
            name, value = key_and_value(word)
            path: Path | None = self._files.get(name)
            typed.append(f"{name}={value if path is None else path.name}")
        return self._run.command(self.verb, *typed)

    @abstractmethod
    def rows(self, run: OpenedWithData) -> Iterator[Row]:
        """What is begun with, and what is made of it, of the weights that are asked for."""

    @property
    @abstractmethod
    def many(self) -> int:
        """How many rows there are."""

    @cached_property
    def _example(self) -> OpenedWithData:
        prompt = getattr(self._asked, "prompt", None)
        return OpenedWithData(self._asked, self.verb, prompt, module=self._run.module)

    def show(self, tell: Tell) -> None:
        """The example that is begun with; of a video its frames beside one another, too."""
        self._told(self._shown, tell)

    def draw(self, tell: Tell) -> None:
        """What is known of it, and answers."""
        self._told(self._made, tell)

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
        own, label = self._example.given, self._asked.label
        truth = self._example.examples()[1] if own is None else own.shown(label or "")
        self._notices(tell)
        _tell_all((truth, "example"), tell, film=True)

    def _made(self, tell: Tell) -> None:
        rows = self.rows(self._example)
        for number in range(self.many):
            with self._run.module.weights(self._asked.weights):
                row = next(rows)
            if not number:
                self._notices(tell)
            _tell_all(row, tell, number)
            tell({"event": "progress", "share": (number + 1) / self.many})

    def _notices(self, tell: Tell) -> None:
        for line in [] if self._example.given is None else self._example.given.notices:
            tell({"event": "note", "said": line})


def _tell_all(row: Row, tell: Tell, first: int = 0, film: bool = False) -> None:
    shown, name = row
    for number, exhibit in enumerate(exhibits(shown, film=film), first):
        caption = f"{name}, {exhibit['caption']}" if exhibit["caption"] else name
        tell({"event": "sample", "number": number, **exhibit, "caption": caption})


# ---------------------------------------------------------------------- what is known of an example


class ObservedRequest(ExampleRequest):
    """Answers to what is known of an example."""

    settings: ClassVar[type[Observed]]

    @classmethod
    @abstractmethod
    def observation(cls, array: ArraySpec, asked: Any) -> Observation:
        """What is known, by the words of the command.

        Raises:
            GenkitError: it cannot be known of such arrays.
        """

    @classmethod
    def able(cls, run: ServedRun) -> bool:
        module, array = run.module, run.module.spec.array
        if array is None or not isinstance(module, Completion | LatentSpace):
            return False
        try:
            observed = cls.observation(array, cls.words(run).settings({}))
        except ConfigError:
            return False
        return not isinstance(module, Completion) or module.refusal(observed) is None

    @property
    def many(self) -> int:
        return int(self._asked.draws) + 2

    def rows(self, run: OpenedWithData) -> Iterator[Row]:
        seen = ObservedExamples(run, self.observation(run.array, self._asked), self._asked.seed)
        yield seen.given, "input"
        for number in range(self._asked.draws):
            yield run.shown(seen.answer(number)), f"answer {number + 1}"
        yield seen.truth, "truth"


class CompletionRequest(ObservedRequest):
    verb, settings = "complete", CompleteSettings
    offered: ClassVar[Offered] = {**ANSWERED, "mask": {}, "prompt": {}}

    @classmethod
    def observation(cls, array: ArraySpec, asked: CompleteSettings) -> Observation:
        return observations.all_but_a_part(array, asked)


class DenoisingRequest(ObservedRequest):
    verb, settings = "denoise", DenoiseSettings
    offered: ClassVar[Offered] = {"scale": {}, **ANSWERED}

    @classmethod
    def observation(cls, array: ArraySpec, asked: DenoiseSettings) -> Observation:
        return observations.noisy(array, asked)


class UpscalingRequest(ObservedRequest):
    verb, settings = "upscale", UpscaleSettings
    offered: ClassVar[Offered] = {"factor": {}, "along": {}, **ANSWERED}

    @classmethod
    def observation(cls, array: ArraySpec, asked: UpscaleSettings) -> Observation:
        return observations.means(array, asked)

    @classmethod
    def offered_to(cls, run: ServedRun) -> Offered:
        """With the first factor of which the sides are multiples."""
        array, usual = run.module.spec.array, CommandWords(run, cls.settings, cls.offered)
        if array is None:
            return cls.offered
        for factor in range(2, max(array.sizes) + 1):
            try:
                cls.observation(array, usual.settings({"factor": factor}))
            except ConfigError:
                continue
            return {**cls.offered, "factor": {"default": factor}}
        return cls.offered


# ---------------------------------------------------------------------- other classes


class RestylingRequest(ExampleRequest):
    """An example drawn anew in other classes."""

    verb, settings = "restyle", RestyleSettings
    offered: ClassVar[Offered] = {**IN, "labels": {}, **GIVEN}

    @classmethod
    def able(cls, run: ServedRun) -> bool:
        try:
            check_restyling(run.module)
        except ConfigError:
            return False
        return run.module.spec.array is not None

    @property
    def many(self) -> int:
        return 1 + len(self._examples.names)

    @cached_property
    def _examples(self) -> RestyledExamples:
        return RestyledExamples(self._example, self._asked)

    def rows(self, run: OpenedWithData) -> Iterator[Row]:
        yield self._examples.truth, "input"
        for number, name in enumerate(self._examples.names):
            yield self._examples.row(number), f"as {name}"


EXAMPLE_VERBS: Mapping[str, type[ExampleRequest]] = {
    request.verb: request
    for request in (CompletionRequest, DenoisingRequest, UpscalingRequest, RestylingRequest)
}


def example_verbs(run: ServedRun) -> Sequence[type[ExampleRequest]]:
    """Those that a run can be asked for."""
    return [request for request in EXAMPLE_VERBS.values() if request.able(run)]
