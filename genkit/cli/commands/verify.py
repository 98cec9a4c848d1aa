"""`genkit verify`, declared."""

from __future__ import annotations

from genkit.cli.command import Command
from genkit.cli.shared import OfRun


class VerifySettings(OfRun):
    pass


COMMAND = Command(
    "whether a run folder is whole, and holds no code",
    VerifySettings,
    "genkit.cli.verify:verify",
    usage="run=RUN",
    more="""\
  Hashes of all files against the manifests, links, pickles, the configuration, tokeniser, data (packed
  arrays, too), pointers, findings; no model is loaded.  Exit code 0: sound; 3: what is wrong is listed.""",
)
