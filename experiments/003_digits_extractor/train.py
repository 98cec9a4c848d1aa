"""Train the compact network that genkit ships for the features of small grey pictures.

    python experiments/003_digits_extractor/train.py [out=FILE.safetensors] [epochs=4] [seed=0]

reads MNIST below $GENKIT_DATA_DIR, trains on its 60,000 pictures, and prints the accuracy on its 10,000 test
pictures as they are, padded to 32×32, and shrunk to 8×8: the sizes in which genkit's data comes.  Training
pictures are moved and scaled a little, and some are shrunk to 8×8 and back, for the same reason.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from genkit import config
from genkit.core.spec import View
from genkit.data import open_dataset
from genkit.metrics.networks import DigitsNetwork, resized

HERE = Path(__file__).parent
BATCH, PEAK = 256, 4e-3


def split(name: str) -> tuple[Tensor, Tensor]:
    """A part of MNIST, (N, 1, 28, 28) floats in [0, 1], with its labels."""
    cfg = config.compose("train", ["model=vae_mlp", "data=mnist", "data.split=peer"])
    examples = open_dataset(cfg.data, cfg.paths.by_name, View("arrays", (28,))).split(name)
    images, labels, _ = examples.gather(torch.arange(len(examples)).numpy())
    return torch.from_numpy(images).float().view(-1, 1, 28, 28) / 255, torch.from_numpy(labels)


def moved(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each picture scaled by 0.85 … 1.2, turned by up to 10°, moved by up to 2 pixels; a tenth at 8×8."""
    count = len(images)

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(count).uniform_(low, high, generator=generator)

    scale, angle = uniform(0.85, 1.2), uniform(-math.pi / 18, math.pi / 18)
    x, y = uniform(-2, 2) / 14, uniform(-2, 2) / 14
    cos, sin = angle.cos() * scale, angle.sin() * scale
    matrix = torch.stack([torch.stack([cos, -sin, x], 1), torch.stack([sin, cos, y], 1)], 1)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    images = F.grid_sample(images, grid, padding_mode="zeros", align_corners=False)
    coarse = torch.rand(count, generator=generator) < 0.1
    if coarse.any():
        images[coarse] = resized(resized(images[coarse], 8), 28)
    return images


def train(network: DigitsNetwork, epochs: int, seed: int) -> None:
    images, labels = split("train")
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(network.parameters(), PEAK, weight_decay=0.05)
    steps = epochs * (len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK, steps)
    network.train()
    for epoch in range(epochs):
        begin, total = time.perf_counter(), 0.0
        order = torch.randperm(len(images), generator=generator)[: len(images) // BATCH * BATCH]
        for rows in order.split(BATCH):
            _, logits = network(moved(images[rows], generator))
            loss = F.cross_entropy(logits, labels[rows], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        mean = total / (len(order) // BATCH)
        print(f"epoch {epoch + 1}: loss {mean:.4f}, {time.perf_counter() - begin:.0f} s", flush=True)


@torch.no_grad()
def accuracy(network: DigitsNetwork, images: Tensor, labels: Tensor) -> float:
    found = torch.cat([network(part)[1].argmax(1) for part in images.split(500)])
    return float((found == labels).float().mean())


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    out = Path(given.get("out", HERE / "digits.safetensors"))
    seed = int(given.get("seed", 0))
    torch.manual_seed(seed)
    network = DigitsNetwork()
    train(network, int(given.get("epochs", 4)), seed)
    save(network, out)
    print(json.dumps(tested(out), indent=2))


def save(network: DigitsNetwork, out: Path) -> None:
    """As half-precision numbers: 0.5 MB."""
    tensors = network.state_dict().items()
    save_file({name: t.half().contiguous() for name, t in tensors if t.is_floating_point()}, str(out))


def tested(out: Path) -> dict[str, float | int | str]:
    """What the saved weights reach on the test pictures."""
    network = DigitsNetwork().eval()
    network.load_state_dict(load_file(out), strict=False)
    images, labels = split("test")
    return {
        "accuracy_28": accuracy(network, images, labels),
        "accuracy_padded_to_32": accuracy(network, F.pad(images, (2, 2, 2, 2)), labels),
        "accuracy_at_8": accuracy(network, resized(images, 8), labels),
        "bytes": out.stat().st_size,
        "sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
    }


if __name__ == "__main__":
    main(sys.argv[1:])
