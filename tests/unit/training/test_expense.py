"""What is said before a training whose steps take long: by numbers of operations, whatever the machine."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from genkit import config
from genkit.core.codecs import CharCodec, PixelCodec
from genkit.core.spec import ArraySpec, TokenSpec
from genkit.training import expense

PICTURES = TokenSpec(PixelCodec(ArraySpec(3, (64, 64))))
TEXTS = TokenSpec(CharCodec("ab"), window=64)


def said(flops, spec, *words, device="cpu", steps=1000):
    """Of a batch of 32 examples of so many operations."""
    cfg = config.compose("train", ["model=gpt", *words])
    module = SimpleNamespace(costs=lambda: {} if flops is None else {"flops": flops}, spec=spec)
    return expense.remarks(cfg, module, torch.device(device), steps)


def test_a_step_that_takes_long_says_how_long_all_take_and_what_takes_less(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    (line,) = said(75e9, PICTURES, "data=image_folder", "data.path=x")  # 2,400 GFLOP at 2 × 150 a second
    assert line.startswith("a step takes at least 8 s here, 1,000 of them 2 h 13 min. ")
    assert "An image is 12,288 tokens; " in line
    for knob in ("data.size=", "data.levels=", "data.patch=", "data.codec=RUN", "batch_size"):
        assert knob in line
    (open_end,) = said(75e9, PICTURES, "data=image_folder", "data.path=x", steps=None)
    assert open_end.startswith("a step takes at least 8 s here. ")


def test_only_knobs_that_the_data_and_the_model_have_are_named():
    (line,) = said(75e9, TEXTS, "data=pydocs")
    assert "model.block_size" in line
    assert "data." not in line
    (line,) = said(75e9, PICTURES, "data=digits")
    assert all(f"data.{knob}=" in line for knob in ("size", "levels", "patch", "codec"))


@pytest.mark.parametrize(
    ("flops", "device"),
    [
        (None, "cpu"),  # a family that does not tell
        (12.5e6, "cpu"),  # 0.4 GFLOP a step, as small recipes have
        (75e9, "cuda"),
        (75e9, "xla"),  # of which nobody knows how fast it is
    ],
)
def test_of_other_steps_nothing_is_said(flops, device):
    assert said(flops, PICTURES, "data=digits", device=device) == []


def test_several_processes_share_a_step(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    (line,) = said(75e9, TEXTS, "data=pydocs", "trainer=cpu", "trainer.devices=2", "trainer.strategy=ddp")
    assert line.startswith("a step takes at least 8 s here")
