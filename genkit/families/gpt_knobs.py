"""The knobs of GPT.  Nothing here imports torch."""

from collections.abc import Iterator
from typing import Annotated, Literal

from genkit.core.knobs import GIVEN, Clash, ModelKnobs, Plain, knob

ROTARY: dict[str, tuple[Plain, ...]] = {"positions": ("rotary", "axial")}
TURNED: dict[str, tuple[Plain, ...]] = {"rotary_scaling": ("llama3", "yarn")}


class GPTKnobs(ModelKnobs, frozen=True):
    """As `genkit.nn.transformer.TransformerConfig` takes them, and what GPT adds."""

    cites = {"": ("radford2019language",)}

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
    head_size: (
        Annotated[int, knob("width of a head; null: n_embd / n_head", ge=1, le=4_096, unit="channels")] | None
    ) = None
    hidden: (
        Annotated[
            int,
            knob(
                "of the feed-forward network; null: 4, or gated 8/3 n_embd",
                ge=1,
                le=1_000_000,
                unit="channels",
            ),
        ]
        | None
    ) = None
    dropout: Annotated[
        float, knob("probability, in training", ge=0, lt=1, advice="give a probability below 1")
    ] = 0.0
    bias: Annotated[bool, knob("in linear layers and layer norms")] = False
    qkv_bias: Annotated[bool, knob("in queries, keys and values; null: as bias has it")] | None = None
    proj_bias: Annotated[bool, knob("in what attention puts out; null: as bias has it")] | None = None
    mlp_bias: Annotated[bool, knob("in the feed-forward network; null: as bias has it")] | None = None
    norm: Annotated[Literal["layer", "rms"], knob("of each block")] = "layer"
    norm_eps: (
        Annotated[float, knob("added to the mean square; null: 1e-5 of layer, 1e-6 of rms", gt=0, le=0.1)]
        | None
    ) = None
    activation: Annotated[
        Literal["gelu", "gelu_tanh", "relu2", "swiglu"], knob("of the hidden layers; gelu_tanh is GPT-2's")
    ] = "gelu"
    positions: Annotated[
        Literal["learned", "rotary", "axial"],
        knob("how tokens know their places; axial: rotary, and learned along each axis of an array"),
    ] = "learned"
    rotary_base: (
        Annotated[
            float, knob("of the wave lengths of rotary positions; null: 10,000", gt=1, le=1e12, only=ROTARY)
        ]
        | None
    ) = None
    rotary_share: Annotated[
        float,
        knob(
            "of each head that is rotated",
            gt=0,
            le=1,
            advice="give a share above 0, and at most 1",
            only=ROTARY,
        ),
    ] = 1.0
    rotary_scaling: (
        Annotated[
            Literal["linear", "llama3", "yarn"],
            knob("for a context longer than that of a first training", only=ROTARY),
        ]
        | None
    ) = None
    rotary_factor: Annotated[
        float, knob("how many times longer", ge=1, le=10_000, only={"rotary_scaling": GIVEN})
    ] = 1.0
    rotary_original: (
        Annotated[
            int,
            knob(
                "context of the first training; null: block_size / rotary_factor",
                ge=1,
                le=100_000_000,
                unit="tokens",
                only=TURNED,
            ),
        ]
        | None
    ) = None
    rotary_low: Annotated[
        float,
        knob(
            "a pair that turns less over that context is stretched", gt=0, le=1e6, unit="turns", only=TURNED
        ),
    ] = 1.0
    rotary_high: Annotated[
        float,
        knob("a pair that turns more over that context is kept", gt=0, le=1e6, unit="turns", only=TURNED),
    ] = 32.0
    rotary_attention: (
        Annotated[
            float,
            knob(
                "times cosines and sines; null: 0.1 ln(rotary_factor) + 1",
                gt=0,
                le=100,
                only={"rotary_scaling": ("yarn",)},
            ),
        ]
        | None
    ) = None
    qk_norm: Annotated[bool, knob("normalise queries and keys")] = False
    qk_scales: Annotated[
        bool, knob("and scale each entry by a learned number", only={"qk_norm": (True,)})
    ] = False
    parallel: Annotated[bool, knob("attention and feed-forward network read the same stream")] = False
    window: (
        Annotated[
            int,
            knob("that a token sees, itself included; null: all", ge=1, le=100_000_000, unit="tokens"),
        ]
        | None
    ) = None
    window_from: Annotated[
        int, knob("the first layer with the window", ge=0, le=1_000, unit="layers", only={"window": GIVEN})
    ] = 0
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
        if self.head_size is None and self.n_embd % self.n_head:
            yield Clash(("n_embd", "n_head"), "make n_embd a multiple of n_head")
        if self.n_kv_head is not None and self.n_head % self.n_kv_head:
            yield Clash(("n_kv_head", "n_head"), "make n_head a multiple of n_kv_head")
        if self.lora_rank is not None and self.lora_rank > self.n_embd:
            yield Clash(("lora_rank", "n_embd"), "give a rank from 1 to n_embd, or null")
        width = self.head_size or self.n_embd // self.n_head
        if self.positions != "learned" and (
            int(width * self.rotary_share) % 2 or width * self.rotary_share < 2
        ):
            share = ("rotary_share",) if self.rotary_share < 1 else ()
            widths = ("head_size",) if self.head_size else ("n_embd", "n_head")
            what = "a rotated share of even width" if share else "heads of even width"
            yield Clash(("positions", *widths, *share), f"rotary positions need {what}")
        if self.rotary_scaling in ("llama3", "yarn") and self.rotary_low >= self.rotary_high:
            yield Clash(("rotary_low", "rotary_high"), "make rotary_low the smaller")
