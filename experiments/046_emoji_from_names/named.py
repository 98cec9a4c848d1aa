"""Emoji through a codec, and emoji drawn by a GPT on its codes that was asked for them by their names.

    python experiments/046_emoji_from_names/named.py runs/emoji_codec runs/emoji_codes_gpt guidance=2 …

Options of sampling follow the two runs.  The first table has the squared error of held-out emoji, coded and
decoded, in [0, 1], and how many codes carry the parts.  Below it stands, of names of the GPT's training part
chosen at random, four drawings each, the share for which the nearest of all emoji of that part (by squared
error) has that name; emoji that differ by skin tone alone have one name.

Pictures: `coded.png` (held-out emoji above, coded below), `named.png` (the first of those names: the emoji
and its four drawings) and `combined.png` (four drawings each of names that do not exist), nothing picked.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import genkit
from genkit import config
from genkit.core.grid import grid
from genkit.core.module import GenerativeModule
from genkit.data.array_windows import ArrayWindows
from genkit.data.dataset import ArrayExamples, Examples
from genkit.data.near_alike import of_caption
from genkit.families.codes import Codes
from genkit.inference.run_data import reopen_data
from genkit.metrics.value_intervals import share
from genkit.nn.quantisers import perplexity

HERE = Path(__file__).parent
NAMES, EACH = 400, 4  # that are asked for, and drawings of each
SHOWN = 20  # of them
UNHEARD = (
    *(
        "a blue heart on fire",
        "green heart with arrow",
        "red apple with face",
        "black cat face with tears of joy",
    ),
    *(
        "yellow car",
        "purple dog face",
        "fish with sunglasses",
        "flag: penguin",
        "pizza on fire",
        "smiling moon cake",
    ),
)


def main(words: list[str]) -> None:
    runs = [word for word in words if "=" not in word]
    given = {key: float(value) for key, value in (word.split("=") for word in words if "=" in word)}
    through_codec(Path(runs[0]))
    for run in runs[1:]:
        by_name(Path(run), given)


def pictures(examples: Examples) -> Tensor:
    """All of a part, in [0, 1], (N, 3, 64, 64)."""
    assert isinstance(examples, ArrayExamples)
    return torch.from_numpy(examples.gather(np.arange(len(examples)))[0]).float() / 255


def parts_of(run: Path) -> dict[str, Examples]:
    """The parts of a run's data."""
    cfg = config.load_frozen(run / "config.yaml")
    cache = os.environ.get("GENKIT_CACHE_DIR", str(Path("~/.cache/genkit").expanduser()))
    data = os.environ.get("GENKIT_DATA_DIR", "data")
    paths = {"cache_dir": cache, "runs_dir": str(run.parent), "data_dir": data}
    return dict(reopen_data(cfg, paths, run).splits)


# ---------------------------------------------------------------------- the codec


def through_codec(run: Path) -> None:
    codec = genkit.load(run)
    assert isinstance(codec, Codes)
    print("part|emoji|squared error|codes used|perplexity\n---|---|---|---|---")
    for name, part in parts_of(run).items():
        truth = pictures(part)
        with torch.no_grad(), codec.weights("ema"):
            codes = torch.cat([codec.tokenize(some) for some in truth.split(64)])
            made = torch.cat([codec.detokenize(some) for some in codes.split(64)])
        error = (made - truth).square().flatten(1).mean(1)
        counts = torch.bincount(codes.flatten(), minlength=codec.codes).double()
        used = float((counts > 0).double().mean())
        about = 1.96 * float(error.std()) / len(error) ** 0.5
        even = float(perplexity(counts / counts.sum()))
        print(f"{name}|{len(truth)}|{float(error.mean()):.4f} ± {about:.4f}|{used:.1%}|{even:.0f}")
        if name == "test":
            some = torch.linspace(0, len(truth) - 1, SHOWN).long()
            save(torch.cat((truth[some], made[some])), "coded.png", SHOWN)


# ---------------------------------------------------------------------- the GPT


def by_name(run: Path, given: dict[str, float]) -> None:
    model, part = genkit.load(run), parts_of(run)["train"]
    assert isinstance(part, ArrayWindows)
    truth = pictures(part.images)
    called = part.called(np.arange(len(part)))
    plain = np.array([of_caption(name) for name in called])
    unique = sorted(set(called))
    asked = [unique[i] for i in np.random.default_rng(0).permutation(len(unique))[:NAMES]]
    drawn = sample(model, asked, given)
    nearest = plain[near(drawn, truth)].reshape(len(asked), EACH)
    right = nearest == np.array([of_caption(name) for name in asked])[:, None]
    print(f"{len(asked)} of {len(unique)} names of {len(truth)} training emoji, {given}:")
    print(f"  one of {EACH} drawings: {said(right.any(1))}")
    print(f"  the first drawing: {said(right[:, 0])}; each drawing {right.mean():.1%}")
    rows = [
        torch.cat((truth[called.index(name)][None], drawn[i * EACH : (i + 1) * EACH]))
        for i, name in enumerate(asked[:SHOWN])
    ]
    save(torch.cat(rows), "named.png", 2 * (EACH + 1))
    for i, name in enumerate(asked[:SHOWN]):
        print(f"  {name}: {', '.join(nearest[i])}")
    save(sample(model, UNHEARD, given), "combined.png", 2 * EACH)


def sample(model: GenerativeModule, names: Sequence[str], given: dict[str, float]) -> Tensor:
    """Some drawings of each name, in [0, 1]."""
    options: dict[str, Any] = {"prompt": list(names), **given}
    return torch.from_numpy(model.sample(EACH, seed=0, **options).arrays).float() / 255


def near(drawn: Tensor, truth: Tensor) -> np.ndarray:
    """Which of the true pictures each drawing is nearest to, (N,)."""
    found: np.ndarray = torch.cdist(drawn.flatten(1), truth.flatten(1)).argmin(1).numpy()
    return found


def said(right: np.ndarray) -> str:
    value, low, high = share(int(right.sum()), len(right))
    return f"{value:.1%} [{low:.1%}, {high:.1%}]"


def save(some: Tensor, name: str, columns: int) -> None:
    """A sheet of pictures (N, 3, H, W), row by row."""
    levels = (some.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    grid(levels, columns).quantize(256).save(HERE / name, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
