"""`genkit push`, declared."""

from __future__ import annotations

from typing import Literal

from genkit.cli.command import Command, required, word
from genkit.cli.shared import OfModel


class PushSettings(OfModel):
    to: str = required("the name there", kind="text", shown="USER/NAME")
    format: Literal["run", "hf"] = word(
        "run", "run: for genkit.load; hf: for transformers, of a GPT on texts"
    )
    private: bool = word(False, "whether others cannot see it, where the name is new")
    license: str | None = word(None, "of the weights, as model hubs call it: mit, cc-by-4.0", kind="text")
    optimizer: bool = word(False, "whether the optimisers' state goes along, to train on from it")


COMMAND = Command(
    "put a run on the Hugging Face hub",
    PushSettings,
    "genkit.cli.push:push",
    usage="run=RUN to=USER/NAME",
    more="""\
  A finished run, verified first: one checkpoint, configuration, record, losses, findings, rows, and a card
  with samples.  The token is huggingface_hub's own: `hf auth login` or HF_TOKEN.""",
)
