"""A run that a page draws from: its model, kept, and what can be asked of it."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from genkit import runs
from genkit.cli.commands.app import AppSettings
from genkit.core.capabilities import Conditional, LatentSpace
from genkit.core.module import GenerativeModule
from genkit.system.errors import CheckpointError


@runtime_checkable
class PieceStreaming(Protocol):
    """A model that shows a sample as it is drawn."""

    def stream(self, *, seed: int, first: int, weights: str, **options: Any) -> Generator[Any]: ...


@dataclass(frozen=True)
class ServedRun:
    """A run, opened for a page.

    Attributes:
        number: by which a page asks for it.
        typed: the run as it was typed.
        settings: the words of `genkit app`.
        module: its model, where it draws.
    """

    number: str
    typed: str
    folder: Path
    settings: AppSettings
    module: GenerativeModule
    checkpoint: str = field(default="")

    @classmethod
    def all_of(cls, settings: AppSettings) -> list[ServedRun]:
        """All runs that were typed.

        Raises:
            ConfigError: there is no such run, or this machine has no such device.
            CheckpointError: a run has no such checkpoint, or one that is damaged.
        """
        opened = settings.models()
        for words in opened:  # all are looked at before the first takes time
            words.check_model()
        found = []
        for number, words in enumerate(opened):
            module = words.load()
            place = str(module.origin["checkpoint"])
            found.append(cls(str(number), words.run, words.folder, settings, module, place))
        return found

    def check_there(self) -> None:
        """See that what is drawn could be drawn again by a command.

        Raises:
            CheckpointError: the run, or its checkpoint, has been deleted since.
        """
        place = self.folder / "checkpoints" / self.checkpoint
        if not runs.is_run(self.folder) or not place.is_dir():
            gone = place if runs.is_run(self.folder) else self.folder
            raise CheckpointError(f"{gone} was deleted or moved while it was served; start genkit app anew.")

    @property
    def streams(self) -> bool:
        """Whether its samples can be seen, or heard, while they are drawn."""
        spec = self.module.spec
        return spec.kind == "tokens" and not spec.unstreamed and isinstance(self.module, PieceStreaming)

    @property
    def conditions(self) -> Sequence[str]:
        """The names of the options that say what is drawn."""
        own = self.module
        return [o.name for o in own.options if o.name in own.by] if isinstance(own, Conditional) else []

    def command(self, verb: str, *words: str) -> str:
        """What repeats something in a shell."""
        settings = self.settings
        kept = [f"{key}={getattr(settings, key)}" for key in ("weights", "device") if key in settings.given]
        typed = [f"run={self.typed}", f"checkpoint={self.checkpoint}", *words, *kept, *settings.places]
        return shlex.join(["genkit", verb, *typed])

    @property
    def walks(self) -> bool:
        """Whether there are ways between its latents."""
        return self.module.spec.array is not None and isinstance(self.module, LatentSpace)

    def said(self) -> dict[str, object]:
        """What a page has to know of it, but for what can be asked."""
        family, spec = runs.read(self.folder).family, self.module.spec
        return {
            "run": self.number,
            "name": self.folder.name,
            "about": f"{family}, {spec.said()}, {self.checkpoint}",
            "note": self.module.samples_note,
        }
