"""`genkit sample`: check the words against what the run says of itself, load it, draw, save."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genkit import config, runs
from genkit.cli import prompts
from genkit.cli.hardware import check_device
from genkit.cli.outputs import Output
from genkit.core.options import Option, resolve_options
from genkit.core.spec import Spec, TokenSpec
from genkit.system.errors import CheckpointError, ConfigError, nearest
from genkit.system.terminal import say

WORDS = (
    Option("n", "int", 16, "samples of each prompt", low=0, high=1_000_000),
    Option("seed", "int", 0, "of the noise", low=0, high=2**32 - 1),
    Option("batch_size", "int", None, "samples drawn at once", low=1, high=1_000_000),
    Option("weights", "text", "ema", "ema or raw"),
    Option("checkpoint", "text", "last", "last, best or step-N"),
    Option("device", "text", "auto", "auto, cpu, gpu or mps"),
    Option("allow_nonfinite", "text", "false", "true or false"),
    Option("out", "text", None, "a file or a folder"),
    Option("stream", "text", "false", "true or false"),
)
CHOICES = {
    "weights": r"ema|raw",
    "checkpoint": r"last|best|step-\d+",
    "allow_nonfinite": r"true|false",
    "stream": r"true|false",
    "device": r"auto|cpu|mps|(gpu|cuda)(:\d+)?",
}


def sample(words: list[str]) -> int:
    given = read_words(words)
    runs_dir = config.paths(words)["runs_dir"]
    if "run" not in given:
        known = ", ".join(record.name for record in runs.list_runs(runs_dir)[-5:]) or "none yet"
        typo = next((f" ({key}=?)" for key in given if difflib.get_close_matches(key, ["run"])), "")
        raise ConfigError(f"sample needs run=RUN{typo}; in {runs_dir} there is {known}.")
    folder = runs.find(given.pop("run"), runs_dir)
    config.load_frozen(folder / runs.CONFIG)
    spec = runs.spec(folder)
    record = runs.read(folder)
    declared = list(record.options)
    prompts.read(given)
    settings, options = _sorted(given, declared, record.family)
    check_device("device", settings["device"], "device=auto")
    check_checkpoint(folder, settings["checkpoint"])
    suffix = _suffix(settings["out"], spec)
    name = f"sample-seed{settings['seed']}-n{settings['n']}{suffix}"
    out = Output(Path(settings["out"] or folder / "samples" / name).expanduser())
    if isinstance(spec, TokenSpec):
        texts = options.get("prompt") or []
        for text in [texts] if isinstance(texts, str) else texts:
            spec.codec.encode(spec.codec.known(text) if options.get("unk") == "skip" else text)
    if settings["stream"] == "true":
        prompts.check_stream(given, options, declared, spec.is_text)
        return _stream(folder, settings, options)
    return _draw(folder, settings, options, out)


def read_words(words: Sequence[str]) -> dict[str, Any]:
    """Values by key, as typed; `null` switches an option off."""
    texts, rest = config.split_free_text(words)
    given: dict[str, Any] = {key: value for key, value in texts.items() if not key.startswith("paths.")}
    for word in rest:
        key, value = config.key_and_value(word)
        if key in given:
            raise ConfigError(f"{key}= is given twice; give it once.")
        given[key] = None if value == "null" else value
    return given


def _sorted(
    given: Mapping[str, Any], declared: Sequence[Option], family: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings of the command, all of them, and the options of the family that are given.

    Raises:
        ConfigError: a word that neither takes, or a value out of range.
    """
    own, theirs = [option.name for option in WORDS], [option.name for option in declared]
    for key in given:
        if key not in (*own, *theirs):
            hint = nearest(key, [*own, *theirs])
            hint = hint if hint.startswith(" Did") else ""
            raise ConfigError(
                f"{family} takes no {key}= in sampling.{hint} Its options: {', '.join(theirs) or 'none'};"
                f" of any family: run, {', '.join(own)}."
            )
    settings = resolve_options(WORDS, {k: v for k, v in given.items() if k in own}, "genkit sample")
    for option in WORDS:
        if settings[option.name] is None:
            settings[option.name] = option.default
    check_choices(settings)
    chosen = {k: v for k, v in given.items() if k in theirs}
    checked = resolve_options(declared, chosen, family)
    return settings, {key: checked[key] for key in chosen}


def check_choices(settings: Mapping[str, Any]) -> None:
    """Refuse a word that is none of those that a setting takes."""
    for key, pattern in CHOICES.items():
        if key in settings and not re.fullmatch(pattern, settings[key]):
            allowed = next(option.help for option in WORDS if option.name == key)
            hint = nearest(settings[key], re.findall(r"[\w-]{3,}", allowed))
            hint = hint if hint.startswith(" Did") else ""
            raise ConfigError(f"{key}={settings[key]} is none of {allowed}.{hint}")


def check_checkpoint(folder: Path, name: str) -> None:
    """Refuse a checkpoint that is not there; loading checks the rest."""
    place = folder / "checkpoints"
    if not (place / name).exists():
        steps = sorted(
            (int(p.name[5:]) for p in place.glob("step-*") if re.fullmatch("[0-9]+", p.name[5:])),
            reverse=True,
        )
        have = ", ".join(f"step-{step}" for step in steps) or "none: train it first"
        raise CheckpointError(f"checkpoint={name} is not in {place}; it holds {have}.")


def _suffix(out: str | None, spec: Spec) -> str:
    """The suffix of the default file.

    Raises:
        ConfigError: `out` has one that does not fit.
    """
    fitting = (".txt", ".jsonl", ".npz") if spec.is_text else (".png", ".npz")
    suffix = Path(out or "").suffix.lower()
    if out == "" or (suffix and suffix not in fitting):
        raise ConfigError(f"out={out}: samples here are {', '.join(fitting)} or, without a suffix, a folder.")
    return fitting[0]


def _draw(folder: Path, settings: Mapping[str, Any], options: Mapping[str, Any], out: Output) -> int:
    from genkit.core.drawing import BATCH
    from genkit.data.packing import progress
    from genkit.inference.models import load

    module = load(folder, settings["checkpoint"], allow_nonfinite=settings["allow_nonfinite"] == "true")
    conditions = max(len(value) if isinstance(value, list) else 1 for value in [1, *options.values()])
    size = settings["batch_size"] or BATCH
    with progress("drawing samples", settings["n"] * conditions, size + 1) as advance:
        samples = module.sample(
            settings["n"],
            seed=settings["seed"],
            batch_size=settings["batch_size"],
            device=torch_device(settings["device"]),
            weights=settings["weights"],
            advance=advance,
            **options,
        )
    is_text = samples.spec.is_text
    if is_text and len(samples):
        say(samples)
    if len(samples):
        samples.save(out.path)
    where = f": {out}" if len(samples) else ", nothing is written"
    say(f"{len(samples)} samples{where}", file=sys.stderr if is_text else sys.stdout)
    return 0


def _stream(folder: Path, settings: Mapping[str, Any], options: Mapping[str, Any]) -> int:
    """Print one sample as it is drawn."""
    from genkit.inference.models import load

    module: Any = load(folder, settings["checkpoint"])
    chosen = {key: settings[key] for key in ("seed", "weights")}
    for piece in module.stream(**chosen, device=torch_device(settings["device"]), **options):
        say(piece, end="", flush=True)
    say()
    return 0


def torch_device(word: str) -> str:
    """torch's name of a device, on which float32 is float32 from now on.

    Raises:
        ConfigError: this machine has no such device.
    """
    import torch

    from genkit.system.processor import compute_float32

    compute_float32("highest")
    name = word.replace("gpu", "cuda")
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if name.startswith("cuda") and int(name.partition(":")[2] or 0) >= torch.cuda.device_count():
        have = torch.cuda.device_count()
        raise ConfigError(f"device={word}: this machine has {have} CUDA GPUs; try device=auto.")
    if name == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("device=mps: this machine has no Apple GPU; try device=auto.")
    return name
