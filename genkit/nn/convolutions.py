"""DCGAN's pair of networks (Radford et al. 2016), with the variations that later papers made; over images,
over a single axis with the kernels and factors of WaveGAN (Donahue et al. 2019), and over three.

Either takes labels, int64 (B,), where it is made for `classes` of them; 0 stands for none.

Legend: B batch, C channels, S… sizes of the axes (base·2^k), L latent size, W width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count, pairwise
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from genkit.nn.axes import CONVOLUTIONS, TRANSPOSED, Convolution, SizeError, Sizes, Stride, Transposed, stride
from genkit.nn.normalisation import ConditionalBatchNorm, GlobalBatchNorm, Modulation
from genkit.nn.phase_shuffle import shuffled
from genkit.nn.precision import widened
from genkit.nn.resampling import DOWN, UP, nearest
from genkit.nn.residual import Residual

SLOPE = 0.2  # of LeakyReLU (section 3)
MAPPED = 256  # numbers in a layer of a mapping
# By the number of axes: the size of each at the small end, and the factor of a step at most.
BASES, FACTORS = {1: 16, 2: 4, 3: 4}, {1: 4, 2: 2, 3: 2}
MOMENTS = 15  # at the small end of clips, at most


@dataclass(frozen=True)
class Growth:
    """How the sizes of data are reached from small ones.

    Attributes:
        base: the small sizes.
        steps: what multiplies them, from the small end on; at least one.
    """

    base: Sizes
    steps: tuple[Stride, ...]

    @property
    def axes(self) -> int:
        return len(self.base)


def growth(sizes: Sizes) -> Growth:
    """To these sizes, base·2^k each with k ≥ 1; they need not be equal.  Time, the first of three axes, may
    also begin with up to `MOMENTS`, and stay as long.

    A step doubles; along a single axis it multiplies by 4 where it can.  An axis that needs fewer steps than
    another takes part in those next to the data.

    Raises:
        SizeError: there is such a size as cannot be reached.
    """
    axes = len(sizes)
    ways = [
        _moments(size) if axes == 3 and axis == 0 else _places(size, axis, BASES[axes])
        for axis, size in enumerate(sizes)
    ]
    each = [_factors(doublings, FACTORS[axes]) for _, doublings in ways]
    longest = max(map(len, each))
    filled = [(1,) * (longest - len(factors)) + factors for factors in each]
    base = tuple(small for small, _ in ways)
    return Growth(base, tuple(stride(*factors) for factors in zip(*filled, strict=True)))


def _places(size: int, axis: int, base: int) -> tuple[int, int]:
    """The base, and how often it is doubled to a size."""
    k = (size // base).bit_length() - 1
    if k < 1 or size != base << k:
        taken = ", ".join(str(base << i) for i in range(1, 6))
        near = f" (the nearest: {base << k}, {base << k + 1})" if k > 5 else ""
        raise SizeError(f"a DCGAN makes sizes of {taken}, …, not {size}{near}", axis)
    return base, k


def _moments(length: int) -> tuple[int, int]:
    """The moments that a clip is doubled from, as `_halved` has them."""
    small, k = _halved(length)
    if small > MOMENTS:
        below, above = (next(n for n in count(length, way) if _halved(n)[0] <= MOMENTS) for way in (-1, 1))
        raise SizeError(
            f"a DCGAN makes clips of b·2^k frames, b up to {MOMENTS}, not {length} (the nearest: {below},"
            f" {above})",
            axis=0,
        )
    return small, k


def _halved(length: int) -> tuple[int, int]:
    """A number halved as often as that leaves whole ones no smaller than the usual base, and how often."""
    k = 0
    while length % 2 == 0 and length >= 2 * BASES[3]:
        length, k = length // 2, k + 1
    return length, k


def _factors(doublings: int, largest: int) -> Sizes:
    """What multiplies a base by 2^doublings, step by step."""
    by_four, by_two = divmod(doublings, 2) if largest == 4 else (0, doublings)
    return (2,) * by_two + (4,) * by_four


def dcgan_initialise(network: nn.Module) -> None:
    """Radford et al. 2016, section 4: kernels from N(0, 0.02), gains from N(1, 0.02)."""
    for module in network.modules():
        if isinstance(module, Convolution | Transposed):
            nn.init.normal_(_kernel(module), 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, GlobalBatchNorm) and module.affine:
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)
        elif isinstance(module, Modulation):
            nn.init.normal_(module.gain.weight, 1.0, 0.02)
            nn.init.zeros_(module.shift.weight)


def he_initialise(network: nn.Module) -> None:
    """Kernels from a normal distribution with which what comes out behind a ReLU is as large as what came in,
    where no normalisation sees to that (He et al. 2015, equation 10)."""
    for module in network.modules():
        if isinstance(module, Convolution | Transposed):
            kernel = _kernel(module)
            entries = prod(kernel.shape[2:])  # of a kernel, that meet at one place
            if isinstance(module, Transposed) and kernel is module.weight:
                # Those a stride apart; from a single place on each stands alone.
                entries = max(1, entries // prod(module.stride)) if max(module.stride) > 1 else 1
            nn.init.normal_(kernel, 0.0, (2 / (module.in_channels * entries)) ** 0.5)


INITIAL: dict[str, Callable[[nn.Module], None]] = {"dcgan": lambda network: None, "he": he_initialise}


def initialise(network: nn.Module, initial: str) -> None:
    """Weights at the beginning: DCGAN's, then what `INITIAL` has of this name; fully connected layers keep
    the scale, and residual blocks are the identity."""
    dcgan_initialise(network)
    INITIAL[initial](network)
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight, SLOPE)
            nn.init.zeros_(module.bias)
        elif isinstance(module, Residual):
            module.begin()


def _kernel(layer: Convolution | Transposed) -> Tensor:
    """The parameter that a layer's kernels are, or are made of."""
    return next(parameter for parameter in layer.parameters() if parameter.ndim > 2)


class Generator(nn.Module):
    """DCGAN's generator (Radford et al. 2016, figure 1): latents (B, L) to arrays (B, C, S…) in [-1, 1].

    Transposed convolutions multiply the sizes from the base to S… and halve the channels down to W.  With
    classes, a vector of the label stands beside the latent (Mirza and Osindero 2014) and each layer has gains
    and shifts of the label; those alone, the same at every place, cannot say what is where on small images.

    Args:
        way: from the base to S….
        norm: "batch" as in the paper, "none".
        upsampling: "transposed" as in the paper, "nearest" (`genkit.nn.resampling.nearest`).
        mapping: fully connected layers between the latent and the first places (Karras et al. 2019).
        residual: residual blocks behind each layer but the last.
        bias: of the convolutions that no normalisation follows.
        initial: weights at the beginning, of `INITIAL`.
    """

    __call__: Callable[..., Tensor]

    def __init__(
        self,
        latent_size: int,
        channels: int,
        way: Growth,
        width: int,
        classes: int = 0,
        *,
        norm: str = "batch",
        upsampling: str = "transposed",
        mapping: int = 0,
        residual: int = 0,
        bias: bool = False,
        initial: str = "dcgan",
    ) -> None:
        super().__init__()
        self.axes = way.axes
        widths = [width << i for i in reversed(range(len(way.steps)))]  # W·2^(k-1) … W
        inputs = 2 * latent_size if classes else latent_size
        self.mapping = nn.Sequential()
        for _ in range(mapping):
            self.mapping.extend((nn.Linear(inputs, MAPPED), _leaky()))
            inputs = MAPPED
        grow, own = UPSAMPLING[upsampling], bias and norm == "none"
        kernels: list[nn.Module] = [TRANSPOSED[self.axes](inputs, widths[0], way.base, 1, 0, bias=own)]
        kernels += [
            grow(wide, narrow, step, own)
            for (wide, narrow), step in zip(pairwise(widths), way.steps[:-1], strict=True)
        ]
        self.kernels = nn.ModuleList(kernels)
        norms = LABELLED_NORMS if classes else NORMS
        self.norms = nn.ModuleList(norms[norm](w, classes) for w in widths)
        self.blocks = nn.ModuleList(_blocks(residual, w, self.axes) for w in widths)
        self.to_image = grow(widths[-1], channels, way.steps[-1], bias)
        self.classes = nn.Embedding(classes, latent_size) if classes else None
        initialise(self, initial)
        if self.classes is not None:
            # As long as one number of the latent: a louder label drowns the rest, one image for each class.
            nn.init.normal_(self.classes.weight, 0.0, latent_size**-0.5)

    def forward(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.drawn(latent, labels).tanh()

    def drawn(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        """What the arrays are before they are brought into their range."""
        if self.classes is not None:
            latent = torch.cat((latent, self.classes(labels)), dim=1)
        x = self.mapping(latent)[(..., *[None] * self.axes)]
        for kernel, norm, blocks in zip(self.kernels, self.norms, self.blocks, strict=True):
            x = norm(kernel(x)) if self.classes is None else norm(kernel(x), labels)
            x = blocks(F.relu(x, inplace=True))
        data: Tensor = self.to_image(x)
        return data


def transposed(inputs: int, outputs: int, step: Stride, bias: bool) -> Transposed:
    """The transposed convolution that multiplies sizes by a step."""
    return UP[len(step.factors)](inputs, outputs, *step.up, bias=bias)


UPSAMPLING: dict[str, Callable[[int, int, Stride, bool], Transposed]] = {
    "transposed": transposed,
    "nearest": nearest,
}
# By name, made for channels and classes.
NORMS: dict[str, Callable[[int, int], nn.Module]] = {
    "batch": lambda channels, classes: GlobalBatchNorm(channels),
    "layer": lambda channels, classes: nn.GroupNorm(1, channels),
    "none": lambda channels, classes: nn.Identity(),
}
LABELLED_NORMS: dict[str, Callable[[int, int], nn.Module]] = {
    "batch": ConditionalBatchNorm,
    "none": Modulation,
}


class Discriminator(nn.Module):
    """DCGAN's discriminator: arrays (B, C, S…) in [-1, 1] to logits (B,), float32 under any autocast.

    Strided convolutions divide the sizes down to the base and double the channels from W; no normalisation in
    the first layer, LeakyReLU of slope 0.2.  With classes, the projection of the label on the last features,
    summed over the places, is added to the logit (Miyato and Koyama 2018, equation 3).

    Args:
        way: from the base to S…; it is gone backwards.
        norm: "batch" as in the paper, "layer" (one group), "none".
        spectral: divide each kernel by its largest singular value (Miyato et al. 2018).
        extra: convolutions with kernels of 3 at the end, the first of which doubles the channels.
        residual: residual blocks behind each layer that divides.
        bias: of the convolutions that no normalisation follows.
        initial: weights at the beginning, of `INITIAL`.

    Attributes:
        joints: layers behind which what goes on can be shuffled: all that divide but the last.
    """

    __call__: Callable[..., Tensor]

    def __init__(
        self,
        channels: int,
        way: Growth,
        width: int,
        *,
        classes: int = 0,
        norm: str = "batch",
        spectral: bool = False,
        extra: int = 0,
        residual: int = 0,
        bias: bool = False,
        initial: str = "dcgan",
    ) -> None:
        super().__init__()
        shrink, convolution, steps = DOWN[way.axes], CONVOLUTIONS[way.axes], way.steps[::-1]
        widths, own = [width << i for i in range(len(steps))], bias and norm == "none"
        # Not in place: autograd copies a view that is written to, and a halving may put one out.
        layers: list[nn.Module] = [shrink(channels, width, *steps[0].down, bias=bias), nn.LeakyReLU(SLOPE)]
        layers += _blocks(residual, width, way.axes)
        joints = []
        for (narrow, wide), step in zip(pairwise(widths), steps[1:], strict=True):
            joints.append(len(layers) - 1)
            layers += [shrink(narrow, wide, *step.down, bias=own), NORMS[norm](wide, 0), _leaky()]
            layers += _blocks(residual, wide, way.axes)
        self.joints = tuple(joints)
        narrow, features = widths[-1], widths[-1] * (2 if extra else 1)
        for _ in range(extra):
            layers += [convolution(narrow, features, 3, 1, 1, bias=own), NORMS[norm](features, 0), _leaky()]
            narrow = features
        self.layers = nn.Sequential(*layers)
        self.to_logit = convolution(features, 1, way.base, 1, 0, bias=bias)
        self.classes = nn.Embedding(classes, features) if classes else None
        initialise(self, initial)
        if self.classes is not None:
            nn.init.normal_(self.classes.weight, 0.0, 0.02)
        if spectral:
            for module in list(self.modules()):
                if isinstance(module, Convolution | nn.Embedding):
                    spectral_norm(module)

    def forward(self, data: Tensor, labels: Tensor | None = None, shifts: Tensor | None = None) -> Tensor:
        """Logits.

        Args:
            shifts: over a single axis, places by which phase shuffle moves what leaves each of `joints`.
        """
        if shifts is None:
            features: Tensor = self.layers(data)  # (B, F, base…)
        else:
            moved, features = dict(zip(self.joints, shifts, strict=True)), data
            for i, layer in enumerate(self.layers):
                features = layer(features)
                if i in moved:
                    features = shuffled(features, moved[i])
        logits = widened(self.to_logit(features).flatten())
        if self.classes is not None:
            assert labels is not None
            places = tuple(range(2, features.ndim))
            logits = logits + (self.classes(labels) * widened(features).sum(places)).sum(1)
        return logits


def _blocks(count: int, width: int, axes: int) -> nn.Sequential:
    return nn.Sequential(*(Residual(width, axes) for _ in range(count)))


def _leaky() -> nn.Module:
    return nn.LeakyReLU(SLOPE, inplace=True)
