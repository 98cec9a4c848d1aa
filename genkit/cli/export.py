"""`genkit export`: a run as a folder that other libraries load, with a card that says what it is."""

from __future__ import annotations

from genkit.cli.commands.export import ExportSettings
from genkit.cli.model_cards import check_license, samples_of
from genkit.cli.outputs import check_writable
from genkit.system import storage
from genkit.system.terminal import say

USE = """from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("{place}")
tokenizer = AutoTokenizer.from_pretrained("{place}")"""


def export(settings: ExportSettings) -> int:
    folder, out = settings.folder, settings.out
    settings.check_model()
    check_license(settings.license)
    storage.check_new(out)
    check_writable(out.parent)
    module = settings.load()
    from genkit.interop import model_folder
    from genkit.report import model_card

    fill = {"hf": model_folder.fill}[settings.format]
    use = USE.format(place="FOLDER")
    with storage.made(out) as place:  # the card with the weights, or neither
        with module.weights(settings.weights):
            fill(module, place, settings.max_shard)
        drawn = samples_of(module, settings.weights)
        model_card.write(folder, place, drawn, library="transformers", license=settings.license, use=use)
    say(f"{folder.name} as a Hugging Face model: {out}")
    return 0
