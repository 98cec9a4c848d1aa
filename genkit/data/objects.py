"""What Python has in hand, told apart: arrays of images, pictures, texts, what yields them one by one.

    array or tensor (N, H, W), (N, H, W, C), (N, C, H, W)        images
    list, or dataset of torch's map style, of (H, W), … arrays   images, each read once
    … of Pillow's pictures                                       pictures, as those of a folder
    … of texts; one text                                         texts, as those of a folder; of a file
    … of (prompt, answer), of {"prompt": …, "answer": …}         pairs, as those of a table
    … of {"messages": [{"role": …, "content": …}, …]}            conversations
    (any of the first three, labels); items (image, label)       with the label of each

A type is told by its name, so that no library is imported for the question.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import chain
from pathlib import Path, PurePath
from typing import Any, NoReturn, Protocol, cast

import numpy as np
from PIL import Image

from genkit.core.knobs import DataKnobs
from genkit.data.arrays.kept_pictures import PictureFile, plain_pixels
from genkit.data.packing import Appended, open_array, storage_errors
from genkit.data.sources.given_pairs import GivenPairs, is_pair, turns_of
from genkit.data.sources.kept import Given, GivenImages, GivenPictures, GivenTexts
from genkit.system.errors import ConfigError, DataError

TAKEN = (
    "give an array of images, a list of Pillow's pictures, a list of texts, one text, a list of (prompt,"
    " answer), a dataset of torch's map style, or (images, labels)"
)
# What is none of these, though it holds one: the names of types, and what to give instead.
REMEDIES = {
    "pandas.DataFrame": "of a column of texts give frame['column'].tolist()",
    "pandas.Series": "give its values, series.tolist()",
    "polars.DataFrame": "of a column of texts give frame['column'].to_list()",
    "polars.Series": "give its values, series.to_list()",
    "torch.DataLoader": "give the dataset that it loads, loader.dataset",
    "torch.IterableDataset": "it can be read once, in its own order: give list(dataset)",
    "datasets.Dataset": "give a column of it, list(dataset['image']) or list(dataset['text'])",
    "datasets.DatasetDict": "give a column of a part, list(dataset['train']['image'])",
    "PIL.Image": "that is one picture; give a list of them",
    "numpy.MaskedArray": "what is masked has no value; give array.filled(0)",
}


class MapStyle(Protocol):
    """A dataset of torch's map style, or a list."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: int, /) -> object: ...


@contextmanager
def given(objects: object, cache_dir: str) -> Iterator[Given]:
    """What has been given, within the context.

    Args:
        cache_dir: where what is read one by one is put down meanwhile.

    Raises:
        ConfigError: it is nothing that a model can be trained on; what to give instead is said.
        DataError: it is empty, or its items are of several kinds.
        StorageError: the cache cannot be written.
    """
    with ExitStack() as stack:
        labels = None
        if isinstance(objects, tuple):
            if len(objects) != 2:
                _refuse(objects, "a tuple is (images, labels); of more give a list, or an array")
            first, second = objects
            objects, labels = first, _labels(second)
        found = _told(objects, labels, cache_dir, stack)
        yield found


def put_down(objects: object, data: DataKnobs, paths: Mapping[str, str], run: str) -> None:
    """Put what a run was trained on, and somebody has given again, where its configuration finds it.

    Args:
        data: the group `data` of the run.
        run: its name, for messages.

    Raises:
        ConfigError, StorageError: as `given`; the run was trained on files.
        DataError: the run was trained on something else.
    """
    with given(objects, paths["cache_dir"]) as found:
        found.keep(found.taken_up(data, run), paths)


def _told(objects: object, labels: np.ndarray | None, cache_dir: str, stack: ExitStack) -> Given:
    _refuse_others(objects)
    if isinstance(objects, str):
        return _texts([objects], labels, single=True)
    if (array := as_array(objects)) is not None:
        if array.dtype.kind in "UOST":
            texts = array.dtype.kind != "O" or isinstance(array.flat[0] if array.size else "", str)
            one = "of an array of texts give array.tolist()"
            _refuse(
                objects, one if texts else "of images give one array of numbers, such as np.stack(images)"
            )
        if array.dtype.kind in "mM":
            _refuse(objects, "moments are no pixels; give numbers")
        return GivenImages(array, _fitting(labels, len(array)) if array.ndim else labels, "data=")
    if not (hasattr(objects, "__len__") and hasattr(objects, "__getitem__")):
        _refuse(objects, TAKEN)
    items = cast(MapStyle, objects)
    try:
        count = len(items)
    except Exception as error:  # of the user's own code
        raise DataError(f"data= has no length: {type(error).__name__}: {error}") from error
    if not count:
        raise DataError(f"data= is an empty {type(objects).__name__}; {TAKEN}.")
    first = _item(items, 0)
    if isinstance(first, str):
        return _texts(items, labels, single=False)
    if is_pair(first) and labels is None:
        return GivenPairs([turns_of(place, _item(items, place)) for place in range(count)])
    if isinstance(first, Image.Image) and isinstance(objects, list):
        for place, item in enumerate(objects):
            if not isinstance(item, Image.Image):
                _refuse_item(place, item, "item 0 is a picture of Pillow's; give items of one kind")
        return GivenPictures(lambda: map(plain_pixels, objects), _fitting(labels, len(objects)))
    with storage_errors(Path(cache_dir)):
        Path(cache_dir).mkdir(parents=True, exist_ok=True)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="spool-", dir=cache_dir)))
        return _spooled(items, first, labels, folder)


# ---------------------------------------------------------------------- one by one


def _spooled(items: MapStyle, first: object, labels: np.ndarray | None, folder: Path) -> Given:
    """Items as they come, each asked for once, put down in a folder."""
    pairs = isinstance(first, tuple | list)
    if pairs and labels is not None:
        raise ConfigError("data=(…, labels): its items have labels of their own; give one of the two.")
    own: list[object] = []

    def images() -> Iterator[object]:
        for place in range(len(items)):
            item = _item(items, place) if place else first
            if pairs:
                if not isinstance(item, tuple | list) or len(item) != 2:
                    _refuse_item(place, item, "each is (image, label); of nested lists give np.array(…)")
                own.append(item[1])
                item = item[0]
            yield item

    stream = images()
    image = next(stream)
    whole: Iterator[object] = chain([image], stream)
    if isinstance(image, Image.Image):
        pictures = PictureFile(folder)
        for place, item in enumerate(whole):
            if not isinstance(item, Image.Image):
                _refuse_item(place, item, "item 0 is a picture of Pillow's; give items of one kind")
            pictures.add(plain_pixels(item))
        pictures.close()
        return GivenPictures(pictures.read, _fitting(_labels(own) if pairs else labels, len(items)))
    if (array := as_array(image)) is None or not array.size:
        raise ConfigError(f"data=: item 0 is {_named(image)}; {TAKEN}.")
    with closing(Appended(folder / "values.npy", array.dtype)) as values:
        for place, item in enumerate(whole):
            other = as_array(item)
            if other is None or (other.shape, other.dtype) != (array.shape, array.dtype):
                _refuse_item(place, item, f"item 0 is {_named(array)}; give one shape and type")
            values.append(other.reshape(-1))
    stacked = open_array(folder / "values.npy").reshape(len(items), *array.shape)
    return GivenImages(stacked, _fitting(_labels(own) if pairs else labels, len(items)), "data=")


def _item(items: MapStyle, place: int) -> object:
    try:
        return items[place]
    except Exception as error:  # of the user's own code, which may raise anything
        raise DataError(f"data=: item {place} cannot be had: {type(error).__name__}: {error}") from error


# ---------------------------------------------------------------------- texts and labels


def _texts(texts: MapStyle, labels: np.ndarray | None, *, single: bool) -> Given:
    if labels is not None:
        raise ConfigError("data=(texts, labels): texts have no labels here; give the texts alone.")
    found: list[str] = []
    for place in range(len(texts)):
        text = _item(texts, place)
        if not isinstance(text, str):
            _refuse_item(place, text, "item 0 is a text; give items of one kind")
        which = "data=" if single else f"data=: item {place}"
        if "\0" in text:
            raise DataError(f"{which} is no text: it has a NUL character at {text.index(chr(0))}.")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            half = f"{error.object[error.start]!a} at {error.start}"
            raise DataError(f"{which} is no text: it has half a character, {half}.") from None
        found.append(text)
    if single and "\n" not in found[0] and len(found[0]) < 256 and found[0] and Path(found[0]).is_file():
        raise ConfigError(
            f"data={found[0]!r} is a text, and the name of a file: read it with the words"
            f" data=text_file data.path={found[0]}."
        )
    return GivenTexts(found, single=single)


def _labels(labels: object) -> np.ndarray:
    """Labels as an array (N,); of texts where they are texts."""
    _refuse_others(labels)
    array = as_array(labels)
    if array is None:
        if not isinstance(labels, Sequence) or isinstance(labels, str):
            raise ConfigError(
                f"data=(images, labels): the labels are {_named(labels)}; give a list, one an image."
            )
        values = [_plain(value) for value in labels]
        odd = any(value is None or isinstance(value, list | dict) for value in values)
        array = np.empty(len(values), object) if odd else np.asarray(values)
        if odd:
            array[:] = values
    if array.dtype.kind == "O" and all(isinstance(value, str) for value in array.ravel().tolist()):
        array = array.astype(str)
    return array


def _plain(value: object) -> object:
    """A label as Python has it: of a tensor or an array of one number, the number."""
    array = as_array(value)
    return value if array is None or array.ndim else array.item()


def _fitting(labels: np.ndarray | None, count: int) -> np.ndarray | None:
    if labels is not None and (not labels.ndim or len(labels) != count):
        raise DataError(
            f"data=(images, labels): {count:,} images and labels of shape {labels.shape}; give one each."
        )
    return labels


# ---------------------------------------------------------------------- kinds


def as_array(value: object) -> np.ndarray | None:
    """An array, or a tensor of any device and type as one; None where it is neither."""
    if isinstance(value, np.ndarray):
        return value
    if not _is(value, "torch.Tensor"):
        return None
    tensor: Any = value
    try:
        tensor = tensor.detach().cpu()
        return np.asarray((tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy())
    except (TypeError, NotImplementedError):  # sparse, of the device "meta", of eight-bit floats
        kind = f"a tensor of {tensor.dtype} and {tensor.layout} on {tensor.device}"
        remedy = "give a dense one, of numbers that numpy has"
        raise ConfigError(f"data= holds {kind}, which is no array; {remedy}.") from None


def _is(value: object, name: str) -> bool:
    """Whether a value is of a type, or of one derived from it: package and name."""
    package, _, own = name.partition(".")
    return any(t.__name__ == own and t.__module__.partition(".")[0] == package for t in type(value).__mro__)


def _refuse_others(value: object) -> None:
    """
    Raises:
        ConfigError: it is something that nobody could read, though it holds what could be.
    """
    for name, remedy in REMEDIES.items():
        if _is(value, name):
            _refuse(value, remedy)
    if isinstance(value, PurePath):
        _refuse(value, f"name a file by words, such as data=text_file data.path={value}")
    if isinstance(value, bytes | bytearray | memoryview):
        _refuse(value, "decode a text first; of pictures give Pillow's")
    if isinstance(value, Mapping):
        _refuse(value, "give what it holds: the images, the texts, or (images, labels)")
    if isinstance(value, Iterator):
        _refuse(value, "it can be read once: give list(…) of it")


def _refuse(value: object, remedy: str) -> NoReturn:
    raise ConfigError(f"data= is {_named(value)}: {remedy}.")


def _refuse_item(place: int, item: object, remedy: str) -> NoReturn:
    raise DataError(f"data=: item {place} is {_named(item)}, and {remedy}.")


def _named(value: object) -> str:
    """What a value is, in words."""
    if (array := as_array(value)) is not None:
        return f"{array.dtype} of shape {array.shape}"
    kind = type(value)
    own = kind.__module__.partition(".")[0]
    article = "an" if kind.__name__[0] in "aeiou" else "a"
    return f"{article} {kind.__name__}" if own == "builtins" else f"{own}'s {kind.__name__}"
