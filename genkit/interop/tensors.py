"""Our parameters as pieces with transformers' names: one way for weights that come in and that go out.

Legend: D width, H heads, G key-value heads, E head width.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from genkit.interop.architecture import Architecture, StoredLayer
from genkit.nn.transformer_config import TransformerConfig

BY_TOKEN = ("tokens.weight", "head.weight", "places.weight")  # of which a network may have the first rows


@dataclass(frozen=True)
class Piece:
    """A tensor of theirs, as a view of ours.

    Attributes:
        name: theirs.
        view: its entries in their order, but for the number of axes.
        shape: theirs.
        first: whether ours are the first of more rows.
    """

    name: str
    view: Tensor
    shape: tuple[int, ...]
    first: bool = False

    def fill(self, tensor: Tensor) -> None:
        """Take over a tensor of theirs, which has the shape."""
        self.view.copy_(tensor.view(self.view.shape))

    def tensor(self) -> Tensor:
        """Theirs, float32 on the CPU, in memory of its own."""
        return self.view.detach().float().cpu().contiguous().clone().view(self.shape)


def pieces(
    architecture: Architecture, config: TransformerConfig, name: str, parameter: Tensor
) -> Iterator[Piece]:
    """What of theirs makes a parameter of ours.

    Args:
        config: of the network.
        name: of the parameter, `blocks.3.attention.qkv.weight` say.
    """
    place = architecture.place(name)
    if place.transposed:
        yield Piece(place.names[0], parameter.T, tuple(parameter.T.shape))
    elif place.by_head:
        of_heads = parameter.view(3, config.n_head, config.head_width, *parameter.shape[1:])
        yield Piece(place.names[0], of_heads.transpose(0, 1), tuple(parameter.shape))
    else:
        rows = parameter.split(_rows(config, place, len(parameter)))
        for own, part in zip(place.names, rows, strict=True):
            yield Piece(own, part, tuple(part.shape), first=name in BY_TOKEN)


def _rows(config: TransformerConfig, place: StoredLayer, rows: int) -> list[int]:
    """How many of our rows each of their tensors holds: queries, keys and values, gate and values, or all."""
    width = config.head_width
    of_attention = [config.n_head * width, config.kv_heads * width, config.kv_heads * width]
    return of_attention if len(place.names) == 3 else [rows // len(place.names)] * len(place.names)
