"""Inception-v3 with the weights of the first FID, by torch-fidelity: loaded when it is asked for by name."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import torch
from torch import Tensor, nn

from genkit.metrics.extractors import Extractor, weights_digest
from genkit.system.errors import CheckpointError, ConfigError

FILE = "weights-inception-2015-12-05-6726825d.pth"
SHA256 = "6726825d"  # how the file's digest begins, as its name says
URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{FILE}"
SIZE, CLASSES = 2048, 1008


def inception(weights: str | None = None) -> Extractor:
    """Inception-v3 as torch-fidelity has it: 2048 features of the last pooling, and the unbiased logits.

    Args:
        weights: the file; None: torch's own cache, and else a download.

    Raises:
        ConfigError: torch-fidelity is not installed, or there are no weights and they cannot be fetched.
        CheckpointError: the file is not the one that belongs to FID.
    """
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        raise ConfigError("extractor=inception needs torch-fidelity: pip install torch-fidelity.") from error
    path = found(weights)
    if not hashlib.sha256(path.read_bytes()).hexdigest().startswith(SHA256):
        raise CheckpointError(f"{path} is not {FILE}: its SHA-256 does not begin with {SHA256}.")
    state = torch.load(path, map_location="cpu", weights_only=True)
    # torch-fidelity would unpickle whatever the file holds; so it gets what was read as plain tensors.
    plain = io.BytesIO()
    torch.save(state, plain)
    plain.seek(0)
    body = FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"], plain)
    network = Inception(body).eval().requires_grad_(False)
    words = "grey repeated thrice; TensorFlow 1 bilinear to 299×299"
    classes = tuple(f"{i}" for i in range(CLASSES))
    digest = weights_digest(state, "torch-fidelity 2048")
    return Extractor("inception", network, digest, SIZE, words, classes, any_classes=True)


class Inception(nn.Module):
    """torch-fidelity's network, from floats in [0, 1]."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        colours = images if images.shape[1] == 3 else images[:, :1].expand(-1, 3, -1, -1)
        features, logits = self.body((colours * 255).round().to(torch.uint8))
        return features, logits


def found(weights: str | None) -> Path:
    """The file of weights: the given one, torch's cached one, or a fresh download.

    Raises:
        ConfigError: none of them.
    """
    if weights is not None:
        if not Path(weights).is_file():
            raise ConfigError(f"extractor=inception: there is no file {weights}.")
        return Path(weights)
    cached = Path(torch.hub.get_dir()) / "checkpoints" / FILE
    if not cached.is_file():
        try:
            cached.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(URL, str(cached), hash_prefix=SHA256, progress=False)
        except (OSError, RuntimeError) as error:
            raise ConfigError(
                f"extractor=inception has no weights here and cannot fetch them ({error}): put {FILE} of "
                f"torch-fidelity into {cached.parent}, or name another extractor."
            ) from error
    return cached
