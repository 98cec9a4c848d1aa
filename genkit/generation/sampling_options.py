"""What can be asked of samples that are drawn token by token."""

from __future__ import annotations

from genkit.core.captioned import GUIDANCE
from genkit.core.options import LABEL, Option
from genkit.nn.products import PRECISIONS

DRAWN = 200  # tokens of a sample, unless told otherwise

OPTIONS: tuple[Option, ...] = (
    Option("prompt", "text", "", "what to continue; several give n samples each", many=True),
    Option("max_new_tokens", "int", None, "how many at most (200, or one image)", low=0, high=1_000_000),
    Option("temperature", "float", 1.0, "below 1 sharper, 0 the likeliest token", low=0, high=100),
    Option("top_k", "int", None, "keep the k likeliest tokens", low=1),
    Option("top_p", "float", None, "keep the likeliest tokens of this total mass", above=0, high=1),
    Option("min_p", "float", None, "drop tokens less likely than this share of the best", low=0, high=1),
    Option("repetition_penalty", "float", 1.0, "above 1 makes used tokens less likely", low=1e-6, high=100),
    Option("stop", "text", None, "end a sample before this text (default: the data's separator)", many=True),
    Option("unk", "text", "refuse", "or skip: a prompt's unknown characters", choices=("refuse", "skip")),
    Option("bad_tokens", "text", None, "tokens never to draw", many=True),
    Option("logprobs", "bool", False, "each drawn token's log-probability under the model, of texts"),
    Option("precision", "text", "float32", "of the matrices while drawing", choices=PRECISIONS),
    GUIDANCE,
    LABEL,
)
# What is said of samples of so short a text that a model reads less of it at once than it usually does.
REMEMBERED = (
    "it was trained on about {:,} tokens, which a network soon knows by heart: samples are apt to be that"
    " text again, or pieces of it put together"
)
