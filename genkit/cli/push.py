"""`genkit push`: a run, verified, on the Hugging Face hub, with a card that says what it is."""

from __future__ import annotations

import tempfile
from pathlib import Path

from genkit import runs
from genkit.cli.commands.push import PushSettings
from genkit.cli.export import USE
from genkit.cli.model_cards import check_license, samples_of
from genkit.runs import hub_runs
from genkit.system.errors import CheckpointError, ConfigError
from genkit.system.terminal import say

LOAD = 'import genkit\n\nmodel = genkit.load("{to}", digest="{digest}")\nmodel.sample(4, seed=0)'


def push(settings: PushSettings) -> int:
    repo, revision = hub_runs.split(settings.to)
    if revision is not None:
        raise ConfigError(f"to={settings.to}: a run is put at the head; leave @{revision} out.")
    check_license(settings.license)
    folder = settings.folder
    settings.check_model()
    _check_whole(folder)
    hub_runs.check_token()
    module = settings.load()
    from genkit.interop import model_folder
    from genkit.report import model_card

    drawn = samples_of(module, settings.weights)
    with tempfile.TemporaryDirectory(prefix="genkit-push-") as made:
        place, digest = Path(made) / folder.name, ""
        if settings.format == "hf":
            with module.weights(settings.weights):
                model_folder.write(module, place)
            library, use = "transformers", USE.format(place=repo)
        else:
            hub_runs.copy(folder, place, settings.checkpoint, optimizer=settings.optimizer)
            digest = hub_runs.digest(place)
            library, use = "genkit", LOAD.format(to=repo, digest=digest)
        model_card.write(folder, place, drawn, library=library, license=settings.license, use=use)
        commit = hub_runs.push(place, repo, private=settings.private, said=f"{folder.name}, by genkit push")
    say(f"{folder.name} is on the hub: {repo}, commit {commit}")
    if digest:
        say(f'genkit.load("{repo}", digest="{digest}") loads it and nothing else')
    return 0


def _check_whole(folder: Path) -> None:
    """See that a run is finished and sound.

    Raises:
        ConfigError: it was not trained to its end.
        CheckpointError: something is wrong with its files.
    """
    from genkit.runs.verification import verify

    record = runs.read(folder)
    if record.status != "finished":
        raise ConfigError(
            f"{folder.name} is {record.status or 'not trained'}: finish it before it is shared."
        )
    if wrong := verify(folder).wrong:
        raise CheckpointError(f"{folder} is not sound: {wrong[0]} See genkit verify.")
