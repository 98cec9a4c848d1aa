"""DCGAN's pair of networks (Radford et al. 2016), with the variations that later papers made.

Either takes labels, int64 (B,), where it is made for `classes` of them; 0 stands for none.

Legend: B batch, C channels, S image side (4·2^k), L latent size, W width.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from genkit.nn.normalisation import ConditionalBatchNorm2d, GlobalBatchNorm2d
from genkit.nn.precision import widened
from genkit.nn.resampling import Doubling, Halving

SLOPE = 0.2  # of LeakyReLU (section 3)


def doublings(side: int) -> int:
    """k for a side of 4·2^k.

    Raises:
        ValueError: the side is none, or k < 1.
    """
    k = (side // 4).bit_length() - 1
    if k < 1 or side != 4 << k:
        raise ValueError(f"a DCGAN makes sides 8, 16, 32, 64, 128, …, not {side}")
    return k


def dcgan_initialise(network: nn.Module) -> None:
    """Radford et al. 2016, section 4: kernels from N(0, 0.02), gains from N(1, 0.02)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d) and module.affine:
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)
        elif isinstance(module, ConditionalBatchNorm2d):
            nn.init.normal_(module.gain.weight, 1.0, 0.02)
            nn.init.zeros_(module.shift.weight)


class Generator(nn.Module):
    """DCGAN's generator (Radford et al. 2016, figure 1): latents (B, L) to images (B, C, S, S) in [-1, 1].

    Transposed convolutions double the side from 4 to S and halve the channels down to W.  With classes, a
    vector of the label stands beside the latent (Mirza and Osindero 2014) and each normalisation has gains
    and shifts of the label; those alone, the same at every place, cannot say what is where on small images.
    """

    def __init__(self, latent_size: int, channels: int, side: int, width: int, classes: int = 0) -> None:
        super().__init__()
        widths = [width << i for i in reversed(range(doublings(side)))]  # W·2^(k-1) … W
        inputs = 2 * latent_size if classes else latent_size
        kernels: list[nn.Module] = [nn.ConvTranspose2d(inputs, widths[0], 4, 1, 0, bias=False)]
        kernels += [Doubling(wide, narrow, bias=False) for wide, narrow in pairwise(widths)]
        self.kernels = nn.ModuleList(kernels)
        self.norms = nn.ModuleList(
            ConditionalBatchNorm2d(w, classes) if classes else GlobalBatchNorm2d(w) for w in widths
        )
        self.to_image = Doubling(widths[-1], channels, bias=False)
        self.classes = nn.Embedding(classes, latent_size) if classes else None
        dcgan_initialise(self)
        if self.classes is not None:
            # As long as one number of the latent: a louder label drowns the rest, one image for each class.
            nn.init.normal_(self.classes.weight, 0.0, latent_size**-0.5)

    def forward(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        if self.classes is not None:
            latent = torch.cat((latent, self.classes(labels)), dim=1)
        x = latent[:, :, None, None]
        for kernel, norm in zip(self.kernels, self.norms, strict=True):
            x = norm(kernel(x)) if self.classes is None else norm(kernel(x), labels)
            x = F.relu(x, inplace=True)
        return self.to_image(x).tanh()


NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": GlobalBatchNorm2d,
    "layer": lambda channels: nn.GroupNorm(1, channels),
    "none": lambda channels: nn.Identity(),
}


class Discriminator(nn.Module):
    """DCGAN's discriminator: images (B, C, S, S) in [-1, 1] to logits (B,), float32 under any autocast.

    Strided convolutions halve the side down to 4 and double the channels from W; no normalisation in the
    first layer, LeakyReLU of slope 0.2.  With classes, the projection of the label on the last features,
    summed over the image, is added to the logit (Miyato and Koyama 2018, equation 3).

    Args:
        norm: "batch" as in the paper, "layer" (one group), "none".
        spectral: divide each kernel by its largest singular value (Miyato et al. 2018).
        extra: 3×3 convolutions after the last halving, the first of which doubles the channels.
    """

    def __init__(
        self,
        channels: int,
        side: int,
        width: int,
        *,
        classes: int = 0,
        norm: str = "batch",
        spectral: bool = False,
        extra: int = 0,
    ) -> None:
        super().__init__()
        widths = [width << i for i in range(doublings(side))]
        # Not in place: autograd copies a view that is written to, and a halving may put one out.
        layers: list[nn.Module] = [Halving(channels, width, bias=False), nn.LeakyReLU(SLOPE)]
        for narrow, wide in pairwise(widths):
            layers += [Halving(narrow, wide, bias=False), NORMS[norm](wide), _leaky()]
        narrow, features = widths[-1], widths[-1] * (2 if extra else 1)
        for _ in range(extra):
            layers += [nn.Conv2d(narrow, features, 3, 1, 1, bias=False), NORMS[norm](features), _leaky()]
            narrow = features
        self.layers = nn.Sequential(*layers)
        self.to_logit = nn.Conv2d(features, 1, 4, 1, 0, bias=False)
        self.classes = nn.Embedding(classes, features) if classes else None
        dcgan_initialise(self)
        if self.classes is not None:
            nn.init.normal_(self.classes.weight, 0.0, 0.02)
        if spectral:
            for module in list(self.modules()):
                if isinstance(module, nn.Conv2d | nn.Embedding):
                    spectral_norm(module)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        features = self.layers(images)  # (B, W·2^(k-1), 4, 4), twice as many channels with extra layers
        logits = widened(self.to_logit(features).flatten())
        if self.classes is not None:
            assert labels is not None
            logits = logits + (self.classes(labels) * widened(features).sum((2, 3))).sum(1)
        return logits


def _leaky() -> nn.Module:
    return nn.LeakyReLU(SLOPE, inplace=True)
