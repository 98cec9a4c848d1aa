"""Trainings side by side on a machine with several GPUs, which here are names."""

import contextlib
import os

import pytest

from genkit.system.gpus import reserved_gpus, visible_gpus

GPU = {"accelerator": "gpu", "devices": 1}


@pytest.mark.parametrize(
    ("said", "found"),
    [("0,1", ["0", "1"]), ("GPU-8a, GPU-9b", ["GPU-8a", "GPU-9b"]), ("", []), ("-1", []), ("2,-1,3", ["2"])],
)
def test_gpus_that_the_environment_names(said, found, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", said)
    assert visible_gpus() == found


def test_gpus_that_the_system_shows(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "sda"):
        (tmp_path / name).touch()
    assert visible_gpus(tmp_path) == ["0", "1"]


def held(stack, folder, trainer=GPU, gpus=("0", "1", "2")):
    return stack.enter_context(reserved_gpus(trainer, folder, list(gpus))).get("CUDA_VISIBLE_DEVICES")


def test_each_training_has_a_gpu_of_its_own_while_there_are_any(tmp_path):
    with contextlib.ExitStack() as all_:
        first = contextlib.ExitStack()
        assert [held(first, tmp_path / "gpus"), *(held(all_, tmp_path / "gpus") for _ in range(2))] == [
            "0",
            "1",
            "2",
        ]
        first.close()
        assert held(all_, tmp_path / "gpus") == "0"  # the one that is free again
        assert held(all_, tmp_path / "gpus") in ("0", "1", "2")  # the fourth shares
    with contextlib.ExitStack() as all_:
        assert [held(all_, tmp_path / "gpus") for _ in range(6)] == ["0", "1", "2"] * 2


def test_a_training_on_two_gpus_takes_two(tmp_path):
    two = {"accelerator": "gpu", "devices": 2}
    with contextlib.ExitStack() as all_:
        assert held(all_, tmp_path) == "0"
        assert held(all_, tmp_path, two) == "1,2"
        assert held(all_, tmp_path, two) == "0,1"


def test_where_there_is_nothing_to_choose_nothing_is_said(tmp_path):
    with contextlib.ExitStack() as all_:
        assert held(all_, tmp_path, {"accelerator": "cpu", "devices": 1}) is None
        assert held(all_, tmp_path, gpus=["0"]) is None
        assert held(all_, tmp_path, gpus=[]) is None
        (tmp_path / "file").touch()
        assert held(all_, tmp_path / "file" / "gpus") is None
    assert os.listdir(tmp_path) == ["file"]
