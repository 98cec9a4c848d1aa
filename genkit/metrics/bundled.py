"""The extractors that are shipped: networks trained for genkit, each pinned by the SHA-256 of its weights."""

from __future__ import annotations

import hashlib
from importlib.resources import files

import torch
from torch import nn

from genkit.metrics.extractors import Extractor, versioned
from genkit.metrics.hearing import SpokenDigitsNetwork
from genkit.metrics.networks import DigitsNetwork, PhotosNetwork, fold
from genkit.metrics.watching import MovingDigitsNetwork
from genkit.system.errors import CheckpointError

DIGITS_WEIGHTS = "digits.safetensors"
DIGITS_SHA256 = "650ab7fb75ab20d2e0f5cd9d3c0e60538eea37b71cd9a13d043382e42a0b9600"
PHOTOS_WEIGHTS = "photos.safetensors"
PHOTOS_SHA256 = "13914bcedbc03555633bbfda51db7c5fa898aafe011dcffccb4ea178d5c2287a"
SPOKEN_DIGITS_WEIGHTS = "spoken_digits.safetensors"
SPOKEN_DIGITS_SHA256 = "763b83d2c0dc6d1b61516739a5f52335962fb745ae47ddb92272e269eb1e00ce"
MOVING_DIGITS_WEIGHTS = "moving_digits.safetensors"
MOVING_DIGITS_SHA256 = "605b3b176c2324e39095d3d90ec33547cdf7b122703a73d4ae7a63597f1bc170"


def digits() -> Extractor:
    """The bundled network for small grey pictures, trained on MNIST; see experiments/003_digits_extractor.

    Raises:
        CheckpointError: the file of weights is not the one that belongs to this version.
    """
    network = DigitsNetwork()
    digest = _bundled(network, DIGITS_WEIGHTS, DIGITS_SHA256)
    fold(network.body)
    side = DigitsNetwork.side
    words = f"luma; bilinear, antialiased, to {side}×{side}"
    classes = tuple(map(str, range(DigitsNetwork.classes)))
    frozen = network.requires_grad_(False).to(memory_format=torch.channels_last)
    return Extractor("digits", frozen, digest, DigitsNetwork.size, words, classes)


def photos() -> Extractor:
    """The bundled network for small colour pictures, trained on photographs of CIFAR-10; see
    experiments/052_colour_extractor.

    Raises:
        CheckpointError: the file of weights is not the one that belongs to this version.
    """
    network, own = PhotosNetwork(), PhotosNetwork
    digest = _bundled(network, PHOTOS_WEIGHTS, PHOTOS_SHA256)
    fold(network.body)
    words = f"grey repeated thrice; bilinear, antialiased, to {own.side}×{own.side}"
    frozen = network.requires_grad_(False).to(memory_format=torch.channels_last)
    return Extractor("photos", frozen, digest, own.size, words, own.classes)


def spoken_digits() -> Extractor:
    """The bundled network for spoken digits, trained on FSDD; see experiments/040_spoken_digits_extractor.

    Raises:
        CheckpointError: the file of weights is not the one that belongs to this version.
    """
    network = SpokenDigitsNetwork()
    digest = _bundled(network, SPOKEN_DIGITS_WEIGHTS, SPOKEN_DIGITS_SHA256)
    fold(network.body)
    frozen, own = network.requires_grad_(False), SpokenDigitsNetwork
    return Extractor(
        *("spoken_digits", frozen, digest, own.size, own.resizer, own.classes),
        axes=1,
        rate=own.rate,
        speech=True,
    )


def moving_digits() -> Extractor:
    """The bundled network for digits that move; see experiments/042_moving_digits_extractor.

    Raises:
        CheckpointError: the file of weights is not the one that belongs to this version.
    """
    network, own = MovingDigitsNetwork(), MovingDigitsNetwork
    digest = _bundled(network, MOVING_DIGITS_WEIGHTS, MOVING_DIGITS_SHA256)
    classes = tuple(map(str, range(own.digits)))
    frozen = network.requires_grad_(False)
    return Extractor("moving_digits", frozen, digest, own.size, own.resizer, classes, axes=3)


def _bundled(network: nn.Module, file: str, known: str) -> str:
    """Give a network, in evaluation mode, the weights that are shipped for it; returns their digest."""
    from safetensors.torch import load

    raw = (files("genkit.metrics") / file).read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    if digest != known:
        raise CheckpointError(
            f"genkit/metrics/{file} has SHA-256 {digest[:12]}…, not {known[:12]}…: "
            "it was changed; install genkit again."
        )
    network.load_state_dict(load(raw), strict=False)  # without the counters of batch normalisation
    network.eval()
    return versioned(digest)
