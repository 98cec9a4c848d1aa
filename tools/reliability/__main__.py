"""`python -m tools.reliability [rows=NAME,…] [only=TRIAL] [every=1] [jobs=2] [out=FOLDER]`: the table."""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tools.reliability import rows, table


def main(arguments: list[str]) -> int:
    typed = dict(word.split("=", 1) for word in arguments)
    os.environ.setdefault("GENKIT_CACHE_DIR", tempfile.mkdtemp(prefix="genkit-cache-"))
    os.environ["OMP_NUM_THREADS"] = "1"
    wanted = [name for name in table.NAMES if not typed.get("rows") or name in typed["rows"].split(",")]
    results = []
    for name in wanted:
        row = table.row(name)
        result = rows.run(
            row, jobs=int(typed.get("jobs", 2)), every=int(typed.get("every", 1)), only=typed.get("only", "")
        )
        if row.baseline and typed.get("neighbours") != "false":
            result.neighbours = row.baseline()
        note = f", {result.note}" if result.note else ""
        print(f"{result.name}: {result.passed}/{result.trials}{note} ({result.seconds:.0f} s)", flush=True)
        results.append(result)
    shown = table.markdown(results)
    print(f"\n{shown}")
    if "out" in typed:
        folder = Path(typed["out"])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "reliability.md").write_text(shown)
        machine = {
            "python": platform.python_version(),
            "system": platform.platform(),
            "cores": os.cpu_count(),
        }
        plain = {"machine": machine, "rows": [asdict(result) for result in results]}
        (folder / "reliability.json").write_text(json.dumps(plain, indent=1) + "\n")
    return 0 if all(result.passed == result.trials for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
