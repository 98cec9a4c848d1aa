"""metrics.csv and TensorBoard's files: what they hold, and that a full disk ends them and nothing else."""

import errno

import pytest

from genkit import histories
from genkit.core.errors import CheckpointError, StorageError
from genkit.histories import BoardHistory, CSVHistory


def read(path):
    return [line.split(",") for line in path.read_text().splitlines()]


def test_history_has_a_row_a_step_and_a_column_a_term(tmp_path):
    history = CSVHistory(tmp_path / "metrics.csv")
    history.log_metrics({"train/nll": 1.0, "epoch": 0}, 1)
    history.log_metrics({"train/nll": 0.5}, 2)
    history.log_metrics({"val/nll": 1 / 3}, 2)
    history.finalize("success")
    assert read(tmp_path / "metrics.csv") == [
        ["step", "train/nll", "val/nll"],
        ["1", "1", ""],
        ["2", "0.5", "0.33333333"],
    ]


def test_a_resumed_history_goes_on_and_forgets_what_was_lost(tmp_path):
    file = tmp_path / "metrics.csv"
    first = CSVHistory(file)
    for step in (1, 2, 3):
        first.log_metrics({"a": step}, step)
    first.save()
    resumed = CSVHistory(file, start_step=2)  # the process died after step 3, its checkpoint was step 2
    resumed.log_metrics({"a": 30, "b": 1}, 3)
    resumed.save()
    assert read(file) == [["step", "a", "b"], ["1", "1", ""], ["2", "2", ""], ["3", "30", "1"]]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_new_run_forgets_an_old_file(tmp_path):
    file = tmp_path / "metrics.csv"
    file.write_text("step,a\n1,2\n")
    CSVHistory(file).save()
    assert read(file) == [["step"]]


def test_a_damaged_history_is_refused_when_a_run_goes_on(tmp_path):
    for content in ("step,a\nx,1\n", "a\n1\n", "step,a\n1\n" + "9" * 200_000 + ",1\n", "step\n\x00\n"):
        (tmp_path / "metrics.csv").write_text(content)
        with pytest.raises(CheckpointError, match="csv is damaged"):
            CSVHistory(tmp_path / "metrics.csv", start_step=2)


def test_the_board_stays_in_its_run_whatever_the_name(tmp_path, monkeypatch):
    monkeypatch.setenv("ELSEWHERE", str(tmp_path / "elsewhere"))
    board = BoardHistory(tmp_path / "runs" / "$ELSEWHERE")
    board.log_metrics({"a": 1.0}, 1)
    board.finalize("success")
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    assert list((tmp_path / "runs" / "$ELSEWHERE" / "tensorboard").iterdir())


# ---------------------------------------------------------------------- a full disk


def full(*arguments, **more):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_ends_metrics_csv_with_one_line(tmp_path, monkeypatch, capsys):
    def write(path, text):
        raise StorageError("cannot write") from OSError(errno.ENOSPC, "No space left on device")

    history = CSVHistory(tmp_path / "metrics.csv")
    monkeypatch.setattr(histories, "write_atomically", write)
    for step in range(3):
        history.log_metrics({"a": step}, step)
        history.save()
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "metrics.csv cannot be written" in said
    assert "No space left on device" in said
    monkeypatch.undo()  # there is room again
    history.finalize("success")
    assert len(read(tmp_path / "metrics.csv")) == 4


@pytest.mark.parametrize("broken", ["add_event", "flush"])
def test_a_full_disk_ends_tensorboard_with_one_line(broken, tmp_path, monkeypatch, capsys):
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    history = BoardHistory(tmp_path)
    history.log_metrics({"a": 1.0}, 1)
    monkeypatch.setattr(EventFileWriter, broken, full)
    for step in (2, 3):
        history.log_metrics({"a": 1.0}, step)
        history.save()
    history.finalize("success")
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "the training goes on" in said
    assert list((tmp_path / "tensorboard").glob("events*"))
