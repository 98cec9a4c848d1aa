"""One of two processes of `test_exchanges`: trains run folders, and writes down what a step exchanges.

    LOCAL_RANK=0 MASTER_ADDR=127.0.0.1 python -m tests.integration.exchanges FOLDER PORT RUN…

Beside each run stands `NAME-exchanges-RANK.json`: the shape of everything that the fourth step has sent, the
reducers in C++ included.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from genkit import config
from genkit.core.training_step import Updates
from genkit.system.launchers import Rank
from genkit.training import launch

WATCHED = 3  # the step; the first ones make groups, and buckets in the order in which gradients come
STEP = Updates.training_step


class Watch(TorchDispatchMode):
    """Looks at one step, from its beginning to the beginning of the next."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, list[int]]] = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        library, _, name = operation.name().partition("::")
        if library == "c10d":
            tensors = [x for x in tree_leaves(args) if isinstance(x, torch.Tensor)]
            self.sent += [(name.strip("_"), list(tensor.shape)) for tensor in tensors]
        return operation(*args, **(kwargs or {}))

    def begin(self, step: int) -> None:
        if step == WATCHED:
            self.__enter__()
        elif step == WATCHED + 1:
            self.__exit__(None, None, None)


def main(folder: str, port: str, *folders: str) -> None:
    rank = int(os.environ["LOCAL_RANK"])
    for number, run in enumerate(folders):
        watch = Watch()

        def step(self, batch, batch_idx, watch=watch):
            watch.begin(batch_idx)
            STEP(self, batch, batch_idx)

        step.__signature__ = STEP.__signature__  # which Lightning asks for
        Updates.training_step = step
        place = Rank(rank, 2, local=rank, port=int(port) + number)
        launch.worker(Path(run), config.paths([f"paths.runs_dir={folder}"]), place)
        Path(f"{run}-exchanges-{rank}.json").write_text(json.dumps(sorted(watch.sent)))


if __name__ == "__main__":
    main(*sys.argv[1:])
