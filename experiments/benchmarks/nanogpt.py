"""nanoGPT as a peer, from a checkout that the user names; none of its code is here."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any


def network(folder: str, vocabulary: int, context: int, sizes: dict[str, int]) -> Any:
    """nanoGPT's model of these sizes, without dropout and biases.

    Raises:
        SystemExit: the folder has no model.py.
    """
    path = Path(folder) / "model.py"
    if not path.is_file():
        raise SystemExit(f"peer.nanogpt={folder} has no model.py; give a checkout of nanoGPT.")
    spec = importlib.util.spec_from_file_location("nanogpt_model", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks itself up
    spec.loader.exec_module(module)
    config = module.GPTConfig(vocab_size=vocabulary, block_size=context, dropout=0.0, bias=False, **sizes)
    return module.GPT(config)
