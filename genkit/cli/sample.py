"""`genkit sample`: check the words against what the run says of itself, load it, draw, save."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from genkit import runs
from genkit.cli import prompts
from genkit.cli.command import words_of
from genkit.cli.commands.sample import SampleSettings
from genkit.cli.outputs import Output
from genkit.cli.parser import read_options
from genkit.cli.shared import declared_options
from genkit.cli.sound_stream import write_sound
from genkit.core.array_spec import ArraySpec
from genkit.core.options import Option, Options, as_list, resolve_options
from genkit.core.spec import Spec
from genkit.system.errors import ConfigError, closest
from genkit.system.terminal import say

LOGPROBS = (".jsonl", ".npz")  # files of texts that hold log-probabilities


def sample(settings: SampleSettings) -> int:
    spec = runs.spec(settings.folder)
    options = _options(settings, declared_options(settings.folder))
    settings.check_model()
    suffixes = _suffixes(spec, options)
    name = f"sample-seed{settings.seed}-n{settings.n}{suffixes[0]}"
    out = Output(settings.out or settings.folder / "samples" / name)
    if spec.medium.check_suffix(out.path) not in suffixes:
        raise ConfigError(f"out={out.path}: logprobs are kept in {' and '.join(suffixes)} alone.")
    if spec.kind == "tokens" and spec.captions is not None:
        spec.caption_ids(as_list(options.get("prompt") or []))
    elif spec.kind == "tokens":
        prompts.check_known(spec, as_list(options.get("prompt") or []), skip=options.get("unk") == "skip")
    if settings.stream:
        prompts.check_stream(settings, options, spec)
        return _stream(settings, options, spec.array)
    return _draw(settings, options, out)


def _suffixes(spec: Spec, options: Options) -> tuple[str, ...]:
    """Of files that hold the samples with all that is asked of them, the usual one first; "" of a folder.

    Raises:
        ConfigError: log-probabilities of what is no text.
    """
    if not options.get("logprobs"):
        return (*spec.medium.suffixes, "")
    if spec.kind != "tokens" or spec.array is not None:
        raise ConfigError(f"logprobs=true is of texts, and this run draws {spec.medium.many}; leave it out.")
    return LOGPROBS


def _options(settings: SampleSettings, declared: Sequence[Option]) -> Options:
    """The options of the family that are given.

    Raises:
        ConfigError: a word that neither the command nor the family takes, or a value out of range.
    """
    given = read_options(settings.options, declared)
    if (prompt := prompts.read(settings)) is not None:
        given["prompt"] = prompt
    family = runs.read(settings.folder).family
    words = [word.name for word in words_of(type(settings)).values() if not word.below]
    own = [name for name in words if name not in prompts.WORDS]
    theirs = [option.name for option in declared]
    for key in given:
        if key not in theirs:
            hint = closest(key, [*own, *theirs])
            raise ConfigError(
                f"{family} takes no {key}= in sampling.{hint} Its options: {', '.join(theirs) or 'none'};"
                f" of any family: {', '.join(own)}."
            )
    checked = resolve_options(declared, given, family)
    return {key: checked[key] for key in given}


def _draw(settings: SampleSettings, options: Options, out: Output) -> int:
    from genkit.system.progress import progress

    module = settings.load(allow_nonfinite=settings.allow_nonfinite)
    if module.samples_note:
        say(f"note: {module.samples_note}.", file=sys.stderr)
    conditions = max([1, *(len(value) for value in options.values() if isinstance(value, list))])
    with progress("drawing samples", settings.n * conditions) as advance:
        samples = module.sample(
            settings.n,
            seed=settings.seed,
            batch_size=settings.batch_size,
            weights=settings.weights,
            advance=advance,
            **options,
        )
    said = samples.spec.medium.terminal(samples.shown)
    if said and len(samples):
        say(said)
    if len(samples):
        samples.save(out.path)
    where = f": {out}" if len(samples) else ", nothing is written"
    say(f"{len(samples)} samples{where}", file=sys.stdout if said is None else sys.stderr)
    return 0


@runtime_checkable
class Streaming(Protocol):
    """A model that shows a sample as it is drawn."""

    def stream(self, *, seed: int, weights: str, **options: Any) -> Iterator[str | np.ndarray]: ...


def _stream(settings: SampleSettings, options: Options, array: ArraySpec | None) -> int:
    """Show one sample as it is drawn: a text, or a sound."""
    module = settings.load()
    if not isinstance(module, Streaming):
        raise ConfigError(f"stream=true: {type(module).__name__} draws whole samples; leave it out.")
    pieces = module.stream(seed=settings.seed, weights=settings.weights, **options)
    if array is not None:
        write_sound(array, (piece for piece in pieces if not isinstance(piece, str)))
        return 0
    for piece in pieces:
        say(piece, end="", flush=True)
    say()
    return 0
