"""`genkit interpolate | reconstruct | restyle | complete | denoise | upscale`: what a run makes of examples.

Each writes one picture with a column an example: what went in, what came out, the truth.  Sounds are written
to be listened to as well: of each example the same, one after another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from genkit.cli import observations
from genkit.cli.command import named
from genkit.cli.commands.complete import CompleteSettings
from genkit.cli.commands.denoise import DenoiseSettings
from genkit.cli.commands.interpolate import InterpolateSettings
from genkit.cli.commands.reconstruct import ReconstructSettings
from genkit.cli.commands.restyle import RestyleSettings
from genkit.cli.commands.upscale import UpscaleSettings
from genkit.cli.example_words import Observed
from genkit.cli.opened import Opened, OpenedWithData
from genkit.core.media.medium import Shown
from genkit.system.terminal import say

if TYPE_CHECKING:
    import numpy as np

    from genkit.core.observation import Observation
    from genkit.metrics.truth_distance import Distance


def interpolate(settings: InterpolateSettings) -> int:
    """From one latent to another, a row each."""
    run = Opened(settings, "interpolate")
    from genkit.inference import verbs

    labels = run.labels(settings.n, settings.label)
    with run.module.weights(settings.weights):
        images = verbs.interpolate(
            run.module,
            settings.n,
            steps=settings.steps,
            path=settings.path,
            seed=settings.seed,
            labels=labels,
        )
    ways = [f"{i / (settings.steps - 1):.0%}" for i in range(settings.steps)]
    run.save([run.shown(row, ways) for row in images], across=True)
    if labels is not None:
        classes = [run.array.classes[label] for label in labels.tolist()]
        how = "as label= says" if settings.label is not None else "drawn at random, label= chooses"
        say(f"rows: each from one latent to another of its class ({how}): {', '.join(classes)}")
    return 0


def reconstruct(settings: ReconstructSettings) -> int:
    """Examples of the data through the model and back."""
    run = OpenedWithData(settings, "reconstruct")
    from genkit.inference import verbs

    batch, truth = run.examples()
    with run.module.weights(settings.weights):
        result = verbs.reconstruct(run.module, batch)
    run.save([called(truth, "input"), called(made := run.shown(result), "result")])
    error = float((result - batch.data).square().mean())
    say(f"rows: input, result{run.told()}; mean squared error {error:.4f}")
    _distances(run, {"result": [made]}, truth)
    return 0


def restyle(settings: RestyleSettings) -> int:
    """Examples of the data in other classes, a row each."""
    run = OpenedWithData(settings, "restyle")
    from genkit.cli.restyled_examples import RestyledExamples

    examples = RestyledExamples(run, settings)
    with run.module.weights(settings.weights):
        made = [examples.row(number) for number in range(len(examples.names))]
    rows = [called(row, name) for row, name in zip(made, examples.names, strict=True)]
    run.save([called(examples.truth, "input"), *rows])
    say(f"rows: input{run.told()}; drawn anew as {', '.join(examples.names)}")
    return 0


def complete(settings: CompleteSettings) -> int:
    """Examples with a part hidden."""
    run = OpenedWithData(settings, "complete", settings.prompt)
    return _answer(run, settings, observations.all_but_a_part(run.array, settings))


def denoise(settings: DenoiseSettings) -> int:
    """Examples with Gaussian noise on every pixel."""
    run = OpenedWithData(settings, "denoise")
    return _answer(run, settings, observations.noisy(run.array, settings))


def upscale(settings: UpscaleSettings) -> int:
    """Examples of which the means of blocks are known."""
    run = OpenedWithData(settings, "upscale")
    return _answer(run, settings, observations.means(run.array, settings))


def _answer(run: OpenedWithData, settings: Observed, observation: Observation) -> int:
    """Draw several answers to an observation of examples, and show them between it and the truth."""
    import torch

    from genkit.cli.observed_examples import ObservedExamples

    seen = ObservedExamples(run, observation, settings.seed)
    with run.module.weights(settings.weights):
        draws = [seen.answer(i) for i in range(settings.draws)]
    given, truth = seen.given, seen.truth
    made, unknown = [run.shown(draw) for draw in draws], observation.unknown(run.array.sizes).numpy()
    answers = [called(answer, f"answer {i}") for i, answer in enumerate(made, 1)]
    run.save([called(given, "input"), *answers, called(truth, "truth")], unknown=unknown)
    error = float((torch.stack(draws).mean(0) - seen.batch.data).square().mean())
    say(f"rows: input, {len(draws)} answers{run.told()}, truth; mean squared error of their mean {error:.4f}")
    _distances(run, {"input": [given], "answers": made}, truth, unknown)
    return 0


def _distances(
    run: OpenedWithData,
    rows: Mapping[str, Sequence[Shown]],
    truth: Shown,
    unknown: np.ndarray | None = None,
) -> None:
    """Say how far from the truth each row is on average, by what its medium is compared by."""
    import torch

    medium = run.array.medium
    table: Mapping[str, Distance] = named(medium.distances) if medium.distances else {}
    wanted = medium.compared(truth.arrays, unknown)
    for distance in table.values():
        said = []
        for row, shown in rows.items():
            each = torch.stack([distance.of(medium.compared(one.arrays, unknown), wanted) for one in shown])
            said.append(f"{row} {float(each.mean(1).mean()):.3g}")
            if distance.better and len(shown) > 1:
                best = each.amax(0) if distance.better == "higher" else each.amin(0)
                said.append(f"best of {len(shown)} {float(best.mean()):.3g}")
        say(f"{distance.said}: {', '.join(said)}")


def called(row: Shown, name: str) -> Shown:
    """A row of examples with a name below each, and what each is of."""
    captions = row.captions or [""] * len(row)
    return replace(row, captions=[f"{name}, {of}" if of else name for of in captions])
