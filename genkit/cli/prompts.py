"""Prompts from elsewhere than the command line, and those that can be streamed."""

from __future__ import annotations

from collections.abc import Sequence

from genkit.cli.commands.sample import SampleSettings
from genkit.cli.shared import declared_options
from genkit.cli.sound_stream import check_listener
from genkit.core.options import LABEL, Options
from genkit.core.spec import Spec, TokenSpec
from genkit.system.errors import ConfigError
from genkit.system.textfiles import lines_of, read_given, read_input, unix

WORDS = ("prompt", "prompt_file")  # of the command, for a family that takes prompts
MAX_BYTES = 100_000_000  # of a file of prompts, or of the input


def read(settings: SampleSettings) -> str | list[str] | None:
    """The prompts: of `prompt=`, of `prompt_file=FILE` (one a line, empty lines left out) or, for `prompt=-`,
    standard input (one, without its last newline); None where nobody gives any.

    Raises:
        ConfigError: both are given, or there is no prompt.
        DataError: the file or the input cannot be read, or has no end.
    """
    given, file = settings.prompt, settings.prompt_file
    if file is None:
        typed = [_input() if text == "-" and len(given) == 1 else text for text in given]
        return typed[0] if len(typed) == 1 else typed or None
    if given:
        raise ConfigError("prompt= and prompt_file= are both given; give one of them.")
    lines = lines_of(read_given("prompt_file", file, MAX_BYTES, "give fewer prompts at once"))
    if not any(lines):
        raise ConfigError(f"prompt_file={file} has no prompt; write one a line.")
    return [line for line in lines if line]


def _input() -> str:
    return unix(read_input("prompt=-", MAX_BYTES, "give a shorter prompt")).removesuffix("\n")


def check_known(spec: TokenSpec, texts: Sequence[str], *, skip: bool) -> None:
    """See that a model of texts, or of arrays as tokens, can be asked this.

    Raises:
        ConfigError: a text has characters outside the vocabulary that are not to be skipped, or a model of
            pairs is asked nothing.
    """
    if spec.pairs is not None and not texts:
        raise ConfigError("this run answers prompts: give one by prompt=TEXT, or many by prompt_file=FILE.")
    for text in texts:
        spec.codec.encode(spec.codec.known(text) if skip else text)


def check_stream(settings: SampleSettings, options: Options, spec: Spec) -> None:
    """Refuse to stream what is not one text or one sound that a model draws token by token.

    Raises:
        ConfigError: several samples or prompts, a file, a family without prompts, or nobody to hear it.
    """
    has_prompts = "prompt" in [option.name for option in declared_options(settings.folder)]
    if spec.kind != "tokens" or not has_prompts or (spec.unstreamed and spec.medium.pictorial):
        raise ConfigError("stream=true: this run draws no texts; leave it out.")
    if spec.unstreamed:
        raise ConfigError(f"stream=true: this run {spec.unstreamed}; leave it out.")
    several = any(isinstance(options.get(given), list) for given in ("prompt", LABEL.name))
    if options.get("logprobs"):
        raise ConfigError("stream=true shows a text as it is drawn, without logprobs; leave one of them out.")
    if ("n" in settings.given and settings.n != 1) or several:
        raise ConfigError("stream=true prints one sample; set n=1 and give one prompt.")
    for key in ("out", "batch_size"):
        if key in settings.given:
            raise ConfigError(f"stream=true prints and saves nothing; leave {key}= out.")
    if spec.array is not None:
        check_listener()
