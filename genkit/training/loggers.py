"""Histories on boards: TensorBoard, Weights & Biases, MLflow, with samples and settings beside the numbers.

TensorBoard's files are the run's own.  The other two keep links and databases of theirs, so they write beside
the run folders, in which there are plain files alone.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from PIL.Image import Image
from pytorch_lightning.loggers import MLFlowLogger, TensorBoardLogger, WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from genkit.config.values import leaves
from genkit.core.animation import Animation
from genkit.core.clip import Clip
from genkit.core.media.medium import BoardPicture, BoardSounds, BoardTexts, BoardVideos
from genkit.core.samples import Samples
from genkit.runs import Run
from genkit.runs.studies import MEMBERS
from genkit.system.errors import ConfigError
from genkit.training.history import Trouble, anywhere

PROJECT = "genkit"


@runtime_checkable
class ShowsSamples(Protocol):
    """A logger that takes samples."""

    def log_samples(self, samples: Samples, step: int) -> None:
        """Show what was drawn at a step, as its medium is shown on boards."""


def beside(run: Run) -> Path:
    """Where loggers of other programs write: beside the run folders; of members, beside their study."""
    parent = run.path.absolute().parent
    return parent.parent if (parent / MEMBERS).is_file() else parent


@contextlib.contextmanager
def clip_files(clips: Sequence[Clip], folder: Path) -> Iterator[list[Path]]:
    """Clips as WAV files within the context, for programs that take files; they lie in a folder of theirs."""
    with tempfile.TemporaryDirectory(prefix=".clips-", dir=folder) as place:
        yield [clip.save(Path(place) / f"{i:05d}.wav") for i, clip in enumerate(clips)]


@contextlib.contextmanager
def gif_file(moving: Animation, folder: Path) -> Iterator[Path]:
    """A video as a GIF within the context, for programs that take files."""
    with tempfile.TemporaryDirectory(prefix=".videos-", dir=folder) as place:
        yield moving.save(Path(place) / "samples.gif")


@contextlib.contextmanager
def beginning(name: str) -> Iterator[None]:
    """What another program raises while its logger begins, as one line that keeps the cause."""
    try:
        yield
    except Exception as error:
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        raise ConfigError(
            f"logger.names has {name}, which does not begin: {type(error).__name__}: {said[:200]}"
            f" Set {name} up, or leave it out (logger=default)."
        ) from error


class BoardHistory(TensorBoardLogger):
    """TensorBoard's files of a run, in `tensorboard/`."""

    def __init__(self, folder: Path, check: Callable[[], object] = anywhere) -> None:
        super().__init__(folder, name="", version="tensorboard", default_hp_metric=False)
        self._check, self._logged = check, False
        self._folder = folder / "tensorboard"
        self._trouble = Trouble(self._folder)

    @property
    def log_dir(self) -> str:
        """The folder itself: Lightning would replace `$HOME` in a run's name by what the variable holds."""
        return str(self._folder)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self._check()
        self._logged = True
        self._unless_full(super().log_metrics, dict(metrics), step)

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **more: Any) -> None:
        """Lightning writes them into a file of its own, which the board does not show without a metric."""
        self._check()
        flat = {k: v if isinstance(v, bool | int | float | str) else str(v) for k, v in leaves(params)}
        from torch.utils.tensorboard.summary import hparams  # which loads TensorBoard

        for summary in hparams(flat, {}):
            self._unless_full(lambda summary=summary: self.experiment._get_file_writer().add_summary(summary))

    @rank_zero_only
    def log_samples(self, samples: Samples, step: int) -> None:
        self._check()
        match samples.board:
            case BoardTexts(texts):
                blocks = "\n\n---\n\n".join("    " + text.replace("\n", "\n    ") for text in texts)
                self._unless_full(lambda: self.experiment.add_text("samples", blocks, step))
            case BoardPicture(picture):
                self._unless_full(self._add_picture, picture, step)
            case BoardSounds(clips, picture):
                self._unless_full(self._add_picture, picture, step)
                self._unless_full(self._add_clips, clips, step)
            case BoardVideos(moving, picture):
                self._unless_full(self._add_moving, moving, step)
                self._unless_full(self._add_picture, picture, step)

    def _add_picture(self, picture: Image, step: int) -> None:
        pixels = np.asarray(picture.convert("RGB"))
        self.experiment.add_image("samples", pixels, step, dataformats="HWC")

    def _add_moving(self, moving: Animation, step: int) -> None:
        """The GIF as a picture, which a browser sets in motion: `add_video` fails with moviepy 2."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        _, height, width, channels = moving.frames.shape
        image = Summary.Image(
            height=height, width=width, colorspace=channels, encoded_image_string=moving.gif
        )
        summary = Summary(value=[Summary.Value(tag="samples/moving", image=image)])
        self.experiment._get_file_writer().add_summary(summary, step)

    def _add_clips(self, clips: Sequence[Clip], step: int) -> None:
        """A player for each: the very samples, where `add_audio` would go through floats of one channel."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        for i, clip in enumerate(clips):
            audio = Summary.Audio(
                sample_rate=clip.rate,
                num_channels=len(clip.waveform),
                length_frames=clip.waveform.shape[1],
                encoded_audio_string=clip.wav,
                content_type="audio/wav",
            )
            summary = Summary(value=[Summary.Value(tag=f"samples/{i}", audio=audio)])
            self.experiment._get_file_writer().add_summary(summary, step)

    def save(self) -> None:
        if self._logged:  # before that there is no file, and none is made for a training that is refused
            self._check()
            self._unless_full(super().save)

    def finalize(self, status: str) -> None:
        self._unless_full(super().finalize, status)

    def _unless_full(self, write: Callable[..., Any], *arguments: Any) -> None:
        try:
            if not self._trouble.told:
                write(*arguments)
        except (OSError, ValueError) as error:  # Lightning wraps whatever the writer raises
            self._trouble.tell(error)


class WandbHistory(WandbLogger):
    """A run of Weights & Biases; one of this training's own ends with it."""

    def __init__(self, run: Run) -> None:
        import wandb

        self._folder, self._own = beside(run) / ".wandb", wandb.run is None
        super().__init__(name=run.path.name, save_dir=self._folder, project=PROJECT)

    @property
    def experiment(self) -> Any:
        """It begins when it is first asked for, in the first process."""
        if self._experiment is not None or getattr(rank_zero_only, "rank", 0) != 0:
            return super().experiment
        with beginning("wandb"):
            self._folder.mkdir(parents=True, exist_ok=True)
            return super().experiment

    @rank_zero_only
    def log_samples(self, samples: Samples, step: int) -> None:
        import wandb

        match samples.board:
            case BoardTexts(texts):
                shown: Any = wandb.Table(columns=["sample"], data=[[text] for text in texts])
            case BoardPicture(picture):
                shown = wandb.Image(picture)
            case BoardSounds(clips, picture):
                shown = wandb.Image(picture)
                self._log_clips(clips, step)
            case BoardVideos(moving, picture):
                shown = wandb.Image(picture)
                self._log_moving(moving, step)
        self.experiment.log({"samples": shown, "trainer/global_step": step})

    def _log_clips(self, clips: Sequence[Clip], step: int) -> None:
        import wandb

        board = self.experiment
        with clip_files(clips, self._folder) as files:
            heard = [
                wandb.Audio(file, caption=clip.caption or None)
                for file, clip in zip(files, clips, strict=True)
            ]
            board.log({"clips": heard, "trainer/global_step": step})

    def _log_moving(self, moving: Animation, step: int) -> None:
        import wandb

        board = self.experiment
        with gif_file(moving, self._folder) as file:
            video = wandb.Video(str(file), format="gif")
            board.log({"videos": video, "trainer/global_step": step})

    @rank_zero_only
    def finalize(self, status: str) -> None:
        super().finalize(status)
        if self._own and self._experiment is not None:
            self._experiment.finish(exit_code=0 if status == "success" else 1)
            self._experiment = None


class MLflowHistory(MLFlowLogger):
    """A run of MLflow, in an SQLite file beside the run folders."""

    def __init__(self, run: Run) -> None:
        folder = beside(run)
        self._artifacts = folder / ".mlflow"
        super().__init__(
            PROJECT,
            run_name=run.path.name,
            tracking_uri=f"sqlite:///{folder / 'mlflow.db'}",
            artifact_location=self._artifacts.as_uri(),
        )

    @property
    def experiment(self) -> Any:
        """It begins when it is first asked for, in the first process."""
        if self._initialized or getattr(rank_zero_only, "rank", 0) != 0:
            return super().experiment
        with beginning("mlflow"):
            self._artifacts.mkdir(parents=True, exist_ok=True)
            return super().experiment

    @rank_zero_only
    def log_samples(self, samples: Samples, step: int) -> None:
        match samples.board:
            case BoardTexts(texts):
                self.experiment.log_text(self.run_id, "\n\n".join(texts) + "\n", f"samples/step-{step}.txt")
            case BoardPicture(picture):
                self.experiment.log_image(self.run_id, picture, f"samples/step-{step}.png")
            case BoardSounds(clips, picture):
                self.experiment.log_image(self.run_id, picture, f"samples/step-{step}.png")
                with clip_files(clips, self._artifacts) as files:
                    for file in files:
                        self.experiment.log_artifact(self.run_id, str(file), f"samples/step-{step}")
            case BoardVideos(moving, picture):
                self.experiment.log_image(self.run_id, picture, f"samples/step-{step}.png")
                with gif_file(moving, self._artifacts) as file:
                    self.experiment.log_artifact(self.run_id, str(file), f"samples/step-{step}")
