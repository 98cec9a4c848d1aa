"""How fast data is packed and loaded, with the peers that people use today in the same run.

    python experiments/benchmarks/loading.py [out=loading.json] [images=20000] [megabytes=100]

MNIST is read from paths.data_dir (GENKIT_DATA_DIR).  Loading is timed in one thread after a warm-up, as the
best of three; the peer is torchvision's MNIST with ToTensor through a DataLoader without workers, the
commonest way.  Packing is timed on a folder of random 32×32 PNG files that is made first; its peer is one
pass of torchvision's ImageFolder.  Text is tokenised by characters in a process of its own, whose peak
memory is its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from genkit import config
from genkit.core.knobs import DataKnobs
from genkit.core.spec import View
from genkit.data import open_dataset
from genkit.data.loading import Gather

BATCH = 128


def best(work: Callable[[], Any], times: int = 3) -> float:
    """Seconds of the fastest of several runs."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def data_group(*words: str) -> tuple[DataKnobs, dict[str, str]]:
    cfg = config.compose("train", list(words))
    return cfg.data, cfg.paths.by_name


# ---------------------------------------------------------------------- loading


def ours(data_dir: str) -> Callable[[], int]:
    data, paths = data_group(
        "data=mnist", "data.split=peer", "data.download=false", f"paths.data_dir={data_dir}"
    )
    examples = open_dataset(data, paths, View("arrays")).split("train")
    gather = Gather(examples, torch.device("cpu"))

    def epoch() -> int:
        order, seen = np.random.default_rng(0).permutation(len(examples)), 0
        for start in range(0, len(order) - BATCH + 1, BATCH):
            batch = gather(order[start : start + BATCH], range(BATCH))
            seen += len(batch.data.float().div_(255))
        return seen

    return epoch


def peers(data_dir: str) -> Callable[[], int]:
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import MNIST

    loader = DataLoader(
        MNIST(data_dir, train=True, transform=transforms.ToTensor()),
        batch_size=BATCH,
        shuffle=True,
        drop_last=True,
    )
    return lambda: sum(len(images) for images, _ in loader)


def loading(data_dir: str) -> list[dict[str, Any]]:
    epoch, peer = ours(data_dir), peers(data_dir)
    assert epoch() == 60_000 // BATCH * BATCH
    mine, other = best(epoch), best(peer, 2)
    return [
        {"what": "an epoch of MNIST as float tensors, batch 128", "unit": "s", "ours": mine, "peer": other}
    ]


# ---------------------------------------------------------------------- packing


def packing(folder: Path, count: int) -> list[dict[str, Any]]:
    from torchvision.datasets import ImageFolder

    generator = np.random.default_rng(0)
    for i in range(count):
        place = folder / "pictures" / str(i % 10)
        if i < 10:
            place.mkdir(parents=True)
        pixels = generator.integers(0, 256, (32, 32, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(place / f"{i:06}.png")
    words = ["data=image_folder", f"data.path={folder / 'pictures'}", f"paths.cache_dir={folder / 'cache'}"]
    data, paths = data_group(*words)
    seconds = best(lambda: open_dataset(data, paths, View("arrays")), 1)
    again = best(lambda: open_dataset(data, paths, View("arrays")), 1)
    whole = ImageFolder(str(folder / "pictures"))
    peer = best(lambda: [np.asarray(image) for image, _ in whole], 1)
    return [
        {
            "what": f"packing {count:,} PNG of 32×32",
            "unit": "images/s",
            "ours": count / seconds,
            "peer": count / peer,
        },
        {"what": "opening them again", "unit": "s", "ours": again, "peer": None},
    ]


# ---------------------------------------------------------------------- text

TOKENISE = """
import json, sys, time
from genkit import config
from genkit.core.spec import View
from genkit.data import open_dataset
cfg = config.compose("train", sys.argv[1:])
started = time.perf_counter()
opened = open_dataset(cfg.data, cfg.paths.by_name, View("tokens", block_size=64))
seconds = time.perf_counter() - started
status = open("/proc/self/status").read()  # of this program alone, unlike getrusage after a fork
peak = 1024 * int(status.partition("VmHWM:")[2].split()[0])
print(json.dumps([seconds, peak, sum(len(opened.split(p).tokens) for p in ("train", "validation", "test"))]))
"""


def tokenising(folder: Path, megabytes: int) -> list[dict[str, Any]]:
    from pydoc_data import topics

    text = "\n\n".join(topics.topics[name] for name in sorted(topics.topics))
    with open(folder / "text.txt", "w", encoding="utf-8") as file:
        while file.tell() < megabytes * 1_000_000:
            file.write(text)
    words = ["data=text_file", f"data.path={folder / 'text.txt'}", f"paths.cache_dir={folder / 'cache'}"]
    answer = subprocess.run(
        [sys.executable, "-c", TOKENISE, *words], check=True, capture_output=True, text=True
    ).stdout
    seconds, peak, tokens = json.loads(answer)
    assert tokens == len((folder / "text.txt").read_text(encoding="utf-8"))
    return [
        {"what": f"{megabytes} MB of text to characters", "unit": "s", "ours": seconds, "peer": None},
        {"what": "its peak memory", "unit": "MB", "ours": peak / 1e6, "peer": None},
    ]


def main() -> None:
    given = dict(word.partition("=")[::2] for word in sys.argv[1:])
    torch.set_num_threads(1)
    data_dir = os.environ.get("GENKIT_DATA_DIR", "data")
    with tempfile.TemporaryDirectory() as scratch:
        rows = [
            *loading(data_dir),
            *packing(Path(scratch), int(given.get("images", 20_000))),
            *tokenising(Path(scratch), int(given.get("megabytes", 100))),
        ]
    table = Table("what", "unit", "ours", "peer", "ours / peer")
    for row in rows:
        peer, ratio = row["peer"], "–"
        if peer:
            ratio = f"{row['ours'] / peer:.3g}"
        table.add_row(row["what"], row["unit"], f"{row['ours']:.3g}", f"{peer:.3g}" if peer else "–", ratio)
    Console().print(table)
    about = {"cores": len(os.sched_getaffinity(0)), "torch": torch.__version__, "rows": rows}
    out = Path(given.get("out", "loading.json"))
    out.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    Console().print(out)


if __name__ == "__main__":
    main()
