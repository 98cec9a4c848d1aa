"""The command line: one row a command; help and refusals import nothing heavy.

A command is a function of its words that returns the exit code.  Its module is imported when it is named.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from genkit.cli.startup import postpone_metrics
from genkit.system.errors import ConfigError, GenkitError, StorageError, nearest
from genkit.system.interrupts import Interrupted, raised
from genkit.system.launchers import settled
from genkit.system.terminal import in_one_line, say

HELP_WORDS = ("help", "--help", "-h")
SHELL_FLAGS = ("-sc", "--shell-completion")
INTERRUPTED = 130


class Command(NamedTuple):
    """One word of the command line; `target` is `module:function`."""

    usage: str
    summary: str
    target: str

    def __call__(self, words: list[str]) -> int:
        return _imported(self.target)(words)


COMMANDS = {
    "train": Command("[group=option …] [key=value …]", "train a model", "train:train"),
    "sample": Command("run=RUN [n=16] [seed=0] [out=FILE] [prompt=…]", "draw from a run", "sample:sample"),
    "score": Command("run=RUN text=… | file=FILE | split=NAME", "how likely given data is", "score:score"),
    "evaluate": Command(
        "run=RUN [real=DIR] | real=DIR fake=DIR",
        "measure a run, or two folders, by every metric",
        "evaluate:evaluate",
    ),
    "study": Command("study=NAME [dry=true] [yes=true]", "arms × seeds under one budget", "study:study"),
    "report": Command("study=NAME | run=RUN run=RUN … [out=FOLDER]", "one page about runs", "report:report"),
    "export": Command("run=RUN format=hf out=FOLDER", "hand a run to other libraries", "export:export"),
    "interpolate": Command("run=RUN [path=spherical]", "images between two latents", "verbs:interpolate"),
    "reconstruct": Command("run=RUN [image=FILE]", "images through a model and back", "verbs:reconstruct"),
    "complete": Command(
        "run=RUN [image=FILE] [mask=lower]", "images of which a part is hidden", "verbs:complete"
    ),
    "denoise": Command(
        "run=RUN [image=FILE] [scale=0.3]", "images with noise on every pixel", "verbs:denoise"
    ),
    "upscale": Command("run=RUN [image=FILE] [factor=2]", "images of which means are known", "verbs:upscale"),
    "families": Command("", "list the families and what they can do", "show:families"),
    "data": Command(
        "[look|check|pack|show] [data=NAME]", "list, inspect, check, pack, show datasets", "data:data"
    ),
    "runs": Command(
        "[run=RUN] [status=…] [sort=KEY]", "list the runs, by filters, or look into one", "show:runs"
    ),
    "verify": Command("run=RUN", "whether a run folder is whole, and holds no code", "verify:verify"),
    "compare": Command("RUN RUN …", "in what runs differ: configurations and numbers", "compare:compare"),
}
HIDDEN = {
    "worker": Command("FOLDER", "one of several processes of a training", "train:worker"),
    "member": Command("FOLDER NUMBER", "one run of a study", "study:member"),
}

STABLE_WORDS = """\
  model= data= trainer= optim= experiment=   what to train, on what, where, how; or a whole recipe
  seed= batch_size=                          of everything random; examples in a global batch
  budget.steps= | budget.epochs= | budget.examples= | budget.tokens= (of texts) | budget.seconds= (of steps)
  name=                                      the run's folder (default: model, data, time, random suffix)
  paths.runs_dir= paths.data_dir=            where runs and data are (GENKIT_RUNS_DIR, GENKIT_DATA_DIR)
  resume=RUN init_from=RUN                   go on with a run; begin with the weights of one
  pretrained=FOLDER | NAME                   begin with a Hugging Face GPT-2 and its tokeniser
  debug=fast | overfit                       three steps, to see whether it runs; one batch 200 times
  -m key=a,b                                 one run after another
  --cfg job                                  print the configuration and train nothing"""
SAMPLE_WORDS = """\
  run=RUN                   a run folder, or its name in paths.runs_dir
  n=16 seed=0               how many (of each prompt); sample i depends on the seed and i alone
  out=FILE | FOLDER         .png or .npz for images, .txt, .jsonl or .npz for texts; a folder gets a file each
  checkpoint=last           last | best | step-N
  weights=ema               ema (the averaged weights, where the run has them) | raw
  batch_size= device=auto   samples drawn at once; auto | cpu | gpu | mps
  prompt= prompt_file=FILE  texts to continue, n samples of each; a file with one a line; prompt=- reads stdin
  stream=true               print one sample token by token
  and the options of the family: genkit families"""

SCORE_WORDS = """\
  text=… file=FILE          texts, whose every token is scored (text= may be repeated)
  split=validation          train | validation | test of the run's own data, for any family with a likelihood
  stride=                   tokens that a window scores, 1 to the context (default: half of it)
  data.path=                where the run's data is now, if it was moved
  out=FILE.jsonl            an object each: nats, perplexity, bits, of a text every token's log-probability
  checkpoint= weights= batch_size= device=   as in sampling"""
EVALUATE_WORDS = """\
  run=RUN                   a run, or several (run=A run=B), whose numbers are then set side by side
  run=RUN real=DIR          its samples against your own pictures of their size, in the place of its data
  real=DIR fake=DIR         pictures that genkit need not have made; or real=a.txt fake=b.txt (or .jsonl)
  checkpoint=best,last      last | best | step-N, or several (default: best and last, where there are both)
  n= seed=0                 samples (default: 1,000 images, 500 texts)
  split=test                what they are compared with: train | validation | test
  metrics=                  fid,kid,… or groups: likelihood, images, texts, memorisation, cost (default: all)
  extractor=                of the features of images: digits | random | inception (default: what fits)
  featuriser=ngrams         of texts, for MAUVE: ngrams | own (the run's network)
  importance_samples=1      of a likelihood that is a bound
  out=FILE.jsonl            rows go there instead of the run's evaluation.jsonl
  data.path=                where the run's data is now, if it was moved
  stride= weights=ema batch_size=64 device=auto   as in scoring and sampling
  and the options of the family, such as pixels=drawn of a VAE: what is judged are samples drawn with them"""
DATA_WORDS = """\
  genkit data                          the datasets
  genkit data look data=NAME           its shape, its parts, its fingerprint (as a model sees it with model=)
  genkit data check data=NAME          unreadable files, sizes, duplicates, overlap, classes, blank content
  genkit data pack data=NAME           read it once into paths.cache_dir, as the first training would
  genkit data show data=NAME n=64 out=FILE.png part=train   a grid of images, or texts"""
STUDY_WORDS = """\
  study=NAME | FILE.yaml    of conf/study, or a file: arms, seeds, one budget, a primary metric
  dry=true                  say what would run, and whether so many seeds can show anything; run nothing
  seeds=8 | seeds=[0,1,2]   a number, or a list; more may be added later
  budget.steps= | .examples= | .tokens= | .seconds= | .flops=   of every run
  evaluate.n= primary=      samples of each evaluation; the metric that decides
  equivalence_margin=       a difference of the primary that counts as none; that it is smaller is tested
  name=                     of the folder in paths.runs_dir; the same study goes on where it was
  retry=true                run those again that failed
  hydra/launcher=joblib hydra.launcher.n_jobs=2   two at a time; submitit_local, submitit_slurm, ray"""
REPORT_WORDS = """\
  study=NAME                a study's folder, or its name in paths.runs_dir
  run=RUN run=RUN …         any runs; those that differ in their seed alone are one arm
  out=FOLDER                report.html, tables/ and figures/ (default: report/ in the study, else here)
  Exit code 3: a run cannot be read; the page is made of the others, and says which"""
RUNS_WORDS = """\
  run=RUN                   what one run says of itself
  status=finished family= model= data= seed=   those runs alone; several values with commas
  sort=created              name, status, model, data, step, created, seconds, or a term such as val/nll
  order=up                  up | down; runs without the term stand last
  last=10                   the last so many lines"""
IMAGE_WORDS = """\
  n=8 seed=0 out=FILE.png checkpoint=last weights=ema device=auto
  split=test                all but interpolate: train | validation | test, of the run's own data
  data.path=                where that data is now, if it was moved
  image=FILE                a picture of yours in the place of examples, brought to the data's size, channels
                            and levels (fit=crop | pad | stretch where its shape is another); what that loses
                            is said.  label= says its class to a model that was trained with labels
  draws=3                   complete, denoise, upscale: answers for each example
  mask=lower                complete: lower | upper | left | right | box | random is hidden
  scale=0.3                 denoise: of the noise, for a range of 1
  factor=2                  upscale: side of the blocks whose means are known
  steps=9 path=spherical label=   interpolate: spherical | linear, of a class (else drawn)"""
VERIFY_WORDS = """\
  run=RUN     hashes of all files against the manifests, links, pickles, the configuration, tokeniser, data
              (packed arrays, too), pointers, findings; no model is loaded. Exit code 0: sound; 3: what is
              wrong is listed"""
IMAGE_VERBS = ("interpolate", "reconstruct", "complete", "denoise", "upscale")
MORE = {
    "sample": SAMPLE_WORDS,
    "score": SCORE_WORDS,
    "evaluate": EVALUATE_WORDS,
    "study": STUDY_WORDS,
    "report": REPORT_WORDS,
    "runs": RUNS_WORDS,
    "verify": VERIFY_WORDS,
    "data": DATA_WORDS,
    **dict.fromkeys(IMAGE_VERBS, IMAGE_WORDS),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; a refusal is one line on stderr."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:
        postpone_metrics()
        words = list(map(_as_typed, words))
        _print_anything()
    try:
        with raised(), settled():
            code = _dispatch(words)
            sys.stdout.flush()
        return code
    except GenkitError as error:
        return _say(error, error.exit_code)
    except BrokenPipeError:  # whoever read the output has stopped; nothing is left to say, now and at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except PermissionError as error:  # of a place that was typed, or stands in one: no fault of the program
        return _say(
            StorageError(f"{error.filename}: {error.strerror}; see whose it is."), StorageError.exit_code
        )
    except KeyboardInterrupt as error:
        return _say(error, INTERRUPTED)
    except Interrupted as error:
        return _say(error, error.exit_code)
    except Exception:
        say(traceback.format_exc(), end="", file=sys.stderr)
        return GenkitError.exit_code


def _as_typed(word: str) -> str:
    """A word in UTF-8, also where the locale has another encoding, as C's has; else as it came."""
    try:
        return os.fsencode(word).decode("utf-8")
    except UnicodeError:
        return word


def _print_anything() -> None:
    """Characters that a terminal's encoding lacks are printed as their numbers, and end nothing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _say(error: BaseException, exit_code: int) -> int:
    said = str(error) if isinstance(error, GenkitError) else f"interrupted by {str(error) or 'Ctrl-C'}."
    line = in_one_line(" ".join([said, *getattr(error, "__notes__", [])]))
    say(f"genkit: {line}", file=sys.stderr)
    return exit_code


def _dispatch(words: list[str]) -> int:
    for word in words:
        if any(0xD800 <= ord(character) < 0xE000 for character in word):
            raise ConfigError(f"{word!a} is no UTF-8; write it in UTF-8.")
    if not words or words[0] in HELP_WORDS:
        return print_help(None)
    if words[0] in ("--version", "version"):
        from genkit import __version__

        say(f"genkit {__version__}")
        return 0
    if any(word in SHELL_FLAGS for word in words):
        return _imported("completion:shell_completion")(words)
    name, rest = words[0], words[1:]
    if any("=" in word for word in rest):
        from genkit.config.words import check_places

        check_places(rest)
    command = {**COMMANDS, **HIDDEN}.get(name)
    if command is None:
        raise ConfigError(f"there is no command {name!r}.{nearest(name, COMMANDS)} See genkit --help.")
    if name in COMMANDS and any(word in HELP_WORDS for word in rest):
        return print_help(name, [word for word in rest if word not in HELP_WORDS])
    return command(rest)


def print_help(command: str | None, words: Sequence[str] = ()) -> int:
    """What there is to say, of everything, of one command, or of groups' options that a training may have."""
    if command == "train" and words:
        from genkit.config import explain

        say(explain(words))
        return 0
    if command is None:
        say("genkit: generative models behind one interface, one trainer, one sampling API\n")
        for name, entry in COMMANDS.items():
            say(f"  genkit {f'{name} {entry.usage}':<56} {entry.summary}")
        say(f"\ngenkit train takes\n{STABLE_WORDS}\n\ngenkit sample takes\n{SAMPLE_WORDS}")
        say("\ngenkit train --help lists the models, the datasets and all other options;")
        say("genkit train --help model=dcgan (or another group=option) lists its knobs.")
        return 0
    entry = COMMANDS[command]
    say(f"genkit {command} {entry.usage}".rstrip() + f"\n  {entry.summary}\n")
    if command == "train":
        say(STABLE_WORDS)
        _print_groups()
    elif command in MORE:
        say(MORE[command])
    return 0


def _print_groups() -> None:
    from genkit.config import about, groups

    first = ("experiment", "model", "data", "optim", "trainer")
    known = groups()
    for group in (*first, *(group for group in known if group not in first)):
        options = {name: about(file) for name, file in known.get(group, {}).items()}
        if len(options) > 1 or group in (*first, "debug"):
            say(f"\n{group}=")
            for name, line in options.items():
                say(f"  {name:<18} {line}")


def _imported(target: str) -> Callable[..., Any]:
    module, _, function = target.partition(":")
    return getattr(importlib.import_module(f"genkit.cli.{module}"), function)
