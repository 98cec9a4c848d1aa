"""What a command loads with Lightning, and that what it does not load is there when it is asked for."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import sys
from genkit.cli.startup import postpone_metrics
postpone_metrics()
import pytorch_lightning, torchmetrics
loaded = {name for name in sys.modules if name in ("scipy", "torchvision", "transformers")}
assert not loaded, loaded
assert "torchmetrics.functional" not in sys.modules
assert torchmetrics.Metric is sys.modules["torchmetrics.metric"].Metric
if sys.argv[1] == "attribute":
    MeanMetric = torchmetrics.MeanMetric
else:
    from torchmetrics import MeanMetric
metric = MeanMetric()
metric.update(2.0)
metric.update(4.0)
assert float(metric.compute()) == 3
assert isinstance(metric, torchmetrics.Metric)
assert torchmetrics.functional.mean_squared_error is not None
assert not hasattr(torchmetrics, "nothing")
"""


def test_lightning_comes_without_the_metrics_which_come_when_asked_for():
    for way in ("attribute", "from"):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, way], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


PROFILE = """
import sys
from genkit.cli import main
sys.argv = ["genkit", *sys.argv[1:]]
try:
    code = main()
except SystemExit as ended:
    code = ended.code
assert not code, code
print("LOADED", *sorted({name.partition(".")[0] for name in sys.modules}))
"""
# What a training needs none of, each a tenth of a second or more; and what answers without torch.
NOT_TRAINING = {
    "scipy",
    "pandas",
    "sklearn",
    "transformers",
    "torchvision",
    "optuna",
    "ray",
    "datasets",
    "jinja2",
}
NOT_ANSWERING = {"torch", "pytorch_lightning", "transformers", "torchvision", "scipy", "pandas", "matplotlib"}


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        (["--help"], NOT_ANSWERING | {"numpy", "hydra", "omegaconf"}),
        (["train", "--help"], NOT_ANSWERING),
        (["runs"], NOT_ANSWERING),
        (
            ["train", "model=gpt_tiny", "data=shakespeare", "debug=fast", "logger=csv"],
            NOT_TRAINING | {"tensorboard"},
        ),
    ],
    ids=["help", "help of a command", "runs", "train"],
)
def test_the_import_profile_of_a_command(words, absent, tmp_path, data_dir):
    """Start-up is imports: what a command does not need, it does not load."""
    places = [f"paths.runs_dir={tmp_path}", f"paths.data_dir={data_dir}"] if words[0] == "train" else []
    done = subprocess.run(
        [sys.executable, "-c", PROFILE, *words, *(places if "--help" not in words else [])],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split("LOADED")[1].split())
    assert "genkit" in loaded
    assert not loaded & absent


def started(word, **given):
    typed = [sys.executable, "-c", "import sys; from genkit.cli import main; sys.exit(main())", word]
    return subprocess.run(typed, env={**os.environ, **given}, capture_output=True, text=True, check=False)


def test_a_terminal_that_lacks_a_character_ends_nothing():
    said = started("--help", PYTHONIOENCODING="ascii")
    assert (said.returncode, said.stderr) == (0, "")
    assert "arms \\xd7 seeds" in said.stdout


def test_words_are_utf_8_whatever_the_locale():
    said = started("提示", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert said.returncode == 2
    assert r"there is no command '\u63d0\u793a'" in said.stderr
