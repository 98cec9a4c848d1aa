"""What a command leaves behind: the exit code, and the files of a run folder."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from genkit.cli import INTERRUPTED
from genkit.runs.layout import CONTENTS
from genkit.system import errors
from tools.site.markdown import about, code, page, plain, table


def pages() -> Iterator[tuple[str, str]]:
    """Place and text of each page."""
    yield "reference/exit-codes.md", page("Exit codes", *_exit_codes())
    yield "reference/run-folder.md", page("Files of a run folder", *_run_folder())


def refusals() -> list[type[errors.GenkitError]]:
    """Every kind of refusal, in the order of their codes."""
    found = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    kinds = [
        kind for kind in found if issubclass(kind, errors.GenkitError) and kind is not errors.GenkitError
    ]
    return sorted(kinds, key=lambda kind: kind.exit_code)


def _exit_codes() -> Iterator[str]:
    yield (
        "Whatever is wrong is said in one line on stderr: what, where, and what to do. The exit code says of"
        " what kind it is; in Python the same refusals are exceptions of `genkit.errors`."
    )
    rows = [("0", "", "done")]
    rows += [
        (
            str(kind.exit_code),
            code(f"genkit.errors.{kind.__name__}"),
            about(kind).split("\n\n")[0].rstrip("."),
        )
        for kind in refusals()
    ]
    rows.append((str(INTERRUPTED), "", "interrupted by Ctrl-C; what was trained is saved"))
    rows.append((str(128 + signal.SIGTERM), "", "ended by SIGTERM; what was trained is saved"))
    yield table(("exit code", "exception", "what happened"), rows)


def _run_folder() -> Iterator[str]:
    yield "`runs/NAME/`, or `paths.runs_dir/NAME/`, holds all that there is of a run:"
    yield table(("file or folder", "what it is"), [(code(name), plain(CONTENTS[name])) for name in CONTENTS])
    yield "## Checkpoints"
    yield (
        "All of it is data, not code: safetensors, JSON, YAML and CSV. A checkpoint `checkpoints/step-N/`"
        " holds `weights.safetensors`, `ema.safetensors` where weights are averaged, the states of the"
        " optimisers, and `manifest.json` with the SHA-256 of each. How to read the weights without genkit"
        " says [From run folder to plain PyTorch](../guides/weights.md)."
    )
    yield "## Is a folder sound, and safe to load?"
    yield (
        "[`genkit verify run=R`](commands/verify.md) says whether a folder, a stranger's perhaps, is sound"
        " (exit code 0), or lists what is wrong with it (3): every file against its digest, configuration,"
        " tokeniser, data, pointers, findings, and that it holds no pickle, no link and no code. No model is"
        " loaded. Digests show damage and exchange; who made a folder they cannot show."
    )
