"""A report in LaTeX: text and tables that compile with nothing beside the base classes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from genkit.report.methods import pieces
from genkit.system.terminal import without_controls

SPECIAL = {c: rf"\{c}" for c in "&%$#_{}"}
SPECIAL |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
# What the base fonts know by a name alone.
SPECIAL |= {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}"}
SPECIAL |= {"≤": r"$\le$", "≥": r"$\ge$", "±": r"$\pm$", "×": r"$\times$", "·": r"$\cdot$", "−": "$-$"}
SPECIAL |= {"→": r"$\to$", "↓": r"$\downarrow$", "↑": r"$\uparrow$", "∞": r"$\infty$", "…": r"\dots{}"}
SPECIAL |= {
    "–": "--",
    "—": "---",
    "’": "'",
    "\N{NO-BREAK SPACE}": "~",
    "²": "$^2$",
    "³": "$^3$",
    "μ": r"$\mu$",
}
SPECIAL |= {"ł": r"\l{}", "Ł": r"\L{}", "ø": r"\o{}", "Ø": r"\O{}", "ß": r"\ss{}", "æ": r"\ae{}"}
ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0308": '"',
    "\u030c": "v",
    "\u0327": "c",
}
PAGE = r"""% Compiles as it is: pdflatex paper && bibtex paper && pdflatex paper && pdflatex paper
\documentclass{article}
\usepackage{graphicx}
\begin{document}
\section*{Methods}
\input{methods}
\section*{Results}
\begin{table}[ht]
\resizebox{\textwidth}{!}{\input{../tables/summary}}
\caption{CAPTION}
\end{table}
PAIRS\bibliographystyle{plain}
\bibliography{references}
\end{document}
"""
PAIRS = r"""\begin{table}[ht]
\resizebox{\textwidth}{!}{\input{../tables/pairs}}
\caption{Every two arms, by PRIMARY.}
\end{table}
"""
CAPTION = r"Mean over training seeds [95\,\% interval of that mean], (n trainings)."


def escaped(text: str) -> str:
    """Text as LaTeX sets it in its base fonts: its own characters escaped, what those lack by number."""
    plain = unicodedata.normalize("NFC", " ".join(without_controls(text).split(" ")))
    plain = re.sub(r"\s", lambda m: m[0] if m[0] == "\N{NO-BREAK SPACE}" else " ", plain)
    return "".join(map(_letter, plain))


def _letter(c: str) -> str:
    if c in SPECIAL:
        return SPECIAL[c]
    if c.isascii():
        return c
    apart = unicodedata.normalize("NFD", c)
    if len(apart) == 2 and apart[0].isascii() and apart[1] in ACCENTS:
        return rf"\{ACCENTS[apart[1]]}{{{apart[0]}}}"
    return f"[U+{ord(c):04X}]"


def paragraph(sentences: Sequence[str]) -> str:
    """Sentences of `methods`, a line each, with what they cite by `\\cite`."""
    return "".join(f"{_sentence(said)}\n" for said in sentences)


def _sentence(said: str) -> str:
    return "".join(
        escaped(text) + (rf"~\cite{{{','.join(keys)}}}" if keys else "") for text, keys in pieces(said)
    )


def tabular(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A table; its cells are escaped."""
    lines = [" & ".join(map(escaped, line)) + r" \\" for line in (head, *body)]
    rules = (r"\hline", lines[0], r"\hline", *lines[1:], r"\hline")
    columns = "l" * len(head)
    return "\n".join([rf"\begin{{tabular}}{{{columns}}}", *rules, r"\end{tabular}"]) + "\n"


def page(primary: str) -> str:
    """A paper around the paragraph, the tables and the references.

    Args:
        primary: the metric of the comparisons; "": there are none.
    """
    pairs = PAIRS.replace("PRIMARY", escaped(primary)) if primary else ""
    return PAGE.replace("CAPTION", CAPTION).replace("PAIRS", pairs)
