"""metrics.csv and TensorBoard's files: what they hold, and that a full disk ends them and nothing else."""

import errno

import pytest

from genkit.system.errors import CheckpointError, StorageError
from genkit.training import history as histories
from genkit.training.history import CSVHistory
from genkit.training.loggers import BoardHistory


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


def logged(history, steps, terms=1):
    for step in steps:
        history.log_metrics({f"t{i}": step / 8 + i for i in range(terms)}, step)
        history.save()


def test_rows_are_appended_and_the_file_is_not_written_anew(tmp_path, monkeypatch):
    """2,000 rows saved one by one: what is written grows with the rows, not with their square."""
    written = []
    real = histories.write_atomically
    monkeypatch.setattr(histories, "write_atomically", lambda *a: (written.append(len(a[1])), real(*a))[1])
    history = CSVHistory(tmp_path / "metrics.csv")
    logged(history, range(1, 2001), terms=3)
    assert sum(written) < 200
    assert read(tmp_path / "metrics.csv") == [
        ["step", "t0", "t1", "t2"],
        *([str(n), *(f"{n / 8 + i:.8g}" for i in range(3))] for n in range(1, 2001)),
    ]


def test_terms_that_join_the_last_row_and_columns_that_join_the_file(tmp_path):
    file = tmp_path / "metrics.csv"
    history = CSVHistory(file)
    logged(history, [1, 2])
    history.log_metrics({"t0": 9.0}, 2)  # shorter than what was there, in the row that stands last
    history.save()
    assert read(file) == [["step", "t0"], ["1", "0.125"], ["2", "9"]]
    history.log_metrics({"val": 3.5}, 2)
    history.save()
    history.log_metrics({"t0": 1.0}, 1)  # a row that is not the last
    history.save()
    logged(history, [3])
    assert read(file) == [["step", "t0", "val"], ["1", "1", ""], ["2", "9", "3.5"], ["3", "0.375", ""]]


def test_a_row_that_a_crash_has_cut_off_is_forgotten(tmp_path):
    file = tmp_path / "metrics.csv"
    logged(CSVHistory(file), range(1, 30))
    whole = file.read_bytes()
    for cut in range(1, 10):  # of the 9 bytes of the last row
        file.write_bytes(whole[:-cut])
        resumed = CSVHistory(file, start_step=28)
        logged(resumed, [29])
        assert file.read_bytes() == whole


def test_a_file_that_somebody_else_has_changed_is_written_anew(tmp_path):
    file = tmp_path / "metrics.csv"
    history = CSVHistory(file)
    logged(history, [1, 2])
    file.write_text("")
    logged(history, [3])
    file.unlink()
    logged(history, [4])
    assert [row[0] for row in read(file)] == ["step", "1", "2", "3", "4"]


def test_half_a_row_that_was_written_is_mended_when_there_is_room_again(tmp_path, monkeypatch, capsys):
    file = tmp_path / "metrics.csv"
    history = CSVHistory(file)
    logged(history, [1, 2])

    def fails(handle):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(histories.os, "fsync", fails)
        logged(history, [3, 4])
    file.write_text(file.read_text() + "5,0.")
    logged(history, [6])
    assert [row[0] for row in read(file)] == ["step", "1", "2", "3", "4", "6"]
    assert capsys.readouterr().err.count("Input/output error") == 1


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


def test_a_term_that_begins_like_a_formula_is_inert_and_found_again(tmp_path):
    file = tmp_path / "metrics.csv"
    history = CSVHistory(file)
    history.log_metrics({"=1+1": -2.0, "val/loss": 3.0}, 1)
    history.save()
    assert file.read_text() == "step,'=1+1,val/loss\n1,-2,3\n"
    again = CSVHistory(file, 1)
    again.log_metrics({"=1+1": 5.0}, 2)
    again.save()
    assert file.read_text() == "step,'=1+1,val/loss\n1,-2,3\n2,5,\n"
