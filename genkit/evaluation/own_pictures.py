"""Pictures of the user's own in the place of a part of a run's data: what its samples are judged by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from genkit.core.spec import ArraySpec
from genkit.data.packing import printable
from genkit.evaluation.judging import judged_by
from genkit.evaluation.sets import common_form, listed, looked_at, remarks, seen_of
from genkit.evaluation.subject import Found
from genkit.metrics.declaration import Metric
from genkit.metrics.evidence import Seen
from genkit.metrics.extractors import Extractor
from genkit.runs.rows import OWN
from genkit.system.errors import DataError
from genkit.system.terminal import without_controls


class OwnPictures:
    """A folder of pictures that are as large as the samples.

    Args:
        say: told what is not used, and what was made of pictures that differ from the others.

    Attributes:
        name: of the folder, as rows call it.

    Raises:
        DataError: it is missing or empty, a picture cannot be read, or they are of other sizes, or of colour
            where the samples are grey.
    """

    def __init__(self, path: str | Path, spec: ArraySpec, say: Callable[[str], None]) -> None:
        self.name = f"{OWN}{without_controls(printable(Path(path).expanduser().resolve().name))}"
        self._spec, self._say = spec, say
        self._source = listed("real", path)
        self._look = looked_at("real", self._source)
        form = common_form({"real": self._look})
        if (form.height, form.width) != (spec.height, spec.width):
            raise DataError(
                f"real={path} has pictures of {form.width}×{form.height}, and the run draws"
                f" {spec.width}×{spec.height}: bring them to that size first."
            )
        if form.channels > spec.channels:
            raise DataError(
                f"real={path} has pictures of colour, and the run draws grey ones: make all grey."
            )
        self._grey = form.channels < spec.channels
        self._form = replace(form, channels=spec.channels)

    def seen(self, extractor: Extractor | None) -> Seen:
        """All pictures, in the order of their names."""
        form = replace(self._form, channels=1) if self._grey else self._form  # of grey ones none is odd
        chosen = extractor.name if extractor else "none"
        said = remarks({"real": self._source}, {"real": self._look}, form, chosen)
        if self._grey:
            said.append("real= is grey, and the run draws colour")
        for line in said:
            self._say(f"{line}.")
        return seen_of("real", self._source, self._form, extractor)

    def judge(self, real: Seen, made: Seen, extractor: Extractor | None, metrics: Sequence[Metric]) -> Found:
        """Samples against these pictures, by these metrics."""
        return judged_by(real, made, extractor, self._spec, self._source.label, metrics)
