"""`genkit verify`: whether a run folder, a stranger's perhaps, is what it says; nothing of it is loaded."""

from __future__ import annotations

from genkit import config, runs
from genkit.system.errors import CheckpointError, ConfigError, nearest
from genkit.system.terminal import say


def verify(words: list[str]) -> int:
    texts, rest = config.split_free_text(words)
    for word in [*(f"{key}=" for key in texts if key != "run" and not key.startswith("paths.")), *rest]:
        key, _ = config.key_and_value(word)
        raise ConfigError(f"verify takes no {key}=.{nearest(key, ['run'])}")
    if "run" not in texts:
        raise ConfigError("verify needs run=RUN; genkit runs lists them.")
    paths = config.paths(words)
    folder = runs.find(texts["run"], paths["runs_dir"], trusted=True)
    from genkit.runs.verification import verify as look

    found = look(folder, paths["cache_dir"])
    if not found.wrong:
        held = ", ".join(f"step-{step}" for step in found.steps) or "no checkpoint"
        say(f"{folder} is sound: {held}; {found.files} files, {found.size / 1e6:,.1f} MB")
        return 0
    for line in found.wrong:
        say(f"wrong: {' '.join(line.split())}")
    more = f" And {len(found.wrong) - 1} more, above." if len(found.wrong) > 1 else ""
    raise CheckpointError(f"{folder} is not sound: {found.wrong[0]}{more}")
