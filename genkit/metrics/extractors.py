"""Feature extractors: the networks in whose features pictures are compared, and what identifies them.

A number such as an FID belongs to one extractor, one set of weights and one way of resizing; `Extractor`
holds all three.  A distribution adds its own by entry point:

    [project.entry-points."genkit.extractors"]
    faces = "my_package.faces:Faces"

`Faces()` is a `torch.nn.Module` from images (B, C, H, W), floats in [0, 1], to features (B, d), or to
features and logits (B, K).  It may have the attributes `resizer` (in words), `classes` (the names of the K
classes) and `axes` (of the arrays that it reads, where they are no images).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import torch
from torch import Tensor, nn

from genkit.core.spec import ArraySpec
from genkit.metrics.catalogue import EXTRACTORS
from genkit.metrics.networks import DigitsNetwork, RandomNetwork
from genkit.system.errors import CheckpointError, ConfigError, DataError

VERSION = "1"  # of what is done to pictures around the network
DIGITS_WEIGHTS = "digits.safetensors"
DIGITS_SHA256 = "650ab7fb75ab20d2e0f5cd9d3c0e60538eea37b71cd9a13d043382e42a0b9600"
PROBE = 32  # side of the picture with which a module is asked how many features it has


@dataclass(frozen=True)
class Extractor:
    """A network in evaluation mode and what identifies it.

    Attributes:
        name: as in `extractor=NAME`.
        network: images (B, C, H, W), floats in [0, 1], to features (B, d), or to features and logits (B, K).
        digest: SHA-256 of the weights and of the version of what surrounds them.
        size: d, how many features a picture has.
        resizer: what is done to a picture's size and colours, in words.
        classes: the names of the K classes; empty where it classifies nothing.
        any_classes: whether its classes serve for the inception score of any pictures.
        axes: of the arrays that it reads, 2 for images.
    """

    name: str
    network: nn.Module
    digest: str
    size: int
    resizer: str
    classes: tuple[str, ...] = ()
    any_classes: bool = False
    axes: int = 2

    @property
    def protocol(self) -> dict[str, str]:
        """What two numbers must share to be comparable."""
        return {"extractor": self.name, "extractor_digest": self.digest[:12], "resizer": self.resizer}

    def fits(self, classes: Sequence[str]) -> bool:
        """Whether its probabilities mean something for data with these classes."""
        return bool(self.classes) and (self.any_classes or tuple(classes) == self.classes)

    def both(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features (B, d) float32 and class probabilities (B, K), or None where it does not classify.

        Args:
            images: (B, C, H, W), uint8 0 … 255 or floats in [0, 1].

        Raises:
            DataError: not such images, or a network that makes something else of them.
        """
        return self.of_unit(unit(images, self.axes))

    @torch.inference_mode()
    def of_unit(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """`both` of what `unit` returned."""
        found = self.network(images.to(self.device, non_blocking=True))
        features, logits = found if isinstance(found, tuple) else (found, None)
        if features.ndim != 2 or len(features) != len(images):
            raise DataError(
                f"extractor {self.name!r} makes {tuple(features.shape)} of {len(images)} images; "
                "(B, d) is needed."
            )
        probabilities = None if logits is None or not self.classes else logits.float().softmax(-1).cpu()
        return features.float().cpu(), probabilities

    def features(self, images: Tensor) -> Tensor:
        """Features (B, d), float32; see `both`."""
        return self.both(images)[0]

    def on(self, device: torch.device | str) -> Extractor:
        """This extractor, its weights moved to a device."""
        self.network.to(device)
        return self

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        weights = next(self.network.parameters(), None)
        return torch.device("cpu") if weights is None else weights.device


def extractor(name: str, weights: str | None = None) -> Extractor:
    """The feature extractor of that name, on the CPU.

    Args:
        weights: a file of weights, for one that does not bring its own (`inception`).

    Raises:
        ConfigError: no such extractor, or it has no weights here.
    """
    make = EXTRACTORS.load(name)
    made = make(weights) if name == "inception" else make()
    if isinstance(made, Extractor):
        return made
    if not isinstance(made, nn.Module):
        raise ConfigError(f"extractor {name!r} is a {type(made).__name__}, not a torch.nn.Module.")
    return wrapped(name, made)


def suggested(spec: ArraySpec) -> str:
    """The built-in extractor for such data: the network for small grey pictures, else the untrained one."""
    small = max(spec.height, spec.width) <= 2 * DigitsNetwork.side
    return "digits" if spec.channels == 1 and small else "random"


def wrapped(name: str, network: nn.Module) -> Extractor:
    """A user's own module as an extractor; its number of features is found with one picture."""
    network = network.eval().requires_grad_(False)
    with torch.inference_mode():
        sizes = [PROBE] * (axes := int(getattr(network, "axes", 2)))
        found = network(torch.zeros(1, int(getattr(network, "channels", 3)), *sizes))
    features = found[0] if isinstance(found, tuple) else found
    resizer = str(getattr(network, "resizer", "the extractor's own"))
    classes = tuple(str(c) for c in getattr(network, "classes", ()))
    digest = weights_digest(network.state_dict(), type(network).__qualname__)
    return Extractor(name, network, digest, features.shape[-1], resizer, classes, axes=axes)


def digits() -> Extractor:
    """The bundled network for small grey pictures, trained on MNIST; see experiments/003_digits_extractor.

    Raises:
        CheckpointError: the file of weights is not the one that belongs to this version.
    """
    from safetensors.torch import load

    raw = (files("genkit.metrics") / DIGITS_WEIGHTS).read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    if digest != DIGITS_SHA256:
        raise CheckpointError(
            f"genkit/metrics/{DIGITS_WEIGHTS} has SHA-256 {digest[:12]}…, not {DIGITS_SHA256[:12]}…: "
            "it was changed; install genkit again."
        )
    network = DigitsNetwork()
    network.load_state_dict(load(raw), strict=False)  # without the counters of batch normalisation
    network.eval().fold()
    side = DigitsNetwork.side
    words = f"luma; bilinear, antialiased, to {side}×{side}"
    classes = tuple(map(str, range(DigitsNetwork.classes)))
    frozen = network.requires_grad_(False).to(memory_format=torch.channels_last)
    return Extractor("digits", frozen, _versioned(digest), DigitsNetwork.size, words, classes)


def random() -> Extractor:
    """The network that was never trained."""
    network = RandomNetwork().eval().requires_grad_(False)
    words = f"grey repeated thrice; bilinear, antialiased, to {network.side}×{network.side}"
    return Extractor("random", network, weights_digest(network.state_dict(), "random"), network.size, words)


def unit(images: Tensor, axes: int | None = 2) -> Tensor:
    """Images, or arrays over other axes, as floats in [0, 1].

    Args:
        axes: that each has beside its channels; None: any number of them.

    Raises:
        DataError: not (B, C, *sizes) of uint8 or of finite floats in [0, 1].
    """
    if axes is not None and images.ndim != axes + 2:
        form = "images (B, C, H, W)" if axes == 2 else f"arrays over {axes} axes"
        raise DataError(f"{form} are needed, not a tensor of shape {tuple(images.shape)}.")
    if images.dtype == torch.uint8:
        return images.float() / 255
    if not images.is_floating_point():
        raise DataError(f"images are uint8 or floats in [0, 1], not {images.dtype}.")
    if len(images) and not torch.isfinite(images).all():
        raise DataError("images hold NaN or infinite values.")
    if len(images) and (images.min() < -1e-3 or images.max() > 1 + 1e-3):
        raise DataError(f"images are floats in [0, 1]; these reach {images.min():g} … {images.max():g}.")
    return images.float().clamp(0, 1)


def weights_digest(weights: Mapping[str, Tensor], version: str) -> str:
    """SHA-256 of a version and of named tensors: names, shapes, types and values."""
    digest = hashlib.sha256(version.encode())
    for name in sorted(weights):
        value = weights[name].detach().cpu().contiguous()
        digest.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return _versioned(digest.hexdigest())


def _versioned(digest: str) -> str:
    return hashlib.sha256(f"{VERSION} {digest}".encode()).hexdigest()
