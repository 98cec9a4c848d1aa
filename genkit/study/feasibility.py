"""Whether every arm of a study can have the likelihood that is to decide it, before anything trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genkit.metrics.catalogue import group_of
from genkit.study.stages import Stages
from genkit.system.errors import ConfigError

OF_TOKENS = ("nll", "perplexity")  # of texts these belong to the tokeniser; bits per byte do not


def check_likelihoods(primary: str, arms: Mapping[str, Stages], paths: Mapping[str, str]) -> None:
    """See that a primary metric of likelihood is one that every arm has, and has in common.

    Args:
        arms: the composed configuration of each.

    Raises:
        ConfigError: an arm has only samples, none on this data, or tokens of its own.
    """
    if group_of(primary) != "likelihood":
        return
    from genkit.core.capabilities import Likelihood
    from genkit.families import FAMILIES
    from genkit.inference.models import build_module

    first: tuple[str, dict[str, Any]] | None = None
    for arm, stages in arms.items():
        cfg = stages.run
        if not issubclass(FAMILIES.load(cfg.model.family), Likelihood):
            raise ConfigError(f"primary={primary}: arm {arm} has no likelihood, only samples; {_remedy(arm)}")
        spec = stages.dataset(paths).spec
        module = build_module(cfg.model, spec)
        if isinstance(module, Likelihood) and (kind := module.likelihood_kind()).absent:
            raise ConfigError(
                f"primary={primary}: arm {arm} has no likelihood here: {kind.note}; {_remedy(arm)}"
            )
        if spec.kind == "tokens" and spec.array is None and primary in OF_TOKENS:
            first = first or (arm, spec.codec.to_dict())
            if spec.codec.to_dict() != first[1]:
                raise ConfigError(
                    f"primary={primary} is of tokens, and the arms {first[0]} and {arm} have other ones; take"
                    " primary=bits_per_byte."
                )


def _remedy(arm: str) -> str:
    return f"take another primary, or leave {arm} out."
