"""`extractor=inception`: Inception-v3 with the weights of the first FID, from a file or torch's own cache."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch

from genkit.metrics.extractors import Extractor, OfFile, weights_digest
from genkit.metrics.inception_network import CLASSES, FEATURES, SIDE, InceptionNetwork
from genkit.metrics.weight_files import fill, located, read_weights
from genkit.system.errors import CheckpointError, ConfigError
from genkit.system.plain import open_file

FILE = "weights-inception-2015-12-05-6726825d.pth"
SHA256 = "6726825d"  # how the file's digest begins, as its name says
URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{FILE}"
RESIZER = f"grey repeated thrice; TensorFlow 1 bilinear to {SIDE}×{SIDE}"


def inception(weights: str | Path | None = None) -> Extractor:
    """Inception-v3 as FID has it: 2048 features of the last pooling, and the unbiased logits.

    Args:
        weights: the file; None: torch's own cache, and else a download.

    Raises:
        ConfigError: there are no weights and they cannot be fetched.
        CheckpointError: the file is not the one that belongs to FID.
    """
    path = found() if weights is None else located(weights, "extractor.weights")
    try:
        with open_file(path, follow=True) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}.") from None
    if not digest.startswith(SHA256):
        raise CheckpointError(
            f"{path} is not {FILE}, the weights of FID: its SHA-256 does not begin with {SHA256}."
        )
    state = read_weights(path)
    with torch.device("meta"):
        network = InceptionNetwork().eval()
    fill(network, state, path)
    frozen = network.requires_grad_(False)
    classes = tuple(f"{i}" for i in range(CLASSES))
    # (The words of the digest are those of the rows that torch-fidelity's network made.)
    digest = weights_digest(state, "torch-fidelity 2048")
    return Extractor("inception", frozen, digest, FEATURES, RESIZER, classes, any_classes=True)


def found() -> Path:
    """The file of weights: torch's cached one, or a fresh download.

    Raises:
        ConfigError: neither.
    """
    cached = Path(torch.hub.get_dir()) / "checkpoints" / FILE
    if not cached.is_file():
        try:
            cached.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(URL, str(cached), hash_prefix=SHA256, progress=False)
        except (OSError, RuntimeError) as error:
            raise ConfigError(
                f"extractor=inception has no weights here and cannot fetch them ({error}): give"
                f" extractor.weights={FILE} (of torch-fidelity), or name another extractor."
            ) from error
    return cached


INCEPTION = OfFile(inception)
