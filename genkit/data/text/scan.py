"""The first reading of texts: which documents are kept, and what is in them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from genkit.data.dataset_knobs import DocumentKnobs
from genkit.data.text.streams import CONTROLS, Document, Texts, clean
from genkit.system.errors import DataError
from genkit.system.progress import progress

UNICODE = 0x110000  # code points
TOGETHER = 2**20  # characters whose code points are looked at at once


def code_points(text: str) -> np.ndarray:
    """uint32, one for each character."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


@dataclass
class Scan:
    """What a first reading says.

    Attributes:
        documents, characters: how many are kept, separators included.
        points: the code points that occur, increasing.
        refused: reason by name.
        repeated: names of documents that repeat an earlier one.
        nulls: rows of tables that hold no text.
        within: separators that documents hold themselves, where they are several.
        visible: whether any is more than a blank, a line end or what is not shown.
    """

    documents: int = 0
    characters: int = 0
    points: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint32))
    refused: dict[str, str] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)
    nulls: int = 0
    within: int = 0
    visible: bool = False


def scan_texts(texts: Texts, data: DocumentKnobs) -> Scan:
    """Read everything once: which documents are kept, and what is in them."""
    scan = Scan(refused=dict(texts.missing))
    points, known = _Points(), set()
    separator = data.separator or ""
    counted = bool(separator) and not texts.single  # one text is divided by those that it holds
    with progress("reading", texts.size) as advance:
        for document in texts.documents():
            length, within, mark = 0, 0, _Mark(data.dedupe)
            try:
                for text in treated(document, data):
                    points.add(text)
                    length += len(text)
                    within += text.count(separator) if counted else 0
                    mark.update(text)
                    advance(len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass")))
            except DataError as error:
                if texts.single:
                    raise
                if texts.rows and data.on_bad == "error":
                    raise DataError(
                        f"{document.name} {error}. Mend it, or leave such rows out with data.on_bad=skip."
                    ) from None
                points.drop()  # (what it held before its first bad byte is no part of the vocabulary)
                scan.refused[document.name] = str(error).rstrip(".")
                continue
            if mark.kind != "off" and mark.digest() in known:
                points.drop()
                scan.repeated.append(document.name)
                continue
            if mark.kind != "off":
                known.add(mark.digest())
            points.keep()
            scan.characters += length + len(separator)
            scan.documents += 1
            scan.within += within
    scan.nulls = texts.nulls
    if scan.documents:
        present = "".join(map(chr, points.found().tolist()))
        scan.visible = bool(CONTROLS.sub("", present).strip())
        points.add(separator)
        points.keep()
    scan.points = points.found()
    return scan


class _Points:
    """The code points of texts that are kept, while nobody knows yet whether the present one is.

    Short texts are looked at many together, long ones a stretch at a time.
    """

    def __init__(self) -> None:
        self._seen, self._own = np.zeros(UNICODE, bool), np.zeros(UNICODE, bool)
        self._kept: list[str] = []
        self._present: list[str] = []
        self._waiting = 0  # characters of both
        self._long = False  # whether the present one has some in a table of its own

    def add(self, text: str) -> None:
        """A stretch of the present text."""
        self._present.append(text)
        self._waiting += len(text)
        if self._waiting > TOGETHER:
            self._seen[code_points("".join(self._kept))] = True
            self._own[code_points("".join(self._present))] = True
            self._kept, self._present, self._waiting, self._long = [], [], 0, True

    def keep(self) -> None:
        """The present text is kept."""
        self._kept += self._present
        if self._long:
            self._seen |= self._own
        self._next()

    def drop(self) -> None:
        """The present text is not."""
        self._waiting -= sum(map(len, self._present))
        self._next()

    def _next(self) -> None:
        if self._long:
            self._own[:] = False
        self._present, self._long = [], False

    def found(self) -> np.ndarray:
        """Of all texts that are kept, uint32, increasing."""
        self._seen[code_points("".join(self._kept))] = True
        return np.flatnonzero(self._seen).astype(np.uint32)


class _Mark:
    """What tells a document from others: its characters, or ("near") its letters and digits in lower case."""

    def __init__(self, kind: str) -> None:
        self.kind, self._sha = kind, hashlib.sha256()

    def update(self, text: str) -> None:
        if self.kind == "near":
            text = "".join(re.findall(r"\w", text.casefold()))
        if self.kind != "off":
            self._sha.update(text.encode("utf-8", "surrogatepass"))

    def digest(self) -> bytes:
        return self._sha.digest()


def treated(document: Document, data: DocumentKnobs) -> Iterator[str]:
    """The pieces of a document, cleaned if the configuration says so."""
    for text in document.pieces():
        yield clean(text) if data.clean else text
