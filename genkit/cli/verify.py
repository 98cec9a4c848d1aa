"""`genkit verify`: whether a run folder, a stranger's perhaps, is what it says; nothing of it is loaded."""

from __future__ import annotations

from genkit import runs
from genkit.cli.commands.verify import VerifySettings
from genkit.system.errors import CheckpointError
from genkit.system.terminal import say


def verify(settings: VerifySettings) -> int:
    folder = runs.find(
        settings.run, settings.paths["runs_dir"], trusted=True
    )  # nothing of it is believed yet
    from genkit.runs.verification import verify as look

    found = look(folder, settings.paths["cache_dir"])
    if not found.wrong:
        held = ", ".join(f"step-{step}" for step in found.steps) or "no checkpoint"
        say(f"{folder} is sound: {held}; {found.files} files, {found.size / 1e6:,.1f} MB")
        return 0
    for line in found.wrong:
        say(f"wrong: {' '.join(line.split())}")
    more = f" And {len(found.wrong) - 1} more, above." if len(found.wrong) > 1 else ""
    raise CheckpointError(f"{folder} is not sound: {found.wrong[0]}{more}")
