"""What an arm of a study is: words of a training, or of two, where the second learns the codes of the first.

arms:
  pixels: [model=gpt_pixels]
  codes:
    codec: [model=codes_image]    # trained first, from the seed of the run that learns its codes
    words: [model=gpt]            # that run's own
    share: 0.6                    # of the budget, for the codec; half of it unless told otherwise

The budget of such an arm is that of every other: what the codec takes is left out of what learns its codes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from genkit import config
from genkit.system.errors import ConfigError, nearest

# What the study itself decides for its members.
OWN = ("seed", "name", "resume", "init_from", "accept_new_data", "debug")
STAGES, SHARE = ("codec", "words", "share"), 0.5


@dataclass(frozen=True)
class FirstStage:
    """The codec of an arm.

    Attributes:
        words: of its training, those of all arms included.
        share: of the budget.
    """

    words: Sequence[str]
    share: float = SHARE

    def divided(self, amount: float, unit: str) -> tuple[float, float]:
        """A budget as that of the codec, and what is left; whole steps of either.

        Raises:
            ConfigError: one of the two has nothing.
        """
        own: float = round(self.share * amount) if unit == "steps" else self.share * amount
        if not 0 < own < amount:
            whom = "its codec" if own else "what learns its codes"
            raise ConfigError(
                f"a share of {self.share:g} of {amount:g} {unit} is all for"
                f" {whom}; give a larger budget, or another share."
            )
        return own, amount - own


def check_arm(plain: object, common: list[str], where: str) -> tuple[list[str], FirstStage | None]:
    """The words of an arm's run, those of all arms included, and its codec where it trains one.

    Raises:
        ConfigError: it is neither a list of words nor a mapping of the two stages, or a codec takes the whole
            budget.
    """
    if not isinstance(plain, Mapping):
        return joined(common, check_words(plain, where)), None
    for key in plain:
        if key not in STAGES:
            raise ConfigError(f"{where} has no {key}.{nearest(str(key), STAGES)}")
    if lacking := [key for key in STAGES[:2] if not plain.get(key)]:
        raise ConfigError(
            f"{where} lacks {lacking[0]}; write {{codec: [model=codes_image], words: [model=gpt]}}, or words"
            " alone."
        )
    codec, words = (check_words(plain[key], f"{where}: {key}") for key in STAGES[:2])
    if twice := [word for word in (*common, *codec, *words) if config.key_and_value(word)[0] == "data.codec"]:
        raise ConfigError(f"{where}: {twice[0]}: the arm trains a codec of its own; leave the word out.")
    return joined(common, words), FirstStage(joined(common, codec), _share(plain.get("share"), where))


def _share(plain: object, where: str) -> float:
    if plain is None:
        return SHARE
    number = math.nan if isinstance(plain, bool) or not isinstance(plain, int | float) else float(plain)
    if not 0 < number < 1:
        said = "the codec alone would take the whole budget" if number >= 1 else "that is no part of a budget"
        raise ConfigError(f"{where}: share={plain}: {said}; give a number between 0 and 1.")
    return number


def check_words(words: object, where: str) -> list[str]:
    """Words of a training, if a study may give them.

    Raises:
        ConfigError: it is no list of words, or the study itself decides what one of them says.
    """
    if words is None:
        return []
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ConfigError(f"{where} is no list of words such as [model=vae, optim.lr=1e-3].")
    for word in words:
        key, _ = config.key_and_value(word)
        if key in OWN or key.split(".")[0] in ("budget", "paths"):
            raise ConfigError(f"{where}: {word}: the study decides {key} for all its members; leave it out.")
    return words


def joined(common: list[str], own: list[str]) -> list[str]:
    """The words of an arm; its own replace those of all arms."""
    keys = [word.partition("=")[0] for word in own]
    return [*(word for word in common if word.partition("=")[0] not in keys), *own]
