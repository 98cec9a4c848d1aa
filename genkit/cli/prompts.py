"""Prompts from elsewhere than the command line, and those that can be streamed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from genkit.core.options import Option
from genkit.system.errors import ConfigError
from genkit.system.textfiles import lines_of, read_given, read_input, unix

MAX_BYTES = 100_000_000  # of a file of prompts, or of the input


def read(given: dict[str, Any]) -> None:
    """Replace `prompt_file=FILE` (a prompt a line, empty lines left out) and `prompt=-` (standard input, one
    prompt, without its last newline) by the prompts themselves.

    Raises:
        ConfigError: both are given, or there is no prompt.
        DataError: the file or the input cannot be read, or has no end.
    """
    if given.get("prompt") == "-":
        text = read_input("prompt=-", MAX_BYTES, "give a shorter prompt")
        given["prompt"] = unix(text).removesuffix("\n")
    file = given.pop("prompt_file", None)
    if file is None:
        return
    if "prompt" in given:
        raise ConfigError("prompt= and prompt_file= are both given; give one of them.")
    lines = lines_of(read_given("prompt_file", file, MAX_BYTES, "give fewer prompts at once"))
    given["prompt"] = [line for line in lines if line]
    if not given["prompt"]:
        raise ConfigError(f"prompt_file={file} has no prompt; write one a line.")


def check_stream(
    given: Mapping[str, Any], options: Mapping[str, Any], declared: Sequence[Option], is_text: bool
) -> None:
    """Refuse to stream what is not one text.

    Args:
        is_text: whether the run draws texts; one that reads pixels as tokens has prompts, too.

    Raises:
        ConfigError: several samples or prompts, a file, or a family without prompts.
    """
    if not is_text or "prompt" not in [option.name for option in declared]:
        raise ConfigError("stream=true: this run draws no texts; leave it out.")
    if str(given.get("n", 1)) != "1" or isinstance(options.get("prompt"), list):
        raise ConfigError("stream=true prints one sample; set n=1 and give one prompt.")
    for key in ("out", "batch_size"):
        if given.get(key) is not None:
            raise ConfigError(f"stream=true prints and saves nothing; leave {key}= out.")
