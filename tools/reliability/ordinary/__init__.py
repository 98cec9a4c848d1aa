"""Inputs that people really have, each with the answer that they may expect, judged by code of its own.

Expected answers come from what is promised (the site, help, comments of the configuration) and definitions;
what was packed, drawn or written is read with numpy, Pillow and tokenizers, not with genkit.
"""

from __future__ import annotations

from tools.reliability.ordinary import (
    arrays,
    asked,
    environments,
    folders,
    loggers,
    pictures,
    sharing,
    verbs,
    writings,
)
from tools.reliability.ordinary.asking import trial
from tools.reliability.rows import Row, Trial

PLAIN = (arrays, pictures, folders, writings, asked, verbs)
TRIALS: dict[str, Trial] = {
    name: trial(situation) for module in PLAIN for name, situation in module.SITUATIONS.items()
}
TRIALS |= environments.TRIALS | loggers.TRIALS | sharing.TRIALS
ROW = Row("ordinary inputs: the right value, a notice, or a refusal that names the remedy", TRIALS, share=80)
