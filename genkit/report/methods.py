"""The methods of a study as a paragraph that can be pasted: every number and every name out of its files.

Sentences are written once, with what they cite in brackets (`[@key]`), and then set as plain words, for the
page and a text file, or for LaTeX.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from genkit.config.declared import model_knobs
from genkit.config.optim_knobs import OptimKnobs
from genkit.core.knobs import ModelKnobs
from genkit.core.references import Reference, find, known, listed
from genkit.metrics.catalogue import OF_EXTRACTORS, kind_of
from genkit.metrics.catalogue import read as metric_of
from genkit.report.analysis import Analysis
from genkit.report.numbers import number
from genkit.report.sources import Member, Told
from genkit.statistics import ALPHA
from genkit.statistics.intervals import BOOTSTRAP_FROM, LEAST
from genkit.statistics.phrases import listed as joined
from genkit.statistics.signs import EXACT_UP_TO, FLIPS
from genkit.system.errors import GenkitError
from genkit.system.plain import parse_yaml

CITED = re.compile(r" ?\[((?:@[\w:.-]+;? ?)+)\]")
UNITS = {"flops": "floating-point operations", "seconds": "seconds of training"}


def sentences(told: Told, analysis: Analysis) -> list[str]:
    """The methods, a sentence each, with keys of what they cite."""
    parts: list[Callable[[Told, Analysis], list[str]]] = [
        _arms,
        _data,
        _trainings,
        _optimisers,
        _search,
        _judging,
        _tests,
        _tools,
    ]
    return [sentence for part in parts for sentence in part(told, analysis)]


def references(told: Told, analysis: Analysis) -> list[Reference]:
    """All that the sentences cite, and what others' metrics and families come from."""
    keys = [key for said in sentences(told, analysis) for _, several in pieces(said) for key in several]
    own = (metric_of(line.metric) for line in analysis.lines)
    more = [cited for metric in own if metric for cited in metric.cites]
    return listed([*keys, *more, *(cited for member in told.members for cited in _family(member))])


def in_words(said: str) -> str:
    """A sentence with names and years for its keys."""
    return "".join(
        text + (f" ({'; '.join(find(key).short for key in keys)})" if keys else "")
        for text, keys in pieces(said)
    )


def pieces(said: str) -> list[tuple[str, list[str]]]:
    """A sentence in parts, each with the keys that it cites at its end.

    Names of arms and runs may hold what looks like a key and is none: that stays text.
    """
    found, text, place = [], "", 0
    for match in CITED.finditer(said):
        keys = [key.strip().removeprefix("@") for key in match[1].split(";")]
        if all(key in known() for key in keys):
            found.append((text + said[place : match.start()], keys))
            text = ""
        else:
            text += said[place : match.end()]
        place = match.end()
    return [*found, (text + said[place:], [])]


def citation(keys: Sequence[str]) -> str:
    """Keys as a sentence has them; whole entries, which are others', stand in the references alone."""
    own = [key for key in dict.fromkeys(keys) if key in known()]
    return f" [{'; '.join(f'@{key}' for key in own)}]" if own else ""


# ---------------------------------------------------------------------- what was done


def _arms(told: Told, analysis: Analysis) -> list[str]:
    described = []
    for arm in analysis.arms:
        own = [member for member in told.members if member.arm == arm]
        known = next((member for member in own if member.record.known), own[0])
        model, parameters = known.record.model, known.record.parameters
        about = [f"model {model}"] if model and model != arm else []
        about += [f"{parameters:,} parameters"] if parameters else []
        said = f" ({', '.join(about)})" if about else ""
        described.append(f"{arm}{said}{citation(_family(known))}")
    if len(described) == 1:
        return [f"We train {described[0]}."]
    return [f"We compare {len(described)} arms: {joined(described)}."]


def _family(member: Member) -> list[str]:
    """The papers of the model of a run, by its configuration; none where that cannot be read."""
    try:
        section = _section(member, "model")
        knobs = model_knobs(section)
        return knobs.cited(section) if issubclass(knobs, ModelKnobs) else []
    except (GenkitError, ValueError, LookupError, TypeError, AttributeError, ImportError):
        return []


def _section(member: Member, group: str) -> Mapping[str, Any]:
    """A group of a run's configuration; empty where that cannot be read."""
    try:
        found = parse_yaml(member.config)[group]
    except (GenkitError, ValueError, LookupError, TypeError):
        return {}
    return found if isinstance(found, Mapping) else {}


def _data(told: Told, analysis: Analysis) -> list[str]:
    names = _by_arm(told, analysis, lambda m: m.record.data)
    splits = _by_arm(told, analysis, lambda m: m.record.protocol)
    if not names:
        return []
    said = f"The data are {_differing(names)}"
    if splits:
        said += f", in these parts: {_differing(splits)}"
    return [f"{said}."]


def _trainings(told: Told, analysis: Analysis) -> list[str]:
    seeds = {arm: [m.seed for m in told.members if m.arm == arm] for arm in analysis.arms}
    counts = {arm: f"{len(found)}" for arm, found in seeds.items()}
    same = len({tuple(sorted(found)) for found in seeds.values()}) == 1
    one = next(iter(seeds.values()))
    if same and len(one) == 1:
        said = ["Each arm is trained once"]
    elif same:
        said = [f"Each arm is trained {len(one)} times, from the seeds {_numbers(one)}"]
    else:
        said = [f"Each arm is trained from seeds of its own ({_differing(counts)})"]
    if told.declared.budget:
        unit, amount = next(iter(told.declared.budget.items()))
        said.append(f"for {amount:,} {UNITS.get(unit, unit)}")
    found = [f"{', '.join(said)}."]
    if same and len(one) > 1 and len(seeds) > 1:
        found.append(
            "Runs of different arms with one seed share the order of the data and are compared in pairs."
        )
    if lost := [m for m in told.members if m.failed]:
        found.append(
            f"{len(lost)} of {len(told.members)} runs failed or gave worthless results; they count as worse"
            " than any other."
        )
    return found


def _optimisers(told: Told, analysis: Analysis) -> list[str]:
    said = _by_arm(told, analysis, _optimiser)
    return [f"The optimisers: {_differing(said)}."] if said else []


def _optimiser(member: Member) -> str:
    """By what a run was optimised, phase by phase where its phases differ, with the papers."""
    section = _section(member, "optim")
    phases = {"": section}
    for phase, said in section.items():
        if isinstance(said, Mapping):
            of = {**section, **{key: value for key, value in said.items() if value is not None}}
            if _rate(of) != _rate(section):
                phases[phase] = of
    told = [f"{_rate(of)}{f' for the {phase}' if phase else ''}" for phase, of in phases.items()]
    papers = citation([key for of in phases.values() for key in OptimKnobs.cited(of)])
    return f"{joined(told)}{papers}" if told[0] else ""


def _rate(section: Mapping[str, object]) -> str:
    name, rate, decay = section.get("name"), section.get("lr"), section.get("ema")
    if not isinstance(name, str) or not isinstance(rate, int | float):
        return ""
    averaged = f", weights averaged with decay {decay:g}" if isinstance(decay, int | float) else ""
    return f"{name} at a rate of {rate:g}{averaged}"


def _search(told: Told, analysis: Analysis) -> list[str]:
    if not told.search:
        return []
    trials = {arm: f"{len(of.searched.trials)}" for arm, of in told.search.items()}
    return [
        "Before that, settings were searched on the validation part, with trials of each arm:"
        f" {_differing(trials)}."
    ]


def _judging(told: Told, analysis: Analysis) -> list[str]:
    rows = [
        row for member in told.members for row in member.rows if row.role == "model" and row.value is not None
    ]
    if not rows:
        return []
    found = []
    chosen = _by_arm(
        told,
        analysis,
        lambda m: next((", ".join(r.place.checkpoints) for r in m.rows if r.place.checkpoint), ""),
    )
    weights = _by_arm(
        told,
        analysis,
        lambda m: next(({"ema": "averaged", "raw": "plain"}.get(r.place.weights, "") for r in m.rows), ""),
    )
    if chosen:
        words = {arm: said.replace("best", "best by validation") for arm, said in chosen.items()}
        of = f", with weights: {_differing(weights)}" if weights else ""
        found.append(f"Numbers are of the checkpoint: {_differing(words)}{of}.")
    sampling = _by_arm(told, analysis, _options)
    if sampling:
        found.append(f"Samples are drawn with {_differing(sampling)}.")
    if analysis.primary is not None:
        row = analysis.primary.sample
        sizes = [f"{row.n:,} samples" if row.n_real else f"{row.n:,} examples"] if row.n else []
        sizes += [f"{row.n_real:,} real examples"] if row.n_real else []
        part = row.place.own or (f"the {row.place.split} part" if row.place.split else "")
        how = f", in the features of {row.protocol['extractor']}" if row.protocol.get("extractor") else ""
        judged = f" of {part}" if part else ""
        found.append(
            f"The primary metric is {analysis.primary.name}, by {joined(sizes)}{judged}{how}."
            if sizes
            else f"The primary metric is {analysis.primary.name}{judged}{how}."
        )
    cited: dict[str, list[str]] = {}  # metrics of one paper together
    for kind in dict.fromkeys(kind_of(line.metric) for line in analysis.lines):
        if (metric := metric_of(kind)) and (papers := citation(metric.cites)):
            cited.setdefault(papers, []).append(kind)
    if cited:
        by_paper = [f"{joined(kinds)}{papers}" for papers, kinds in cited.items()]
        found.append(f"Metrics from the literature: {'; '.join(by_paper)}.")
    extractors = _unique(str(line.sample.protocol.get("extractor", "")) for line in analysis.lines)
    networks = [f"{name}{citation(OF_EXTRACTORS[name])}" for name in extractors if name in OF_EXTRACTORS]
    if networks:
        found.append(f"Features are of networks that others have trained: {joined(networks)}.")
    if any(line.sample.kind == "bound" and line.sample.protocol.get("k", 1) != 1 for line in analysis.lines):
        found.append("Bounds on likelihoods are importance-weighted [@burda2016importance].")
    return found


def _options(member: Member) -> str:
    """With which options a run's samples were drawn."""
    options = next((row.place.options for row in member.rows if row.place.options), None) or {}
    return ", ".join(
        f"{key} {number(value) if isinstance(value, float) else value}" for key, value in options.items()
    )


def _tests(told: Told, analysis: Analysis) -> list[str]:
    numbers = [cell.summary.n for line in analysis.lines for cell in line.cells.values() if cell.summary]
    found = []
    if numbers and max(numbers) >= LEAST:
        kinds = [] if min(n for n in numbers if n >= LEAST) >= BOOTSTRAP_FROM else ["Student's"]
        kinds += (
            ["bias-corrected and accelerated bootstraps [@efron1987better]"]
            if max(numbers) >= BOOTSTRAP_FROM
            else []
        )
        found.append(f"Intervals are of 95 % for the mean over training seeds: {joined(kinds)}.")
    if not analysis.comparisons or analysis.primary is None:
        return found
    pairs = max(c.n for c in analysis.comparisons)
    flips = "all sign flips" if pairs <= EXACT_UP_TO else f"{FLIPS + 1:,} sign flips"
    looks = analysis.looks.declared
    correction = "Holm's procedure [@holm1979simple]" + (
        f" and for {looks} looks at the data" if looks > 1 else ""
    )
    found.append(
        f"Arms are compared by {analysis.primary.name} over {pairs} paired seeds, with {flips} of the mean"
        f" difference [@fisher1935design]; p-values of {len(analysis.comparisons)} comparisons are corrected"
        f" by {correction}, and {ALPHA:g} is the level."
    )
    if any(c.failed for c in analysis.comparisons):
        found.append("Where a run failed, mean ranks are tested in place of means.")
    if analysis.margin is not None:
        found.append(
            f"A difference below {analysis.margin:g} counts as none; two one-sided tests"
            " [@schuirmann1987comparison] show it."
        )
    found.append(
        "The probability of improvement [@agarwal2021deep] has Newcombe's interval"
        " [@newcombe2006confidence] and a bootstrapped one."
    )
    if analysis.ranking is not None:
        found.append(
            f"Mean ranks over {analysis.ranking.blocks} seeds are shown with Nemenyi's critical difference"
            " [@demsar2006statistical], after Friedman's test [@iman1980approximations]."
        )
    return found


def _tools(told: Told, analysis: Analysis) -> list[str]:
    provenances = [m.record.provenance for m in told.members if m.record.provenance]
    versions = _unique(
        joined([f"{name} {p.versions[name]}" for name in ("genkit", "torch") if name in p.versions])
        if p.versions
        else ""
        for p in provenances
    )
    machines = _unique(
        ", ".join(
            f"{value}" if isinstance(value, str) else f"{value} {name}" for name, value in p.hardware.items()
        )
        for p in provenances
    )
    found = [f"Software: {'; '.join(versions)}."] if versions else []
    return found + ([f"Hardware: {'; '.join(machines)}."] if machines else [])


# ---------------------------------------------------------------------- in how many words


def _by_arm(told: Told, analysis: Analysis, said: Callable[[Member], str]) -> dict[str, str]:
    """What is said of each arm, by all its runs; arms of which nothing is known are left out."""
    found = {arm: _unique(said(m) for m in told.members if m.arm == arm) for arm in analysis.arms}
    return {arm: " or ".join(several) for arm, several in found.items() if several}


def _differing(by_arm: Mapping[str, str]) -> str:
    """What all arms share once, what they do not by arm."""
    if len(set(by_arm.values())) == 1:
        return next(iter(by_arm.values()))
    of: dict[str, list[str]] = {}
    for arm, said in by_arm.items():
        of.setdefault(said, []).append(arm)
    return "; ".join(f"{said} ({', '.join(arms)})" for said, arms in of.items())


def _unique(said: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(found for found in said if found))


def _numbers(seeds: Sequence[int]) -> str:
    """0 to 7, or one by one."""
    ordered = sorted(seeds)
    if len(ordered) > 2 and ordered == list(range(ordered[0], ordered[-1] + 1)):
        return f"{ordered[0]} to {ordered[-1]}"
    return joined([f"{seed}" for seed in ordered])
