"""`genkit interpolate | reconstruct | complete | denoise | upscale`: what a run makes of images.

Each writes one picture with a column an example: what went in, what came out, the truth.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit import config, runs
from genkit.cli.hardware import check_device
from genkit.cli.outputs import Output
from genkit.cli.sample import check_checkpoint, check_choices, read_words, torch_device
from genkit.core.options import LABEL, Option, resolve_options
from genkit.core.spec import ArraySpec
from genkit.system.errors import ConfigError
from genkit.system.terminal import say

if TYPE_CHECKING:
    from torch import Tensor

    from genkit.core.batch import Batch
    from genkit.core.module import GenerativeModule
    from genkit.core.observation import Observation
    from genkit.data.arrays.given import GivenPicture
    from genkit.data.dataset import Dataset

COMMON = (
    Option("n", "int", 8, "examples", low=1, high=1000),
    Option("seed", "int", 0, "of the noise", low=0, high=2**32 - 1),
    Option("checkpoint", "text", "last", "last, best or step-N"),
    Option("weights", "text", "ema", "ema or raw"),
    Option("device", "text", "auto", "auto, cpu, gpu or mps"),
    Option("out", "text", None, "a .png file"),
)
SPLIT = Option("split", "text", "test", "of the data", choices=("train", "validation", "test"))
OF_IMAGE = (
    Option("image", "text", None, "a picture in the place of examples"),
    Option("fit", "text", None, "of a picture of another shape", choices=("crop", "pad", "stretch")),
    replace(LABEL, help="class of the picture"),
)
FROM_DATA = (*COMMON, SPLIT, *OF_IMAGE)
DRAWS = Option("draws", "int", 3, "answers for each example", low=1, high=100)


def interpolate(words: list[str]) -> int:
    """From one latent to another, a row each."""
    own = (
        Option("steps", "int", 9, "images in a row", low=2, high=100),
        Option("path", "text", "spherical", "linear or spherical"),
        LABEL,
    )
    run = _Opened(words, "interpolate", (*COMMON, *own))
    from genkit.inference import verbs

    given = run.given
    labels = run.labels(given["n"])
    with run.module.weights(given["weights"]):
        images = verbs.interpolate(
            run.module,
            given["n"],
            steps=given["steps"],
            path=given["path"],
            seed=given["seed"],
            labels=labels,
        )
    run.save(images.flatten(0, 1), columns=given["steps"])
    if labels is not None:
        classes = [run.image.classes[label] for label in labels.tolist()]
        how = "as label= says" if given["label"] is not None else "drawn at random, label= chooses"
        say(f"rows: each from one latent to another of its class ({how}): {', '.join(classes)}")
    return 0


def reconstruct(words: list[str]) -> int:
    """Examples of the data through the model and back."""
    run = _Opened(words, "reconstruct", FROM_DATA)
    from genkit.inference import verbs

    batch = run.batch()
    with run.module.weights(run.given["weights"]):
        result = verbs.reconstruct(run.module, batch)
    run.save_rows([batch.data, result])
    error = float((result - batch.data).square().mean())
    say(f"rows: input, result{_given(run)}; mean squared error {error:.4f}")
    return 0


def complete(words: list[str]) -> int:
    """Examples with a part hidden."""
    own = Option("mask", "text", "lower", "lower, upper, left, right, box or random: what is hidden")
    run = _Opened(words, "complete", (*FROM_DATA, DRAWS, own))
    from genkit.core.observation import mask

    spec = run.image
    return _answer(run, mask(run.given["mask"], spec.sizes, run.given["seed"]))


def denoise(words: list[str]) -> int:
    """Examples with Gaussian noise on every pixel."""
    own = Option("scale", "float", 0.3, "standard deviation of the noise, of a range of 1", above=0, high=10)
    run = _Opened(words, "denoise", (*FROM_DATA, DRAWS, own))
    from genkit.core.observation import WhiteNoise

    return _answer(run, WhiteNoise(scale=run.given["scale"]))


def upscale(words: list[str]) -> int:
    """Examples of which the means of blocks are known."""
    own = Option("factor", "int", 2, "side of a block", low=2, high=64)
    run = _Opened(words, "upscale", (*FROM_DATA, DRAWS, own))
    from genkit.core.observation import AveragePool

    factor, spec = run.given["factor"], run.image
    if spec.height % factor or spec.width % factor:
        raise ConfigError(f"factor={factor} does not divide the sides {spec.height}×{spec.width}.")
    return _answer(run, AveragePool(factor=factor))


def _answer(run: _Opened, observation: Observation) -> int:
    """Draw several answers to an observation of examples, and show them between it and the truth."""
    import torch

    from genkit.core.noise import Noise
    from genkit.inference import verbs

    batch, given = run.batch(), run.given
    noise = Noise(given["seed"], batch.rows, purpose="observation", device=run.module.device)
    measured = observation.observe(batch.data, noise)
    with run.module.weights(given["weights"]):
        draws = [
            verbs.complete(run.module, observation, measured, batch, seed=given["seed"] + i)
            for i in range(given["draws"])
        ]
    run.save_rows([observation.picture(measured), *draws, batch.data])
    error = float((torch.stack(draws).mean(0) - batch.data).square().mean())
    say(
        f"rows: input, {len(draws)} answers{_given(run)}, truth; mean squared error of their mean {error:.4f}"
    )
    return 0


def _given(run: _Opened) -> str:
    """What a model is told beside the observation: one that was trained with labels, the example's own, or
    what was typed of a picture."""
    from genkit.inference.likelihood import conditions

    if conditions(run.module) != "labels":
        return ""
    return ", each given its true label" if run.picture is None else f", given label={run.given['label']}"


class _Opened:
    """A run and the checked words of a command on it."""

    def __init__(self, words: Sequence[str], command: str, options: Sequence[Option]) -> None:
        given = {key: value for key, value in read_words(words).items() if value is not None}
        self.paths = config.paths([w for w in words if w.startswith("paths.")])
        if "run" not in given:
            raise ConfigError(f"{command} needs run=RUN; genkit runs lists them.")
        self.folder = runs.find(given.pop("run"), self.paths["runs_dir"])
        self.moved = given.pop("data.path", None)
        config.load_frozen(self.folder / runs.CONFIG)
        self.given: Mapping[str, Any] = resolve_options(options, given, f"genkit {command}")
        self._check(command, given)
        about = "" if self.given.get("image") is None else "-image"
        default = self.folder / "samples" / f"{command}{about}-seed{self.given['seed']}.png"
        path = Path(self.given["out"] or default).expanduser()
        if path.suffix.lower() != ".png":
            raise ConfigError(f"out={path}: {command} writes a .png.")
        self.out = Output(path)
        spec = runs.spec(self.folder)
        if spec.image is None:
            raise ConfigError(f"{command} works on images, and {self.folder.name} models texts.")
        self.image: ArraySpec = spec.image
        self.picture = None if self.given.get("image") is None else self._picture()
        from genkit.inference.models import load

        self.module: GenerativeModule = load(self.folder, self.given["checkpoint"])
        self.module.to(torch_device(self.given["device"]))

    def _check(self, command: str, given: Mapping[str, Any]) -> None:
        """Everything about the words that can be refused before anything is read.

        Raises:
            ConfigError: words that do not go together.
            CheckpointError: no such checkpoint.
        """
        check_choices({key: self.given[key] for key in ("weights", "checkpoint", "device")})
        check_device("device", self.given["device"], "device=auto")
        check_checkpoint(self.folder, self.given["checkpoint"])
        if "image" in self.given:
            has = self.given["image"] is not None
            for key in ("n", "split") if has else ("fit", "label"):
                if key in given:
                    of = "examples of the data, and image= is one picture" if has else "the picture of image="
                    raise ConfigError(f"{key}= is of {of}; leave {key}= out.")

    def _picture(self) -> GivenPicture:
        """The picture of `image=`, of which what is lost is said.

        Raises:
            DataError: it cannot be read, or fitted.
            ConfigError: the result would be written over it.
        """
        from genkit.data.arrays.given import GivenPicture

        path = Path(self.given["image"]).expanduser()
        if self.out.path.exists() and path.exists() and self.out.path.samefile(path):
            raise ConfigError(f"out={self.out.path} is the picture of image= itself; give another place.")
        data = config.load_frozen(self.folder / runs.CONFIG)["data"]
        found = GivenPicture.read(path, self.image, data, self.given["fit"], self._frame)
        for line in found.notices:
            say(f"note: {line}", file=sys.stderr)
        return found

    def _dataset(self) -> Dataset:
        """The run's own data.

        Raises:
            DataError: it is not what the run was trained on.
        """
        from genkit.data import reopen

        cfg = config.load_frozen(self.folder / runs.CONFIG)
        return reopen(cfg["data"], self.paths, config.view(cfg), runs.read(self.folder), self.moved)

    def _frame(self) -> tuple[int, int] | None:
        """Height and width of the data's images before a frame was put around them."""
        data = config.load_frozen(self.folder / runs.CONFIG)["data"]
        return None if "fit" in data else self._dataset().unpadded  # pictures in files never get one

    def batch(self) -> Batch:
        """Some examples of a split of the run's own data, from all of its classes.

        Raises:
            DataError: the data is not what the run was trained on.
        """
        from genkit.data.loading import Gather
        from genkit.data.real import unchanged

        if self.picture is not None:
            return self._given_batch(self.picture)
        examples = unchanged(self._dataset().split(self.given["split"]))
        rows = examples.some(self.given["n"])
        return self.module.as_arrays(Gather(examples, self.module.device)(rows, range(len(rows))))

    def _given_batch(self, picture: GivenPicture) -> Batch:
        """The picture of `image=` as a batch of one, with the label that was typed.

        Raises:
            ConfigError: a model with labels is told none, or one without labels is told one.
        """
        import torch

        from genkit.core.batch import Batch

        if LABEL in self.module.options and self.given["label"] is None:
            classes = ", ".join(self.image.classes[:20]) + (", …" if len(self.image.classes) > 20 else "")
            raise ConfigError(
                f"{self.folder.name} was trained with labels: say which the picture has by label=: {classes}."
            )
        data = torch.from_numpy(picture.levels).float() / (self.image.levels - 1)
        labels = self.labels(1)
        return Batch(data.to(self.module.device), range(1), labels)

    def labels(self, n: int) -> Tensor | None:
        """A label for each of n rows, as asked or drawn; None for a model without labels.

        Raises:
            ConfigError: such a model is asked for one, or there is no such class.
        """
        from genkit.core.conditions import choose_labels, label_conditions
        from genkit.core.noise import Noise

        classes = self.module.spec.classes
        if LABEL not in self.module.options:
            if self.given["label"] is not None:
                raise ConfigError(
                    f"label={self.given['label']}: {self.folder.name} was trained without labels."
                )
            return None
        asked = label_conditions(self.given, classes)
        noise = Noise(self.given["seed"], range(n), device=self.module.device)
        return choose_labels(asked * n, len(classes), noise)

    def save_rows(self, rows: Sequence[Tensor]) -> None:
        """A picture with these images (n, C, H, W) as rows."""
        import torch

        self.save(torch.cat(list(rows)), columns=len(rows[0]))

    def save(self, images: Tensor, columns: int) -> None:
        """A picture of images (N, C, H, W) in reading order."""
        from genkit.core.grid import png
        from genkit.core.samples import Samples
        from genkit.system import storage

        storage.make_folder(self.out.path.parent)
        shown = Samples(images, self.image, self.given["seed"]).grid(columns=columns)
        storage.write_bytes(self.out.path, png(shown))
        say(self.out)
