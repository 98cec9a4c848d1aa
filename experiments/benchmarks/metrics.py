"""Seconds that the image panel takes, and the FID of one network by genkit and by torch-fidelity.

    python experiments/benchmarks/metrics.py [n=10000] [threads=2] [rounds=2] [panel=true] [clock=wall]
                                             [out=FILE.json]

MNIST below $GENKIT_DATA_DIR: n training pictures are the real ones, n test pictures pass for generated ones.
The comparison times a whole call from 8-bit pictures in memory to the distance, both with the bundled network
in batches of 256, one contestant after the other in each round; a ratio is the median of those of the rounds,
of which the first warms up and is not counted.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import torch
from clocks import CLOCKS
from safetensors.torch import load
from torch import Tensor
from torch.utils.data import Dataset

from genkit import config
from genkit.core.spec import View
from genkit.data import open_dataset
from genkit.metrics.bundled import DIGITS_WEIGHTS
from genkit.metrics.catalogue import BUILT_IN
from genkit.metrics.declaration import Measuring
from genkit.metrics.extractors import extractor
from genkit.metrics.features import Features, collect
from genkit.metrics.memorisation import memorisation
from genkit.metrics.networks import DigitsNetwork
from genkit.metrics.panel import METRICS, fid, image_measures

BATCH = 256


def pictures(part: str, n: int) -> Tensor:
    """n of MNIST, uint8 (n, 1, 28, 28)."""
    cfg = config.compose("train", ["model=vae_mlp", "data=mnist", "data.split=peer"])
    examples = open_dataset(cfg.data, cfg.paths.by_name, View("arrays", (28,))).split(part)
    images, _, _ = examples.gather(torch.arange(n).numpy())
    return torch.from_numpy(images).view(-1, 1, 28, 28)


def timed(call: Callable[[], object], clock: Callable[[], float]) -> tuple[float, object]:
    begin = clock()
    result = call()
    return clock() - begin, result


def panel(real: Tensor, generated: Tensor, clock: Callable[[], float]) -> dict[str, float]:
    """Seconds of each part of the panel."""
    made = extractor("digits")
    seconds: dict[str, float] = {}
    seconds["features"], pair = timed(
        lambda: [collect(made, s.split(BATCH)) for s in (real, generated)], clock
    )
    x, y = pair  # type: ignore[misc]
    together: dict[Measuring, list[str]] = {}  # what one call measures
    for name in METRICS:
        together.setdefault(BUILT_IN[name].measure, []).append(name)
    calls: dict[str, Callable[[], object]] = {
        ", ".join(names): lambda names=tuple(names): image_measures(x, y, names)
        for names in together.values()
    }
    calls["memorisation"] = lambda: memorisation(y, x, y)
    for name, call in calls.items():
        seconds[name], _ = timed(call, clock)
        print(f"{name:40} {seconds[name]:7.2f} s", flush=True)
    seconds["panel"] = sum(s for name, s in seconds.items() if name != "memorisation")
    return seconds


class Pictures(Dataset):
    """As torch-fidelity reads them."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index]


def peer(real: Tensor, generated: Tensor, folded: bool) -> Callable[[], float]:
    """torch-fidelity's FID with our network as its extractor, without worker processes, without a cache.

    Args:
        folded: with the normalisation folded into the convolutions, as genkit does it.
    """
    from torch_fidelity import calculate_metrics, register_feature_extractor
    from torch_fidelity.feature_extractor_base import FeatureExtractorBase

    network = extractor("digits").network if folded else DigitsNetwork().eval()
    if not folded:
        raw = (files("genkit.metrics") / DIGITS_WEIGHTS).read_bytes()
        network.load_state_dict(load(raw), strict=False)
    name = "folded" if folded else "plain"

    class Digits(FeatureExtractorBase):
        def __init__(self, name, features_list, **_):
            super().__init__(name, features_list)
            self.network = network

        @staticmethod
        def get_provided_features_list():
            return ("64",)

        @staticmethod
        def get_default_feature_layer_for_metric(metric):
            return "64"

        @staticmethod
        def can_be_compiled():
            return False

        def forward(self, images):
            return (self.network(images.float() / 255)[0],)

    register_feature_extractor(name, Digits)
    settings = {"fid": True, "cuda": False, "cache": False, "verbose": False, "batch_size": BATCH}
    settings |= {"feature_extractor": name, "save_cpu_ram": True, "samples_find_deep": False}
    inputs = {"input1": Pictures(generated), "input2": Pictures(real)}
    return lambda: calculate_metrics(**inputs, **settings)["frechet_inception_distance"]


def ours(real: Tensor, generated: Tensor) -> Callable[[], float]:
    made = extractor("digits")

    def call() -> float:
        x, y = (collect(made, images.split(BATCH)) for images in (real, generated))
        assert isinstance(x, Features)
        return fid(x, y).value

    return call


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    n, rounds = int(given.get("n", 10_000)), int(given.get("rounds", 2))
    torch.set_num_threads(int(given.get("threads", 2)))
    clock = CLOCKS[given.get("clock", "wall")]
    real, generated = pictures("train", n), pictures("test", n)
    found: dict[str, object] = {
        "n": n,
        "threads": torch.get_num_threads(),
        "clock": given.get("clock", "wall"),
        "torch": torch.__version__,
    }
    if given.get("panel", "true") == "true":
        found["seconds"] = panel(real, generated, clock)
        found["peak_GiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"panel {found['seconds']['panel']:.1f} s, peak {found['peak_GiB']:.2f} GiB", flush=True)
    contestants = {"genkit": ours(real, generated), "torch-fidelity": peer(real, generated, folded=False)}
    contestants["torch-fidelity, folded"] = peer(real, generated, folded=True)
    times: dict[str, list[float]] = {name: [] for name in contestants}
    values = {}
    for round_ in range(rounds + 1):
        for name, call in contestants.items():
            seconds, values[name] = timed(call, clock)
            if round_:
                times[name].append(seconds)
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    ratios = {
        name: [its / own for own, its in zip(times["genkit"], seconds, strict=True)]
        for name, seconds in times.items()
    }
    found |= {"fid": values, "fid_seconds": times, "ratios": ratios}
    for name, value in values.items():
        middle, low, high = (of(ratios[name]) for of in (statistics.median, min, max))
        spread = f"{middle:.2f} ({low:.2f} to {high:.2f}) times as long as genkit"
        print(f"{name:24} FID {value:.6f} {medians[name]:6.2f} s, {spread}")
    if "out" in given:
        Path(given["out"]).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
