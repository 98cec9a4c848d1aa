"""`genkit train`, declared: its words are those of the configuration, which checks them."""

from __future__ import annotations

from genkit.cli.command import Command, CommandSettings, CommandWord, word


class TrainSettings(CommandSettings):
    words: tuple[str, ...] = word(
        (), "group=option and key=value, as the configuration has them", below=("",)
    )


CONFIGURED = (
    CommandWord("model", "name", None, "what to train"),
    CommandWord("data", "name", None, "on what"),
    CommandWord("trainer", "name", None, "where"),
    CommandWord("optim", "name", None, "how"),
    CommandWord("experiment", "name", None, "a whole recipe"),
    CommandWord("seed", "int", 0, "of everything random", low=0, high=2**32 - 1),
    CommandWord("batch_size", "int", None, "examples in a global batch", low=1),
    CommandWord("budget.steps", "int", None, "how long; or budget.epochs, .examples, .tokens (of texts)"),
    CommandWord("budget.seconds", "float", None, "or how long by the clock, of steps"),
    CommandWord("name", "text", None, "of the run's folder (default: model, data, time, random suffix)"),
    CommandWord("paths.runs_dir", "folder", None, "where runs are (GENKIT_RUNS_DIR)"),
    CommandWord("paths.data_dir", "folder", None, "where data is (GENKIT_DATA_DIR)"),
    CommandWord("resume", "run", None, "go on with a run"),
    CommandWord("init_from", "run", None, "begin with the weights of one"),
    CommandWord(
        "pretrained",
        "path",
        None,
        "begin with a model of Hugging Face and its tokeniser",
        shown="FOLDER | NAME",
    ),
    CommandWord(
        "debug",
        "text",
        None,
        "three steps, to see whether it runs; one batch 200 times",
        choices=("fast", "overfit"),
    ),
)
COMMAND = Command(
    "train a model",
    TrainSettings,
    "genkit.cli.train:train",
    usage="[group=option …] [key=value …]",
    configured=CONFIGURED,
    more="""\
  -m key=a,b             one run after another
  --cfg job              print the configuration and train nothing""",
)
