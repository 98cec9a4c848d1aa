"""Characters of the test part in the fonts that they do not have, as runs draw them, beside the truth.

    python experiments/053_glyphs/show.py vae=RUN [more=RUN …] [out=restyled.png] [n=12]

writes one picture: n characters in one font above what each run makes of them in every font; the last is
the truth.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from genkit import config, load
from genkit.core.batch import Batch
from genkit.core.module import GenerativeModule
from genkit.core.spec import View
from genkit.data import open_dataset
from genkit.data.real import motifs_of
from genkit.data.sources.glyphs import FONTS
from genkit.inference.verbs import restyle

HERE = Path(__file__).parent
GIVEN = FONTS.index("serif")
SCALE, GAP = 2, 3


def characters(n: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Some of the test part: the given font (n, 1, S, S) and all fonts (F, n, 1, S, S), from 0 to 1."""
    cfg = config.compose("train", ["model=vae", "data=glyphs", f"data.size={size}"])
    dataset = open_dataset(cfg.data, cfg.paths.by_name, View("arrays"))
    examples = dataset.split("test")
    images, labels, _ = examples.gather(np.arange(len(examples)))
    motifs = motifs_of(examples)
    assert labels is not None
    assert motifs is not None
    chosen = np.unique(motifs)[:: max(1, 43 // n)][:n]
    at = {(m, f): i for i, (m, f) in enumerate(zip(motifs.tolist(), labels.tolist(), strict=True))}
    every = np.stack([[images[at[m, f]] for m in chosen.tolist()] for f in range(len(FONTS))]) / 15
    return every[GIVEN], every


def restyled(module: GenerativeModule, given: np.ndarray) -> np.ndarray:
    """In every font, (F, n, 1, S, S)."""
    data, own = torch.from_numpy(given).float(), torch.full((len(given),), GIVEN)
    batch = Batch(data, range(len(data)), own)
    with module.weights("ema"):
        made = [restyle(module, batch, torch.full((len(given),), font)) for font in range(len(FONTS))]
    return torch.stack(made).clamp(0, 1).numpy()


def sheet(rows: np.ndarray) -> np.ndarray:
    """Rows of pictures (R, n, 1, S, S) as one (R S, n S)."""
    r, n, _, size, _ = rows.shape
    return rows[:, :, 0].transpose(0, 2, 1, 3).reshape(r * size, n * size)


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    out, n = Path(given.pop("out", HERE / "restyled.png")), int(given.pop("n", 12))
    modules = [load(run) for run in given.values()]
    source, every = characters(n, modules[0].spec.array.sizes[0])
    blocks = [source[None], *(restyled(module, source) for module in modules), every]
    gap = np.full((GAP, source.shape[0] * source.shape[-1]), 0.5)
    parts = [part for block in blocks for part in (sheet(block), gap)][:-1]
    picture = Image.fromarray(np.rint(np.concatenate(parts) * 255).astype(np.uint8))
    picture.resize((picture.width * SCALE, picture.height * SCALE), Image.Resampling.NEAREST).save(out)
    print(out)


if __name__ == "__main__":
    main(sys.argv[1:])
