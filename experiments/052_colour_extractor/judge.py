"""What the bundled extractor sees of pictures that are made worse, beside the one that was never trained.

    python experiments/052_colour_extractor/judge.py [n=1500] [deals=10]

deals the pictures of a data set into two halves, spoils one of them by so much, and prints 1000 × KID between
the halves, and how many standard deviations of the KID of unspoiled halves that is.  Data: the test part of
`cifar10_images`, and `emoji` at 64×64 and 32×32, below $GENKIT_DATA_DIR.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torchvision.transforms.functional import adjust_hue, gaussian_blur

from genkit import config
from genkit.core.spec import View
from genkit.data import open_dataset
from genkit.metrics.extractors import extractor
from genkit.metrics.features import Features, collect
from genkit.metrics.panel import image_measures

DATA = Path(os.environ.get("GENKIT_DATA_DIR", "data"))
EXTRACTORS = ("photos", "random")


@dataclass(frozen=True)
class Spoiled:
    """One way of making pictures worse, by strengths that grow."""

    name: str
    strengths: tuple[float, ...]
    apply: Callable[[Tensor, float, torch.Generator], Tensor]


def blurred(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    return gaussian_blur(images, [15, 15], [strength * images.shape[-1] / 32] * 2)


def noised(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    return (images + strength * torch.randn(images.shape, generator=generator)).clamp(0, 1)


def turned(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Hues turned by so many degrees."""
    return adjust_hue(images, strength / 360)


def shuffled(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """The quarters of so large a share of the pictures exchanged across."""
    images, some = images.clone(), int(strength * len(images))
    half = images.shape[-1] // 2
    images[:some] = images[:some].roll((half, half), (2, 3))
    return images


def mixed(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Another picture shines through."""
    return torch.lerp(images, images[torch.randperm(len(images), generator=generator)], strength)


def one_sided(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """So large a share replaced by pictures of the first fifth: classes, or kinds of emoji, that are drawn
    too often."""
    images, some = images.clone(), int(strength * len(images))
    first = torch.randint(0, len(images) // 5, (some,), generator=generator)
    images[torch.randperm(len(images), generator=generator)[:some]] = images[first]
    return images


WAYS = (
    Spoiled("blurred, σ in pixels of 32", (0.4, 0.6, 1, 2), blurred),
    Spoiled("noise of deviation", (0.02, 0.05, 0.1, 0.2), noised),
    Spoiled("hues turned by degrees", (20, 45, 90, 180), turned),
    Spoiled("quarters exchanged in", (0.1, 0.25, 0.5, 1), shuffled),
    Spoiled("another shines through by", (0.05, 0.1, 0.25, 0.5), mixed),
    Spoiled("drawn from a fifth of the kinds", (0.1, 0.25, 0.5, 1), one_sided),
)


def pictures(name: str, size: int, n: int) -> Tensor:
    """n of them in the order of their names or classes, floats in [0, 1]."""
    words = ["model=vae_mlp", "data=image_folder", f"data.path={DATA / name}", f"data.size={size}"]
    cfg = config.compose("train", [*words, *(["data.split=peer"] if name == "cifar10_images" else [])])
    dataset = open_dataset(cfg.data, cfg.paths.by_name, View("arrays", (size,)))
    part = dataset.split("test" if name == "cifar10_images" else "train")
    rows = torch.linspace(0, len(part) - 1, min(n, len(part))).long()
    return torch.from_numpy(part.gather(rows.numpy())[0]).float() / 255


def kid(real: Features, made: Features) -> float:
    return 1000 * image_measures(real, made, ("kid",))[0].value


def table(images: Tensor, deals: int) -> None:
    found = [extractor(name) for name in EXTRACTORS]
    clean = [collect(own, images.split(250)) for own in found]
    half = len(images) // 2
    orders = [torch.randperm(len(images), generator=torch.Generator().manual_seed(i)) for i in range(deals)]

    def between(real: Features, made: Features) -> Tensor:
        pairs = [(real.vectors[order[:half]], made.vectors[order[half:]]) for order in orders]
        return torch.tensor([kid(Features(a), Features(b)) for a, b in pairs])

    floors = [between(own, own) for own in clean]
    print("| | " + " | ".join(f"{n}: 1000 × KID | {n}: deviations" for n in EXTRACTORS) + " |")
    print("|---" * (1 + 2 * len(EXTRACTORS)) + "|")
    cells = (f"{f.mean():.2f} ± {f.std():.2f} | " for f in floors)
    print(f"| as they are | {' | '.join(cells)} |")
    for way in WAYS:
        values: list[list[float]] = [[] for _ in found]
        for strength in way.strengths:
            spoiled = way.apply(images, strength, torch.Generator().manual_seed(1))
            for k, own in enumerate(found):
                made = collect(own, spoiled.split(250))
                values[k].append(float(between(clean[k], made).mean()))
        told = []
        for k, floor in enumerate(floors):
            rising = all(a < b for a, b in zip([float(floor.mean()), *values[k]], values[k], strict=False))
            told.append(", ".join(f"{v:.1f}" for v in values[k]) + ("" if rising else " (falls)"))
            told.append(", ".join(f"{(v - floor.mean()) / floor.std():.0f}" for v in values[k]))
        strengths = ", ".join(f"{s:g}" for s in way.strengths)
        print(f"| {way.name} {strengths} | {' | '.join(told)} |", flush=True)


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    n, deals = int(given.get("n", 1500)), int(given.get("deals", 10))
    for name, size in (("cifar10_images", 32), ("cifar10_images", 16), ("emoji", 64), ("emoji", 32)):
        print(f"\n{name}, {size}×{size}, {n} pictures\n", flush=True)
        table(pictures(name, size, n), deals)


if __name__ == "__main__":
    main(sys.argv[1:])
