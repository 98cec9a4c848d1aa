"""One of two processes of `test_exchanges`: trains run folders, and writes down what a step exchanges.

    LOCAL_RANK=0 MASTER_ADDR=127.0.0.1 python -m tests.integration.exchanges FOLDER PORT RUN…

Beside each run stands `NAME-exchanges-RANK.json`: the shape of everything that the fourth step has sent, as
torch's own profiler saw it, the reducers in C++ included.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from torch.profiler import ProfilerActivity, profile

from genkit import config
from genkit.core.training_step import Updates
from genkit.system.launchers import Rank
from genkit.training import launch

WATCHED = 3  # the step; the first ones make groups, and buckets in the order in which gradients come
STEP = Updates.training_step


class Watch:
    """Looks at one step, from its beginning to the beginning of the next."""

    def __init__(self) -> None:
        self.sent: list[list[object]] = []
        self._profile: profile | None = None

    def __call__(self, step: int) -> None:
        if step == WATCHED:
            self._profile = profile(activities=[ProfilerActivity.CPU], record_shapes=True)
            self._profile.__enter__()
        elif self._profile is not None:
            self._profile.__exit__(None, None, None)
            events = [e for e in self._profile.events() if e.name.startswith(("gloo:", "nccl:"))]
            self.sent = sorted(
                [e.name.partition(":")[2], e.input_shapes[0] if e.input_shapes else []] for e in events
            )
            self._profile = None


def main(folder: str, port: str, *folders: str) -> None:
    rank = int(os.environ["LOCAL_RANK"])
    for number, run in enumerate(folders):
        watch = Watch()

        def step(self, batch, batch_idx, watch=watch):
            watch(batch_idx)
            STEP(self, batch, batch_idx)

        step.__signature__ = STEP.__signature__  # which Lightning asks for
        Updates.training_step = step
        place = Rank(rank, 2, local=rank, port=int(port) + number)
        launch.worker(Path(run), config.paths([f"paths.runs_dir={folder}"]), place)
        Path(f"{run}-exchanges-{rank}.json").write_text(json.dumps(watch.sent))


if __name__ == "__main__":
    main(*sys.argv[1:])
