"""Samples that a page asks for: checked, drawn by what `genkit sample` draws by, told as they come."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np

from genkit.app.controls import control, controls, words
from genkit.app.drawing_queue import Tell
from genkit.app.exhibits import exhibits
from genkit.app.served_run import PieceStreaming, ServedRun
from genkit.cli.shared import MOST_SEED, OF_SEED, known_prompts
from genkit.core.array_spec import ArraySpec
from genkit.core.capabilities import Conditional
from genkit.core.media.audio import UNSAID
from genkit.core.media.medium import Shown
from genkit.core.noise import Noise
from genkit.core.options import Option, resolve_options
from genkit.system.errors import ConfigError

P = TypeVar("P")
MOST, MOST_LETTERS = 64, 100_000  # samples of a condition, and letters of what is asked, at once
MOMENT = 0.03  # seconds
MOST_AT_ONCE = 256  # samples of all conditions
N = Option("n", "int", 4, "samples of each prompt or class", low=1, high=MOST)
SEED = Option("seed", "int", 0, OF_SEED, low=0, high=MOST_SEED)
DASH = "-"  # by which the command reads its prompt from elsewhere


@dataclass(frozen=True)
class DrawRequest:
    """Samples of a run that were asked for, and can be drawn."""

    run: ServedRun
    n: int
    seed: int
    options: Mapping[str, Any]

    @classmethod
    def of(cls, run: ServedRun, given: Mapping[str, object]) -> DrawRequest:
        """
        Args:
            given: `n`, `seed` and options of the family, those that are given.

        Raises:
            ConfigError: it asks for what there is not.
        """
        own = {name: value for name, value in given.items() if name not in ("n", "seed")}
        n, seed = _count(given.get("n", N.default)), SEED.check(given.get("seed", SEED.default))
        made = cls(run, n, seed, _checked(run, own))
        if (whole := made.n * len(made.conditions)) > MOST_AT_ONCE:
            raise ConfigError(
                f"n={made.n} of each of {len(made.conditions)} are {whole} samples, and a page draws"
                f" {MOST_AT_ONCE} at once; genkit sample draws more."
            )
        return made

    @property
    def conditions(self) -> list[str | None]:
        """Each of which has n samples."""
        asked = [self.options[name] for name in self.run.conditions if self.options.get(name)]
        every = asked[0] if asked else None
        return list(every) if isinstance(every, list) else [every]

    @property
    def streams(self) -> bool:
        return self.run.streams and not self.options.get("logprobs")

    @property
    def command(self) -> str:
        """What repeats it in a shell."""
        one = ["batch_size=1"] if self.streams and self.n * len(self.conditions) > 1 else []
        own = words(self.options, self.run.module.options)
        said = self.run.command("sample", f"n={self.n}", f"seed={self.seed}", *one, *own)
        return f"printf %s - | {said}" if self.options.get("prompt") in (DASH, [DASH]) else said

    def draw(self, tell: Tell) -> None:
        """Draw, and tell what comes."""
        if self.streams:
            self._stream(tell)
        else:
            self._whole(tell)
        tell({"event": "done"})

    def _whole(self, tell: Tell) -> None:
        module, drawn, whole = self.run.module, 0, self.n * len(self.conditions)

        def advance(more: int) -> None:
            nonlocal drawn
            drawn += more
            tell({"event": "progress", "share": drawn / whole})

        samples = module.sample(
            self.n, seed=self.seed, weights=self.run.settings.weights, advance=advance, **self.options
        )
        for number, exhibit in enumerate(exhibits(samples.shown)):
            tell({"event": "sample", "number": number, **exhibit})

    def _stream(self, tell: Tell) -> None:
        """Texts or sounds one after another, each from the noise that it has among all of them."""
        name = next((name for name in self.run.conditions if self.options.get(name)), None)
        module = cast(PieceStreaming, self.run.module)
        asked = [condition for condition in self.conditions for _ in range(self.n)]
        for number, condition in enumerate(asked):
            own = {**self.options, **({} if name is None or condition is None else {name: condition})}
            pieces = module.stream(seed=self.seed, first=number, weights=self.run.settings.weights, **own)
            with closing(pieces):
                if (array := self.run.module.spec.array) is None:
                    caption = condition or "" if self._pairs else ""
                    begun = {"kind": "text", "text": "", "caption": caption}
                    tell({"event": "sample", "number": number, **begun})
                    for text in gathered(pieces, "".join):
                        tell({"event": "piece", "number": number, "text": text})
                else:
                    self._stream_sound(number, self._caption(own, number), array.native, pieces, tell)
            tell({"event": "progress", "share": (number + 1) / len(asked)})

    def _stream_sound(
        self, number: int, caption: str, array: ArraySpec, pieces: Iterator[np.ndarray], tell: Tell
    ) -> None:
        """A sound as it comes, to be heard meanwhile, and at its end as every other is shown."""
        about = {"rate": array.rate or UNSAID, "channels": array.channels, "samples": array.sizes[0]}
        tell({"event": "sample", "number": number, "kind": "stream", "caption": caption, **about})
        told: list[np.ndarray] = []
        for piece in gathered(pieces, lambda waiting: np.concatenate(waiting, axis=1)):
            told.append(piece)
            content = base64.b64encode(np.ascontiguousarray(piece.T).astype("<i2").tobytes()).decode()
            tell({"event": "piece", "number": number, "sound": content})
        origin = {"run": self.run.folder.name, "checkpoint": self.run.checkpoint, "seed": self.seed}
        whole = np.concatenate(told, axis=1)[None]
        shown = Shown(arrays=whole, array=array, about={**origin, "sample": number}, captions=[caption])
        for exhibit in exhibits(shown):
            tell({"event": "whole", "number": number, **exhibit})

    def _caption(self, given: Mapping[str, Any], number: int) -> str:
        """Of the sample of that number, what it is of, also where that is drawn."""
        module = self.run.module
        if not isinstance(module, Conditional):
            return ""
        asked = module.conditions(resolve_options(module.options, given, type(module).__name__))
        noise = Noise(self.seed, range(number, number + 1), purpose="sample", device=module.device)
        return next(iter(module.captions(asked, noise)), "")

    @property
    def _pairs(self) -> bool:
        """Whether what comes answers what is asked, which then stands above it."""
        spec = self.run.module.spec
        return spec.kind == "tokens" and spec.pairs is not None


def draw_controls(run: ServedRun) -> list[dict[str, object]]:
    """What a page can ask for, what says what is drawn first."""
    module = run.module
    own = controls(module.options, module.spec.classes, run.conditions, known_prompts(run.folder))
    first = [one for one in own if one["first"]]
    return [*first, control(N), control(SEED), *(one for one in own if not one["first"])]


def gathered(pieces: Iterator[P], joined: Callable[[list[P]], P]) -> Iterator[P]:
    """The pieces, those of a moment together: each that is told wakes the server, which takes time from the
    model.  The first comes at once."""
    waiting: list[P] = []
    last = 0.0
    for piece in pieces:
        waiting.append(piece)
        if time.monotonic() - last >= MOMENT:
            yield joined(waiting)
            waiting, last = [], time.monotonic()
    if waiting:
        yield joined(waiting)


def _count(n: object) -> int:
    try:
        return cast(int, N.check(n))
    except ConfigError as error:
        raise ConfigError(f"{str(error).removesuffix('.')}; genkit sample draws more.") from None


def _checked(run: ServedRun, given: Mapping[str, object]) -> dict[str, Any]:
    """The options that are given, in their types.

    Raises:
        ConfigError: the family has not such, or not such a value; too much is asked at once.
    """
    check_letters(given.values())
    declared = {option.name: option for option in run.module.options}
    checked = resolve_options(declared.values(), given, type(run.module).__name__)
    own = {name: checked[name] for name in given if checked[name] != declared[name].default}
    own = {name: one[0] if isinstance(one, list) and len(one) == 1 else one for name, one in own.items()}
    return own


def check_letters(values: Iterable[object]) -> None:
    """See that not too much is asked at once.

    Raises:
        ConfigError: it is, or there is a NUL in it.
    """
    texts = [text for value in values for text in _texts(value)]
    if (letters := sum(map(len, texts))) > MOST_LETTERS:
        raise ConfigError(
            f"what is asked has {letters:,} letters, and a page takes {MOST_LETTERS:,}: genkit sample reads a"
            " longer prompt by prompt_file=FILE."
        )
    if any("\0" in text for text in texts):
        raise ConfigError("what is asked holds a NUL byte; leave it out.")


def _texts(value: object) -> list[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
