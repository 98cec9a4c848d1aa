"""The knobs of GPT.  Nothing here imports torch."""

from collections.abc import Iterator
from typing import Annotated, Literal

from genkit.core.knobs import Clash, ModelKnobs, knob


class GPTKnobs(ModelKnobs, frozen=True):
    """As `genkit.nn.transformer.TransformerConfig` takes them, and what GPT adds."""

    view: Literal["tokens", "arrays"] = "tokens"
    block_size: (
        Annotated[int, knob("of context; null: 64, or a whole image", ge=1, le=1_000_000, unit="tokens")]
        | None
    ) = None
    n_layer: Annotated[int, knob("depth", ge=1, le=1_000, unit="layers")] = 4
    n_head: Annotated[int, knob("of attention", ge=1, advice="give at least one head", unit="heads")] = 4
    n_embd: Annotated[
        int, knob("width", ge=1, le=65_536, advice="give a width from 1 to 65,536", unit="channels")
    ] = 128
    n_kv_head: (
        Annotated[
            int,
            knob(
                "fewer for keys and values; null: n_head",
                ge=1,
                unit="heads",
                advice="make n_head a multiple of n_kv_head",
            ),
        ]
        | None
    ) = None
    dropout: Annotated[
        float, knob("probability, in training", ge=0, lt=1, advice="give a probability below 1")
    ] = 0.0
    bias: Annotated[bool, knob("in linear layers and layer norms")] = False
    norm: Annotated[Literal["layer", "rms"], knob("of each block")] = "layer"
    activation: Annotated[
        Literal["gelu", "gelu_tanh", "relu2", "swiglu"], knob("of the hidden layers; gelu_tanh is GPT-2's")
    ] = "gelu"
    positions: Annotated[
        Literal["learned", "rotary", "axial"],
        knob("how tokens know their places; axial: rotary, and learned along each axis of an array"),
    ] = "learned"
    qk_norm: Annotated[bool, knob("normalise queries and keys")] = False
    tie: Annotated[bool, knob("the output matrix is the embedding")] = True
    level_vectors: Annotated[
        bool, knob("of tokens of several levels: beside its own each has the sum of one for each level")
    ] = False
    conditional: Annotated[bool, knob("on the labels of images")] = False
    caption_dropout: (
        Annotated[
            float,
            knob(
                "share of captions left out in training; null: 0.1 of data with captions",
                ge=0,
                lt=1,
                advice="give a share below 1, or null",
            ),
        ]
        | None
    ) = None
    lora_rank: (
        Annotated[
            int,
            knob(
                "train only low-rank updates of this rank; null: everything",
                ge=1,
                advice="give a rank from 1 to n_embd, or null",
            ),
        ]
        | None
    ) = None

    def clashes(self) -> Iterator[Clash]:
        if self.n_embd % self.n_head:
            yield Clash(("n_embd", "n_head"), "make n_embd a multiple of n_head")
        if self.n_kv_head is not None and self.n_head % self.n_kv_head:
            yield Clash(("n_kv_head", "n_head"), "make n_head a multiple of n_kv_head")
        if self.lora_rank is not None and self.lora_rank > self.n_embd:
            yield Clash(("lora_rank", "n_embd"), "give a rank from 1 to n_embd, or null")
        if self.positions != "learned" and self.n_embd // self.n_head % 2:
            yield Clash(("positions", "n_embd", "n_head"), "rotary positions need heads of even width")
