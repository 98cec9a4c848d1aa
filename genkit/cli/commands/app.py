"""`genkit app`, declared."""

from __future__ import annotations

from genkit.cli.command import Command, required, word
from genkit.cli.shared import DEVICE, WEIGHTS, OfModel, Placed, Weights

LOOPBACK, PORT = "127.0.0.1", 8765


class AppSettings(Placed):
    runs: tuple[str, ...] = required(
        "a run to draw from; several stand beside one another", name="run", kind="run"
    )
    checkpoint: str = word("last", "which of each run's checkpoints", kind="checkpoint")
    weights: Weights = WEIGHTS
    device: str = DEVICE
    host: str = word(LOOPBACK, "the address that is listened at; any but the usual one lets others draw, too")
    port: int = word(PORT, "0: any that is free", low=0, high=65_535)
    seconds: int = word(120, "that one drawing may take", low=1, high=86_400)

    def models(self) -> list[OfModel]:
        """What is said of each run by itself."""
        return [
            OfModel(
                run=run,
                checkpoint=self.checkpoint,
                weights=self.weights,
                device=self.device,
                places=self.places,
            )
            for run in self.runs
        ]


COMMAND = Command(
    "a page to draw from runs",
    AppSettings,
    "genkit.app.serving:serve",
    usage="run=RUN [run=RUN …] [port=8765]",
    more="Needs the extra app.  Ctrl-C ends it.  Nothing is sent anywhere, and nobody but this machine is\n"
    "answered unless host= says so.",
)
