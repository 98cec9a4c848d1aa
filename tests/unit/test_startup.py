"""What a command loads with Lightning, and that what it does not load is there when it is asked for."""

import subprocess
import sys

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
