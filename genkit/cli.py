"""The command line: parse words, compose a configuration, call one function.

Importing this module imports nothing heavy, and what can be refused is refused before torch is imported.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from genkit.core.errors import ConfigError, GenkitError, nearest

HYDRA_FLAGS = ("-m", "--multirun", "--cfg", "-c", "--info", "-i", "--shell-completion", "-sc", "--hydra-help")
HELP_WORDS = ("help", "--help", "-h")


class Command(NamedTuple):
    """One word of the command line."""

    summary: str
    usage: str
    run: Callable[[list[str]], int]


# ---------------------------------------------------------------------- train


def training_config(words: list[str]) -> dict[str, Any]:
    """The checked configuration of a training, new or resumed; the data is known to be readable.

    Raises:
        GenkitError: whatever is wrong with it.
    """
    from genkit import config, runs

    texts, _ = config.split_free_text(words)
    if texts.get("resume"):
        paths = config.compose("train", [w for w in words if w.startswith("paths.")])["paths"]
        folder = runs.find(texts["resume"], paths["runs_dir"])
        cfg = config.resume(config.load_frozen(folder / runs.CONFIG), words)
    else:
        cfg = config.compose("train", words)
    if cfg["name"] is not None and not cfg["resume"]:
        runs.check_run_name(cfg["name"])
    from genkit.core import registry
    from genkit.data import open_dataset

    registry.check_name(cfg["model"]["family"])
    if cfg["init_from"]:
        runs.find(cfg["init_from"], cfg["paths"]["runs_dir"])
    open_dataset(cfg["data"], cfg["paths"], config.view(cfg))
    return cfg


def train(words: list[str]) -> int:
    cfg = training_config(words)
    choices, budget = cfg["choices"], cfg["budget"]
    unit = next(name for name, value in budget.items() if value is not None)
    print(
        f"training model={choices.get('model')} on data={choices.get('data')} for {budget[unit]:g} {unit}"
        f" (seed {cfg['seed']}, batch {cfg['batch_size']})",
        flush=True,
    )
    if not words:
        print("other models, data, optimisers and recipes: genkit train --help", flush=True)
    from genkit.training import launch

    record = launch(cfg)
    final = {key: value for key, value in record.get("final", {}).items() if key != "step"}
    terms = "  ".join(f"{name} {value:.4f}" for name, value in final.items())
    print(f"run: {record['run']}")
    print(f"step {record.get('step')}  {terms}")
    return 0


def worker(words: list[str]) -> int:
    from genkit.training import worker as work

    work(Path(words[0]))
    return 0


def hydra_train(words: list[str]) -> int:
    """Hydra's own flags: sweeps, printing the configuration, tab completion.

    A sweep runs each job in a process of its own, so that one that fails does not stop the others.
    """
    import hydra
    from hydra.core.hydra_config import HydraConfig

    from genkit import config

    config.register_outside_conf()
    texts = [word for word in words if config.split_free_text([word])[0]]
    codes: list[int] = []

    @hydra.main(version_base="1.3", config_path=str(config.conf_dir()), config_name="train")
    def job(cfg: Any) -> None:
        overrides = list(HydraConfig.get().overrides.task)
        command = [sys.executable, "-m", "genkit", "train", *overrides, *texts]
        codes.append(subprocess.run(command).returncode)

    sys.argv = ["genkit train", *(word for word in words if word not in texts)]
    job()
    return next((code for code in codes if code), 0)


# ---------------------------------------------------------------------- sample

SAMPLE_WORDS = ("run", "n", "seed", "out", "batch_size", "weights", "checkpoint", "device")


def sample(words: list[str]) -> int:
    from genkit import config, runs
    from genkit.core.options import Option, resolve_options

    texts, rest = config.split_free_text(words)
    given: dict[str, Any] = dict(texts)
    for word in rest:
        key, equals, value = word.partition("=")
        if not equals:
            raise ConfigError(f"{word!r} is no key=value.{nearest(word, SAMPLE_WORDS)}")
        given[key] = None if value == "null" else value
    paths = {key: given.pop(key) for key in list(given) if key.startswith("paths.")}
    runs_dir = paths.pop("paths.runs_dir", None) or config.compose("train", [])["paths"]["runs_dir"]
    if "run" not in given:
        raise ConfigError(f"sample needs run=RUN, a run folder or its name in {runs_dir}; see genkit runs.")
    folder = runs.find(given.pop("run"), runs_dir)
    record = runs.read(folder)
    house = {key: given.pop(key) for key in SAMPLE_WORDS if key in given}
    checks = (
        Option("n", "int", 16, "samples for each prompt", low=0, high=1_000_000),
        Option("seed", "int", 0, "of the noise", low=0, high=2**32 - 1),
        Option("batch_size", "int", None, "samples at once", low=1),
        Option("weights", "text", "ema", "ema or raw"),
        Option("checkpoint", "text", "last", "last, best or step-N"),
        Option("device", "text", "cpu", "where to draw"),
        Option("out", "text", None, "where to write"),
    )
    settings = resolve_options(checks, house, "genkit sample")
    if settings["weights"] not in ("ema", "raw"):
        raise ConfigError(f"weights={settings['weights']} is neither ema nor raw.")
    if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", settings["device"]):
        raise ConfigError(f"device={settings['device']} is no device; choose cpu, cuda, cuda:N or mps.")
    declared = [Option(**option) for option in record.get("options", [])]
    options = {
        name: value
        for name, value in resolve_options(declared, given, f"{record.get('model')} (genkit sample)").items()
        if name in given
    }
    return _draw(folder, settings, options)


def _draw(folder: Path, settings: dict[str, Any], options: dict[str, Any]) -> int:
    from genkit.sampling import load

    module = load(folder, settings["checkpoint"])
    samples = module.sample(
        settings["n"],
        seed=settings["seed"],
        batch_size=settings["batch_size"],
        device=settings["device"],
        weights=settings["weights"],
        **options,
    )
    from genkit.core.spec import TokenSpec

    is_text = isinstance(samples.spec, TokenSpec)
    if is_text and settings["n"]:
        print(samples)
    suffix = ".txt" if is_text else ".png"
    out = settings["out"] or folder / "samples" / f"sample-seed{settings['seed']}-n{settings['n']}{suffix}"
    print(f"{len(samples)} samples: {samples.save(out)}", file=sys.stderr if is_text else sys.stdout)
    return 0


# ---------------------------------------------------------------------- what there is


def families(words: list[str]) -> int:
    """Names, capabilities, phases and options, as the classes declare them."""
    from rich.console import Console
    from rich.table import Table

    from genkit.core import registry
    from genkit.core.capabilities import CAPABILITIES

    table = Table("family", "models", "capabilities", "sampling options")
    models = _models_by_family()
    for name in registry.names():
        family = registry.family(name)
        held = [c.__name__ for c in CAPABILITIES if issubclass(family, c)]
        options = ", ".join(option.name for option in family.options)
        table.add_row(name, ", ".join(models.get(name, [])), ", ".join(held), options or "–")
    Console().print(table)
    return 0


def _models_by_family() -> dict[str, list[str]]:
    from genkit import config

    found: dict[str, list[str]] = {}
    for model in config.groups()["model"]:
        found.setdefault(config.compose("train", [f"model={model}"])["model"]["family"], []).append(model)
    return found


def data(words: list[str]) -> int:
    """Without words the datasets; with `data=NAME` what is in one."""
    from genkit import config

    if not words:
        for name, path in config.groups()["data"].items():
            print(f"{name:<14} {_first_comment(path)}")
        return 0
    from genkit.core.spec import View
    from genkit.data import open_dataset

    cfg = config.compose("train", words)
    asked = any(word.startswith("model=") for word in words)
    try:
        opened = open_dataset(cfg["data"], cfg["paths"], config.view(cfg) if asked else View("arrays"))
    except ConfigError:
        opened = open_dataset(
            cfg["data"], cfg["paths"], View("tokens", block_size=cfg["model"]["block_size"])
        )
    print(f"{opened.name}: {opened.protocol}")
    for key, value in opened.spec.to_dict().items():
        if key == "codec":
            print(f"codec        {value['name']}, vocabulary {opened.spec.vocab_size}")  # type: ignore[union-attr]
        elif value:
            print(f"{key:<12} {value!r}")
    for split, count in opened.counts.items():
        print(f"{split:<12} {count:,} examples")
    print(f"fingerprint  {opened.fingerprint}")
    for notice in opened.notices:
        print(f"note         {notice}")
    return 0


def list_runs(words: list[str]) -> int:
    from rich.console import Console
    from rich.table import Table

    from genkit import config, runs

    paths = config.compose("train", words)["paths"]
    table = Table("run", "status", "model", "data", "step", "last validation")
    for record in runs.list_runs(paths["runs_dir"]):
        final = record.get("final", {})
        terms = "  ".join(f"{k} {v:.4f}" for k, v in final.items() if k != "step")
        cells = [str(record.get(key, "–")) for key in ("name", "status", "model", "data", "step")]
        table.add_row(*cells, terms or "–")
    Console().print(table)
    return 0


def _first_comment(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((line[2:] for line in lines if line.startswith("# ") and "@package" not in line), "")


# ---------------------------------------------------------------------- words

COMMANDS = {
    "train": Command("train a model", "train [group=option …] [key=value …]", train),
    "sample": Command("draw from a run", "sample run=RUN [n=16] [seed=0] [out=FILE] [prompt=…]", sample),
    "families": Command("list the families and what they can do", "families", families),
    "data": Command("list the datasets, or look into one", "data [data=NAME]", data),
    "runs": Command("list the runs", "runs [paths.runs_dir=FOLDER]", list_runs),
}
HIDDEN = {"worker": Command("one of several processes of a training", "worker FOLDER", worker)}
STABLE_WORDS = """\
  model= data= trainer= optim= experiment=   what to train, on what, where, how; or a whole recipe
  name=                                      the run's folder (default: model, data, time, random suffix)
  seed= batch_size=                          of everything random; examples in a global batch
  budget.steps= | epochs= | examples= | seconds=
  paths.runs_dir= paths.data_dir=            where runs and data are (GENKIT_RUNS_DIR, GENKIT_DATA_DIR)
  resume=RUN init_from=RUN                   go on with a run; begin with the weights of one
  debug=fast                                 three steps, to see whether it runs
  -m key=a,b                                 one run after another;  --cfg job  prints the configuration"""


def print_help(command: str | None) -> int:
    if command is None:
        print("genkit: GPT, DCGAN and VAE behind one interface\n")
        for entry in COMMANDS.values():
            print(f"  genkit {entry.usage:<62} {entry.summary}")
        print("\ngenkit train takes\n" + STABLE_WORDS)
        print("\ngenkit COMMAND --help says more.")
        return 0
    entry = COMMANDS[command]
    print(f"genkit {entry.usage}\n  {entry.summary}")
    if command == "train":
        print("\n" + STABLE_WORDS + "\n")
        for group, options in _groups_by_file().items():
            print(f"{group}=")
            for name, path in options:
                print(f"  {name:<18} {_first_comment(path)}")
    elif command == "sample":
        print(
            "  n= seed= batch_size= weights=ema|raw checkpoint=last|best|step-N device=\n"
            "  out=FILE.png|.npz|.txt|.jsonl, or a folder"
        )
        print("  and the options of the family: genkit families")
    return 0


def _groups_by_file() -> dict[str, list[tuple[str, Path]]]:
    from genkit import config

    shown = ("experiment", "model", "data", "optim", "trainer", "callbacks", "logger", "debug")
    found = config.groups()
    return {group: list(found[group].items()) for group in shown if group in found}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; a refusal is one line on stderr."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _dispatch(words)
    except GenkitError as error:
        print(f"genkit: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except BaseException as error:
        if type(error).__name__ == "Interrupted":  # its class lives behind torch
            print(f"genkit: interrupted by {error}; the run is saved.", file=sys.stderr)
            return error.exit_code  # type: ignore[attr-defined]
        raise


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in HELP_WORDS:
        return print_help(None)
    if words[0] in ("--version", "version"):
        from genkit import __version__

        print(f"genkit {__version__}")
        return 0
    name, rest = words[0], words[1:]
    command = {**COMMANDS, **HIDDEN}.get(name)
    if command is None:
        raise ConfigError(f"there is no command {name!r}.{nearest(name, COMMANDS)} See genkit --help.")
    if any(word in HELP_WORDS for word in rest):
        return print_help(name)
    if name == "train" and any(word.split("=")[0] in HYDRA_FLAGS for word in rest):
        return hydra_train(rest)
    return command.run(rest)
