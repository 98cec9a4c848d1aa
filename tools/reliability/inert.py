"""Whether what a command leaves is inert: text on a terminal, pages, figures, tables.

Written without a word of the product's own escaping: a page is parsed as a browser would.
"""

from __future__ import annotations

import base64
import csv
import re
import struct
import unicodedata
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

FORBIDDEN = ("script", "iframe", "object", "embed", "base", "form", "input", "link", "svg", "math", "video")
OVERRIDES = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
MOST_PIXELS = 100_000_000  # of an embedded picture: 400 MB in a browser
LATEX = re.compile(
    r"\\(begin\{(?:tabular|table|document)\}|end\{(?:tabular|table|document)\}|hline|uparrow|downarrow"
    r"|cite\{[a-z0-9,]+\}|documentclass\{article\}|usepackage\{graphicx\}|section\*|caption"
    r"|resizebox\{\\textwidth\}|input\{(?:\.\./tables/)?[a-z]+\}|bibliographystyle\{plain\}"
    r"|bibliography\{references\}|textasciitilde|textasciicircum|textbackslash|[\\&%$#_{},])"
)


def check_text(text: str, where: str) -> None:
    """That nothing in a text steers a terminal."""
    for character in text:
        steers = unicodedata.category(character) == "Cc" and character not in "\n\t"
        assert not steers, f"{where}: control {character!a}"
        assert unicodedata.bidirectional(character) not in OVERRIDES, f"{where}: override {character!a}"


class _Page(HTMLParser):
    def __init__(self, where: str) -> None:
        super().__init__()
        self.where, self.styles = where, 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in FORBIDDEN, f"{self.where}: <{tag}>"
        self.styles += tag == "style"
        assert self.styles < 2, f"{self.where}: a second style"
        for name, value in attrs:
            self._attribute(tag, name, value or "")

    handle_startendtag = handle_starttag

    def _attribute(self, tag: str, name: str, value: str) -> None:
        where = f"{self.where}: <{tag} {name}={value[:60]!r}>"
        assert not name.startswith("on"), where
        assert name not in ("style", "formaction", "background", "ping", "is"), where
        if name in ("src", "srcset", "xlink:href", "poster", "data"):
            assert value.startswith(("data:image/png;base64,", "data:image/svg+xml;base64,")), where
            content = base64.b64decode(value.partition(",")[2], validate=True)
            check_svg(content, where) if "svg" in value[:16] else check_png(content, where)
        elif name == "href":
            assert not re.match(r"\s*([a-z][a-z0-9+.-]*:|//)", value, re.I), where
        elif name == "http-equiv":
            assert value == "Content-Security-Policy", where


def check_png(content: bytes, where: str) -> None:
    """That a picture is a PNG that a browser can afford."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n", f"{where}: no PNG"
    width, height = struct.unpack(">II", content[16:24])
    assert width * height <= MOST_PIXELS, f"{where}: {width} × {height} pixels"


def check_svg(content: bytes, where: str) -> None:
    """That a drawing holds nothing that acts or loads."""
    assert b"<!ENTITY" not in content, f"{where}: an entity"
    for element in ElementTree.fromstring(content).iter():
        tag = element.tag.rpartition("}")[2].lower()
        assert tag not in ("script", "foreignobject", "a", "image", "iframe", "animate", "set"), (
            f"{where}: {tag}"
        )
        for key, value in element.attrib.items():
            key = key.rpartition("}")[2].lower()
            assert not key.startswith("on"), f"{where}: {key}"
            assert key != "href" or value.startswith("#"), f"{where}: {key}={value}"
            assert not re.search(r"url\((?!#)|javascript:|expression\(", value), f"{where}: {value}"


def check_files(folder: Path, secret: bytes) -> None:
    """Everything that was written below a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file() or path.stat().st_size > 64_000_000:
            continue
        content = path.read_bytes()
        assert secret not in content, f"{path} holds a secret"
        for found in re.findall(rb"base64,([A-Za-z0-9+/=]+)", content):
            assert secret not in base64.b64decode(found), f"{path} holds a secret picture"
        check_file(path, content)


def check_file(path: Path, content: bytes) -> None:
    where = path.name
    if path.suffix == ".html":
        page = _Page(where)
        page.feed(content.decode())
        page.close()
    elif path.suffix == ".svg":
        check_svg(content, where)
    elif path.suffix == ".csv":
        for line in csv.reader(content.decode().splitlines()):
            for cell in line:
                assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")) or _is_number(cell), (
                    f"{where}: {cell}"
                )
        check_text(content.decode(), where)
    elif path.suffix == ".tex":
        rest = LATEX.sub("", content.decode())
        assert "\\" not in rest, f"{where}: {rest[rest.index(chr(92)) :][:60]}"
        check_text(content.decode(), where)
    elif path.suffix == ".md":
        text = content.decode()
        assert "<" not in text, f"{where}: a tag"
        assert not re.search(r"(?<!\\)\](?=\()", text), f"{where}: a link"
        check_text(text, where)
    elif path.suffix in (".txt", ".log") and path.name == "verdict.txt":
        check_text(content.decode(), where)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
