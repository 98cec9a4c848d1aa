"""Objects in memory as sources: kept in `paths.cache_dir` under a digest of their contents, read from there.

So a training, its other processes, the members of a study and whoever evaluates the run read the same
folder as often as they like, and none of them needs the objects.  `genkit.data.objects` tells them apart.
"""

from __future__ import annotations

import codecs
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import numpy as np

from genkit.core.knobs import DataKnobs
from genkit.data import seals
from genkit.data.arrays import npy, ranges
from genkit.data.arrays.kept_pictures import KeptPictures, PictureFile, Pixels
from genkit.data.dataset_knobs import Memory, MemoryImageKnobs, MemoryPictureKnobs, MemoryTextKnobs
from genkit.data.labels import class_numbers
from genkit.data.packing import Appended, open_array, packed
from genkit.data.sources import Images
from genkit.data.sources.arrays import Arrays, Survey, pack_blocks
from genkit.data.text.streams import BLOCK, LONGEST, Document, Texts
from genkit.system.errors import ConfigError, DataError

KEPT = "kept"  # what the names of such folders begin with
WORDS = ("data", "data.digest")  # what speaks of an object among the words of a training
LABELLED = "data=(…, labels)"


class Given(ABC):
    """What somebody has in hand.

    Attributes:
        option: of the group `data` that reads it.
        digest: "sha256:…" of its contents.
    """

    option: str
    digest: str

    @abstractmethod
    def keep(self, data: DataKnobs, paths: Mapping[str, str]) -> None:
        """Put it where the configured source finds it; nothing to do where it is already.

        Args:
            data: the group `data`, which has this option and this digest.

        Raises:
            DataError: it is not what it was taken for.
            StorageError: the cache cannot be written.
        """

    @property
    def words(self) -> list[str]:
        """What a configuration says of it."""
        return [f"data={self.option}", f"data.digest={self.digest}"]

    def beside(self, words: Sequence[str]) -> list[str]:
        """The words of a training on it.

        Raises:
            ConfigError: they speak of other data.
        """
        for word in words:
            if word.partition("=")[0] in WORDS:
                raise ConfigError(f"{word}: the data are given as an object; leave the word out.")
        return [*words, *self.words]

    def taken_up(self, data: DataKnobs, run: str, *, accept: bool = False) -> DataKnobs:
        """The group `data` of a run that goes on with it, or is evaluated by it.

        Args:
            run: its name, for messages.
            accept: whether the contents may be others than the run was begun on.

        Raises:
            ConfigError: the run was trained on files.
            DataError: the run was trained on something else.
        """
        if not isinstance(data, Memory):
            raise ConfigError(f"{run} was trained on data={data.name}, no object; leave data= out.")
        other = (data.name, data.digest) != (self.option, self.digest)
        if other and (not accept or data.name != self.option):
            raise DataError(
                f"the data has changed since {run} began: it was trained on {data.name}"
                f" {str(data.digest)[:19]}…, and this is {self.option} {self.digest[:19]}…; give the same."
            )
        return msgspec.structs.replace(data, digest=self.digest)


def digest_in(data: Memory) -> str:
    """
    Raises:
        ConfigError: nobody has given an object.
    """
    if not data.digest:
        raise ConfigError(
            f"data={data.name} is what genkit.train([…], data=OBJECT) is given in Python; name files here,"
            " such as data=arrays data.path=FILE."
        )
    return str(data.digest)


def gone(data: Memory, paths: Mapping[str, str]) -> NoReturn:
    raise DataError(
        f"data={data.name}: these data were given in memory, and {paths['cache_dir']} does not hold them:"
        ' give them again in Python, as in genkit.train(["resume=RUN"], data=OBJECT).'
    )


def own_knobs(data: DataKnobs) -> Memory:
    """The knobs of what was given.

    Raises:
        ConfigError: they are of files.
    """
    if not isinstance(data, Memory):
        raise ConfigError(f"data={data.name} is of files, and this is an object; leave data= out.")
    return data


def kept_in(data: Memory, paths: Mapping[str, str], build: Callable[[Path], dict[str, object]]) -> Path:
    """The folder of what was given."""
    key = {"option": data.name, "contents": digest_in(data)}
    return packed(paths["cache_dir"], KEPT, key, build)[0]


def _labels_of(labels: np.ndarray | None, data: MemoryImageKnobs) -> np.ndarray | None:
    return None if data.label is None else labels


# ---------------------------------------------------------------------- images


@dataclass(frozen=True)
class InMemory:
    """An array as the packing reads it."""

    array: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    def blocks(self, limit: int) -> Iterator[np.ndarray]:
        """See `genkit.data.arrays.npy.Rows`."""
        step = npy.rows_at_once(self.shape, self.dtype, limit)
        for start in range(0, len(self.array), step):
            yield np.ascontiguousarray(self.array[start : start + step])


class GivenImages(Given):
    """An array of images, of any layout and type that `data=arrays` takes.

    Args:
        labels: (N,) or None.
        what: was given, in words.
    """

    option = "memory_images"

    def __init__(self, array: np.ndarray, labels: np.ndarray | None, what: str) -> None:
        self._labels, self._what = labels, what
        self._rows = InMemory(array)
        sha = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
        step = max(1, 2**22 // max(1, array[:1].nbytes))
        for start in range(0, len(array), step):
            sha.update(np.ascontiguousarray(array[start : start + step]).data)
        self.digest = _with_labels(sha, labels)

    def keep(self, data: DataKnobs, paths: Mapping[str, str]) -> None:
        if isinstance(own := own_knobs(data), MemoryImageKnobs):
            _packed_images(own, paths, partial(self._look, own))

    def _look(self, data: MemoryImageKnobs) -> Survey:
        labels = _labels_of(self._labels, data)
        own = {} if labels is None else {"": labels}
        where = (self.option, self._what, {"": self._rows}, {"": ""}, own, LABELLED)
        return Arrays(*where, partial(_as_refusals, self._what)).survey(data)


@contextmanager
def _as_refusals(what: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise DataError(f"{what} cannot be taken for images: {error}.") from None


def _with_labels(sha: Any, labels: np.ndarray | None) -> str:
    if labels is not None:
        sha.update(f"{labels.dtype.str}{labels.shape}".encode())
        sha.update(repr(labels.tolist()).encode())
    return f"sha256:{sha.hexdigest()}"


def memory_images(data: MemoryImageKnobs, paths: Mapping[str, str]) -> Images:
    """Images of an array that was given in memory."""
    return _packed_images(data, paths, partial(gone, data, paths))


def _packed_images(data: MemoryImageKnobs, paths: Mapping[str, str], look: Callable[[], Survey]) -> Images:
    key = {"contents": digest_in(data), "range": ranges.given(data.range), "label": data.label}
    return pack_blocks(data.name, key, look, paths["cache_dir"])


# ---------------------------------------------------------------------- pictures


class GivenPictures(Given):
    """Pillow's pictures, of any sizes and modes.

    Args:
        pictures: called for each reading of all of them, see `plain_pixels`.
        labels: (N,) or None.
    """

    option = "memory_pictures"

    def __init__(self, pictures: Callable[[], Iterator[Pixels]], labels: np.ndarray | None) -> None:
        self._pictures, self._labels = pictures, labels
        sha = hashlib.sha256()
        for mode, size, pixels in pictures():
            sha.update(f"{mode}{size}".encode())
            sha.update(pixels)
        self.digest = _with_labels(sha, labels)

    def keep(self, data: DataKnobs, paths: Mapping[str, str]) -> None:
        kept_in(own_knobs(data), paths, self._write)

    def _write(self, folder: Path) -> dict[str, object]:
        target = PictureFile(folder)
        for picture in self._pictures():
            target.add(picture)
        target.close()
        if self._labels is not None:
            np.save(folder / "labels.npy", self._labels)
        return {"name": KEPT, "modes": target.modes}


def memory_pictures(data: MemoryPictureKnobs, paths: Mapping[str, str]) -> KeptPictures:
    """Pictures that were given in memory."""
    folder = kept_in(data, paths, lambda folder: gone(data, paths))
    found = KeptPictures(folder, digest_in(data), seals.describe(folder)["modes"])
    if data.label is not None and (folder / "labels.npy").is_file():
        labels = np.asarray(open_array(folder / "labels.npy"))[found.rows]
        (found.label,), found.classes, found.notices = class_numbers([labels], LABELLED)
    return found


# ---------------------------------------------------------------------- texts


def digest_of_texts(texts: Iterable[str]) -> str:
    """SHA-256 of texts and of where each of them ends."""
    sha = hashlib.sha256()
    for text in texts:
        encoded = text.encode()
        sha.update(f"{len(encoded)}\0".encode())
        sha.update(encoded)
    return f"sha256:{sha.hexdigest()}"


class GivenTexts(Given):
    """Texts, a document each, or a single one.

    Args:
        single: whether it is a text by itself, which nothing ends.
    """

    def __init__(self, texts: Sequence[str], *, single: bool) -> None:
        self.option = "memory_text" if single else "memory_texts"
        self._texts = texts
        self.digest = digest_of_texts(texts)

    def keep(self, data: DataKnobs, paths: Mapping[str, str]) -> None:
        kept_in(own_knobs(data), paths, self._write)

    def _write(self, folder: Path) -> dict[str, object]:
        places = [0]
        with closing(Appended(folder / "text.npy", np.uint8)) as target:
            for text in self._texts:
                target.append(np.frombuffer(text.encode(), np.uint8))
                places.append(target.count)
        np.save(folder / "places.npy", np.array(places, np.int64))
        return {"name": KEPT}


class KeptTexts(Texts):
    """Texts in a folder that `GivenTexts` has written."""

    def __init__(self, folder: Path, digest: str, *, single: bool) -> None:
        self.listing, self.single, self.missing = digest, single, {}
        self._text, places = (open_array(folder / f"{name}.npy") for name in ("text", "places"))
        self._places = places.tolist()
        self.size = self._places[-1]

    def documents(self) -> Iterator[Document]:
        for i, bounds in enumerate(pairwise(self._places)):
            yield Document(f"text {i}", partial(self._pieces, *bounds))

    def _pieces(self, start: int, stop: int) -> Iterator[str]:
        """As those of a file: they end at line ends, where a line is not too long."""
        decoder, rest = codecs.getincrementaldecoder("utf-8")(), ""
        for first in range(start, stop, BLOCK):
            last = min(stop, first + BLOCK)
            text = rest + decoder.decode(self._text[first:last].tobytes(), last == stop)
            cut = text.rfind("\n") + 1
            if last == stop or (not cut and len(text) > LONGEST):
                cut = len(text)
            if cut:
                yield text[:cut]
            rest = text[cut:]


def memory_text(data: MemoryTextKnobs, paths: Mapping[str, str]) -> KeptTexts:
    """A text that was given in memory."""
    return _kept_texts(data, paths, single=True)


def memory_texts(data: MemoryTextKnobs, paths: Mapping[str, str]) -> KeptTexts:
    """Texts that were given in memory, a document each."""
    return _kept_texts(data, paths, single=False)


def _kept_texts(data: MemoryTextKnobs, paths: Mapping[str, str], *, single: bool) -> KeptTexts:
    folder = kept_in(data, paths, lambda folder: gone(data, paths))
    return KeptTexts(folder, digest_in(data), single=single)
