"""Whether completions know more than the mean image and the nearest neighbour do.

    python experiments/010_images/completions.py OUT.png RUN [RUN …] [limit=N] [draws=16] [mask=lower]

Each run completes test images of which the lower half is hidden; the error is the mean square over hidden
pixels, of a range of 1, of one answer and of the mean of `draws`.  Beside it: the mean of the training
images, and the training image whose visible half is nearest; `gain` is by how much less the error of the
mean of answers is than theirs, image by image.  The runs must share their images (data, size and levels).
The picture has a column an image: what is known, an answer of each run in the order given, the truth.
"""

from __future__ import annotations

import json
import sys

import torch
from images import Opened, threads
from torch import Tensor

from genkit.core.batch import Batch
from genkit.core.noise import Noise
from genkit.core.observation import Mask, mask
from genkit.core.samples import Samples
from genkit.core.spec import ArraySpec
from genkit.inference import verbs

COLUMNS = 16
AT_ONCE = 200


def errors(images: Tensor, truth: Tensor, hidden: Tensor) -> Tensor:
    """Mean squared error of each image over hidden pixels, (N,)."""
    return (images - truth).square()[..., hidden].flatten(1).mean(1)


def told(each: Tensor) -> dict[str, float]:
    """The mean over images, and its standard error."""
    return {"mean": round(float(each.mean()), 5), "se": round(float(each.std() / len(each) ** 0.5), 5)}


def nearest(train: Tensor, test: Tensor, known: Tensor) -> Tensor:
    """For each test image the training image whose visible pixels are nearest."""
    ours, theirs = test[..., known].flatten(1), train[..., known].flatten(1)
    return train[torch.cdist(ours, theirs).argmin(1)]


def answers(opened: Opened, observation: Mask, test: Batch, draws: int) -> Tensor:
    """(draws, N, C, H, W)."""
    found = []
    with opened.module.weights("ema"):
        for seed in range(draws):
            parts = []
            for start in range(0, len(test), AT_ONCE):
                part = test[start : start + AT_ONCE]
                measured = observation.observe(part.data, Noise(0, part.rows))
                parts.append(verbs.complete(opened.module, observation, measured, part, seed=seed))
            found.append(torch.cat(parts))
    return torch.stack(found)


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words if "=" in word)
    out, *runs = [word for word in words if "=" not in word]
    opened = [Opened(run) for run in runs]
    limit = int(given["limit"]) if "limit" in given else None
    train, test = opened[0].batch("train"), opened[0].batch("test", limit)
    # Labels stay out of it: what is hidden must not be told.
    test = Batch(test.data, test.rows)
    observation = mask(given.get("mask", "lower"), tuple(test.data.shape[2:]))
    hidden = ~observation.known
    guesses = {
        "mean image": train.data.mean(0).expand_as(test.data),
        "nearest": nearest(train.data, test.data, observation.known),
    }
    plain = {name: errors(guess, test.data, hidden) for name, guess in guesses.items()}
    print(json.dumps({"images": len(test), **{name: told(each) for name, each in plain.items()}}))
    rows = [observation.picture(observation.measure(test.data[:COLUMNS]))]
    for one in opened:
        assert one.module.spec.array is not None
        found = answers(one, observation, test, int(given.get("draws", 16)))
        each = errors(found.mean(0), test.data, hidden)
        row = {"one answer": told(errors(found[0], test.data, hidden)), "mean of answers": told(each)}
        row["gain"] = {name: told(other - each) for name, other in plain.items()}
        print(json.dumps({one.name: row}), flush=True)
        rows.append(found[0, :COLUMNS])
    rows.append(test.data[:COLUMNS])
    channels, *sizes = test.data.shape[1:]
    spec = ArraySpec(channels, tuple(sizes))
    Samples(torch.cat(rows), spec, 0).grid(columns=COLUMNS).save(out)


if __name__ == "__main__":
    threads()
    main(sys.argv[1:])
