"""The knobs that all texts have.  Nothing here imports torch."""

from typing import Annotated, Literal

from genkit.core.knobs import DataKnobs, knob


class TextKnobs(DataKnobs, frozen=True):
    """What all texts have."""

    tokenizer: Annotated[
        Literal["chars", "bytes", "bpe", "hf"],
        knob("bpe is trained on the training part, hf read from tokenizer_path"),
    ] = "chars"
    vocab_size: Annotated[
        int,
        knob(
            "of bpe: the 256 bytes, a separator and the merges",
            ge=257,
            le=1_000_000,
            unit="tokens",
            advice="give at least the 256 bytes and one more",
            only={"tokenizer": ("bpe",)},
        ),
    ] = 1024
    tokenizer_path: (
        Annotated[
            str,
            knob("a folder with a tokenizer.json, or a name on the hub", only={"tokenizer": ("hf",)}),
        ]
        | None
    ) = None
    lossy: Annotated[bool, knob("train with a tokeniser that does not give the text back")] = False
    on_device: Annotated[bool, knob("keep the data on the GPU")] = False
