"""Whether a model that is told a class draws that class, as an independent classifier sees it.

    python experiments/010_images/asked.py RUN [RUN …]

For each run a small convolutional classifier is trained on the run's own training images, tested on its test
images, and asked about 100 samples of each class.  Of a model that takes no label, the classes of as many
samples are counted.
"""

from __future__ import annotations

import json
import sys

import torch
import torch.nn.functional as F
from images import Opened, threads
from torch import Tensor, nn

EACH, BATCH, STEPS, JUDGE_IMAGES = 100, 64, 1000, 30_000


def classifier(channels: int, classes: int) -> nn.Sequential:
    """Images (B, C, H, W) of any side from 8 to logits."""
    return nn.Sequential(
        nn.Conv2d(channels, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1, stride=2),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.Conv2d(64, 64, 3, padding=1, stride=2),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.AdaptiveMaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(256, classes),
    )


def trained(images: Tensor, labels: Tensor, classes: int) -> nn.Module:
    """A classifier after `STEPS` batches in an order of seed 0."""
    torch.manual_seed(0)
    network = classifier(images.shape[1], classes)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, STEPS)
    for _ in range(STEPS):
        rows = torch.randint(len(images), (BATCH,))
        loss = F.cross_entropy(network(images[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


@torch.no_grad()
def judged(network: nn.Module, images: Tensor) -> Tensor:
    """The class of each image, (N,)."""
    return torch.cat([network(part).argmax(-1) for part in images.split(500)])


def ask(run: str) -> dict[str, object]:
    opened = Opened(run)
    names = opened.module.spec.classes
    train, test = opened.batch("train", JUDGE_IMAGES), opened.batch("test")
    assert train.labels is not None
    assert test.labels is not None
    network = trained(train.data, train.labels, len(names))
    on_test = float((judged(network, test.data) == test.labels).float().mean())
    told: dict[str, object] = {"run": opened.name, "classifier_on_test": round(on_test, 4)}
    asks = "label" in [option.name for option in opened.module.options]
    how = {"label": list(names)} if asks else {}
    samples = opened.module.sample(EACH if asks else EACH * len(names), seed=0, batch_size=200, **how)
    found = judged(network, torch.from_numpy(samples.images).permute(0, 3, 1, 2).float() / 255)
    if not asks:
        shares = torch.bincount(found, minlength=len(names)) / len(found)
        return {**told, "shares": dict(zip(names, [round(float(s), 3) for s in shares], strict=True))}
    right = (found == torch.arange(len(names)).repeat_interleave(EACH)).float()
    shares = right.view(-1, EACH).mean(1)
    return {
        **told,
        "of_the_asked_class": round(float(right.mean()), 4),
        "least_class": {names[int(shares.argmin())]: round(float(shares.min()), 3)},
    }


if __name__ == "__main__":
    threads()
    for word in sys.argv[1:]:
        print(json.dumps(ask(word)), flush=True)
