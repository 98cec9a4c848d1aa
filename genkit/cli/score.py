"""`genkit score`: log-likelihood, perplexity and bits per byte of texts, or of a split of the run's data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from genkit import config, runs
from genkit.cli.commands.score import ScoreSettings
from genkit.cli.outputs import Output
from genkit.system import storage
from genkit.system.errors import ConfigError
from genkit.system.terminal import say
from genkit.system.textfiles import read_given

if TYPE_CHECKING:
    from genkit.core.module import GenerativeModule
    from genkit.data.dataset import Examples
    from genkit.inference.scoring import Scores

MAX_BYTES = 1_000_000_000  # of a file to score


def score(settings: ScoreSettings) -> int:
    texts = _texts(settings)
    settings.check_model()
    out = None
    if settings.out is not None:
        if settings.out.suffix.lower() != ".jsonl":
            raise ConfigError(f"out={settings.out}: scores are written as .jsonl.")
        out = Output(settings.out)
    spec = runs.spec(settings.folder)
    for text in texts:
        if spec.kind != "tokens" or spec.array is not None:
            raise ConfigError(f"{settings.folder.name} reads no texts; give split=validation.")
        spec.encode(text)
    if settings.data_path is not None and texts:
        raise ConfigError("data.path= is where the run's data is; text= and file= need none: leave it out.")
    return _score(settings, texts, out)


def _texts(settings: ScoreSettings) -> list[str]:
    """The texts to score, none where a split is.

    Raises:
        ConfigError: nothing, or more than one kind of thing, is to be scored.
        DataError: the file cannot be read.
    """
    chosen = [key for key in ("text", "file", "split") if key in settings.given]
    if len(chosen) != 1:
        said = " and ".join(f"{key}=" for key in chosen) or "nothing"
        raise ConfigError(f"score takes one of text=, file= and split=, not {said}.")
    if settings.file is not None:
        return [read_given("file", settings.file, MAX_BYTES, "score it in parts")]
    if "" in settings.text:
        raise ConfigError("text= is empty, which has no likelihood; give at least one character.")
    return list(settings.text)


def _score(settings: ScoreSettings, texts: list[str], out: Output | None) -> int:
    from genkit.data.real import same, silent_end
    from genkit.inference.scoring import score_split, score_text
    from genkit.system.processor import keep_freed_memory

    keep_freed_memory()
    module = settings.load()
    stride, at_once = settings.stride, settings.batch_size
    with module.weights(settings.weights):
        if texts:
            rows = {text: score_text(module, text, stride=stride, batch_size=at_once) for text in texts}
        else:
            split, trained_on = _splits(settings)
            k = settings.importance_samples
            found = score_split(module, split, stride=stride, batch_size=at_once, importance_samples=k)
            rows = {str(settings.split): found}
            if settings.split != "train" and same(split, trained_on):
                say(f"note: {settings.split} is what the model was trained on: the data is too short.")
    for name, scores in rows.items():
        say(f"{_short(name)}  {_line(scores)}")
        if not texts and (share := silent_end(module.spec, split)) and scores.size:
            say(
                f"note: {100 * share:.1f} % of the time is silence at the ends of clips; of the rest it is at"
                f" most {scores.bits / (1 - share):.4f} bits/{scores.per}."
            )
    if out is not None:
        lines = [_row(module, name, scores, bool(texts)) for name, scores in rows.items()]
        storage.write_text(out.path, "".join(lines))
        say(f"scores: {out}")
    return 0


def _splits(settings: ScoreSettings) -> tuple[Examples, Examples]:
    """A split of the data that the run was trained on, and the training split.

    Raises:
        DataError: the data is another by now.
    """
    from genkit.inference.run_data import reopen_data

    cfg = config.load_frozen(settings.folder / runs.CONFIG)
    dataset = reopen_data(cfg, settings.paths, settings.folder, settings.data_path)
    return dataset.split(settings.split or "test"), dataset.split("train")


def _line(scores: Scores) -> str:
    count, unit = len(scores.values), scores.unit
    shown = [f"{scores.nats:.4f} nats", f"{count:,} {unit}s", f"{scores.nats / count:.4f} nats/{unit}"]
    if unit == "token":
        shown.append(f"perplexity {scores.perplexity:.4f}")
    of_text = (
        f"{scores.bits:.4f} bits/{scores.per}" if scores.size else "no bits/byte: the tokeniser is lossy"
    )
    return "  ".join([*shown, f"{of_text} ({scores.likelihood.kind})"])


def _row(module: GenerativeModule, name: str, scores: Scores, is_text: bool) -> str:
    """A line of JSON."""
    row: dict[str, object] = {"text" if is_text else "split": name, **scores.to_dict()}
    if is_text and module.spec.kind == "tokens":
        row["pieces"] = [module.spec.codec.decode([token]) for token in module.spec.encode(name)]
        row["log_probabilities"] = scores.values.tolist()
    return json.dumps(row, ensure_ascii=False) + "\n"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 40 else f"{line[:39]}…"
