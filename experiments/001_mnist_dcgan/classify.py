"""What an independent classifier sees in the samples of a generator of digits.

    python experiments/001_mnist_dcgan/classify.py RUN [guidance=2]

trains a small convolutional classifier on MNIST as the run's data had it (a few minutes on two CPU cores; it
is reused afterwards), tests it, draws 1,000 samples, with options of sampling if any are given, and prints
which classes it finds and how sure it is.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import genkit
from genkit import config
from genkit.core.spec import View
from genkit.data import open_dataset

HERE = Path(__file__).parent
WEIGHTS = HERE / "classifier.safetensors"
EPOCHS, BATCH, SAMPLES = 3, 128, 1000


def classifier() -> nn.Sequential:
    """Images (B, 1, 32, 32) in [0, 1] to the logits of ten classes; 0.2 M parameters."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3, padding=1),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(64 * 16, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def split(name: str) -> tuple[Tensor, Tensor]:
    """A part of MNIST padded to 32×32, floats in [0, 1], with its labels."""
    cfg = config.compose("train", ["model=dcgan", "data=mnist", "data.split=peer"])
    dataset = open_dataset(cfg.data, cfg.paths.by_name, View("arrays", (32,)))
    examples = dataset.split(name)
    images, labels, _ = examples.gather(torch.arange(len(examples)).numpy())
    return torch.from_numpy(images).float() / 255, torch.from_numpy(labels)


def train(network: nn.Module) -> None:
    images, labels = split("train")
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.01)
    steps = EPOCHS * (len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, steps)
    network.train()
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(images))[: len(images) // BATCH * BATCH].split(BATCH):
            loss = F.cross_entropy(network(images[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


@torch.no_grad()
def probabilities(network: nn.Module, images: Tensor) -> Tensor:
    """(N, 10)."""
    network.eval()
    return torch.cat([network(part).softmax(-1) for part in images.split(500)])


def main(run: str, *words: str) -> None:
    from safetensors.torch import load_model, save_model

    torch.manual_seed(0)
    network = classifier()
    if WEIGHTS.is_file():
        load_model(network, WEIGHTS)
    else:
        train(network)
        save_model(network, str(WEIGHTS))
    images, labels = split("test")
    accuracy = (probabilities(network, images).argmax(-1) == labels).float().mean()
    options = dict(word.split("=", 1) for word in words)
    drawn = genkit.load(run).sample(SAMPLES, seed=0, **options).data
    assert isinstance(drawn, Tensor)
    around = (images.shape[-1] - drawn.shape[-1]) // 2  # black, as `split` has it, of what is drawn at 28×28
    sure, classes = probabilities(network, F.pad(drawn, [around] * 4)).max(-1)
    shares = torch.bincount(classes, minlength=10) / SAMPLES
    found = {
        "classifier_test_accuracy": round(float(accuracy), 4),
        "classes": {str(digit): round(float(share), 3) for digit, share in enumerate(shares)},
        "largest_share": round(float(shares.max()), 3),
        "at_least_90_percent_sure": round(float((sure >= 0.9).float().mean()), 3),
        "samples": SAMPLES,
    }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main(*sys.argv[1:])
