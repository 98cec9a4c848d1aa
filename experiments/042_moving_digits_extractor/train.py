"""Train the compact network that genkit ships for the features of moving digits.

    python experiments/042_moving_digits_extractor/train.py [out=FILE.safetensors] [steps=1200] [seed=0]

draws clips of the training parts of scikit-learn's digits (8 frames of 16×16) and of MNIST (20 frames of
64×64, below $GENKIT_DATA_DIR), in shades or in black and white, by the rule of `genkit.data.video.bouncing`,
and prints how many of 1,000 clips of each test part are recognised.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from genkit import config
from genkit.core.spec import View
from genkit.data import open_dataset
from genkit.data.video.bouncing import Motion
from genkit.metrics.value_intervals import share
from genkit.metrics.watching import MovingDigitsNetwork, brought

HERE = Path(__file__).parent
BATCH, PEAK, TESTED = 64, 4e-3, 1_000
WAYS = MovingDigitsNetwork.ways
MOTIONS = {
    "digits": Motion(16, 8, 8, 1, math.sqrt(2) / 8),
    "mnist": Motion(64, 28, 20, 1, 0.1),
}


@dataclass(frozen=True)
class Drawn:
    """Clips of one data set, without end.

    Attributes:
        pictures: uint8 (N, S, S).
        labels: (N,).
    """

    motion: Motion
    pictures: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, name: str, part: str) -> Drawn:
        split = "three" if name == "digits" else "peer"
        cfg = config.compose("train", ["model=vae_mlp", f"data={name}", f"data.split={split}"])
        side = MOTIONS[name].side
        dataset = open_dataset(cfg.data, cfg.paths.by_name, View("arrays", (side,)))
        images, labels, _ = dataset.split(part).gather(np.arange(len(dataset.split(part))))
        assert labels is not None
        shades = np.round(images.reshape(-1, side, side) * (255 / (dataset.spec.levels - 1)))
        return cls(MOTIONS[name], shades.astype(np.uint8), labels)

    def some(self, n: int, random: np.random.Generator, black: bool | None = None) -> tuple[Tensor, Tensor]:
        """Clips as the network sees them, (n, 1, 8, 16, 16), and their classes (n,).

        Args:
            black: whether all are in black and white; None: every second one.
        """
        rows, angle = random.integers(0, len(self.labels), n), random.uniform(0, 2 * np.pi, n)
        places = self.motion.places(random.random((n, 2)), angle)
        clips = self.motion.drawn(self.pictures[rows][:, None], places[:, None])
        flat = np.arange(n) % 2 == 0 if black is None else np.full(n, black)
        clips[flat] = (clips[flat] >= 128) * np.uint8(255)
        way = (angle / (2 * np.pi) * WAYS).astype(np.int64).clip(0, WAYS - 1)
        net = MovingDigitsNetwork
        small = brought(torch.from_numpy(clips).float() / 255, net.frames, net.side)
        return small, torch.from_numpy(self.labels[rows] * WAYS + way)


def train(network: MovingDigitsNetwork, sets: list[Drawn], steps: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(network.parameters(), PEAK, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK, steps)
    network.train()
    begin, total = time.perf_counter(), 0.0
    for step in range(1, steps + 1):
        parts = [own.some(BATCH // len(sets), random) for own in sets]
        clips, labels = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
        _, logits = network.seen(clips)
        loss = F.cross_entropy(logits.flatten(1), labels, label_smoothing=0.05)
        loss = loss + F.cross_entropy(logits.logsumexp(2), labels // WAYS)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        total += loss.item()
        if step % 50 == 0:
            print(f"step {step}: loss {total / 50:.3f}, {time.perf_counter() - begin:.0f} s", flush=True)
            total = 0.0


@torch.no_grad()
def right(network: MovingDigitsNetwork, own: Drawn, black: bool) -> dict[str, str]:
    """How many clips' digits, and ways, are recognised, with 95 % intervals of the shares."""
    clips, labels = own.some(TESTED, np.random.default_rng(1), black)
    found = torch.cat([network.seen(part)[1] for part in clips.split(250)])
    seen = {
        "digit": found.logsumexp(2).argmax(1) == labels // WAYS,
        "way": found.logsumexp(1).argmax(1) == labels % WAYS,
    }
    told = {}
    for name, which in seen.items():
        value, low, high = share(int(which.sum()), TESTED)
        told[name] = f"{100 * value:.1f} % ({100 * low:.1f} … {100 * high:.1f})"
    return told


def save(network: MovingDigitsNetwork, out: Path) -> None:
    """As half-precision numbers."""
    tensors = network.state_dict().items()
    save_file({name: t.half().contiguous() for name, t in tensors if t.is_floating_point()}, str(out))


def tested(out: Path) -> dict[str, object]:
    """What the saved weights reach."""
    network = MovingDigitsNetwork().eval()
    network.load_state_dict(load_file(out), strict=False)
    told: dict[str, object] = {}
    for name in MOTIONS:
        own = Drawn.of(name, "test")
        told[name] = right(network, own, black=False)
        told[f"{name}, black and white"] = right(network, own, black=True)
    sha256 = hashlib.sha256(out.read_bytes()).hexdigest()
    return {**told, "bytes": out.stat().st_size, "sha256": sha256}


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    out = Path(given.get("out", HERE / "moving_digits.safetensors"))
    seed = int(given.get("seed", 0))
    torch.manual_seed(seed)
    network = MovingDigitsNetwork()
    train(network, [Drawn.of(name, "train") for name in MOTIONS], int(given.get("steps", 1200)), seed)
    save(network, out)
    print(json.dumps(tested(out), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main(sys.argv[1:])
