"""What `sample()` returns: data that knows where it came from, shows itself and saves itself."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from genkit.core.codecs import PixelCodec
from genkit.core.grid import grid, picture, png
from genkit.core.spec import ArraySpec, Spec, TokenSpec
from genkit.system import storage
from genkit.system.errors import ConfigError
from genkit.system.terminal import without_controls


@dataclass(frozen=True, repr=False)
class Samples:
    """n samples of one model.

    Attributes:
        data: floats in [0, 1], (n, C, H, W), or a list of n token sequences, int64 (T_i,).
        spec: what the data is.
        seed: of the call; sample i depends on (seed, i) and the weights alone.
        options: every option with its value.
        origin: where the weights came from: run, checkpoint, digest, and which weights ("ema" or "raw").
    """

    data: Tensor | list[Tensor]
    spec: Spec
    seed: int
    options: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.data)

    @overload
    def __getitem__(self, place: slice) -> Samples: ...

    @overload
    def __getitem__(self, place: int) -> str | Image.Image: ...

    def __getitem__(self, place: int | slice) -> Samples | str | Image.Image:
        """One sample as a text or a picture; a part of them as samples."""
        if isinstance(place, slice):
            return replace(self, data=self.data[place])
        one = replace(
            self, data=[self.data[place]] if isinstance(self.data, list) else self.data[place][None]
        )
        return one.texts[0] if self.spec.is_text else picture(one.images[0])

    @property
    def texts(self) -> list[str]:
        """The samples as texts, prompt included.

        Raises:
            ConfigError: these samples are images.
        """
        if not isinstance(self.spec, TokenSpec) or not self.spec.is_text:
            raise ConfigError("these samples are images, not texts; see .images.")
        return [self.spec.codec.decode(ids.cpu().numpy()) for ids in self.data]

    @property
    def images(self) -> np.ndarray:
        """The samples as pictures, uint8 (n, H, W, C).

        Raises:
            ConfigError: these samples are texts.
        """
        if isinstance(self.spec, TokenSpec) and isinstance(self.spec.codec, PixelCodec):
            codec = self.spec.codec
            levels = [codec.to_image(ids.cpu().numpy()).transpose(1, 2, 0) for ids in self.data]
            pictures = np.array(levels).reshape(-1, codec.height, codec.width, codec.channels)
            return np.round(pictures * (255 / (codec.levels - 1))).astype(np.uint8)
        if not isinstance(self.spec, ArraySpec) or not isinstance(self.data, Tensor):
            raise ConfigError("these samples are texts, not images; see .texts.")
        # A fixed scale: stretching each picture to its own range would hide a model's contrast.
        pixels = (self.data.clamp(0, 1) * 255).round().to(torch.uint8)
        return pixels.permute(0, 2, 3, 1).cpu().numpy()

    def grid(self, columns: int | None = None, border: int = 1) -> Image.Image:
        """All pictures in one, in reading order; small ones are enlarged by a whole factor."""
        return grid(self.images, columns, border)

    def save(self, out: str | Path) -> Path:
        """Write the samples and return the path; a file of that name is replaced in one step.

        By the suffix: `.png` one grid, `.npz` the array and its provenance, `.txt` the texts one after
        another, `.jsonl` a JSON object a text.  Without a suffix: a new folder with a PNG or a text file
        each.

        Raises:
            ConfigError: a suffix that does not fit these samples, or a folder that holds something already.
            StorageError: it cannot be written; what was there stays.
        """
        path = Path(out)
        is_text = self.spec.is_text
        suffix = path.suffix.lower()
        if suffix not in ("", ".npz", *((".txt", ".jsonl") if is_text else (".png",))):
            fits = ".txt, .jsonl, .npz" if is_text else ".png, .npz"
            kind = "texts" if is_text else "images"
            raise ConfigError(f"out={out}: {kind} are saved as {fits} or, without a suffix, as a folder.")
        storage.make_folder(path.parent)
        if not suffix:
            self._save_each(path)
        elif suffix == ".png":
            storage.write_bytes(path, png(self.grid()))
        elif suffix == ".npz":
            arrays = {"images": self.images} if not is_text else {"texts": np.array(self.texts)}
            arrays["provenance"] = np.array(json.dumps(self.provenance()))
            with storage.written(path) as file:
                np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        elif suffix == ".txt":
            storage.write_text(path, "\n\n".join(self.texts) + "\n")
        else:
            lines = [
                json.dumps({"sample": i, "text": t}, ensure_ascii=False) for i, t in enumerate(self.texts)
            ]
            storage.write_text(path, "".join(line + "\n" for line in lines))
        return path

    def _save_each(self, folder: Path) -> None:
        """A file a sample, in a new folder; every sample is decoded once."""
        with storage.made(folder) as place:
            if self.spec.is_text:
                for i, text in enumerate(self.texts):
                    (place / f"{i:05d}.txt").write_text(text, encoding="utf-8")
            else:
                for i, pixels in enumerate(self.images):
                    (place / f"{i:05d}.png").write_bytes(png(picture(pixels)))

    def provenance(self) -> dict[str, Any]:
        """Seed, options and origin as plain values."""
        return {"n": len(self), "seed": self.seed, "options": dict(self.options), "origin": dict(self.origin)}

    def __repr__(self) -> str:
        image, run = self.spec.image, self.origin.get("run")
        what = "texts" if image is None else f"images of {'×'.join(map(str, image.shape))}"
        return f"Samples({len(self)} {what}, seed {self.seed}{f', of {run}' if run else ''})"

    def __str__(self) -> str:
        if self.spec.is_text:
            shown = map(without_controls, self.texts)
            return ("\n" + "-" * 20 + "\n").join(shown)
        image = self.spec.image
        assert image is not None
        shape = "×".join(map(str, image.shape))
        return f"{len(self)} images of {shape}, seed {self.seed}"

    def _repr_html_(self) -> str | None:
        """Texts in a notebook, escaped."""
        if not self.spec.is_text:
            return None
        return "".join(f"<pre>{html.escape(without_controls(text, ''))}</pre>" for text in self.texts)

    def _repr_png_(self) -> bytes | None:
        """The grid in a notebook."""
        if self.spec.is_text:
            return None
        return png(self.grid())
