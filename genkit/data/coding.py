"""Arrays as the codes of a trained model: made once, packed, and read from there.  No torch here.

The model is given from above as the codec that it is attached to: what reads data knows no runs.  The
fingerprint of the dataset stays that of its examples, so that models of pixels and of codes are judged by the
same; whose codes they are stands in the spec.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import numpy as np

from genkit.core.array_spec import ArraySpec
from genkit.core.codecs import LearnedCodec
from genkit.core.knobs import DataKnobs
from genkit.core.spec import View
from genkit.data.array_windows import CodeWindows
from genkit.data.dataset import ArrayExamples
from genkit.data.example_knobs import ExampleKnobs
from genkit.data.packing import check_space, digest_of, open_array, packed
from genkit.system.errors import ConfigError
from genkit.system.progress import progress

AT_ONCE = 256  # examples that are coded together


def coded(
    name: str,
    examples: Mapping[str, ArrayExamples],
    arrays: ArraySpec,
    given: DataKnobs,
    data: ExampleKnobs,
    view: View,
    codec: LearnedCodec | None,
    contents: str,
    cache_dir: str,
) -> dict[str, CodeWindows]:
    """The parts of a dataset as codes.

    Args:
        examples: the parts as arrays.
        arrays: what they are.
        given: all knobs of the data; `data` are those of any examples.
        codec: with its model attached.
        contents: the fingerprint of the examples.

    Raises:
        ConfigError: nobody has opened the run of the codec, it codes other arrays than these, or the model
            reads only a part of one.
    """
    if codec is None:
        raise ConfigError(f"data.codec={data.codec} is a run, and data alone opens none: use genkit.load.")
    if (wanted := codec.array) != (here := _plain(arrays)):
        raise ConfigError(_other(name, data, wanted, here))
    if view.block_size not in (0, codec.length):
        raise ConfigError(
            f"model.block_size={view.block_size}: {arrays.medium.one} has {codec.length} codes; leave"
            " model.block_size out."
        )
    if not codec.origin.sha256:  # it is still to be trained, and what it will make is of this shape
        nothing = np.uint16(0)
        return {
            part: CodeWindows(own, codec, np.broadcast_to(nothing, (len(own), codec.length)))
            for part, own in examples.items()
        }
    key: dict[str, object] = {"contents": contents, "codec": codec.origin.sha256, "epochs": data.codec_epochs}
    if data.codec_epochs > 1:
        key["changes"] = {k: v for k, v in msgspec.structs.asdict(given).items() if k != "codec"}

    def build(folder: Path) -> dict[str, object]:
        return _build(folder, name, examples, codec, data.codec_epochs)

    folder, _ = packed(cache_dir, "codes", key, build)
    return {part: _windows(folder, part, own, codec) for part, own in examples.items()}


def _plain(arrays: ArraySpec) -> ArraySpec:
    """The spec without its classes, of which codes know nothing."""
    return ArraySpec.from_form(arrays.form())


def _other(name: str, data: ExampleKnobs, wanted: ArraySpec, here: ArraySpec) -> str:
    """What is said of a codec of other arrays."""
    reads, has = _said(wanted), _said(here)
    return (
        f"data.codec={data.codec} makes codes of {reads}, and data={name} gives {has}: give the data as that"
        " run had them (data.size, data.levels, data.view, …), or train a codec on these."
    )


def _said(arrays: ArraySpec) -> str:
    stands = "" if arrays.representation is None else f" by {arrays.representation.name}"
    rate = "" if arrays.rate is None else f", {arrays.rate:g} a second"
    return f"{arrays.said()}{stands}, {arrays.levels} levels{rate}"


def _build(
    folder: Path, name: str, examples: Mapping[str, ArrayExamples], codec: LearnedCodec, epochs: int
) -> dict[str, object]:
    """Code every part, and those that training changes for as many epochs."""
    from genkit.data.real import unchanged  # (with torch, which a refusal does not need)

    kind = np.uint16 if codec.vocab_size <= 2**16 else np.uint32
    rows = sum(len(own) for own in examples.values()) + (epochs - 1) * len(examples["train"])
    check_space(folder, rows * codec.length * np.dtype(kind).itemsize)
    files = []
    with progress(f"coding {name}", rows) as advance:

        def fill(file: str, own: ArrayExamples, which: range, *shape: int) -> None:
            made = np.lib.format.open_memmap(folder / file, "w+", kind, (*shape, len(own), codec.length))
            for epoch, place in zip(which, made.reshape(len(which), len(own), codec.length), strict=True):
                for start, levels in _batches(own, epoch):
                    place[start : start + len(levels)] = codec.to_ids(levels)
                    advance(len(levels))
            made.flush()
            files.append(file)

        for part, own in examples.items():
            plain = unchanged(own)
            assert isinstance(plain, ArrayExamples)
            fill(f"{part}.npy", plain, range(1))
            if not codec.origin.reason:
                remainder = np.concatenate([_remainder(codec, levels) for _, levels in _batches(plain, 0)])
                np.save(folder / f"remainder-{part}.npy", remainder)
                files.append(f"remainder-{part}.npy")
        if epochs > 1:
            fill("later.npy", examples["train"], range(1, epochs), epochs - 1)
    about = {"name": "codes", "data": name, "codec": codec.origin.sha256}
    return {**about, "digest": digest_of(folder, files), "digest_of": files}


def _batches(examples: ArrayExamples, epoch: int) -> Iterator[tuple[int, np.ndarray]]:
    """Levels of all examples of an epoch, some at a time, each time with the number of the first."""
    for start in range(0, len(examples), AT_ONCE):
        rows = np.arange(start, min(start + AT_ONCE, len(examples)))
        yield start, examples.gather(rows, epoch=epoch)[0]


def _remainder(codec: LearnedCodec, levels: np.ndarray) -> np.ndarray:
    """log p(x | codes) of each, float64 (B,)."""
    return codec.coder.log_likelihood(levels, codec.coder.codes(levels))


def _windows(folder: Path, part: str, examples: ArrayExamples, codec: LearnedCodec) -> CodeWindows:
    remainder, later = folder / f"remainder-{part}.npy", folder / "later.npy"
    return CodeWindows(
        examples,
        codec,
        open_array(folder / f"{part}.npy"),
        np.asarray(open_array(remainder)) if remainder.exists() else None,
        open_array(later) if part == "train" and later.exists() else None,
    )
