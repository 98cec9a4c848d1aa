"""`genkit export`: a run as a folder that other libraries load."""

from __future__ import annotations

from genkit.cli.commands.export import ExportSettings
from genkit.cli.outputs import check_writable
from genkit.system import storage
from genkit.system.terminal import say


def export(settings: ExportSettings) -> int:
    folder, out = settings.folder, settings.out
    settings.check_model()
    storage.check_new(out)
    check_writable(out.parent)
    module = settings.load()
    from genkit.interop import model_folder

    write = {"hf": model_folder.write}[settings.format]
    with module.weights(settings.weights):
        write(module, out, settings.max_shard)
    say(f"{folder.name} as a Hugging Face model: {out}")
    return 0
