"""Examples drawn anew in other classes, as the words of `genkit restyle` say it."""

from __future__ import annotations

from genkit.cli.commands.restyle import RestyleSettings
from genkit.cli.opened import OpenedWithData
from genkit.core.media.medium import Shown
from genkit.inference import verbs

EVERY = "all"  # classes, unless one is called so


class RestyledExamples:
    """Examples that are to be drawn anew.

    Attributes:
        names: the classes, in the order in which they were asked for.
        truth: the examples, as their medium has them.

    Raises:
        ConfigError: the model cannot, or the data have no such class.
        GenkitError: as `OpenedWithData.examples`.
    """

    def __init__(self, run: OpenedWithData, settings: RestyleSettings) -> None:
        verbs.check_restyling(run.module)
        every = EVERY in settings.labels and EVERY not in run.array.classes
        asked = run.array.classes if every else settings.labels
        self._run, self._labels = run, [run.label(label) for label in asked]
        self.names = [run.array.classes[label] for label in self._labels]
        self._batch, self.truth = run.examples()

    def row(self, number: int) -> Shown:
        """The examples in the class of that number, of the weights that the module has now."""
        data, label = self._batch.data, self._labels[number]
        labels = data.new_full((len(data),), label).long()
        return self._run.shown(verbs.restyle(self._run.module, self._batch, labels))
