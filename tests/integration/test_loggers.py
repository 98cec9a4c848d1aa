"""Every logger leaves a run on which every command works, and shows samples, settings and rates if it can."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageSequence
from scipy.io import wavfile

from genkit import train
from genkit.runs import read
from genkit.system.errors import ConfigError
from genkit.system.wave_files import parts
from tests.integration.conftest import words

LOGGERS = ("csv", "default", "none", "wandb", "mlflow")
COMMANDS = {
    "sample": ["n=2", "out={out}/a.png"],
    "score": ["split=validation", "out={out}/scores.jsonl"],
    "evaluate": ["n=8", "metrics=nll", "out={out}/rows.jsonl"],
    "reconstruct": ["n=2", "out={out}/b.png"],
    "interpolate": ["n=2", "out={out}/c.png"],
    "complete": ["n=1", "draws=1", "out={out}/d.png"],
    "denoise": ["n=1", "draws=1", "out={out}/e.png"],
    "upscale": ["n=1", "draws=1", "out={out}/f.png"],
    "report": ["out={out}/report"],
    "verify": [],
    "runs": [],
}
QUIETER = pytest.mark.filterwarnings("ignore")  # other people's libraries at their import


def typed(family: str, folder: Path, logger: str, *more: str) -> list[str]:
    left = ("logger", "callbacks.samples")
    kept = [word for word in words(family, folder, "run", "budget.steps=2") if not word.startswith(left)]
    return [*kept, f"logger={logger}", "callbacks.samples.n=2", *more]


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """W&B writes and sends nothing; whatever writes where it stands is seen."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    yield
    assert not list((tmp_path / "here").iterdir())


@QUIETER
@pytest.mark.parametrize("logger", LOGGERS)
def test_every_command_takes_a_run_of_every_logger(logger, tmp_path, genkit, offline):
    runs, out = tmp_path / "runs", tmp_path / "out"
    code, _, err = genkit("train", *typed("vae", runs, logger, "model.likelihood=categorical"))
    assert code == 0, err
    out.mkdir()
    for command, more in COMMANDS.items():
        code, said, err = genkit(command, f"run={runs / 'run'}", *(word.format(out=out) for word in more))
        assert code == 0, (command, said, err)
    code, _, err = genkit("train", "resume=run", "budget.steps=3", f"paths.runs_dir={runs}")
    assert code == 0, err
    assert read(runs / "run").step == 3
    links = [path for path in (runs / "run").rglob("*") if path.is_symlink()]
    assert links == []
    shutil.move(runs / "run", tmp_path / "moved")
    assert genkit("verify", f"run={tmp_path / 'moved'}")[0] == 0


@QUIETER
@pytest.mark.parametrize("family", ["gpt", "dcgan"])
def test_tensorboard_has_samples_settings_and_rates(family, tmp_path, offline):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(typed(family, tmp_path / "runs", "default", "trainer.log_every=1"))
    events = EventAccumulator(str(tmp_path / "runs" / "run" / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    if family == "gpt":
        assert "samples/text_summary" in tags["tensors"]
    else:
        assert tags["images"] == ["samples"]
        assert {"lr", "lr/discriminator", "lr/generator"} <= set(tags["scalars"])
        assert [event.step for event in events.Images("samples")][-1] == 2
    assert "_hparams_/session_start_info" in events.summary_metadata
    assert "hp_metric" not in tags["scalars"]


@QUIETER
def test_mlflow_has_samples_settings_and_rates(tmp_path, offline):
    from mlflow.tracking import MlflowClient

    train(typed("dcgan", tmp_path / "runs", "mlflow", "trainer.log_every=1"))
    client = MlflowClient(f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}")
    (experiment,) = client.search_experiments(filter_string="name = 'genkit'")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["model/width"] == "4"
    assert {"lr/discriminator", "lr/generator"} <= set(run.data.metrics)
    names = [Path(entry.path).name for entry in client.list_artifacts(run.info.run_id, "samples")]
    assert "step-2.png" in names


@QUIETER
def test_wandb_has_samples_and_settings_and_ends_with_the_training(tmp_path, offline):
    import wandb

    train(typed("vae", tmp_path / "runs", "wandb", "trainer.log_every=1"))
    assert wandb.run is None
    (folder,) = (tmp_path / "runs" / ".wandb" / "wandb").glob("offline-run-*")
    pictures = list(folder.glob("files/media/images/*.png"))
    assert pictures
    (log,) = folder.glob("*.wandb")
    assert b"latent_size" in log.read_bytes()


@QUIETER
@pytest.mark.parametrize("logger", ["mlflow", "wandb"])
def test_boards_of_other_programs_have_sounds_to_listen_to(logger, tmp_path, offline):
    """The very samples that the run keeps, each with the class that it is of."""
    sound = ["model=vae", "model.width=4", "model.hidden=16", "model.conditional=true", "data=plucks"]
    own = [
        "budget.steps=2",
        "batch_size=8",
        "trainer=cpu",
        "trainer.val_batches=1",
        "callbacks.progress=none",
    ]
    place = [f"paths.runs_dir={tmp_path / 'runs'}", "name=run", f"logger={logger}", "callbacks.samples.n=2"]
    train([*sound, "data.examples=120", *own, *place])
    files = sorted((tmp_path / "runs" / "run" / "samples").glob("*.wav"))
    kept = [part for file in files for part in parts(file.read_bytes(), 9)]
    media = tmp_path / "runs" / f".{logger}"
    assert not list(media.glob(".clips-*"))
    found = list(media.rglob("*.wav"))
    assert len(found) == len(kept) == 2 * len(files)
    read = {wavfile.read(file)[1].tobytes() for file in found}
    assert read == {wavfile.read(io.BytesIO(part.file))[1].tobytes() for part in kept}
    if logger == "wandb":
        (log,) = media.glob("wandb/offline-run-*/*.wandb")
        assert all(part.caption.encode() in log.read_bytes() for part in kept)


@QUIETER
@pytest.mark.parametrize("logger", ["mlflow", "wandb"])
def test_boards_of_other_programs_have_videos_that_move(logger, tmp_path, offline):
    """The frames of the grid that the run keeps."""
    video = ["model=vae", "model.width=4", "model.hidden=16", "data=moving_digits", "data.examples=100"]
    own = ["budget.steps=2", "batch_size=8", "trainer=cpu", "trainer.val_batches=1", "model.select=null"]
    place = [f"paths.runs_dir={tmp_path / 'runs'}", "name=run", f"logger={logger}", "callbacks.samples.n=2"]
    train([*video, *own, "callbacks.progress=none", *place])
    files = sorted((tmp_path / "runs" / "run" / "samples").glob("*.gif"))
    media = tmp_path / "runs" / f".{logger}"
    assert not list(media.glob(".videos-*"))
    found = list(media.rglob("*.gif"))
    assert len(found) == len(files) > 0
    assert {frames(file) for file in found} == {frames(file) for file in files}


def frames(file: Path) -> bytes:
    """The pixels of all frames of a GIF."""
    with Image.open(file) as opened:
        return b"".join(frame.convert("L").tobytes() for frame in ImageSequence.Iterator(opened))


@QUIETER
def test_a_logger_that_does_not_begin_says_so_itself(tmp_path, monkeypatch):
    import wandb

    def refused(**settings):
        raise wandb.errors.UsageError("api_key not configured (no-tty)")

    monkeypatch.setattr(wandb, "init", refused)
    with pytest.raises(
        ConfigError, match=r"logger.names has wandb, .*: UsageError: api_key not configured"
    ) as caught:
        train(typed("vae", tmp_path / "runs", "wandb"))
    assert isinstance(caught.value.__cause__, wandb.errors.UsageError)
    assert "trainer=cpu" not in str(caught.value)
