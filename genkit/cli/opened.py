"""A run opened for a command that makes examples of examples, and those that it begins with."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genkit import config, runs
from genkit.cli.example_words import ExampleSettings, FromData
from genkit.cli.outputs import Output
from genkit.core.media.medium import Shown
from genkit.core.options import LABEL
from genkit.core.spec import ArraySpec
from genkit.data.dataset_knobs import PictureKnobs
from genkit.system.errors import ConfigError
from genkit.system.terminal import say

if TYPE_CHECKING:
    from torch import Tensor

    from genkit.core.batch import Batch
    from genkit.core.module import GenerativeModule
    from genkit.data.dataset import Dataset, Examples
    from genkit.data.given_example import GivenExample


class Opened:
    """A run whose words are checked, its model, and the places of what is made.

    Args:
        command: its name.
        about: what stands behind it in the names of files.
        module: the model, where somebody has it, who shows what is made; nothing is written then.

    Attributes:
        array: what an example is, as the model reads it.
        outputs: the file or folder of `out=`; without it a file for each way in which examples are kept.

    Raises:
        ConfigError: words that do not go together, or a run of texts.
        CheckpointError: no such checkpoint.
    """

    def __init__(
        self,
        settings: ExampleSettings,
        command: str,
        about: str = "",
        *,
        module: GenerativeModule | None = None,
    ) -> None:
        self.settings, self.folder, self._loaded = settings, settings.folder, module
        settings.check_model()
        spec = runs.spec(self.folder)
        if spec.array is None:
            raise ConfigError(
                f"{command} works on images and other arrays, and {self.folder.name} models {spec.said()}."
            )
        self.array: ArraySpec = spec.array
        name = f"{command}{about}-seed{settings.seed}"
        places = self._places(settings.out, name, command) if module is None else []
        self.outputs = [Output(path) for path in places]

    def _places(self, out: Path | None, name: str, command: str) -> list[Path]:
        """Where what is made is written.

        Raises:
            ConfigError: a suffix that does not fit.
        """
        medium = self.array.medium
        if out is None:
            return [self.folder / "samples" / f"{name}{suffix}" for suffix in medium.keeps]
        if not medium.pictorial:
            medium.check_suffix(out)
        elif out.suffix.lower() != ".png":
            raise ConfigError(f"out={out}: {command} writes a .png.")
        return [out]

    @cached_property
    def module(self) -> GenerativeModule:
        """The model, loaded when it is first asked for: whatever can be refused before it is."""
        return self.settings.load() if self._loaded is None else self._loaded

    def label(self, asked: str) -> int:
        """The number of a class of the data.

        Raises:
            ConfigError: there is no such class.
        """
        from genkit.core.conditions import class_number

        return class_number(asked, self.array.classes)

    def labels(self, n: int, label: str | None) -> Tensor | None:
        """A label for each of n rows, as asked or drawn; None for a model without labels.

        Raises:
            ConfigError: such a model is asked for one, or there is no such class.
        """
        from genkit.core.conditions import choose_labels, label_conditions
        from genkit.core.noise import Noise

        classes = self.module.spec.classes
        if LABEL not in self.module.options:
            if label is not None:
                raise ConfigError(f"label={label}: {self.folder.name} was trained without labels.")
            return None
        asked = label_conditions({"label": label}, classes)
        noise = Noise(self.settings.seed, range(n), device=self.module.device)
        return choose_labels(asked * n, len(classes), noise)

    def shown(self, examples: Tensor, captions: Sequence[str] = ()) -> Shown:
        """Examples (N, C, *sizes) as the model gives them, as their medium shows them."""
        from genkit.core.samples import Samples

        return Samples(examples, self.array, self.settings.seed, captions=captions).shown

    def save(self, rows: Sequence[Shown], *, across: bool = False, unknown: np.ndarray | None = None) -> None:
        """Write these rows of as many examples each: see `ShownRows`."""
        from genkit.core.media.shown_rows import ShownRows

        about = {"run": self.folder.name, "checkpoint": self.settings.checkpoint, "seed": self.settings.seed}
        listed = ShownRows([replace(row, about=about) for row in rows], across, unknown)
        for out in self.outputs:
            self.array.medium.save_rows(listed, out.path)
            say(out)


class OpenedWithData(Opened):
    """A run together with what its model is given: examples of its data, or one of the user's own."""

    def __init__(
        self,
        settings: FromData,
        command: str,
        prompt: str | None = None,
        *,
        module: GenerativeModule | None = None,
    ) -> None:
        settings.check_words()
        self.asked, self.prompt = settings, prompt
        about = "-image" if settings.image is not None else "-given" if settings.file is not None else ""
        about = about or ("" if settings.number is None else f"-{settings.number}")
        super().__init__(settings, command, about, module=module)
        spec = runs.spec(self.folder)
        if prompt is not None and (spec.kind != "tokens" or spec.captions is None):
            raise ConfigError(f"prompt={prompt}: {self.folder.name} was trained without captions.")
        self.given = None if settings.file is None else self._read(settings.file)

    def _read(self, file: str) -> GivenExample:
        """The user's own example, of which what is lost is said.

        Raises:
            DataError: it cannot be read, or fitted.
            ConfigError: the result would be written over it, or the run's data are of another medium.
        """
        from genkit.data.given_example import read_given_example

        word, path, medium = self.asked.typed, Path(file).expanduser(), self.array.medium
        if word == "image" and len(self.array.native.sizes) != 2:
            models = f"{self.folder.name} models {medium.many}"
            raise ConfigError(f"image= is a picture, and {models}; leave it out.")
        for out in self.outputs:
            if out.path.exists() and path.exists() and out.path.samefile(path):
                kind = "picture" if word == "image" else "file"
                raise ConfigError(f"out={out.path} is the {kind} of {word}= itself; give another place.")
        data = config.load_frozen(self.folder / runs.CONFIG).data
        found = read_given_example(word, path, self.array, data, self.asked.fit, self._frame)
        for line in found.notices:
            say(f"note: {line}", file=sys.stderr)
        return found

    def _dataset(self) -> Dataset:
        """The run's own data.

        Raises:
            DataError: it is not what the run was trained on.
        """
        from genkit.inference.run_data import reopen_data

        cfg = config.load_frozen(self.folder / runs.CONFIG)
        return reopen_data(cfg, self.asked.paths, self.folder, self.asked.data_path)

    def _frame(self) -> tuple[int, int] | None:
        """Height and width of the data's images before a frame was put around them."""
        data = config.load_frozen(self.folder / runs.CONFIG).data
        return (
            None if isinstance(data, PictureKnobs) else self._dataset().unpadded
        )  # pictures in files never get one

    def examples(self) -> tuple[Batch, Shown]:
        """Some examples of a split of the run's own data, from all of its classes, or the one that was given:
        as the model reads them, and as their medium has them.

        Raises:
            ConfigError: the split has no example of the number of `in=`, or a label is missing.
            DataError: the data is not what the run was trained on.
        """
        from genkit.data.loading import Gather
        from genkit.data.real import as_samples, given_captions, in_full, unchanged

        if self.given is not None:
            return self._given_batch(self.given), self.given.shown(self.asked.label or "")
        examples = unchanged(self._dataset().split(self.asked.split))
        rows = self._rows(examples)
        gather = Gather(in_full(examples), self.module.device)
        batch = self.module.as_arrays(gather(rows, range(len(rows))))
        captions = examples.called(rows) if self.prompt is None else [self.prompt] * len(rows)
        batch = given_captions(self.module.spec, batch, captions)
        return batch, as_samples(self.module.spec, examples, rows).shown

    def _rows(self, examples: Examples) -> np.ndarray:
        number = self.asked.number
        if number is None:
            return examples.some(self.asked.n)
        if number >= len(examples):
            raise ConfigError(
                f"in={number}: the {self.asked.split} part has examples 0 to {len(examples) - 1:,}; to give a"
                f" file of that name, write in=./{number}."
            )
        return np.array([number])

    def _given_batch(self, given: GivenExample) -> Batch:
        """The user's own example as a batch of one, with the label that was typed.

        Raises:
            ConfigError: a model with labels is told none, or one without labels is told one.
        """
        import torch

        from genkit.core.batch import Batch
        from genkit.data.real import given_captions

        if LABEL in self.module.options and self.asked.label is None:
            classes = ", ".join(self.array.classes[:20]) + (", …" if len(self.array.classes) > 20 else "")
            filed = self.array.medium.filed
            raise ConfigError(
                f"{self.folder.name} was trained with labels: say which the {filed} has by"
                f" {self.asked.label_word}=: {classes}."
            )
        data = torch.from_numpy(given.levels.astype(np.float32)) / (self.array.levels - 1)
        labels = self.labels(1, self.asked.label)
        batch = Batch(data.to(self.module.device), range(1), labels)
        return given_captions(self.module.spec, batch, [self.prompt or ""])

    def told(self) -> str:
        """What the model is told beside the observation: one that was trained with labels, the example's own,
        or what was typed of a given one."""
        from genkit.inference.scoring import conditions

        told = conditions(self.module)
        if told == "captions" and (self.prompt is not None or self.given is not None):
            return f", given prompt={self.prompt}" if self.prompt else ", given no prompt"
        if told != "labels":
            return ", each given its caption" if told == "captions" else ""
        if self.given is None:
            return ", each given its true label"
        return f", given {self.asked.label_word}={self.asked.label}"
