"""What `sample()` returns: data that knows where it came from, shows itself and saves itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import overload

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from genkit.core.grid import png
from genkit.core.media.drawn_tokens import DrawnTokens
from genkit.core.media.medium import Board, Shown, Single
from genkit.core.spec import Spec
from genkit.system.errors import ConfigError


@dataclass(frozen=True, repr=False)
class Samples:
    """n samples of one model.

    What they look like, and as what they are saved, is said by the medium of their spec.

    Attributes:
        data: floats in [0, 1], (n, C, *sizes), or a list of n token sequences, int64 (T_i,).
        spec: what the data is.
        seed: of the call; sample i depends on (seed, i) and the weights alone.
        options: every option with its value.
        origin: where the weights came from: run, checkpoint, digest, and which weights ("ema" or "raw").
        captions: what each is asked to be, in a word or two: its class; () where nobody says.
        logprobs: of each the log-probabilities of the tokens that were drawn, its last ones, float32 (N_i,),
            as `genkit.core.media.drawn_tokens` defines them; () where they were not asked for.
    """

    data: Tensor | list[Tensor]
    spec: Spec
    seed: int
    options: Mapping[str, object] = field(default_factory=dict)
    origin: Mapping[str, object] = field(default_factory=dict)
    captions: Sequence[str] = ()
    logprobs: Sequence[Tensor] = ()

    def __len__(self) -> int:
        return len(self.data)

    @overload
    def __getitem__(self, place: slice) -> Samples: ...

    @overload
    def __getitem__(self, place: int) -> Single: ...

    def __getitem__(self, place: int | slice) -> Samples | Single:
        """One sample as a text, a picture or a clip to listen to; a part of them as samples."""
        if isinstance(place, slice):
            captions, logprobs = self.captions[place], self.logprobs[place]
            return replace(self, data=self.data[place], captions=captions, logprobs=logprobs)
        own = [self.data[place]] if isinstance(self.data, list) else self.data[place][None]
        captions = [self.captions[place]] if self.captions else ()
        return self.spec.medium.single(replace(self, data=own, captions=captions, logprobs=()).shown)

    @property
    def shown(self) -> Shown:
        """The samples as their medium shows them."""
        if self.spec.kind == "tokens":
            read = self.spec.read([ids.cpu().numpy() for ids in self.data], self.provenance())
            return replace(read, captions=self.captions, tokens=self.drawn_tokens)
        data = self.data if isinstance(self.data, Tensor) else torch.stack(self.data)
        arrays, about = self.spec.as_shown(data.float().cpu().numpy()), self.provenance()
        return Shown(arrays=arrays, array=self.spec.native, about=about, captions=self.captions)

    @property
    def drawn_tokens(self) -> list[DrawnTokens]:
        """The tokens that were drawn, and how likely each was; [] where `logprobs` were not asked for."""
        if self.spec.kind != "tokens":
            return []
        codec, found = self.spec.codec, []
        for tokens, logprobs in zip(self.data, self.logprobs, strict=False):
            ids = tokens[len(tokens) - len(logprobs) :].numpy()
            found.append(DrawnTokens(ids, [codec.decode([token]) for token in ids], logprobs.numpy()))
        return found

    @property
    def texts(self) -> list[str]:
        """The samples as texts, prompt included.

        Raises:
            ConfigError: these samples are no texts.
        """
        if self.spec.array is not None:
            raise self._others("texts")
        return list(self.shown.texts)

    @property
    def arrays(self) -> np.ndarray:
        """The samples as arrays on a fixed scale, uint8 (n, C, *sizes), or int16 of sound, whatever the model
        reads in its place: what is shown, saved and judged.

        Raises:
            ConfigError: these samples are no arrays.
        """
        if self.spec.array is None:
            raise self._others("arrays")
        return self.shown.arrays

    @property
    def images(self) -> np.ndarray:
        """The samples as pictures, uint8 (n, H, W, C).

        Raises:
            ConfigError: these samples are no arrays over two axes.
        """
        if self.spec.array is None or len(self.spec.array.native.sizes) != 2:
            raise self._others("images")
        return np.moveaxis(self.arrays, 1, -1)

    def _others(self, wanted: str) -> ConfigError:
        """What is said where something else is wanted than these samples are."""
        array = self.spec.array
        own = "texts" if array is None else "images" if len(array.native.sizes) == 2 else "arrays"
        return ConfigError(f"these samples are {self.spec.medium.many}, not {wanted}; see .{own}.")

    @property
    def board(self) -> Board:
        """The samples as TensorBoard and its like show them."""
        return self.spec.medium.board(self.shown)

    def grid(self, columns: int | None = None, border: int = 1) -> Image.Image:
        """All samples in one picture, in reading order; small ones are enlarged by a whole factor.

        Raises:
            ConfigError: they have no picture.
        """
        sheet = self.spec.medium.sheet(self.shown, columns, border)
        if sheet is None:
            raise self._others("images")
        return sheet

    def save(self, out: str | Path) -> Path:
        """Write the samples and return the path; a file of that name is replaced in one step.

        By the suffix, of those that the medium has: `.png` all in one picture, `.npz` the array and its
        provenance, `.txt` the texts one after another, `.jsonl` a JSON object a text.  Without a suffix: a
        new folder with a file each.  `.jsonl` and `.npz` hold also what `drawn_tokens` has.

        Raises:
            ConfigError: a suffix that does not fit these samples, or a folder that holds something already.
            StorageError: it cannot be written; what was there stays.
        """
        path = Path(out)
        self.spec.medium.save(self.shown, path)
        return path

    def provenance(self) -> dict[str, object]:
        """Seed, options and origin as plain values."""
        return {"n": len(self), "seed": self.seed, "options": dict(self.options), "origin": dict(self.origin)}

    def __repr__(self) -> str:
        run = self.origin.get("run")
        return f"Samples({len(self)} {self.spec.said()}, seed {self.seed}{f', of {run}' if run else ''})"

    def __str__(self) -> str:
        said = self.spec.medium.terminal(self.shown)
        return f"{len(self)} {self.spec.said()}, seed {self.seed}" if said is None else said

    def _repr_html_(self) -> str | None:
        """In a notebook: texts, escaped; whatever a medium has beside a picture."""
        return self.spec.medium.html(self.shown)

    def _repr_png_(self) -> bytes | None:
        """In a notebook: all in one picture."""
        sheet = self.spec.medium.sheet(self.shown)
        return None if sheet is None else png(sheet)
