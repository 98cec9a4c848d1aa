"""A run opened for a command that makes images of images, and the examples that it begins with."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from genkit import config, runs
from genkit.cli.example_words import ExampleSettings, FromData
from genkit.cli.outputs import Output
from genkit.core.options import LABEL
from genkit.core.spec import ArraySpec
from genkit.data.dataset_knobs import PictureKnobs
from genkit.system.errors import ConfigError
from genkit.system.terminal import say

if TYPE_CHECKING:
    from torch import Tensor

    from genkit.core.batch import Batch
    from genkit.core.module import GenerativeModule
    from genkit.data.arrays.given_picture import GivenPicture
    from genkit.data.dataset import Dataset


class Opened:
    """A run whose words are checked, its model, and the place of the picture.

    Args:
        command: its name.
        about: what stands behind it in the picture's name.

    Raises:
        ConfigError: words that do not go together, or a run of texts.
        CheckpointError: no such checkpoint.
    """

    def __init__(self, settings: ExampleSettings, command: str, about: str = "") -> None:
        self.settings, self.folder = settings, settings.folder
        settings.check_model()
        default = self.folder / "samples" / f"{command}{about}-seed{settings.seed}.png"
        path = settings.out or default
        if path.suffix.lower() != ".png":
            raise ConfigError(f"out={path}: {command} writes a .png.")
        self.out = Output(path)
        spec = runs.spec(self.folder)
        if spec.array is None:
            raise ConfigError(
                f"{command} works on images and other arrays, and {self.folder.name} models {spec.said()}."
            )
        self.array: ArraySpec = spec.array

    @cached_property
    def module(self) -> GenerativeModule:
        """The model, loaded when it is first asked for: whatever can be refused before it is."""
        return self.settings.load()

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

    def save(self, images: Tensor, columns: int) -> None:
        """A picture of images (N, C, H, W) in reading order."""
        from genkit.core.grid import png
        from genkit.core.samples import Samples
        from genkit.system import storage

        storage.make_folder(self.out.path.parent)
        shown = Samples(images, self.array, self.settings.seed).grid(columns=columns)
        storage.write_bytes(self.out.path, png(shown))
        say(self.out)

    def save_rows(self, rows: Sequence[Tensor]) -> None:
        """A picture with these images (n, C, H, W) as rows."""
        import torch

        self.save(torch.cat(list(rows)), columns=len(rows[0]))


class OpenedWithData(Opened):
    """A run together with what its model is given: examples of its data, or a picture of the user's own."""

    def __init__(self, settings: FromData, command: str) -> None:
        settings.check_words()
        self.asked = settings
        super().__init__(settings, command, "" if settings.image is None else "-image")
        self.picture = None if settings.image is None else self._read(settings.image)

    def _read(self, image: str) -> GivenPicture:
        """The picture of `image=`, of which what is lost is said.

        Raises:
            DataError: it cannot be read, or fitted.
            ConfigError: the result would be written over it, or the run's data are no pictures.
        """
        from genkit.data.arrays.given_picture import GivenPicture

        if len(self.array.sizes) != 2:
            many = self.array.medium.many
            raise ConfigError(f"image= is a picture, and {self.folder.name} models {many}; leave it out.")
        path = Path(image).expanduser()
        if self.out.path.exists() and path.exists() and self.out.path.samefile(path):
            raise ConfigError(f"out={self.out.path} is the picture of image= itself; give another place.")
        data = config.load_frozen(self.folder / runs.CONFIG).data
        found = GivenPicture.read(path, self.array, data, self.asked.fit, self._frame)
        for line in found.notices:
            say(f"note: {line}", file=sys.stderr)
        return found

    def _dataset(self) -> Dataset:
        """The run's own data.

        Raises:
            DataError: it is not what the run was trained on.
        """
        from genkit.data import reopen

        cfg, record = config.load_frozen(self.folder / runs.CONFIG), runs.read(self.folder)
        return reopen(cfg.data, self.asked.paths, config.view(cfg), record, self.asked.data_path)

    def _frame(self) -> tuple[int, int] | None:
        """Height and width of the data's images before a frame was put around them."""
        data = config.load_frozen(self.folder / runs.CONFIG).data
        return (
            None if isinstance(data, PictureKnobs) else self._dataset().unpadded
        )  # pictures in files never get one

    def batch(self) -> Batch:
        """Some examples of a split of the run's own data, from all of its classes, or the picture.

        Raises:
            DataError: the data is not what the run was trained on.
        """
        from genkit.data.loading import Gather
        from genkit.data.real import unchanged

        if self.picture is not None:
            return self._given_batch(self.picture)
        examples = unchanged(self._dataset().split(self.asked.split))
        rows = examples.some(self.asked.n)
        return self.module.as_arrays(Gather(examples, self.module.device)(rows, range(len(rows))))

    def _given_batch(self, picture: GivenPicture) -> Batch:
        """The picture of `image=` as a batch of one, with the label that was typed.

        Raises:
            ConfigError: a model with labels is told none, or one without labels is told one.
        """
        import torch

        from genkit.core.batch import Batch

        if LABEL in self.module.options and self.asked.label is None:
            classes = ", ".join(self.array.classes[:20]) + (", …" if len(self.array.classes) > 20 else "")
            raise ConfigError(
                f"{self.folder.name} was trained with labels: say which the picture has by label=: {classes}."
            )
        data = torch.from_numpy(picture.levels).float() / (self.array.levels - 1)
        labels = self.labels(1, self.asked.label)
        return Batch(data.to(self.module.device), range(1), labels)

    def told(self) -> str:
        """What the model is told beside the observation: one that was trained with labels, the example's own,
        or what was typed of a picture."""
        from genkit.inference.scoring import conditions

        if conditions(self.module) != "labels":
            return ""
        return ", each given its true label" if self.picture is None else f", given label={self.asked.label}"
