"""Texts: shown as they are, saved one after another, judged by their words."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genkit.core.media.drawn_tokens import joined
from genkit.core.media.medium import COUNTED, BoardTexts, Medium, Shown, write_npz
from genkit.system import storage
from genkit.system.progress import each
from genkit.system.terminal import without_controls

if TYPE_CHECKING:
    from PIL.Image import Image

    from genkit.core.spec import ArraySpec, Spec

BETWEEN = "\n" + "-" * 20 + "\n"  # two texts in a terminal
ANSWER = "→ "  # before what a model answers


@dataclass(frozen=True)
class TextMedium(Medium):
    """Texts of any length, as sequences of tokens."""

    name: str = "text"
    one: str = "a text"
    many: str = "texts"
    axes: tuple[str, ...] = ()
    views: tuple[str, ...] = ("tokens",)
    suffixes: tuple[str, ...] = (".txt", ".jsonl", ".npz")
    budgets: tuple[str, ...] = (*COUNTED, "tokens")
    offers: frozenset[str] = frozenset({"texts"})
    groups: tuple[str, ...] = ("likelihood", "answers", "verse", "texts", "memorisation", "cost")
    drawn: int = 500
    kept: int = 8
    nll: str = "nats/token"
    task: str = "text-generation"
    prompted_task: str = "text-generation"

    def sheet(self, shown: Shown, columns: int | None = None, border: int = 1) -> Image | None:
        return None

    def single(self, shown: Shown) -> str:
        return shown.texts[0]

    def terminal(self, shown: Shown) -> str:
        texts = [without_controls(text) for text in self._whole(shown)]
        if shown.tokens:
            texts = [f"{text}\n({of.said()})" for text, of in zip(texts, shown.tokens, strict=True)]
        return BETWEEN.join(texts)

    def html(self, shown: Shown) -> str:
        texts = (without_controls(text, "") for text in self._whole(shown))
        return "".join(f"<pre>{html.escape(text)}</pre>" for text in texts)

    def board(self, shown: Shown) -> BoardTexts:
        return BoardTexts(self._whole(shown))

    def _whole(self, shown: Shown) -> Sequence[str]:
        """The texts, answers below their prompts."""
        if not shown.captions:
            return shown.texts
        return [f"{prompt}\n{ANSWER}{text}" for prompt, text in zip(shown.captions, shown.texts, strict=True)]

    def write(self, shown: Shown, path: Path) -> None:
        """`.txt`: one after another; `.jsonl`: a JSON object each; `.npz`: an array and its provenance.
        Answers have their prompts beside them, in a field or an array of their own.  Where it is known how
        likely drawn tokens were, an object has `tokens`, `pieces` and `logprobs`, and beside the array are
        `tokens` and `logprobs`, those of all samples one after another, `lengths` of each."""
        suffix, asked = path.suffix.lower(), shown.captions
        if suffix == ".npz":
            prompts = {"prompts": np.array(asked)} if asked else {}
            write_npz(path, {**prompts, "texts": np.array(shown.texts), **joined(shown.tokens)}, shown.about)
        elif suffix == ".jsonl":
            rows: list[dict[str, object]] = [
                {"sample": i, "prompt": asked[i], "answer": text} if asked else {"sample": i, "text": text}
                for i, text in enumerate(shown.texts)
            ]
            for row, tokens in zip(rows, shown.tokens, strict=False):
                row |= tokens.to_dict()
            storage.write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        else:
            storage.write_text(path, "\n\n".join(self._whole(shown)) + "\n")

    def write_each(self, shown: Shown, folder: Path) -> None:
        for i, text in enumerate(each("writing files", self._whole(shown), len(shown))):
            (folder / f"{i:05d}.txt").write_text(text, encoding="utf-8")

    def extractor(self, array: ArraySpec) -> None:
        return None

    def noise(
        self,
        spec: Spec,
        lengths: Sequence[int],
        generator: np.random.Generator,
        counts: np.ndarray | None = None,
    ) -> Shown:
        """A unigram model: tokens by their frequency in the training text, without the separator."""
        if spec.kind != "tokens" or counts is None:
            raise TypeError("noise of texts is made of tokens by their counts")
        chances = counts.astype(np.float64)
        if spec.separator:
            chances[spec.mark] = 0
        drawn = generator.choice(len(chances), sum(lengths), p=chances / chances.sum())
        return Shown([spec.codec.decode(part) for part in np.split(drawn, np.cumsum(lengths)[:-1])])


TEXT = TextMedium()
