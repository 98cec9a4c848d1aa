"""Train a second recogniser of spoken digits, by which samples can be judged that the shipped one selected.

    python experiments/040_spoken_digits_extractor/judge.py [out=FILE.safetensors] [epochs=30] [seed=1]

It shares with the shipped one the recordings, moved and in noise as its are, and nothing that it hears them
by: cepstra with their slopes instead of pictures, each clip's mean and deviation taken out, in frames of
25 ms; layers over time alone, with gaps, whose mean and deviation over a clip decide.

    judge = recogniser("judge.safetensors")
    names = [DIGITS[i] for i in judge(waveforms).argmax(1)]  # int16 (n, 1, T) at 8 kHz
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from train import BATCH, HERE, SPEAKERS, Recordings, moved, noisy, other_phases, there_and_back

from genkit.metrics.value_intervals import share

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
RATE, LENGTH = 8000, 4096
WINDOW, TRANSFORM, HOP, FILTERS, CEPSTRA = 200, 512, 80, 30, 16
PEAK = 2e-3


def filters() -> Tensor:
    """(FILTERS, TRANSFORM / 2 + 1): rounded bumps whose widths grow as those of the ear do, 80 … 3,800 Hz."""
    low, high = (21.4 * math.log10(1 + 0.00437 * hertz) for hertz in (80, 3800))
    steps = torch.linspace(low, high, FILTERS)
    centres = (10 ** (steps / 21.4) - 1) / 0.00437
    widths = 24.7 * (1 + 0.00437 * centres)
    hertz = torch.linspace(0, RATE / 2, TRANSFORM // 2 + 1)
    bumps = torch.exp(-0.5 * ((hertz - centres[:, None]) / widths[:, None]) ** 2)
    return bumps / bumps.sum(1, keepdim=True)


def cosines() -> Tensor:
    """The discrete cosine transform, (CEPSTRA, FILTERS)."""
    place = (torch.arange(FILTERS) + 0.5) / FILTERS
    return torch.cos(math.pi * torch.arange(CEPSTRA)[:, None] * place) * math.sqrt(2 / FILTERS)


class Cepstra(nn.Module):
    """Clips (B, 4096) to (B, 3 · CEPSTRA, frames): cepstra, their slopes and the slopes of these."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("bank", filters(), persistent=False)
        self.register_buffer("cosines", cosines(), persistent=False)
        self.register_buffer("hamming", torch.hamming_window(WINDOW), persistent=False)

    def forward(self, clips: Tensor) -> Tensor:
        sharp = clips - 0.95 * F.pad(clips, (1, 0))[:, :-1]
        spectra = torch.stft(sharp, TRANSFORM, HOP, WINDOW, self.hamming, return_complex=True)
        power = self.bank @ spectra.abs().square()
        least = power.amax((1, 2), keepdim=True) * 1e-6 + 1e-9
        cepstra = self.cosines @ (power + least).log()
        centred = cepstra - cepstra.mean(2, keepdim=True)
        plain = centred / (centred.std(2, keepdim=True) + 0.1)
        slopes = self.slopes(plain)
        return torch.cat([plain, slopes, self.slopes(slopes)], 1)

    @staticmethod
    def slopes(frames: Tensor) -> Tensor:
        """By a line through five frames."""
        wide = F.pad(frames, (2, 2), mode="replicate")
        count = frames.shape[2]
        return sum((k - 2) * wide[:, :, k : k + count] for k in range(5)) / 5


class Recogniser(nn.Module):
    """Clips (B, 4096) with a peak of 1 to logits (B, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = Cepstra()
        layers: list[nn.Module] = []
        for ins, outs, kernel, gap in ((48, 96, 5, 1), (96, 96, 3, 2), (96, 96, 3, 3), (96, 192, 1, 1)):
            layers += [
                nn.Conv1d(ins, outs, kernel, dilation=gap, padding=gap * (kernel // 2)),
                nn.BatchNorm1d(outs),
                nn.GELU(),
            ]
        self.body = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Linear(2 * 192, 64), nn.GELU(), nn.Dropout(0.3), nn.Linear(64, 10))

    def decided(self, frames: Tensor) -> Tensor:
        hidden = self.body(frames)
        return self.head(torch.cat([hidden.mean(2), hidden.std(2)], 1))

    def forward(self, clips: Tensor) -> Tensor:
        return self.decided(self.heard(clips))


def recogniser(file: str | Path) -> Callable[[np.ndarray], Tensor]:
    """A function from waveforms, int16 (n, 1, T) at 8 kHz, to probabilities of `DIGITS`, (n, 10): each clip
    is cut or followed by silence, to 4,096 samples, and divided by its peak."""
    network = Recogniser().eval()
    network.load_state_dict(load_file(file))

    @torch.no_grad()
    def judge(waveforms: np.ndarray) -> Tensor:
        clips = torch.from_numpy(np.asarray(waveforms)[:, 0, :LENGTH]).float() / 2**15
        clips = F.pad(clips, (0, LENGTH - clips.shape[1]))
        clips = clips / clips.abs().amax(1, keepdim=True).clamp(min=1e-4)
        return torch.cat([network(part).softmax(1) for part in clips.split(250)])

    return judge


def masked(frames: Tensor, generator: torch.Generator) -> Tensor:
    """Up to six frames and up to four cepstra of each clip are left out."""
    count, rows, columns = frames.shape
    for size, most, shape in ((columns, 6, (count, 1, -1)), (rows, 4, (count, -1, 1))):
        begin = torch.randint(size, (count, 1), generator=generator)
        width = torch.randint(most + 1, (count, 1), generator=generator)
        place = torch.arange(size)
        frames = frames * ~((place >= begin) & (place < begin + width)).view(shape)
    return frames


def train(network: Recogniser, clips: Tensor, labels: Tensor, epochs: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(network.parameters(), PEAK, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK, epochs * (len(clips) // BATCH))
    network.train()
    for epoch in range(epochs):
        total, order = 0.0, torch.randperm(len(clips), generator=generator)[: len(clips) // BATCH * BATCH]
        for rows in order.split(BATCH):
            waves = moved(clips[rows], generator)
            waves[: BATCH // 8] = other_phases(waves[: BATCH // 8], generator)
            frames = masked(network.heard(noisy(waves, generator)), generator)
            loss = F.cross_entropy(network.decided(frames), labels[rows], label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1}: loss {total / (len(order) // BATCH):.4f}", flush=True)


def tested(file: Path, recordings: Recordings) -> dict[str, object]:
    judge = recogniser(file)

    def right(clips: Tensor, labels: Tensor) -> tuple[float, float, float]:
        waves = (clips[:, None].numpy() * 32767).round().astype(np.int16)
        return share(int((judge(waves).argmax(1) == labels).sum()), len(labels))

    clips, labels = recordings.part(test=True)
    return {
        "test": right(clips, labels),
        "test, by speaker": {name: right(*recordings.part(True, of=name))[0] for name in SPEAKERS},
        "test, there and back": right(there_and_back(clips), labels),
    }


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    out = Path(given.get("out", HERE / "judge.safetensors"))
    seed = int(given.get("seed", 1))
    torch.manual_seed(seed)
    recordings, network = Recordings(), Recogniser()
    train(network, *recordings.part(test=False), int(given.get("epochs", 30)), seed)
    save_file(network.state_dict(), str(out))
    print(json.dumps(tested(out, recordings), indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
