"""What is cited: the papers of metrics, families and tests, in BibTeX.  Nothing here imports torch.

Whoever declares a metric or a family names its papers there, by the keys of `references.bib`; another
distribution writes whole entries in their place:

    cites = ("heusel2017gans", "@article{own2026, author = {…}, title = {…}, journal = {…}, year = {2026}}")
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("references.bib")
ENTRY = re.compile(r"\s*@(\w+)\s*\{\s*([^\s,{}]+)\s*,")
FIELD = re.compile(r"\b(\w+)\s*=\s*(?=[{\"])")
ACCENTS = {"'": "\u0301", "`": "\u0300", '"': "\u0308", "^": "\u0302", "~": "\u0303", "v": "\u030c"}
LETTERS = {r"\l": "ł", r"\o": "ø", r"\O": "Ø", r"\L": "Ł", r"\ss": "ß", r"\ae": "æ", r"\aa": "å", r"\i": "ı"}
HOLDERS = ("journal", "booktitle", "publisher", "institution", "school", "howpublished")  # of what appeared
MOST = 5_000  # characters of an entry


@dataclass(frozen=True)
class Reference:
    """A paper.

    Attributes:
        key: by which it is cited.
        text: its entry in BibTeX.
        fields: by name, as BibTeX has them.
    """

    key: str
    text: str
    fields: Mapping[str, str]

    @property
    def authors(self) -> str:
        """Family names: "Kingma and Welling", "Burda et al."."""
        names = [_plain(name).split(",")[0].strip() for name in self.fields.get("author", "").split(" and ")]
        return f"{names[0]} et al." if len(names) > 2 else " and ".join(names)

    @property
    def short(self) -> str:
        """As a sentence has it: "Burda et al. 2016"."""
        return f"{self.authors} {_plain(self.fields.get('year', ''))}".strip()

    @property
    def words(self) -> str:
        """As a list of references has it."""
        where = next((_plain(self.fields[key]) for key in HOLDERS if key in self.fields), "")
        parts = (self.short, _plain(self.fields.get("title", "")), where)
        return ". ".join(part for part in parts if part) + "."


@cache
def known() -> Mapping[str, Reference]:
    """Those of `references.bib`, by key."""
    entries = re.split(r"\n(?=@)", FILE.read_text(encoding="utf-8").strip())
    found = [read(entry) for entry in entries]
    return {reference.key: reference for reference in found}


def read(entry: str) -> Reference:
    """One entry in BibTeX.

    Raises:
        ValueError: it is none, or has no author, title or year.
    """
    head = ENTRY.match(entry)
    if head is None or len(entry) > MOST:
        raise ValueError("is no entry of BibTeX: @article{key, author = {…}, title = {…}, year = {…}}")
    fields = {m[1].lower(): _braced(entry, m.end()) for m in FIELD.finditer(entry)}
    if missing := [name for name in ("author", "title", "year") if not fields.get(name)]:
        raise ValueError(f"entry {head[2][:60]} has no {missing[0]}")
    return Reference(head[2], entry.strip(), fields)


def find(cited: str) -> Reference:
    """What a key or an entry stands for.

    Raises:
        ValueError: nobody knows the key, or the entry is none.
    """
    if cited in known():
        return known()[cited]
    if "@" not in cited:
        raise ValueError(f"{cited[:60]} is no key of a reference; write its entry in BibTeX")
    return read(cited)


def listed(cited: Iterable[str]) -> list[Reference]:
    """Each once, by author and year; what is no reference is left out.

    Args:
        cited: keys and entries, of declarations that may be another distribution's.
    """
    found: dict[str, Reference] = {}
    for one in cited:
        try:
            reference = find(one)
        except ValueError:
            continue
        found.setdefault(reference.key, reference)
    return sorted(found.values(), key=lambda reference: (reference.short.casefold(), reference.key))


def bibtex(references: Iterable[Reference]) -> str:
    """A file of their entries."""
    return "\n\n".join(reference.text for reference in references) + "\n"


def _braced(entry: str, start: int) -> str:
    """What stands between the braces, or the quotes, that open at a place."""
    if entry[start] == '"':
        end = entry.find('"', start + 1)
        return entry[start + 1 : end] if end > 0 else ""
    depth = 0
    for place in range(start, len(entry)):
        depth += {"{": 1, "}": -1}.get(entry[place], 0)
        if depth == 0:
            return " ".join(entry[start + 1 : place].split())
    return ""


def _plain(text: str) -> str:
    """A field as letters: {\\'n} is ń, braces that keep capitals go."""
    text = re.sub(r"\\(['`\"^~]|v(?=[\s{]))\s*\{?([A-Za-z])\}?", lambda m: m[2] + ACCENTS[m[1]], text)
    for command, letter in LETTERS.items():
        text = re.sub(re.escape(command) + r"(?![A-Za-z])\s*", letter, text)
    return unicodedata.normalize("NFC", re.sub(r"[{}]", "", text)).replace("--", "–").strip()
