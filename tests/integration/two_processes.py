"""One of two processes of `test_processes`: trains one run folder after another, as `genkit worker` does.

    LOCAL_RANK=0 MASTER_ADDR=127.0.0.1 python -m tests.integration.two_processes FOLDER PORT RUN…

One start for many trainings: most of a short training's time is that of starting.  Before the first one,
batch normalisation of a batch that the two share is put into FOLDER.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from genkit import config
from genkit.nn.normalisation import GlobalBatchNorm
from genkit.system.launchers import Rank
from genkit.training import launch


def shared_batch() -> torch.Tensor:
    """Far from 0, where E x² - (E x)² has no digit left: (8, 3, 4, 4)."""
    x = torch.randn(8, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    return x + torch.tensor([0.0, 1000.0, -30.0])[:, None, None]


def normalise(folder: Path, rank: int) -> None:
    """The share of this process through batch normalisation, forwards and backwards, wide and narrow."""
    found = {}
    for kind in (torch.float32, torch.bfloat16):
        norm = GlobalBatchNorm(3)
        x = shared_batch()[4 * rank : 4 * rank + 4].to(kind).requires_grad_(True)
        y = norm(x)
        (y * torch.arange(y.numel()).view_as(y) ** 0.5).sum().backward()
        found[str(kind)] = (y, x.grad, norm.running_mean, norm.running_var)
    torch.save(found, folder / f"norm-{rank}.pt")


def main(folder: str, port: str, *folders: str) -> None:
    rank = int(os.environ["LOCAL_RANK"])
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    normalise(Path(folder), rank)
    dist.destroy_process_group()
    for number, run in enumerate(folders, start=1):
        place = Rank(rank, 2, local=rank, port=int(port) + number)
        launch.worker(Path(run), config.paths([f"paths.runs_dir={Path(run).parent}"]), place)


if __name__ == "__main__":
    main(*sys.argv[1:])
