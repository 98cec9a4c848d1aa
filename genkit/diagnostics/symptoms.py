"""What tells a training that goes wrong: numbers of losses, weights, samples and examples.

Each is one that a rule of `findings` can judge whatever the family: a ratio, a share or a count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genkit.core.batch import Batch
from genkit.core.capabilities import Conditional
from genkit.core.module import GenerativeModule
from genkit.core.noise import Noise
from genkit.core.phase import Phase
from genkit.core.rule import number
from genkit.core.spec import Spec
from genkit.core.token_arrays import levels_of
from genkit.diagnostics.known import LENGTH, TEXTS, KnownImages, KnownTexts, pieces
from genkit.diagnostics.sound_symptoms import HEARD, of_sounds, spectra
from genkit.diagnostics.video_symptoms import of_videos

FEWEST = 16  # examples below which a distance says nothing
LEVEL = 32  # steps whose median is the level of a loss
STILL = 0.05  # of its level: a loss is taken to scatter by so much at least
PROBES = 4096  # weights of a network that are looked at, to see whether it moves
DRAWN, WHOLE = 2**15, 2**12  # tokens drawn at a validation; of an array at most, if it is drawn as a whole
LOOP = 8  # tokens in a row that repeat within a text
ALL = 0.9  # of the pieces of real texts that come again: as good as all
OUTSIDE = -1  # in a window of a text, beyond its end
NEAR = 0.25  # of the usual distance to the nearest training image: a copy of that image


# ---------------------------------------------------------------------- losses


def level(losses: np.ndarray) -> float:
    """Median of the last steps' losses."""
    return float(np.median(losses[-LEVEL:]))


def scatter(losses: np.ndarray) -> np.ndarray:
    """How far losses, (…, N), usually are from their median: that deviation as a standard deviation, (…)."""
    middle = np.median(losses, axis=-1, keepdims=True)
    deviation = 1.4826 * np.median(np.abs(losses - middle), axis=-1)
    scale: np.ndarray = np.maximum(np.maximum(deviation, STILL * np.abs(middle[..., 0])), 1e-12)
    return scale


def highest_spike(losses: np.ndarray) -> float | None:
    """How far a loss stands above the level of the steps before it, at most, by what these scatter; from 0.

    None where there are not more than `LEVEL` losses.
    """
    if len(losses) <= LEVEL:
        return None
    before = np.lib.stride_tricks.sliding_window_view(losses[:-1], LEVEL)  # (n - LEVEL, LEVEL)
    above = losses[LEVEL:] - np.median(before, axis=1)
    return max(0.0, float((above / scatter(before)).max()))


def gap(trained: float, validated: float) -> float | None:
    """How far a validation loss stands above the training loss, as a share of it; None below 0, where no
    share says anything (the density of continuous data)."""
    return (validated - trained) / trained if trained > 0 else None


# ---------------------------------------------------------------------- weights


def networks(module: nn.Module, phases: Sequence[Phase]) -> dict[str, list[nn.Parameter]]:
    """The parameters that are trained, by the child of the module that they belong to."""
    trained = {id(p) for phase in phases for p in phase.parameters}
    found = {
        name: [p for p in child.parameters() if id(p) in trained] for name, child in module.named_children()
    }
    return {name: parameters for name, parameters in found.items() if parameters}


@torch.no_grad()
def probe(parameters: Sequence[nn.Parameter]) -> Tensor:
    """Some weights of every parameter of a network, evenly spaced, float32 on the CPU."""
    each = max(1, PROBES // len(parameters))
    taken = [p.flatten()[:: max(1, p.numel() // each)].float() for p in parameters]
    return torch.cat(taken).cpu()


def moved(before: Tensor, now: Tensor) -> float | None:
    """Length of a change of weights by that of the weights; None where another process holds them all."""
    return float((now - before).norm() / before.norm().clamp(min=1e-12)) if len(before) else None


def count_not_finite(numbers: Mapping[str, float | list[float]], weights: Sequence[Tensor]) -> int:
    """Numbers and tensors of weights that are not finite."""
    flat = [n for number in numbers.values() for n in (number if isinstance(number, list) else [number])]
    finite = torch.stack([weight.isfinite().all() for weight in weights if weight.is_floating_point()])
    return sum(not math.isfinite(n) for n in flat) + int((~finite).sum())


# ---------------------------------------------------------------------- examples and samples


@torch.no_grad()
def measure(
    module: GenerativeModule, batch: Batch, training: KnownImages | KnownTexts | None = None
) -> dict[str, float | list[float]]:
    """What the model reports of itself on real examples, and how its samples compare with these.

    Args:
        batch: of examples that it does not learn from.
        training: those that it does learn from.
    """
    noise = Noise(module.plan.seed, batch.rows, purpose="health", device=batch.data.device)
    measured = dict(module.health(batch, noise))
    if (
        share := distinct(batch.data[:, _told(module.spec) :], running=module.spec.array is None)
    ) is not None:
        measured["distinct_examples"] = share
    if isinstance(training, KnownTexts):
        measured |= _of_texts(module, training)
    elif module.spec.array is not None:
        count, steps = _drawable(module)
        if len(few := batch[:count]) >= FEWEST:
            measured |= _of_arrays(module, few, steps, training)
    return measured


def distinct(examples: Tensor, *, running: bool) -> float | None:
    """How many different examples there are as a share of all, (B, …); 0 where all are the same.

    None of few examples, where the share says nothing.

    Args:
        running: whether they are windows of a running text: one token over and over, where the last window
            may be filled up, is then one example, too.
    """
    if running and len(torch.unique(examples[examples != OUTSIDE])) == 1:
        return 0.0
    if len(examples) < FEWEST:
        return None
    found = len(torch.unique(examples.flatten(1), dim=0))
    return found / len(examples) if found > 1 else 0.0


def _drawable(module: GenerativeModule) -> tuple[int | None, int | None]:
    """How many arrays are drawn at a validation, and how many tokens of each; None: as many as there are.

    One that is drawn token by token takes as many steps of its network: `DRAWN` tokens at most, or `FEWEST`
    arrays of `WHOLE` tokens.  Of a longer one the beginning is drawn, where the family can be asked for it,
    unless its tokens are codes, which are shown as a whole.
    """
    if module.spec.kind == "arrays":
        return None, None
    length = int(module.spec.length or 0)
    if length <= WHOLE:
        return (max(FEWEST, DRAWN // length), length) if length else (0, 0)
    begun = module.spec.learned_codec is None and _takes(module, "max_new_tokens")
    return (FEWEST, DRAWN // FEWEST) if begun else (0, 0)


def _told(spec: Spec) -> int:
    """Ids of a caption that stand before what is drawn."""
    return spec.caption_length if spec.kind == "tokens" else 0


def _takes(module: GenerativeModule, option: str) -> bool:
    """Whether it can be asked for something in sampling."""
    return option in [declared.name for declared in module.options]


def _of_arrays(
    module: GenerativeModule, batch: Batch, steps: int | None, training: KnownImages | None
) -> dict[str, float | list[float]]:
    """How samples compare with as many real examples; of the first tokens of each where not all are drawn."""
    noise = Noise(module.plan.seed, batch.rows, purpose="health", device=batch.data.device)
    draw, whole = drawing(module, noise, steps), _whole(module.spec, steps)
    told = _told(module.spec)
    real = module.as_arrays(batch).data if whole else _scaled(module.spec, batch.data[:, told + 1 :], steps)
    drawn = draw(batch.labels if not told else batch.data[:, :told])
    look: Callable[[Tensor], Tensor] = spectra if whole and _over_time(module.spec) else lambda same: same
    measured: dict[str, float | list[float]] = {"diversity": diversity(look(drawn), look(real))}
    if batch.labels is not None and _takes(module, "label"):
        measured |= of_labels(lambda labels: look(draw(labels)), look(drawn), look(real), batch.labels)
    array = module.spec.array
    if whole and array is not None and array.native.names == ("time",):
        heard, known = (array.as_shown(x[:HEARD].float().cpu().numpy()) for x in (drawn, real))
        measured |= of_sounds(heard, known)
    if whole and array is not None and array.native.names == ("time", "height", "width"):
        seen, known = (array.as_shown(x.float().cpu().numpy()) for x in (drawn, real))
        measured |= of_videos(seen, known)
    # Silence is near to whatever is soft, and no copy of it.
    if training is not None and whole and number(measured, "silent") <= 0.5:
        measured["copied"] = copied_images(drawn, real, training)
    return measured


def _over_time(spec: Spec) -> bool:
    """Whether arrays have the axis of time alone: two sounds of other phases are alike, but not number by
    number."""
    return spec.array is not None and spec.array.names == ("time",)


def _whole(spec: Spec, steps: int | None) -> bool:
    """Whether arrays are drawn to their ends."""
    return spec.kind == "arrays" or steps is None or steps == spec.length


def _scaled(spec: Spec, tokens: Tensor, steps: int | None) -> Tensor:
    """The first of the tokens that an array is, (B, T), as numbers in [0, 1]."""
    assert spec.kind == "tokens"
    assert spec.array_codec is not None
    return levels_of(spec.array_codec, tokens[:, :steps]).float() / (spec.array_codec.array.levels - 1)


def drawing(
    module: GenerativeModule, noise: Noise, steps: int | None = None
) -> Callable[[Tensor | None], Tensor]:
    """What draws arrays in [0, 1], (B, C, *sizes), for labels (B,) or ids of captions (B, L), always from the
    same noise.

    Args:
        steps: tokens that are drawn of each, where it has more: then they are those, (B, entries).
    """
    options = {option.name: option.default for option in module.options}
    if steps is not None and _takes(module, "max_new_tokens"):
        options["max_new_tokens"] = steps

    def draw(labels: Tensor | None) -> Tensor:
        if labels is not None and "label" in options:
            condition: Sequence[Any] = labels.tolist()
        elif labels is not None and module.spec.kind == "tokens" and module.spec.captions is not None:
            condition = module.spec.captions_of(labels.cpu().numpy())
        else:
            condition = module.conditions(options) if isinstance(module, Conditional) else [None]
            condition = [condition[0]] * len(noise)
        drawn = torch.stack(list(module.draw(noise, condition, options)))
        if module.spec.kind == "arrays":
            return drawn
        if not _whole(module.spec, steps):
            return _scaled(module.spec, drawn, steps)
        before = drawn[:, :1].expand(-1, _told(module.spec) + 1)  # what stands there, a start at least
        return module.as_arrays(Batch(torch.cat((before, drawn), 1), noise.rows)).data

    return draw


def of_labels(
    draw: Callable[[Tensor], Tensor], drawn: Tensor, real: Tensor, labels: Tensor
) -> dict[str, float]:
    """`class_diversity`: as `diversity`, between examples of one class.  `label_effect`: how far an example
    moves when its label is another row's, by how far apart two drawn examples are; 0 where labels do nothing.
    """
    measured = {}
    alike = torch.ones(len(labels), len(labels), dtype=torch.bool, device=labels.device).triu(1)
    alike = alike[alike] & (labels[:, None] == labels)[alike]  # in the order of pdist
    if alike.any():
        ours, theirs = (_distances(examples)[alike].mean() for examples in (drawn, real))
        measured["class_diversity"] = float(ours / theirs.clamp(min=1e-12))
    others = labels.roll(1)
    if (changed := others != labels).any():
        effect = (draw(others) - drawn).flatten(1).float().norm(dim=1)[changed].mean()
        measured["label_effect"] = float(effect / _distances(drawn).mean().clamp(min=1e-12))
    return measured


def diversity(drawn: Tensor, real: Tensor) -> float:
    """Mean distance between two drawn examples by that between two real ones, (B, …) each.

    1 where samples differ as the data do, 0 where they are all the same.  Blurred samples are a little
    nearer to each other than sharp ones.
    """
    return float(_distances(drawn).mean() / _distances(real).mean().clamp(min=1e-12))


def _distances(examples: Tensor) -> Tensor:
    """Between each two of N examples, in the order of `torch.pdist`, (N (N - 1) / 2,)."""
    return torch.pdist(examples.flatten(1).float())


def copied_images(drawn: Tensor, real: Tensor, training: KnownImages) -> float:
    """Share of the drawn images that are a training image but for little, (B, …), (B, …).

    Little: a part (`NEAR`) of the distance that unseen real images usually have to their nearest one.
    """
    ours, theirs = training.nearest(torch.cat((drawn, real))).split((len(drawn), len(real)))
    return training.share(int((ours < NEAR * theirs.median()).sum()), len(drawn))


def _of_texts(module: GenerativeModule, training: KnownTexts) -> dict[str, float | list[float]]:
    """Of a few texts drawn, beside real ones as long: `diversity`, `looping`, and `copied`, the share that
    stands in the training data beyond what unseen texts do."""
    if not training.unseen:
        return {}
    # On beyond the end of a document: a model may know nothing but ends.
    wanted: dict[str, Any] = {"max_new_tokens": LENGTH, "stop": ""}
    asked = {name: value for name, value in wanted.items() if _takes(module, name)}
    # While validating, the module holds the weights that `sample()` would draw from.
    samples = module.sample(TEXTS, seed=module.plan.seed, weights="raw", **asked)
    texts = [np.asarray(text)[:LENGTH] for text in samples.data]
    measured: dict[str, float | list[float]] = {}
    if (share := diversity_of_texts(texts, training.unseen)) is not None:
        measured["diversity"] = share
    if (share := looping(texts, training.unseen)) is not None:
        measured["looping"] = share
    if len(training.among):
        known = training.share(training.unseen)
        measured |= {"copied": max(0.0, training.share(texts) - known), "known_examples": known}
    return measured


def diversity_of_texts(texts: Sequence[np.ndarray], real: Sequence[np.ndarray]) -> float | None:
    """As `diversity`, of texts: two are as far apart as pieces of the one are none of the other.

    None where real ones hardly differ, or are too few or too short to tell.
    """
    ours, usual = unlike(texts), unlike(real)
    return None if ours is None or usual is None or usual <= 1 - ALL else ours / usual


def unlike(texts: Sequence[np.ndarray]) -> float | None:
    """The share of the pieces of a text that another has not, the mean over all pairs; None without pairs."""
    found = [np.unique(pieces(text, LOOP)) for text in texts]
    pairs = [(a, b) for a, b in combinations(found, 2) if len(a) and len(b)]
    shares = [1 - len(np.intersect1d(a, b)) / min(len(a), len(b)) for a, b in pairs]
    return math.fsum(shares) / len(shares) if shares else None


def looping(texts: Sequence[np.ndarray], real: Sequence[np.ndarray]) -> float | None:
    """How many of the pieces that a real text would not repeat these texts do repeat, as a share; below 0
    where they repeat fewer.

    Lines of a word or two repeat one another by their nature (of `yes` and `no`, 74 % of all pieces), so a
    difference of the shares would leave no room for a loop.  None where real texts repeat nearly all.
    """
    usual = repeated(real)
    return (repeated(texts) - usual) / (1 - usual) if usual < ALL else None


def repeated(texts: Sequence[np.ndarray]) -> float:
    """Share of the pieces of texts that stand earlier in the same text; 0 where all are shorter than one."""
    found = [pieces(text, LOOP) for text in texts]
    count = sum(map(len, found))
    return sum(len(numbers) - len(np.unique(numbers)) for numbers in found) / count if count else 0.0
