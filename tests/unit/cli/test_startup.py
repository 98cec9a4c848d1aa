"""What a command loads with Lightning, and that what it does not load is there when it is asked for."""

import os
import subprocess
import sys

import pytest

from genkit import train

SCRIPT = """
import sys
from genkit.cli.startup import postpone_metrics
postpone_metrics()
import pytorch_lightning, torchmetrics
loaded = {name for name in sys.modules if name in ("matplotlib", "scipy", "torchvision", "transformers")}
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
figure, _ = metric.plot()
assert type(figure).__module__.startswith("matplotlib")
"""


def test_lightning_comes_without_the_metrics_which_come_when_asked_for():
    for way in ("attribute", "from"):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, way], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


COMPILING = """
import sys
from genkit.cli.later_compiler import postpone_compiler
from genkit.cli.startup import postpone_metrics
postpone_metrics()
postpone_compiler()
import pytorch_lightning, torch
assert not {"sympy", "torch._dynamo.eval_frame"} & set(sys.modules)
from lightning_fabric.wrappers import OptimizedModule
linear = torch.nn.Linear(2, 2)
assert not isinstance(linear, OptimizedModule)
assert "torch._dynamo.eval_frame" not in sys.modules
if sys.argv[1] == "a module of it":
    import torch._dynamo.config as config
    assert config is torch._dynamo.config is sys.modules["torch._dynamo.config"]
    assert config.__spec__.origin.endswith("config.py")
elif sys.argv[1] == "of it":
    from torch._dynamo import config, reset
elif sys.argv[1] == "an optimiser":
    weight = torch.nn.Parameter(torch.ones(2))
    optimiser = torch.optim.Adam([weight])
    weight.sum().backward()
    optimiser.step()
else:
    log = pytorch_lightning.trainer.connectors.logger_connector.result._ResultCollection(training=True)
    log.log("fx", "loss", torch.tensor(2.0), on_step=True, on_epoch=False)
    assert float(log["fx.loss"].value) == 2
compiled = torch.compile(linear, backend="eager")
assert "torch._dynamo.eval_frame" in sys.modules
assert isinstance(compiled, OptimizedModule)
assert isinstance(compiled, torch._dynamo.OptimizedModule)
assert compiled(torch.ones(1, 2)).equal(linear(torch.ones(1, 2)))
assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1
"""


@pytest.mark.parametrize("asked", ["a module of it", "of it", "an optimiser", "a metric that is logged"])
def test_lightning_comes_without_the_compiler_which_comes_when_it_is_asked_for(asked):
    done = subprocess.run(
        [sys.executable, "-c", COMPILING, asked], capture_output=True, text=True, check=False
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
loaded = {name.partition(".")[0] for name in sys.modules}
print("LOADED", *sorted(loaded | ({"torch._dynamo.eval_frame"} & set(sys.modules))))
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


def test_samples_are_drawn_without_what_compiles_or_trains(tmp_path):
    run = ["model=vae", "data=digits", "model.width=4", "model.latent_size=4", "trainer=cpu", "logger=csv"]
    train(
        [
            *run,
            "budget.steps=1",
            "batch_size=4",
            "callbacks.samples.n=0",
            f"paths.runs_dir={tmp_path}",
            "name=v",
        ]
    )
    words = ["sample", f"run={tmp_path / 'v'}", "n=2", f"out={tmp_path / 'drawn.png'}"]
    done = subprocess.run(
        [sys.executable, "-c", PROFILE, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split("LOADED")[1].split())
    assert not loaded & (NOT_TRAINING | {"torch._dynamo.eval_frame", "sympy", "tensorboard", "torchaudio"})


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
