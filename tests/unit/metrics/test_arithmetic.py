"""What a GPU does that these tests have not: where networks are put, and what float32 means there."""

import pytest
import torch

from genkit.cli.hardware import torch_device
from genkit.config.settings import TrainerKnobs
from genkit.core.spec import ArraySpec
from genkit.evaluation import array_quality
from genkit.metrics.extractors import extractor
from genkit.system.processor import compute_float32
from genkit.training import selection, surroundings


@pytest.fixture(autouse=True)
def as_before():
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    yield
    torch.set_float32_matmul_precision(before[0])
    torch.backends.cudnn.allow_tf32 = before[1]


@pytest.mark.parametrize(("word", "narrow"), [("highest", False), ("high", True), ("medium", True)])
def test_products_and_convolutions_are_narrowed_together(word, narrow):
    compute_float32(word)
    assert torch.backends.cuda.matmul.allow_tf32 is narrow
    assert torch.backends.cudnn.allow_tf32 is narrow


def test_a_command_computes_in_float32():
    compute_float32("high")
    assert torch_device("cpu") == "cpu"
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32


@pytest.mark.parametrize(
    ("asked", "said"), [(("32-true", "highest"), True), (("bf16-mixed", "highest"), False)]
)
def test_plain_float32_on_a_gpu_is_said(asked, said, capsys):
    settings = TrainerKnobs(precision=asked[0], matmul=asked[1])
    surroundings.say_arithmetic(settings, torch.device("cuda"))
    assert ("trainer.matmul=high" in capsys.readouterr().err) is said
    surroundings.say_arithmetic(settings, torch.device("cpu"))
    assert not capsys.readouterr().err


def test_extractors_are_put_where_the_model_is(monkeypatch):
    assert extractor("digits").on("meta").device == torch.device("meta")
    asked = []

    class Recorded(Exception):
        pass

    class Stub:
        def on(self, device):
            asked.append(torch.device(device))
            raise Recorded

    for room in (array_quality, selection):
        monkeypatch.setattr(room, "extractor", lambda name, weights=None: Stub())
    metric = selection.SampledMetric.__new__(selection.SampledMetric)
    metric.name, metric._made = "digits", None
    with pytest.raises(Recorded):
        metric._real(torch.device("cuda:1"))
    subject = type("Subject", (), {})()
    subject.settings = type(
        "Settings",
        (),
        {"extractor": "digits", "extractor_weights": None, "device": "cuda", "metrics": None, "n": 1},
    )
    with pytest.raises(Recorded):
        array_quality.ArrayQuality.of(subject, ArraySpec(1, (8, 8)), [])
    assert asked == [torch.device("cuda:1"), torch.device("cuda")]
