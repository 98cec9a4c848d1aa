"""Whether the arms of a study learn from, and are judged by, the same examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict

from genkit.study.stages import Stages
from genkit.system.errors import ConfigError

if TYPE_CHECKING:
    from genkit.core.spec import Spec
    from genkit.data.dataset import Dataset

# What may differ between the data of two arms: how examples become tokens, and what training does to images.
VIEW_KEYS = (
    *("tokenizer", "vocab_size", "flip", "shift", "crop", "on_device"),
    *("view", "bands", "hop", "patch"),  # of one sound
    *("codec", "caption"),  # (of both, all that is said of them)
)


def check_same_data(arms: Mapping[str, Stages], paths: Mapping[str, str]) -> Dataset:
    """See that all arms learn from, and are judged by, the same examples.

    Images must have one fingerprint, which codes of them have, too.  Texts, which each arm may cut into
    tokens of its own, must come from one configuration of data but for that.

    Returns:
        The data as the first arm reads it.

    Raises:
        ConfigError: two arms differ; in what is said.
    """
    first: tuple[str, dict[str, Any], Dataset] | None = None
    for arm, stages in arms.items():
        cfg = stages.run
        data = {k: v for k, v in asdict(cfg.data).items() if not k.startswith(VIEW_KEYS)}
        try:
            dataset = stages.dataset(paths)
            dataset.check_batch(cfg.batch_size)
        except ConfigError as error:
            raise ConfigError(f"arm {arm}: {error}") from None
        if first is None:
            first = arm, data, dataset
            continue
        other, expected, reference = first
        if differing := [k for k in {"name": 0, **expected, **data} if expected.get(k) != data.get(k)]:
            key = differing[0]
            raise ConfigError(
                f"the arms {other} and {arm} have different data: data.{key} is {expected.get(key)} and"
                f" {data.get(key)}; a study compares on one dataset."
            )
        arrays = [d.spec.array and d.spec.array.native for d in (reference, dataset)]
        if arrays[0] != arrays[1]:
            said = [_levels(d.spec) for d in (reference, dataset)]
            raise ConfigError(
                f"the arms {other} and {arm} have different data: {said[0]} and {said[1]};"
                " set data.size and data.levels for all arms."
            )
        if arrays[0] is not None and not dataset.has_examples_of(reference):
            raise ConfigError(f"the arms {other} and {arm} have different data: another fingerprint.")
    assert first is not None
    return first[2]


def _levels(spec: Spec) -> str:
    """What examples are, with the number of an array's levels."""
    return spec.said() if spec.array is None else f"{spec.said()}, {spec.array.levels} levels"


def check_three_parts(dataset: Dataset, who: str) -> None:
    """See that what is chosen on the validation part is not reported on the same examples.

    Args:
        who: what chooses: "a search".

    Raises:
        ConfigError: validation and test are one part.
    """
    from genkit.data.real import same

    if same(dataset.split("train"), dataset.split("test")):
        raise ConfigError(
            f"data={dataset.name} is too short to hold some of it out, so the study would report what its"
            " arms remember; give a longer text, or say selected_on_test=true."
        )
    if same(dataset.split("validation"), dataset.split("test")):
        raise ConfigError(
            f"data={dataset.name} has one part for validation and test, so {who} would choose by what the"
            " study reports; give it three (data.split=three), or say selected_on_test=true."
        )


def chooses_checkpoints(arms: Mapping[str, Stages], evaluate: Mapping[str, Any]) -> str | None:
    """What chooses the checkpoints that a study reports on test, by the validation part; None: nothing does.

    Args:
        arms: the composed configuration of each.
        evaluate: the study's settings of its evaluation.
    """
    asked = evaluate.get("checkpoint") or "best"
    names = asked.split(",") if isinstance(asked, str) else list(asked)
    if evaluate.get("split", "test") != "test" or "best" not in names:
        return None
    arm = next((arm for arm, stages in arms.items() if stages.run.model.select), None)
    return arm and f"the best checkpoint of arm {arm} (by {arms[arm].run.model.select})"
