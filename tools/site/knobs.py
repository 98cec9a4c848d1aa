"""Pages of knobs: one for each family, one for each dataset, one for all else that a training is set by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from genkit import config
from genkit.config.frozen import OPTION
from genkit.config.manual import KnobLine, OptionPage, described, described_run
from genkit.core.capabilities import CAPABILITIES
from genkit.core.options import Option
from genkit.families import FAMILIES
from tools.site.markdown import about, code, contents, page, plain, table

HEADER = ("knob", "default", "what it takes", "what it is")
TRAINING = ("optim", "trainer", "budget", "callbacks", "logger", "paths")
HOUSE = ("python", OPTION)  # models of which a caller has the family in hand


def pages() -> Iterator[tuple[str, str]]:
    """Place and text of each page."""
    yield from _families()
    yield from _datasets()
    yield "reference/training.md", _training()


def _rows(lines: Sequence[KnobLine]) -> Iterator[tuple[str, ...]]:
    for line in lines:
        yield code(line.key), code(line.default), plain(line.takes), plain(line.help)


# ---------------------------------------------------------------------- models


def _families() -> Iterator[tuple[str, str]]:
    models: dict[str, list[OptionPage]] = {}
    for option in config.groups()["model"]:
        if option not in HOUSE:
            family = config.compose("train", [f"model={option}"]).model.family
            models.setdefault(family, []).append(described("model", option))
    for family, options in models.items():
        yield f"reference/families/{family}.md", _family(family, options)
    rows = [
        (f"[`{family}`]({family}.md)", ", ".join(code(f"model={each.option}") for each in options))
        for family, options in models.items()
    ]
    told = "A *family* is a class, a *model* a configuration that picks a family and its sizes."
    told += " `genkit families` lists what is installed;"
    told += " [the families](../../families.md) says what each is good for."
    overview = table(("family", "models"), rows)
    yield "reference/families/index.md", page("Models and their knobs", told, overview, contents(models))


def _family(name: str, models: Sequence[OptionPage]) -> str:
    family = FAMILIES.load(name)
    held = [capability.__name__ for capability in CAPABILITIES if issubclass(family, capability)]
    parts = [
        about(family),
        f"Capabilities: {', '.join(map(code, held)) or 'none'}.",
        "## Options of sampling",
        "Taken by `genkit sample`, by `genkit evaluate`, and by `sample()` in Python."
        if family.options
        else "None: it draws nothing by itself.",
        sampling(family.options),
    ]
    first = {line.key: line.default for line in models[0].knobs}
    for model in models:
        parts += [f"## model={model.option}", f"{plain(model.about)}"]
        if model is models[0]:
            parts.append(table(HEADER, _rows(model.knobs)))
            continue
        lines = [line for line in model.knobs if first.get(line.key) != line.default]
        parts.append(f"As `model={models[0].option}`, but for")
        parts.append(table(("knob", "value"), [(code(each.key), code(each.default)) for each in lines]))
    return page(f"The family {name}", *parts)


def sampling(options: Sequence[Option]) -> str:
    """A table of the options that a family takes when it draws."""
    rows = [
        (
            code(option.name),
            "off" if option.default is None else code(str(option.default).lower()),
            code(option.allowed()) or plain(f"{option.kind}{option.range()}"),
            plain(option.help + ("; several may be given" if option.many else "")),
        )
        for option in options
    ]
    return table(("option", "default", "what it takes", "what it is"), rows) if rows else ""


# ---------------------------------------------------------------------- data


def _datasets() -> Iterator[tuple[str, str]]:
    found = [described("data", option) for option in config.groups()["data"]]
    rows = []
    for each in found:
        given = "It has what Python has in hand: [](../../guides/python.md)."
        parts = [
            plain(each.about),
            given * each.option.startswith("memory_"),
            table(HEADER, _rows(each.knobs)),
        ]
        yield f"reference/data/{each.option}.md", page(f"data={each.option}", *parts)
        rows.append((f"[`data={each.option}`]({each.option}.md)", plain(each.about)))
    told = "What each is, and where it is from, says [the guide to data](../../guides/data.md)."
    overview = table(("dataset", "what it is"), rows)
    names = [each.option for each in found]
    yield "reference/data/index.md", page("Datasets and their knobs", told, overview, contents(names))


# ---------------------------------------------------------------------- the rest


def _training() -> str:
    """Everything that is neither the model's nor the data's."""
    parts = [
        "What a training is set by, beside its model and its data. `genkit train --help optim=muon` shows a"
        " choice with its own defaults.",
        "## Of the run",
        table(HEADER, _rows(described_run())),
    ]
    for group in TRAINING:
        options = config.groups()[group]
        first = described(group, next(iter(options)))
        rows = [(code(f"{group}={name}"), plain(config.about(file))) for name, file in options.items()]
        parts += [f"## {group}", table(("choice", "what it is"), rows)]
        parts.append(f"The knobs, with the defaults of `{group}={first.option}`:")
        parts.append(table(HEADER, _rows(first.knobs)))
        if group == "optim":
            gan = described(group, "adam_gan", "model=dcgan")
            names = ", ".join(map(code, next(iter(gan.parts.values()))))
            parts.append(
                "### One phase alone\n\nA model that trains several networks has a phase for each, and a"
                f" phase may have {names} of its own: `optim.PHASE.KEY`, and null means as `optim.KEY`. So"
                " `optim.discriminator.lr=4e-4` sets the learning rate of the discriminator alone. The"
                f" phases: {', '.join(map(code, gan.parts))}, as far as the model has such a network."
            )
    return page("Optimisers, trainer, budget and the rest", *parts)
