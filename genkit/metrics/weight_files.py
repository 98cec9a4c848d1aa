"""Weights in a file of the user's own, as plain tensors: nothing in such a file is executed.

What is read is `extractor.weights=FILE`: a safetensors file, a checkpoint of torch (`.pth`, `.pt`, `.bin`)
that holds tensors alone, or a folder as transformers saves one.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from genkit.system.errors import CheckpointError, ConfigError
from genkit.system.headers import read_header
from genkit.system.paths import sought
from genkit.system.plain import open_file

SAFE, OF_TORCH = ".safetensors", (".pth", ".pt", ".bin")
IN_A_FOLDER = ("model.safetensors", "pytorch_model.bin")
NAMED = 3  # tensors that a refusal names


def located(given: str | Path, word: str) -> Path:
    """The file of weights.

    Args:
        word: what it was given as, for messages.

    Raises:
        ConfigError: there is none.
    """
    path = Path(given).expanduser()
    if path.is_dir():
        there = [path / name for name in IN_A_FOLDER if (path / name).is_file()]
        if not there:
            raise ConfigError(f"{word}={given} is a folder without {' or '.join(IN_A_FOLDER)}.")
        return there[0]
    if not path.exists():
        raise ConfigError(f"{word}={given}: there is no such file.{sought(path)}")
    if path.suffix.lower() not in (SAFE, *OF_TORCH):
        raise ConfigError(f"{word}={given}: weights are read from {', '.join((SAFE, *OF_TORCH))}.")
    return path


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by their names, on the CPU.

    Raises:
        CheckpointError: it is damaged or empty, holds more than tensors, or values that are not finite.
    """
    try:
        if path.suffix.lower() == SAFE:
            from safetensors.torch import load_file

            read_header(path, follow=True)
            found: object = load_file(path)
        else:
            with open_file(path, follow=True) as file, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of kinds of pickles, which are refused or read all the same
                found = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{path} is no file of tensors alone, and a pickle that may run code is not opened: give the"
            " weights as .safetensors, or as torch saves a state_dict."
        ) from None
    except (OSError, EOFError, ValueError, KeyError, IndexError, TypeError, RuntimeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200].rstrip(".")
        raise CheckpointError(f"{path} cannot be read as weights: {reason}. Copy it anew.") from None
    if not isinstance(found, Mapping) or not found:
        raise CheckpointError(f"{path} holds a {type(found).__name__}, not tensors by name.")
    tensors: dict[str, Tensor] = {}
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise CheckpointError(
                f"{path}: {str(name)[:60]} is a {type(value).__name__}, not a tensor: give a state_dict."
            )
        if value.is_floating_point() and not value.isfinite().all():
            raise CheckpointError(f"{path}: {name[:60]} holds NaN or infinite values.")
        tensors[name] = value
    return tensors


def fill(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Give a network tensors by their names, as float32; counters of batch normalisation may be there or not.

    Raises:
        CheckpointError: one is missing, left over, or of another shape; the first of them are named.
    """
    own = {name: value for name, value in network.state_dict().items() if value.is_floating_point()}
    given = {name: value for name, value in tensors.items() if not name.endswith("num_batches_tracked")}
    shapes = [
        f"{name} is {_shape(given[name])}, not {_shape(value)}"
        for name, value in own.items()
        if name in given and given[name].shape != value.shape
    ]
    for what, names in (
        ("lacks", [name for name in own if name not in given]),
        ("has more than that:", [name for name in given if name not in own]),
        ("has other shapes:", shapes),
    ):
        if names:
            more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
            raise CheckpointError(
                f"{path} is not of this network: it {what} {', '.join(n[:90] for n in names[:NAMED])}{more}."
            )
    network.load_state_dict({name: value.float() for name, value in given.items()}, strict=False, assign=True)


def _shape(value: Tensor) -> str:
    return "×".join(map(str, value.shape)) or "a number"
