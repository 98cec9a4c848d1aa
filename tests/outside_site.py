"""A place where distributions of other people are installed, and the command line beside them."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
OUTSIDE = ROOT / "tests" / "outside"
DISTRIBUTIONS = ("family", "medium", "dataset", "metric", "command")
# Several commands of one process: each its exit code, what it said, what it said of errors.
SESSION = """
import contextlib, io, json, os, sys
from genkit.cli import main
ended = []
for words in json.loads(sys.argv[1]):
    typed = " ".join(["genkit", *words[2:]]) if words[0] == "--shell-completion" else ""
    os.environ["COMP_LINE"] = typed.replace("_", "")
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words[:2] if typed else words)
    ended.append((code, out.getvalue(), err.getvalue()))
print(json.dumps(ended), file=open(sys.argv[2], "w"))
"""


def digest(folder):
    """Of every file below a folder but what Python keeps for itself."""
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def ours():
    return digest(ROOT / "genkit") | digest(ROOT / "conf")


class Site:
    """A place where distributions are installed, and the command line beside them."""

    def __init__(self, folder):
        self.folder, self.runs = folder, folder / "runs"

    def install(self, *places):
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
        subprocess.run([*pip, "--target", str(self.folder / "site"), *map(str, places)], check=True)
        return self

    def genkit(self, *commands):
        """Run commands, each a line of words, one after another; what each ended with."""
        path = os.pathsep.join([str(self.folder / "site"), str(ROOT)])
        where = {"PYTHONPATH": path, "GENKIT_RUNS_DIR": str(self.runs), "PYTHONDONTWRITEBYTECODE": "1"}
        ended = self.folder / "ended.json"
        lines = json.dumps([command.split() for command in commands])
        subprocess.run(
            [sys.executable, "-c", SESSION, lines, str(ended)],
            env={**os.environ, **where},
            cwd=self.folder,
            check=True,
            timeout=600,
        )
        return json.loads(ended.read_text())

    def done(self, *commands):
        """As `genkit`, where every command succeeds: what each said."""
        ended = self.genkit(*commands)
        for command, (code, _, err) in zip(commands, ended, strict=True):
            assert code == 0, f"{command}: {err}"
        return [out for _, out, _ in ended]
