"""What the methods of a family have returned, looked at before it is counted with.

By types and shapes alone, so that nothing waits for the device.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from genkit.core.phase import LossTerms
from genkit.core.spec import Spec
from genkit.system.errors import ConfigError


def check_loss(found: object, where: str) -> None:
    """
    Args:
        found: by the loss of a phase.
        where: family and phase, in words.

    Raises:
        ConfigError: it is no `LossTerms` of scalar tensors.
    """
    if not isinstance(found, LossTerms):
        raise ConfigError(f"{where}: its loss returned {_named(found)}; give genkit.LossTerms.")
    if not isinstance(found.total, Tensor) or found.total.ndim:
        raise ConfigError(f"{where}: the total of its loss is {_named(found.total)}; take the mean of it.")
    for name, term in (found.terms or {}).items():
        if not isinstance(term, Tensor) or term.ndim:
            raise ConfigError(f"{where}: the term {name!r} of its loss is {_named(term)}; give a scalar.")


def check_scores(found: object, count: int, family: str) -> None:
    """
    Args:
        found: by `score_batch`.
        count: of examples in the batch.

    Raises:
        ConfigError: it is no mapping of names to one number an example, without which their mean is wrong.
    """
    if not isinstance(found, Mapping):
        raise ConfigError(f"{family}.score_batch returned {_named(found)}; return {{name: tensor (B,)}}.")
    for name, scores in found.items():
        if not _is_one_each(scores, count):
            raise _not_one_each(f"{family}.score_batch returned {name!r} as", scores, count)


def check_likelihoods(found: object, count: int, family: str) -> None:
    """
    Args:
        found: by `log_likelihood`.
        count: of examples in the batch.

    Raises:
        ConfigError: it is not one number an example.
    """
    if not _is_one_each(found, count):
        raise _not_one_each(f"{family}.log_likelihood returned", found, count)


def _is_one_each(values: object, count: int) -> bool:
    return isinstance(values, Tensor) and values.shape == (count,)


def _not_one_each(said: str, values: object, count: int) -> ConfigError:
    return ConfigError(f"{said} {_named(values)}; give one number an example, a tensor of shape ({count},).")


def drawn(found: object, count: int, spec: Spec, family: str) -> list[Tensor]:
    """What `draw` has returned, one by one.

    Args:
        count: of samples that were asked for.

    Raises:
        ConfigError: they are more or fewer, or no samples of these data.
    """
    samples = (
        list(found) if isinstance(found, list | tuple) or (isinstance(found, Tensor) and found.ndim) else None
    )
    wanted = "sequences of tokens" if spec.kind == "tokens" else f"samples of shape {tuple(spec.shape)}"
    if samples is None or len(samples) != count:
        raise ConfigError(
            f"{family}.draw returned {_named(found)}, and was asked for {count} {wanted}: one for each row of"
            " the noise."
        )
    for sample in samples:
        if not isinstance(sample, Tensor) or (spec.kind != "tokens" and sample.shape != spec.shape):
            raise ConfigError(f"{family}.draw returned {_named(sample)} among its samples; give {wanted}.")
    return samples


def _named(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)}"
    return "nothing" if value is None else f"an object of type {type(value).__name__}"
