"""What is heard of spoken digits through a codec: how many reconstructions, and how many samples of a GPT on
its codes, are taken for their digit; and a sheet of spectrograms.

    python experiments/045_codes_of_sounds/heard.py judge=FILE codec=runs/fsdd_codec runs/fsdd_codes_gpt …

`judge` is the file that `experiments/040_spoken_digits_extractor/judge.py` writes.  Reconstructions are of
the published test part; each run, with the options that follow it (RUN,temperature=0.8), draws 100
clips of each digit.  Below the table stands how the codec uses its codes on the recordings of either part.

The sheet has the first recording of each digit in the test part, the same by way of the codes, and of each
run a sample of seed 0: nothing is picked.  Of the first run three are written as WAVs.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import genkit
from genkit.core.media.audio import DIGITS
from genkit.core.representations.log_mel import LogMel
from genkit.core.sound_sheet import sound_sheet
from genkit.families.codes import Codes
from genkit.metrics.extractors import extractor
from genkit.nn.quantisers import perplexity

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "041_sound"))

from sheet import HEARD, RATE  # noqa: E402
from sheet import recorded as recordings  # noqa: E402
from table import Recordings, asked_for, drawn, recogniser, recorded, said, weakest  # noqa: E402

HEADER = ("clips of", "recognised (second)", "recognised (shipped)", "weakest digit")


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words if word.startswith(("judge=", "codec=")))
    runs = [word for word in words if not word.startswith(("judge=", "codec="))]
    judge, shipped = recogniser(given["judge"]), extractor("spoken_digits")
    codec = genkit.load(given["codec"])
    assert isinstance(codec, Codes)
    out = csv.writer(sys.stdout, delimiter="|", lineterminator="\n")
    out.writerows([HEADER, ["---"] * len(HEADER)])
    for name, waves, asked, *_ in (*recorded(), reconstructed(codec), *drawn(runs)):
        probabilities = shipped.both(torch.from_numpy(np.ascontiguousarray(waves)))[1]
        assert probabilities is not None
        heard = judge(waves)
        shares = [said(asked_for(each, asked)) for each in (heard, probabilities)]
        out.writerow([name, *shares, weakest(heard, asked)])
        sys.stdout.flush()
    for line in use(codec):
        print(line)
    draw_sheet(codec, runs)


def pictures(test: bool) -> tuple[Tensor, np.ndarray]:
    """Log-mel pictures of the recordings of a part, in [0, 1], and their digits."""
    clips, labels = Recordings().part(test=test)
    picture = LogMel()
    levels = picture.forward((clips[:, None].numpy() * 32_767).round().astype(np.int16))
    return torch.from_numpy(levels / np.float32(picture.levels - 1)), labels.numpy()


def reconstructed(codec: Codes) -> tuple[str, np.ndarray, np.ndarray]:
    """The published test part, coded and decoded."""
    unit, labels = pictures(test=True)
    with torch.no_grad(), codec.weights("ema"):
        made = torch.cat([codec.reconstruct(some) for some in unit.split(100)])
    return "recordings, as codes and back", LogMel().back(made.numpy()), labels


def use(codec: Codes) -> Iterator[str]:
    """How many of the codes carry the recordings, and how evenly."""
    for name, test in (("training", False), ("test", True)):
        with torch.no_grad(), codec.weights("ema"):
            codes = torch.cat([codec.tokenize(some) for some in pictures(test)[0].split(100)])
        counts = torch.bincount(codes.flatten(), minlength=codec.codes).double()
        used, even = float((counts > 0).double().mean()), float(perplexity(counts / counts.sum()))
        yield f"{name} part: {used:.1%} of {codec.codes} codes are used, perplexity {even:.0f}"


def draw_sheet(codec: Codes, runs: list[str]) -> None:
    """Spectrograms, ten digits a row."""
    labels = pictures(test=True)[1]
    first = [int(np.flatnonzero(labels == digit)[0]) for digit in range(len(DIGITS))]
    waves, captions = [reconstructed(codec)[1][first]], [f"coded: {digit}" for digit in DIGITS]
    for word in runs:
        folder, *options = word.split(",")
        given = {key: float(value) for key, value in (option.split("=") for option in options)}
        model = genkit.load(folder)
        drawn = {digit: model.sample(1, seed=0, label=digit, **given) for digit in DIGITS}
        if word == runs[0]:
            for digit in HEARD:
                drawn[digit].save(HERE / f"{digit}.wav")
        waves.append(np.concatenate([samples.arrays for samples in drawn.values()]))
        captions += [f"drawn: {digit}" for digit in DIGITS]
    captions = [*(f"recorded: {digit}" for digit in DIGITS), *captions]
    sheet = sound_sheet(np.concatenate([recordings(), *waves]), RATE, captions, columns=len(DIGITS))
    sheet.quantize(128).save(HERE / "spectrograms.png", optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
