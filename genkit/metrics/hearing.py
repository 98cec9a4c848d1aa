"""The networks of the built-in extractors of sounds: waveforms (B, C, T) in [-1, 1] in, features out.

What they hear is made here and by torch alone: what judges a picture of sound shares no code with what made
it.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genkit.core.media.audio import DIGITS
from genkit.metrics.networks import block, untrained

QUIET = 10**-4.5  # a peak of -90 dB, about one step of 16 bits: what is below is silence


def mono(waveforms: Tensor) -> Tensor:
    """(B, C, T) to (B, T), the mean of the channels."""
    return waveforms.mean(1)


def loudest(clips: Tensor, length: int) -> Tensor:
    """Clips (B, T) of that length: silence is added at the end of shorter ones, and of longer ones that
    stretch is left which has the most energy, the first of several."""
    if clips.shape[1] <= length:
        return F.pad(clips, (0, length - clips.shape[1]))
    energy = F.pad(clips.double().square().cumsum(1), (1, 0))
    start = (energy[:, length:] - energy[:, :-length]).argmax(1, keepdim=True)
    return clips.gather(1, start + torch.arange(length, device=clips.device))


def full(clips: Tensor) -> Tensor:
    """Clips (B, T) with a peak of 1; silence stays silence."""
    peaks = clips.abs().amax(1, keepdim=True)
    return clips / peaks.clamp(min=QUIET)


def triangles(bands: int, window: int, rate: float) -> Tensor:
    """Weights (bands, window / 2 + 1) of overlapping triangles, each of sum 1, whose corners stand at equal
    steps of mel from 0 to rate / 2."""

    def mel(hertz: float) -> float:
        return 2595 * math.log10(1 + hertz / 700)

    corners = 700 * (10 ** (torch.linspace(0, mel(rate / 2), bands + 2, dtype=torch.float64) / 2595) - 1)
    bins = torch.linspace(0, rate / 2, window // 2 + 1, dtype=torch.float64)
    rising = (bins - corners[:-2, None]) / (corners[1:-1] - corners[:-2])[:, None]
    falling = (corners[2:, None] - bins) / (corners[2:] - corners[1:-1])[:, None]
    weights = torch.minimum(rising, falling).clamp(min=0)
    return (weights / weights.sum(1, keepdim=True)).float()


class Cochleagram(nn.Module):
    """Clips of one channel to pictures of them: (B, T) to (B, 1, bands, frames), the power of each band in
    decibels, which none goes 100 below.

    Args:
        rate: samples a second.
        window, hop: samples of a frame, and from one to the next.
        bands: from 0 to half the rate.
    """

    _weights: Tensor
    _hann: Tensor

    def __init__(self, rate: float, window: int, hop: int, bands: int) -> None:
        super().__init__()
        self.window, self.hop = window, hop
        self.register_buffer("_weights", triangles(bands, window, rate), persistent=False)
        self.register_buffer("_hann", torch.hann_window(window), persistent=False)

    def forward(self, clips: Tensor) -> Tensor:
        spectra = torch.stft(
            clips,
            self.window,
            self.hop,
            window=self._hann,
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        return 10 * (self._weights @ spectra.abs().square()).clamp(min=1e-10).log10()[:, None]


class SpokenDigitsNetwork(nn.Module):
    """A compact classifier of spoken digits: 4,096 samples at 8 kHz to `size` features and ten logits.

    It sees a clip's loudest place as 1 and what is 60 dB below, or silence, as 0.  The features are the last
    hidden layer, after its rectifier.
    """

    rate, length, bands, depth, size = 8000.0, 4096, 40, 60.0, 64
    classes = DIGITS
    resizer = (
        f"mean of channels; polyphase to {rate:g} Hz; silence added at the end, or the loudest stretch, to"
        f" {length} samples; peak 1"
    )

    def __init__(self) -> None:
        super().__init__()
        self.heard = Cochleagram(self.rate, window=256, hop=128, bands=self.bands)
        self.body = nn.Sequential(
            block(1, 24, 1),  # 40 bands × 33 frames
            block(24, 32, 2),  # 20×17
            block(32, 48, 1),
            block(48, 64, 2),  # 10×9
            block(64, 64, 1),
            block(64, 96, 2),  # 5×5
            nn.Flatten(),
        )
        self.hidden = nn.Linear(96 * 25, self.size)
        self.head = nn.Linear(self.size, len(self.classes))

    def pictures(self, clips: Tensor) -> Tensor:
        """Clips (B, 4096) with a peak of 1 as the network sees them, (B, 1, 40, 33) in [0, 1]."""
        decibels: Tensor = self.heard(clips)
        loudest_place = decibels.amax((2, 3), keepdim=True).clamp(min=-30)  # (that of one click is about -10)
        return ((decibels - loudest_place) / self.depth + 1).clamp(0, 1)

    def seen(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """What `pictures` makes to features (B, 64) and logits (B, 10)."""
        features = F.relu(self.hidden(self.body(pictures)))
        return features, self.head(features)

    def forward(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Waveforms (B, C, T) in [-1, 1] to features (B, 64) and logits (B, 10)."""
        return self.seen(self.pictures(full(loudest(mono(waveforms), self.length))))


class RandomEar(nn.Module):
    """A convolutional network over log-mels of whole clips, whose weights are drawn once from a fixed seed.

    It was never trained: it favours no sounds, hears how loud they are, and is cruder than a trained network.
    """

    rate, size, seed = 16_000.0, 128, 20_200_614
    bands, depth, top = 64, 80.0, 40.0  # decibels; a sine at full scale has about 40
    resizer = f"mean of channels; polyphase to {rate:g} Hz; whole clips"

    def __init__(self) -> None:
        super().__init__()
        self.heard = Cochleagram(self.rate, window=512, hop=256, bands=self.bands)
        self.layers = untrained((1, 16, 32, 8), self.seed)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Waveforms (B, C, T) in [-1, 1] to features (B, 128): of each band the mean over time, and how far
        it departs from it."""
        clips = mono(waveforms)
        clips = F.pad(clips, (0, max(0, 16 * self.heard.hop - clips.shape[1])))
        hidden = ((self.heard(clips) - self.top) / self.depth + 1).clamp(min=0) * 2 - 1
        for layer in self.layers:
            hidden = F.leaky_relu(layer(hidden), 0.2)
        return torch.cat([hidden.mean(3), hidden.std(3, correction=0)], 1).flatten(1)
