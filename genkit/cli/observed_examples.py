"""Examples of which something is known, and what the model of a run answers to that."""

from __future__ import annotations

from torch import Tensor

from genkit.cli.opened import OpenedWithData
from genkit.core.media.medium import Shown
from genkit.core.noise import Noise
from genkit.core.observation import Observation
from genkit.inference import verbs


class ObservedExamples:
    """What is known of some examples.

    Attributes:
        batch: the examples, as the model reads them.
        truth: the examples, as their medium has them.
        given: what is known of them, as their medium shows it.

    Raises:
        GenkitError: as `OpenedWithData.examples`.
    """

    def __init__(self, run: OpenedWithData, observation: Observation, seed: int) -> None:
        self.batch, self.truth = run.examples()
        self._run, self._observation, self._seed = run, observation, seed
        noise = Noise(seed, self.batch.rows, purpose="observation", device=run.module.device)
        self._measured = observation.observe(self.batch.data, noise)

    @property
    def given(self) -> Shown:
        return self._run.shown(self._observation.picture(self._measured, self._run.array.blank))

    def answer(self, number: int) -> Tensor:
        """One answer for each example, of the weights that the module has now, (B, C, *sizes)."""
        return verbs.complete(
            self._run.module, self._observation, self._measured, self.batch, seed=self._seed + number
        )
