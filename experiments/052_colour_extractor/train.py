"""Train the compact network that genkit ships for the features of small colour pictures.

    python experiments/052_colour_extractor/train.py [out=FILE.safetensors] [epochs=60] [seed=0]

reads `cifar10_images` below $GENKIT_DATA_DIR (folders train and test, with one for each class), trains on its
10,000 pictures, and prints the accuracy on its 2,000 test pictures as they are and at other sizes: those in
which data comes.  Training pictures are mirrored, moved, changed a little in light and colour, covered in a
corner, and a quarter of them is shrunk and enlarged again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from genkit import config
from genkit.core.spec import View
from genkit.data import open_dataset
from genkit.metrics.networks import PhotosNetwork, grey, resized
from genkit.metrics.value_intervals import share

HERE = Path(__file__).parent
DATA = Path(os.environ.get("GENKIT_DATA_DIR", "data")) / "cifar10_images"
BATCH, PEAK, DECAY = 128, 0.2, 5e-4
MOVED, COVERED = 4, 8  # pixels: at most; the side of the square
SHRUNK = (12, 16, 20, 24)  # sides


def split(name: str) -> tuple[Tensor, Tensor]:
    """A part of the pictures, (N, 3, 32, 32) floats in [0, 1], with its labels."""
    words = ["model=vae_mlp", "data=image_folder", f"data.path={DATA}", "data.split=peer"]
    cfg = config.compose("train", words)
    dataset = open_dataset(cfg.data, cfg.paths.by_name, View("arrays", (PhotosNetwork.side,)))
    if dataset.spec.classes != PhotosNetwork.classes:
        raise SystemExit(f"{DATA} has the classes {dataset.spec.classes}, not {PhotosNetwork.classes}.")
    examples = dataset.split(name)
    images, labels, _ = examples.gather(torch.arange(len(examples)).numpy())
    return torch.from_numpy(images).float() / 255, torch.from_numpy(labels)


def moved(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirrored with probability ½, moved by up to 4 pixels with the edge reflected."""
    count, _, height, width = images.shape
    padded = F.pad(images, [MOVED] * 4, mode="reflect")
    top, left = torch.randint(0, 2 * MOVED + 1, (2, count, 1), generator=generator)
    mirrored = torch.rand(count, 1, generator=generator) < 0.5
    columns = torch.where(mirrored, torch.arange(width).flip(0), torch.arange(width)) + left
    rows = torch.arange(height) + top
    at = torch.arange(count)[:, None, None]
    return padded[at, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def lit(images: Tensor, generator: torch.Generator) -> Tensor:
    """Saturation, contrast and brightness changed by up to a fifth; hues stay, for features see them."""

    def factor() -> Tensor:
        return torch.empty(len(images), 1, 1, 1).uniform_(0.8, 1.2, generator=generator)

    images = torch.lerp(grey(images), images, factor())
    images = torch.lerp(images.mean((1, 2, 3), keepdim=True), images, factor())
    return (images * factor()).clamp(0, 1)


def covered(images: Tensor, generator: torch.Generator) -> Tensor:
    """A square of 8×8 pixels in each that is grey."""
    side = images.shape[-1]
    top, left = torch.randint(1 - COVERED // 2, side - COVERED // 2, (2, len(images), 1), generator=generator)
    place = torch.arange(side)
    rows, columns = ((place >= at) & (place < at + COVERED) for at in (top, left))
    return images.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0.5)


def shrunk(images: Tensor, generator: torch.Generator) -> Tensor:
    """A quarter of them brought to a smaller side and back."""
    which = torch.rand(len(images), generator=generator)
    for k, side in enumerate(SHRUNK):
        own = (which * 4 * len(SHRUNK)).long() == k
        if own.any():
            images[own] = resized(resized(images[own], side), images.shape[-1])
    return images


def changed(images: Tensor, generator: torch.Generator) -> Tensor:
    return covered(shrunk(lit(moved(images, generator), generator), generator), generator)


def train(network: PhotosNetwork, epochs: int, seed: int) -> None:
    images, labels = split("train")
    generator = torch.Generator().manual_seed(seed)
    flat = [p for p in network.parameters() if p.ndim == 1]
    weights = [p for p in network.parameters() if p.ndim > 1]
    groups = [{"params": weights, "weight_decay": DECAY}, {"params": flat}]
    optimizer = torch.optim.SGD(groups, PEAK, momentum=0.9, nesterov=True)
    steps = epochs * (len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK, steps, cycle_momentum=False, pct_start=0.2
    )
    network.train().to(memory_format=torch.channels_last)
    begin = time.process_time()
    for epoch in range(epochs):
        total = 0.0
        order = torch.randperm(len(images), generator=generator)[: len(images) // BATCH * BATCH]
        for rows in order.split(BATCH):
            batch = changed(images[rows], generator).contiguous(memory_format=torch.channels_last)
            _, logits = network(batch)
            loss = F.cross_entropy(logits, labels[rows], label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        mean = total / (len(order) // BATCH)
        print(f"epoch {epoch + 1}: loss {mean:.4f}, {time.process_time() - begin:.0f} s", flush=True)


@torch.no_grad()
def accuracy(network: PhotosNetwork, images: Tensor, labels: Tensor) -> str:
    """The share of pictures whose class is recognised, with its 95 % interval."""
    found = torch.cat([network(part)[1].argmax(1) for part in images.split(500)])
    value, low, high = share(int((found == labels).sum()), len(labels))
    return f"{100 * value:.1f} % ({100 * low:.1f} … {100 * high:.1f})"


def save(network: PhotosNetwork, out: Path) -> None:
    """As half-precision numbers: 1.8 MB."""
    tensors = network.state_dict().items()
    save_file({name: t.half().contiguous() for name, t in tensors if t.is_floating_point()}, str(out))


def tested(out: Path) -> dict[str, int | str]:
    """What the saved weights reach on the test pictures."""
    network = PhotosNetwork().eval()
    network.load_state_dict(load_file(out), strict=False)
    images, labels = split("test")
    told: dict[str, int | str] = {"32×32": accuracy(network, images, labels)}
    for side in (8, 12, 16, 24, 48, 64):
        told[f"brought to {side}×{side}"] = accuracy(network, resized(images, side), labels)
    told["in grey"] = accuracy(network, grey(images), labels)
    told |= {"bytes": out.stat().st_size, "sha256": hashlib.sha256(out.read_bytes()).hexdigest()}
    return told


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    out = Path(given.get("out", HERE / "photos.safetensors"))
    seed = int(given.get("seed", 0))
    torch.manual_seed(seed)
    network = PhotosNetwork()
    train(network, int(given.get("epochs", 60)), seed)
    save(network, out)
    print(json.dumps(tested(out), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main(sys.argv[1:])
