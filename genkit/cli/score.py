"""`genkit score`: log-likelihood, perplexity and bits per byte of texts, or of a split of the run's data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit import config, runs
from genkit.cli.hardware import check_device
from genkit.cli.outputs import Output
from genkit.cli.sample import check_checkpoint, check_choices, read_words, torch_device
from genkit.core.options import Option, resolve_options
from genkit.core.spec import TokenSpec
from genkit.system import storage
from genkit.system.errors import ConfigError, nearest
from genkit.system.terminal import say
from genkit.system.textfiles import read_given

if TYPE_CHECKING:
    from genkit.core.module import GenerativeModule
    from genkit.inference.likelihood import Scores

MAX_BYTES = 1_000_000_000  # of a file to score
SPLITS = ("train", "validation", "test")
WORDS = (
    Option("text", "text", None, "to score", many=True),
    Option("file", "text", None, "a text file to score"),
    Option("split", "text", None, "of the run's data", choices=SPLITS),
    Option("stride", "int", None, "tokens that a window scores", low=1),
    Option("importance_samples", "int", 1, "of a bound, more of them make it tighter", low=1, high=100_000),
    Option("batch_size", "int", 32, "windows or examples at once", low=1, high=1_000_000),
    Option("weights", "text", "ema", "ema or raw"),
    Option("checkpoint", "text", "last", "last, best or step-N"),
    Option("device", "text", "auto", "auto, cpu, gpu or mps"),
    Option("out", "text", None, "a .jsonl file"),
)


def score(words: list[str]) -> int:
    given = read_words(words)
    paths = config.paths(words)
    if "run" not in given:
        raise ConfigError("score needs run=RUN, and text=, file= or split=.")
    folder = runs.find(given.pop("run"), paths["runs_dir"])
    moved = given.pop("data.path", None)
    names = [option.name for option in WORDS]
    for key in given:
        if key not in names:
            raise ConfigError(f"score takes no {key}=.{nearest(key, ['run', *names])}")
    settings = resolve_options(WORDS, given, "genkit score")
    check_choices(settings)
    texts = _texts(settings)
    check_device("device", settings["device"], "device=auto")
    check_checkpoint(folder, settings["checkpoint"])
    out = None
    if settings["out"] is not None:
        if Path(settings["out"]).suffix.lower() != ".jsonl":
            raise ConfigError(f"out={settings['out']}: scores are written as .jsonl.")
        out = Output(Path(settings["out"]).expanduser())
    config.load_frozen(folder / runs.CONFIG)
    spec = runs.spec(folder)
    for text in texts:
        if not isinstance(spec, TokenSpec) or not spec.is_text:
            raise ConfigError(f"{folder.name} reads no texts; give split=validation.")
        spec.encode(text)
    if moved is not None and texts:
        raise ConfigError("data.path= is where the run's data is; text= and file= need none: leave it out.")
    settings["data_path"] = moved
    return _score(folder, paths, settings, texts, out)


def _texts(settings: Mapping[str, Any]) -> list[str]:
    """The texts to score, none where a split is.

    Raises:
        ConfigError: nothing, or more than one kind of thing, is to be scored.
        DataError: the file cannot be read.
    """
    chosen = [key for key in ("text", "file", "split") if settings[key] is not None]
    if len(chosen) != 1:
        said = " and ".join(f"{key}=" for key in chosen) or "nothing"
        raise ConfigError(f"score takes one of text=, file= and split=, not {said}.")
    if settings["file"] is not None:
        return [read_given("file", settings["file"], MAX_BYTES, "score it in parts")]
    text = settings["text"]
    texts = text if isinstance(text, list) else [] if text is None else [text]
    if "" in texts:
        raise ConfigError("text= is empty, which has no likelihood; give at least one character.")
    return texts


def _score(
    folder: Path,
    paths: Mapping[str, str],
    settings: Mapping[str, Any],
    texts: list[str],
    out: Output | None,
) -> int:
    from genkit.data.real import same
    from genkit.inference.likelihood import score_split, score_text
    from genkit.inference.models import load
    from genkit.system.processor import keep_freed_memory

    keep_freed_memory()
    module = load(folder, settings["checkpoint"]).to(torch_device(settings["device"]))
    how = {"stride": settings["stride"], "batch_size": settings["batch_size"]}
    with module.weights(settings["weights"]):
        if texts:
            rows = {text: score_text(module, text, **how) for text in texts}
        else:
            examples = _splits(folder, paths, settings["split"], settings["data_path"])
            how["importance_samples"] = settings["importance_samples"]
            rows = {settings["split"]: score_split(module, examples[0], **how)}
            if settings["split"] != "train" and same(*examples):
                say(f"note: {settings['split']} is what the model was trained on: the data is too short.")
    for name, scores in rows.items():
        say(f"{_short(name)}  {_line(scores)}")
    if out is not None:
        lines = [_row(module, name, scores, bool(texts)) for name, scores in rows.items()]
        storage.write_text(out.path, "".join(lines))
        say(f"scores: {out}")
    return 0


def _splits(folder: Path, paths: Mapping[str, str], split: str, moved: str | None) -> tuple[Any, Any]:
    """A split of the data that the run was trained on, and the training split.

    Args:
        moved: where the data is now; None: where the run found it.

    Raises:
        DataError: the data is another by now.
    """
    from genkit.data import reopen

    cfg = config.load_frozen(folder / runs.CONFIG)
    dataset = reopen(cfg["data"], paths, config.view(cfg), runs.read(folder), moved)
    return dataset.split(split), dataset.split("train")


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
    row: dict[str, Any] = {"text" if is_text else "split": name, **scores.to_dict()}
    if is_text:
        assert isinstance(module.spec, TokenSpec)
        row["pieces"] = [module.spec.codec.decode([token]) for token in module.spec.encode(name)]
        row["log_probabilities"] = scores.values.tolist()
    return json.dumps(row, ensure_ascii=False) + "\n"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 40 else f"{line[:39]}…"
