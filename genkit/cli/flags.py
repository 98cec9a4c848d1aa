"""Hydra's flags: those that only ask are passed on, every other is refused."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from genkit import config
from genkit.system.errors import ConfigError
from genkit.system.terminal import say

# Of Hydra's flags, those that only ask, and what they can be asked.
FLAGS = {
    **{"--cfg": "--cfg", "-c": "--cfg", "--info": "--info", "-i": "--info"},
    **{"--hydra-help": "--hydra-help", "--resolve": "--resolve"},
}
KINDS = {
    "--cfg": ("job", "hydra", "all"),
    "--info": ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"),
}


def read_flags(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Hydra's flags that are passed on, each with its value, and the words that are left.

    Raises:
        ConfigError: another flag, whatever Hydra would do with it (one of them unpickles a file).
    """
    flags: dict[str, str] = {}
    rest: list[str] = []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        name, equals, value = word.partition("=")
        flag = FLAGS.get(name)
        if flag is None:
            if word.startswith("-"):
                listed = ", ".join(dict.fromkeys(FLAGS.values()))
                raise ConfigError(f"{word}: of Hydra's flags there are -m, {listed} here; leave it out.")
            rest.append(word)
            continue
        if flag in KINDS and not equals and waiting and waiting[0] in KINDS[flag]:
            value = waiting.pop(0)
        kinds = KINDS.get(flag, ())
        if flag in flags or (value not in kinds and (value or equals or flag == "--cfg")):
            listed = f"one of {', '.join(kinds)}" if kinds else "no value"
            raise ConfigError(f"{flag} takes {listed}, once; write {' '.join([flag, *kinds[:1]])}.")
        flags[flag] = value
    return flags, rest


def ask(words: Sequence[str]) -> int:
    """`--cfg job`: the configuration as it would be trained with; anything else is Hydra's to answer."""
    import yaml

    flags, rest = read_flags(words)
    if flags.get("--cfg") != "job" or "--info" in flags or "--hydra-help" in flags:
        return _ask_hydra(flags, rest)
    plain = config.compose("train", rest).plain
    cfg = {key: value for key, value in plain.items() if key != "choices"}
    say(yaml.safe_dump(cfg, sort_keys=False, allow_unicode=True), end="")
    return 0


def _ask_hydra(flags: Mapping[str, str], rest: Sequence[str]) -> int:
    """Let Hydra answer, with words that a training would take."""
    own = config.launching(rest)
    config.compose("train", [word for word in rest if word not in own])
    asked = [part for flag, value in flags.items() for part in (flag, value) if part]
    return run_hydra([*asked, *(word for word in rest if not config.split_free_text([word])[0])])


def run_hydra(arguments: Sequence[str]) -> int:
    """Hydra's own program, which here only answers.  What is passed must have been checked."""
    import hydra

    kept = list(sys.argv)
    sys.argv = [kept[0], *arguments]
    try:
        config.register_outside_conf()
        asked = hydra.main(version_base="1.3", config_path=str(config.conf_dir()), config_name="train")
        with config.one_line_errors():
            asked(_nothing)()
    finally:
        sys.argv = kept
    return 0


def _nothing(cfg: Any) -> None:
    """The task of a Hydra that is only asked."""
