"""Train the compact network that genkit ships for the features of spoken digits.

    python experiments/040_spoken_digits_extractor/train.py [out=FILE.safetensors] [epochs=40] [seed=0]
        [without=SPEAKER]

reads the recordings of FSDD below $GENKIT_DATA_DIR/fsdd/recordings, trains on those of its published training
part (without one speaker, where one is named), and prints the accuracy on the published test part, as it is
and after a log-mel picture and its way back, and on the speaker that was left out.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import scipy.io.wavfile
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from genkit.core.representations.log_mel import LogMel
from genkit.metrics.hearing import SpokenDigitsNetwork, full
from genkit.metrics.value_intervals import share

HERE = Path(__file__).parent
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
TESTED = 5  # recordings 0 … 4 of each digit by each speaker are the published test part
LENGTH = SpokenDigitsNetwork.length
BATCH, PEAK = 64, 3e-3


class Recordings:
    """Clips (N, 4096) floats with a peak of 1, cut or followed by silence; labels, speakers and indices."""

    def __init__(self) -> None:
        folder = Path(os.environ["GENKIT_DATA_DIR"]) / "fsdd" / "recordings"
        clips: list[Tensor] = []
        self.labels: list[int] = []
        self.speakers: list[str] = []
        self.index: list[int] = []
        for file in sorted(folder.glob("*.wav")):
            digit, speaker, index = file.stem.split("_")
            clip = torch.from_numpy(scipy.io.wavfile.read(file)[1].astype(np.float32) / 2**15)
            clips.append(F.pad(clip[:LENGTH], (0, max(0, LENGTH - len(clip)))))
            self.labels.append(int(digit))
            self.speakers.append(speaker)
            self.index.append(int(index))
        self.clips = full(torch.stack(clips))

    def part(self, test: bool, of: str | None = None, without: str | None = None) -> tuple[Tensor, Tensor]:
        rows = [
            i
            for i, speaker in enumerate(self.speakers)
            if (self.index[i] < TESTED) == test and of in (None, speaker) and without != speaker
        ]
        return self.clips[rows], torch.tensor(self.labels)[rows]

    def speaker(self, name: str) -> tuple[Tensor, Tensor]:
        rows = [i for i, speaker in enumerate(self.speakers) if speaker == name]
        return self.clips[rows], torch.tensor(self.labels)[rows]


# ---------------------------------------------------------------------- what is done to clips of training


def uniform(generator: torch.Generator, count: int, low: float, high: float) -> Tensor:
    return torch.empty(count).uniform_(low, high, generator=generator)


def moved(clips: Tensor, generator: torch.Generator) -> Tensor:
    """Each clip 0.85 … 1.18 times as fast, and up to 600 samples sooner or later."""
    count = len(clips)
    speed, shift = uniform(generator, count, 0.85, 1.18), uniform(generator, count, -600, 600)
    places = torch.arange(LENGTH) * speed[:, None] + shift[:, None]
    before = places.floor()
    part = places - before

    def at(index: Tensor) -> Tensor:
        inside = (index >= 0) & (index < LENGTH)
        return clips.gather(1, index.long().clamp(0, LENGTH - 1)) * inside

    return at(before) * (1 - part) + at(before + 1) * part


def other_phases(clips: Tensor, generator: torch.Generator) -> Tensor:
    """Clips of the same magnitudes whose phases are guessed: some steps of Griffin and Lim's from chance."""
    size = (192, 256, 384)[int(torch.randint(3, (), generator=generator))]
    window = torch.hann_window(size)

    def spectra(waves: Tensor) -> Tensor:
        return torch.stft(waves, size, size // 4, window=window, return_complex=True)

    magnitudes = spectra(clips).abs()
    phases = torch.rand(magnitudes.shape, generator=generator) * 2 * torch.pi
    waves = torch.istft(torch.polar(magnitudes, phases), size, size // 4, window=window, length=LENGTH)
    for _ in range(int(torch.randint(2, 9, (), generator=generator))):
        waves = torch.istft(
            torch.polar(magnitudes, spectra(waves).angle()), size, size // 4, window=window, length=LENGTH
        )
    return waves


def noisy(clips: Tensor, generator: torch.Generator) -> Tensor:
    """White noise or a hum of low frequencies, 8 … 60 dB below a clip's mean power."""
    noise = torch.randn(clips.shape, generator=generator)
    low = F.avg_pool1d(noise[:, None], 9, 1, 4)[:, 0] * 3
    noise = torch.where(torch.rand(len(clips), 1, generator=generator) < 0.5, noise, low)
    power = clips.square().mean(1, keepdim=True).sqrt()
    return clips + noise * power * 10 ** (-uniform(generator, len(clips), 8, 60)[:, None] / 20)


def coloured(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Another microphone: a smooth curve of up to some 8 dB over the bands; bands and frames left out."""
    count, _, bands, frames = pictures.shape
    knots = torch.randn(count, 1, 5, generator=generator) * 4 / SpokenDigitsNetwork.depth
    curve = F.interpolate(knots, bands, mode="linear", align_corners=True)[..., None]
    pictures = (pictures + curve * (pictures > 0)).clamp(0, 1)
    for axis, size, most in ((2, bands, 6), (3, frames, 5)):
        width = uniform(generator, count, 0, most + 1).floor()
        begin = (uniform(generator, count, 0, 1) * (size - width)).floor()
        place = torch.arange(size)
        hidden = (place >= begin[:, None]) & (place < (begin + width)[:, None])
        hidden &= torch.rand(count, 1, generator=generator) < 0.7
        pictures = pictures * ~hidden[:, None].unsqueeze(5 - axis)
    return pictures


def heard(network: SpokenDigitsNetwork, clips: Tensor, generator: torch.Generator) -> Tensor:
    clips = moved(clips, generator)
    clips[: len(clips) // 4] = other_phases(clips[: len(clips) // 4], generator)
    return coloured(network.pictures(full(noisy(clips, generator))), generator)


# ---------------------------------------------------------------------- trained and tested


def train(network: SpokenDigitsNetwork, clips: Tensor, labels: Tensor, epochs: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(network.parameters(), PEAK, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK, epochs * (len(clips) // BATCH))
    network.train()
    for epoch in range(epochs):
        begin, total = time.perf_counter(), 0.0
        order = torch.randperm(len(clips), generator=generator)[: len(clips) // BATCH * BATCH]
        for rows in order.split(BATCH):
            features, _ = network.seen(heard(network, clips[rows], generator))
            logits = network.head(F.dropout(features, 0.3))
            loss = F.cross_entropy(logits, labels[rows], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        mean = total / (len(order) // BATCH)
        print(f"epoch {epoch + 1}: loss {mean:.4f}, {time.perf_counter() - begin:.0f} s", flush=True)


@torch.no_grad()
def right(network: SpokenDigitsNetwork, clips: Tensor, labels: Tensor) -> dict[str, float | int]:
    """How many clips are recognised, with a 95 % interval of the share."""
    found = torch.cat([network(part[:, None])[1].argmax(1) for part in clips.split(250)])
    hits = int((found == labels).sum())
    value, low, high = share(hits, len(labels))
    return {"right": hits, "of": len(labels), "share": value, "low": low, "high": high}


def there_and_back(clips: Tensor) -> Tensor:
    """The same clips after a log-mel picture of 16 levels and its way back."""
    mel = LogMel()
    levels = mel.forward((clips[:, None].numpy() * 32767).round().astype(np.int16))
    return torch.from_numpy(mel.back(levels / np.float32(mel.levels - 1))[:, 0]).float() / 2**15


def save(network: SpokenDigitsNetwork, out: Path) -> None:
    """As half-precision numbers."""
    tensors = network.state_dict().items()
    save_file({name: t.half().contiguous() for name, t in tensors if t.is_floating_point()}, str(out))


def tested(out: Path, recordings: Recordings, without: str | None) -> dict[str, object]:
    """What the saved weights reach."""
    network = SpokenDigitsNetwork().eval()
    network.load_state_dict(load_file(out), strict=False)
    if without is not None:
        return {"without": without, "all of that speaker": right(network, *recordings.speaker(without))}
    clips, labels = recordings.part(test=True)
    return {
        "test": right(network, clips, labels),
        "test, by speaker": {s: right(network, *recordings.part(True, of=s))["right"] for s in SPEAKERS},
        "test, there and back": right(network, there_and_back(clips), labels),
        "bytes": out.stat().st_size,
        "sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
    }


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    without = given.get("without")
    out = Path(given.get("out", HERE / "spoken_digits.safetensors"))
    seed = int(given.get("seed", 0))
    torch.manual_seed(seed)
    recordings = Recordings()
    network = SpokenDigitsNetwork()
    train(network, *recordings.part(test=False, without=without), int(given.get("epochs", 40)), seed)
    save(network, out)
    print(json.dumps(tested(out, recordings, without), indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
