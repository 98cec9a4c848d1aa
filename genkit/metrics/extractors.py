"""Feature extractors: the networks in whose features pictures are compared, and what identifies them.

A number such as an FID belongs to one extractor, one set of weights and one way of resizing; `Extractor`
holds all three.  A distribution adds its own by entry point:

    [project.entry-points."genkit.extractors"]
    faces = "my_package.faces:Faces"

`Faces()` is a `torch.nn.Module` from images (B, C, H, W), floats in [0, 1], to features (B, d), or to
features and logits (B, K).  It may have the attributes `resizer` (in words), `classes` (the names of the K
classes) and `axes` (of the arrays that it reads, where they are no images).  One that hears sounds has
`axes = 1` and a `rate`: it is given clips (B, C, T), floats in [-1, 1], at so many samples a second; what it
knows may be speech (`speech = True`).  One whose weights are a file of the user's is an `OfFile` instead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor, nn

from genkit.core.spec import ArraySpec
from genkit.metrics.catalogue import EXTRACTORS, check_asked
from genkit.metrics.hearing import RandomEar
from genkit.metrics.networks import RandomNetwork
from genkit.metrics.watching import RandomClipNetwork
from genkit.system.errors import ConfigError, DataError

VERSION = "1"  # of what is done to pictures around the network
SOUND = 16  # bits of a medium whose arrays are clips
FINEST = 1_000  # of the two numbers whose ratio is that of two rates
OF_AXES = {2: "images", 3: "videos"}  # what one is of that hears nothing
PROBE = 32  # side of the picture with which a module is asked how many features it has
PROBED = 4096  # samples of the clip with which one is that hears


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
        rate: samples a second of the clips that it hears, (B, C, T) in [-1, 1]; None: it hears none.
        speech: whether what it knows is speech.
        given: samples a second of the clips that it is given; None: as it hears them.
    """

    name: str
    network: nn.Module
    digest: str
    size: int
    resizer: str
    classes: tuple[str, ...] = ()
    any_classes: bool = False
    axes: int = 2
    rate: float | None = None
    speech: bool = False
    given: float | None = None

    @property
    def protocol(self) -> dict[str, str]:
        """What two numbers must share to be comparable."""
        return {"extractor": self.name, "extractor_digest": self.digest[:12], "resizer": self.resizer}

    def fits(self, classes: Sequence[str]) -> bool:
        """Whether its probabilities mean something for data with these classes."""
        return bool(self.classes) and (self.any_classes or set(classes) == set(self.classes))

    def both(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features (B, d) float32 and class probabilities (B, K), or None where it does not classify.

        Args:
            images: (B, C, H, W), uint8 0 … 255 or floats in [0, 1]; of sounds (B, C, T), int16 or floats in
                [-1, 1].

        Raises:
            DataError: not such images, or a network that makes something else of them.
        """
        return self.of_unit(unit(images, self.axes, sound=self.rate is not None))

    @torch.inference_mode()
    def of_unit(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """`both` of what `unit` returned."""
        if self.rate is not None and self.given not in (None, self.rate):
            images = resampled(images, self.given, self.rate)
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

    def reading(self, array: ArraySpec) -> Extractor:
        """This extractor, for such arrays as they are shown.

        Raises:
            ConfigError: it reads others.
        """
        native = array.native
        hears, sounds = self.rate is not None, native.medium.depth == SOUND
        if len(native.sizes) != self.axes or hears != sounds:
            own = "sounds" if hears else OF_AXES.get(self.axes, f"arrays over {self.axes} axes")
            fits = native.medium.extractor(native)
            other = f"; extractor={fits} does" if fits else ""
            raise ConfigError(f"extractor={self.name} is of {own}, not of {native.medium.many}{other}.")
        return replace(self, given=native.rate) if hears else self

    def on(self, device: torch.device | str) -> Extractor:
        """This extractor, its weights moved to a device."""
        self.network.to(device)
        return self

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        weights = next(self.network.parameters(), None)
        return torch.device("cpu") if weights is None else weights.device


@dataclass(frozen=True)
class OfFile:
    """An extractor whose weights are a file, `extractor.weights=FILE`; offered in the place of a module.

    Attributes:
        read: makes it of that file; told None, of what it finds without, or it refuses.
    """

    read: Callable[[str | Path | None], Extractor]


def extractor(name: str, weights: str | Path | None = None) -> Extractor:
    """The feature extractor of that name, on the CPU.

    Args:
        weights: a file of weights, for one that does not bring its own.

    Raises:
        ConfigError: no such extractor, it has no weights here, or it brings its own.
        CheckpointError: the file of weights is damaged, or of another network.
    """
    make = EXTRACTORS.load(name)
    if isinstance(make, OfFile):
        return make.read(weights)
    if weights is not None:
        raise ConfigError(
            f"extractor={name} brings its own weights: leave extractor.weights={weights} out, or name"
            " extractor=inception or dinov2, which read them."
        )
    if not callable(make):
        raise ConfigError(f"extractor {name!r} is a {type(make).__name__}, not a torch.nn.Module.")
    made = make()
    if isinstance(made, Extractor):
        return made
    if not isinstance(made, nn.Module):
        raise ConfigError(f"extractor {name!r} is a {type(made).__name__}, not a torch.nn.Module.")
    return wrapped(name, made)


@dataclass(frozen=True)
class AskedExtractor:
    """What a person asks for.

    Attributes:
        name: `extractor=NAME`; None: the one that fits the data.
        weights: `extractor.weights=FILE`.
    """

    name: str | None = None
    weights: str | None = None

    def check(self) -> None:
        """See that a file of weights can be read, before anything is drawn.

        Raises:
            ConfigError, CheckpointError: as `extractor`; or a file is given and no extractor named.
        """
        check_asked(self.name, self.weights)
        if self.name is not None and (
            self.weights is not None or isinstance(EXTRACTORS.load(self.name), OfFile)
        ):
            self.made(self.name)

    def made(self, fitting: str) -> Extractor:
        """It, or else the one that fits.

        Raises:
            ConfigError, CheckpointError: as `extractor`.
        """
        return extractor(self.name or fitting, self.weights)


def wrapped(name: str, network: nn.Module) -> Extractor:
    """A user's own module as an extractor; its number of features is found with one picture, or one clip."""
    network = network.eval().requires_grad_(False)
    rate = None if (said := getattr(network, "rate", None)) is None else float(said)
    channels, size = (3, PROBE) if rate is None else (1, PROBED)
    with torch.inference_mode():
        sizes = [size] * (axes := int(getattr(network, "axes", 2)))
        found = network(torch.zeros(1, int(getattr(network, "channels", channels)), *sizes))
    features = found[0] if isinstance(found, tuple) else found
    resizer = str(getattr(network, "resizer", "the extractor's own"))
    classes = tuple(str(c) for c in getattr(network, "classes", ()))
    digest = weights_digest(network.state_dict(), type(network).__qualname__)
    speech = bool(getattr(network, "speech", False))
    return Extractor(
        name, network, digest, features.shape[-1], resizer, classes, axes=axes, rate=rate, speech=speech
    )


def random() -> Extractor:
    """The network that was never trained."""
    network = RandomNetwork().eval().requires_grad_(False)
    words = f"grey repeated thrice; bilinear, antialiased, to {network.side}×{network.side}"
    return Extractor("random", network, weights_digest(network.state_dict(), "random"), network.size, words)


def random_ear() -> Extractor:
    """The network that was never trained, of sounds."""
    network = RandomEar().eval().requires_grad_(False)
    digest = weights_digest(network.state_dict(), "random_ear")
    return Extractor("random_ear", network, digest, network.size, network.resizer, axes=1, rate=network.rate)


def random_clip() -> Extractor:
    """The network that was never trained, of videos."""
    network = RandomClipNetwork().eval().requires_grad_(False)
    digest = weights_digest(network.state_dict(), "random_clip")
    return Extractor("random_clip", network, digest, network.size, network.resizer, axes=3)


def resampled(clips: Tensor, rate: float, wanted: float) -> Tensor:
    """Clips (B, C, T) at a rate brought to another one, by a polyphase filter."""
    from scipy.signal import resample_poly

    ratio = Fraction(wanted / rate).limit_denominator(FINEST)
    found = resample_poly(clips.cpu().numpy(), ratio.numerator, ratio.denominator, axis=-1)
    return torch.from_numpy(found).float()


def unit(images: Tensor, axes: int | None = 2, sound: bool = False) -> Tensor:
    """Images, or arrays over other axes, as floats in [0, 1]; clips of 16 bits as floats in [-1, 1].

    Args:
        axes: that each has beside its channels; None: any number of them.
        sound: whether floats are those of clips.

    Raises:
        DataError: not (B, C, *sizes) of uint8 or of finite floats in [0, 1]; for clips, of int16 or such
            floats in [-1, 1].
    """
    if axes is not None and images.ndim != axes + 2:
        form = "images (B, C, H, W)" if axes == 2 else f"arrays over {axes} axes"
        raise DataError(f"{form} are needed, not a tensor of shape {tuple(images.shape)}.")
    if images.dtype == torch.uint8 and not sound:
        return images.float() / 255
    if images.dtype == torch.int16 and (sound or axes is None):
        return images.float() / 2**15
    if sound:
        return _waves(images)
    if not images.is_floating_point():
        raise DataError(f"images are uint8 or floats in [0, 1], not {images.dtype}.")
    if len(images) and not torch.isfinite(images).all():
        raise DataError("images hold NaN or infinite values.")
    if len(images) and (images.min() < -1e-3 or images.max() > 1 + 1e-3):
        raise DataError(f"images are floats in [0, 1]; these reach {images.min():g} … {images.max():g}.")
    return images.float().clamp(0, 1)


def _waves(clips: Tensor) -> Tensor:
    if not clips.is_floating_point():
        raise DataError(f"sounds are int16 or floats in [-1, 1], not {clips.dtype}.")
    if len(clips) and not torch.isfinite(clips).all():
        raise DataError("sounds hold NaN or infinite values.")
    if len(clips) and clips.abs().max() > 1 + 1e-3:
        reach = f"{clips.min():g} … {clips.max():g}"
        raise DataError(f"sounds are floats in [-1, 1]; these reach {reach}.")
    return clips.float().clamp(-1, 1)


def weights_digest(weights: Mapping[str, Tensor], version: str) -> str:
    """SHA-256 of a version and of named tensors: names, shapes, types and values."""
    digest = hashlib.sha256(version.encode())
    for name in sorted(weights):
        value = weights[name].detach().cpu().contiguous()
        digest.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return versioned(digest.hexdigest())


def versioned(digest: str) -> str:
    """The digest of weights together with that of what is done to examples around the network."""
    return hashlib.sha256(f"{VERSION} {digest}".encode()).hexdigest()
