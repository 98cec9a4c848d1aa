"""Runs the notebooks of the site and keeps what they show: `python -m tools.notebooks [NAME …]`.

A notebook is a pair (jupytext): the `.py` is written, the `.ipynb` beside it is made here, outputs included.
The site shows what the `.ipynb` holds; the suite runs every `.py` again and compares.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "notebooks"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def sources() -> list[Path]:
    """The halves that are written, in the order of their names."""
    return sorted(FOLDER.glob("*.py"))


def digest(notebook: NotebookNode) -> str:
    """SHA-256 of the code of a notebook."""
    code = "\0".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return hashlib.sha256(code.encode()).hexdigest()


def run(source: Path, folder: Path) -> NotebookNode:
    """A notebook with what its cells show, run in an empty folder, without data of this machine.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell fails.
    """
    notebook = jupytext.read(source)
    notebook.metadata = NotebookNode(kernelspec=KERNEL, genkit={"ran": digest(notebook)})
    own = {"GENKIT_RUNS_DIR": "runs", "GENKIT_DATA_DIR": "data", "GENKIT_CACHE_DIR": "cache"}
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
    client = NotebookClient(
        notebook,
        kernel_name=KERNEL["name"],
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
        timeout=None,
    )
    client.execute(env={**os.environ, **own, "PYTHONPATH": path})
    notebook.metadata.pop("language_info", None)  # of the Python that there is
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    return notebook


def main(names: list[str]) -> int:
    for source in sources():
        if names and source.stem not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            made = run(source, Path(folder))
        nbformat.write(made, source.with_suffix(".ipynb"))
        print(source.with_suffix(".ipynb").relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
