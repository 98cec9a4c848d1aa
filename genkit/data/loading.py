"""From a dataset to batches: order and position as pure functions, gathered by index, read ahead."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import repeat

import numpy as np
import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor

from genkit.core.batch import Batch, Packing
from genkit.core.spec import Spec
from genkit.data.dataset import Dataset, Examples
from genkit.system.errors import ConfigError

AHEAD = 4  # batches made before they are asked for


class DataModule(LightningDataModule):
    """Batches of a dataset for any number of processes.

    Args:
        dataset: what to load.
        seed: of the order.
        batch_size: of the global batch in training.
        eval_batch_size: of each process elsewhere.
        device: where the batches will be used; with a GPU they are made in memory that is copied fast.
        resident: keep the data on that device, where it is gathered by look-up alone.

    Raises:
        ConfigError: the batch is larger than the training split.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        seed: int,
        batch_size: int,
        eval_batch_size: int | None = None,
        device: torch.device | str = "cpu",
        resident: bool = False,
    ) -> None:
        super().__init__()
        self.device, self.resident = torch.device(device), resident
        self._gatherers: dict[int, Gather] = {}
        self.dataset, self.seed, self.batch_size = dataset, seed, batch_size
        self.eval_batch_size = eval_batch_size or max(batch_size, 128)
        dataset.check_batch(batch_size)

    @property
    def spec(self) -> Spec:
        return self.dataset.spec

    def steps_per_epoch(self) -> int:
        """Whole batches of the training split; 0 of a short text, of which a batch is several epochs."""
        return len(self.dataset.split("train")) // self.batch_size

    def train_stream(
        self, start_step: int, total_steps: int | None, rank: int = 0, world_size: int = 1
    ) -> TrainStream:
        """The batches of the steps from `start_step`; without `total_steps`, for ever."""
        if self.batch_size % world_size:
            raise ConfigError(f"batch_size={self.batch_size} is no multiple of the {world_size} processes.")
        return TrainStream(self, start_step, total_steps, rank, world_size)

    def eval_loader(self, split: str, rank: int = 0, world_size: int = 1) -> EvalLoader:
        """A split in its one mixed order, each process a contiguous share of it.

        So its first batches are as good a sample as any (`trainer.val_batches`), in every process.
        A process for which there is no example gets one of weight 0, so that it does whatever the others do.
        """
        gather = self.gather(split)
        bounds = [len(gather) * r // world_size for r in (rank, rank + 1)]
        return EvalLoader(gather, gather.order(), range(*bounds), self.eval_batch_size)

    def gather(self, split: str) -> Gather:
        """What makes batches of a split; two names of one split share it."""
        examples = self.dataset.split(split)
        if id(examples) not in self._gatherers:
            self._gatherers[id(examples)] = Gather(examples, self.device, resident=self.resident)
        return self._gatherers[id(examples)]


class TrainStream:
    """Training batches as a function of the step: the epoch is a permutation drawn from (seed, epoch).

    The global batch of a step is the same set of examples at any number of processes; process r takes an
    equal, contiguous share of its rows.
    """

    def __init__(self, data: DataModule, start: int, total: int | None, rank: int, world: int) -> None:
        self._gather = data.gather("train")
        self._seed, self._batch, self._per_epoch = data.seed, data.batch_size, data.steps_per_epoch()
        self.start, self._total, self.endless = start, total, total is None
        self._order: tuple[int, np.ndarray] | None = None
        share = data.batch_size // world
        self._rows = range(rank * share, (rank + 1) * share)

    def __len__(self) -> int:
        if self._total is None:
            raise TypeError("a stream that only the clock ends has no length")
        return max(0, self._total - self.start)

    def __iter__(self) -> Iterator[Batch]:
        return self._gather.iterate(self._batches)

    def _batches(self) -> Iterator[Batch]:
        step = self.start
        while self._total is None or step < self._total:
            yield self.batch(step)
            step += 1

    def batch(self, step: int) -> Batch:
        """The batch of a step: this process's share of it."""
        if not self._per_epoch:
            return self._of_epochs(step)
        epoch, place = divmod(step, self._per_epoch)
        first = place * self._batch
        indices = self.order(epoch)[first + self._rows.start : first + self._rows.stop]
        return self._gather(indices, self._rows, epoch=epoch, seed=self._seed)

    def _of_epochs(self, step: int) -> Batch:
        """A batch that is larger than an epoch: as many epochs one after another as it takes."""
        numbers = step * self._batch + np.arange(self._rows.start, self._rows.stop)
        epochs, places = np.divmod(numbers, len(self._gather))
        parts = [
            self._gather(
                self.order(int(epoch))[places[epochs == epoch]], range(0), epoch=int(epoch), seed=self._seed
            )
            for epoch in np.unique(epochs)
        ]
        return Batch.joined(parts, self._rows)

    def order(self, epoch: int) -> np.ndarray:
        """The examples of an epoch in their order."""
        if self._order is None or self._order[0] != epoch:
            generator = np.random.Generator(np.random.Philox(key=[self._seed, epoch]))
            self._order = epoch, generator.permutation(len(self._gather))
        return self._order[1]


class FirstBatch:
    """A stream's first batch over and over: a model that cannot learn even that is broken."""

    def __init__(self, stream: TrainStream) -> None:
        self._stream = stream

    def __len__(self) -> int:
        return len(self._stream)

    def __iter__(self) -> Iterator[Batch]:
        first = self._stream.batch(self._stream.start)
        return repeat(first) if self._stream.endless else repeat(first, len(self))


class EvalLoader:
    """Examples in a given order, of which `rows` are places; the last batch may be short."""

    def __init__(self, gather: Gather, order: np.ndarray, rows: range, batch_size: int) -> None:
        self._gather, self._order, self._rows, self._batch = gather, order, rows, batch_size

    def __len__(self) -> int:
        return max(1, -(-len(self._rows) // self._batch))

    def __iter__(self) -> Iterator[Batch]:
        return self._gather.iterate(self._batches)

    def _batches(self) -> Iterator[Batch]:
        if not self._rows and len(self._gather):
            batch = self._gather(np.arange(1), range(1))
            yield replace(batch, weight=torch.zeros(1))
        for start in range(0, len(self._rows), self._batch):
            rows = self._rows[start : start + self._batch]
            yield self._gather(self._order[rows.start : rows.stop], rows)


class Gather:
    """Batches of chosen examples: one gather each, integers as stored; a model converts them on its device.

    Args:
        device: a GPU gets batches from pinned memory.
        resident: keep the whole split on the device.

    Raises:
        ConfigError: it has no room there, or what is drawn for each example needs the processor.
    """

    def __init__(self, examples: Examples, device: torch.device, *, resident: bool = False) -> None:
        self.examples, self.device = examples, device
        self._table = self._resident() if resident else None
        self._order: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.examples)

    def order(self) -> np.ndarray:
        """The examples as they are scored; see `Examples.some`."""
        if self._order is None:
            self._order = self.examples.some()
        return self._order

    def iterate(self, make: Callable[[], Iterator[Batch]]) -> Iterator[Batch]:
        """Ahead of their use for another device; on a CPU a thread would only take the cores of the model."""
        return make() if self.device.type == "cpu" else read_ahead(make)

    def _resident(self) -> Tensor:
        table = self.examples.table()
        if table is None:
            raise ConfigError(
                "data.on_device=true: what is drawn for each example is drawn on the processor; leave out"
                " flip, shift, crop and binarize, or on_device."
            )
        free = torch.cuda.mem_get_info(self.device)[0] if self.device.type == "cuda" else None
        if free is not None and table.nbytes > free // 2:
            raise ConfigError(
                f"data.on_device=true: the data has {table.nbytes / 1e9:.1f} GB and the GPU"
                f" {free / 1e9:.1f} GB free, of which the model needs its share; leave it out."
            )
        return torch.from_numpy(table).to(self.device)

    def __call__(self, indices: np.ndarray, rows: range, *, epoch: int = 0, seed: int = 0) -> Batch:
        if self._table is not None:
            places = self.examples.places(indices, epoch=epoch, seed=seed)
            data = self._table[torch.from_numpy(places).to(self.device, non_blocking=True)]
            labels, weight = self.examples.labels_and_weights(indices, epoch=epoch, seed=seed)
            packing = self._packing(indices, epoch, seed)
            return Batch(
                data,
                rows,
                _tensor(labels),
                _tensor(weight),
                packing and packing.each(lambda tensor: tensor.to(self.device, non_blocking=True)),
            )
        gathered, labels, weight = self.examples.gather(indices, epoch=epoch, seed=seed)
        packing = self._packing(indices, epoch, seed)
        batch = Batch(torch.from_numpy(gathered), rows, _tensor(labels), _tensor(weight), packing)
        return batch.pin_memory() if self.device.type == "cuda" else batch

    def _packing(self, indices: np.ndarray, epoch: int, seed: int) -> Packing | None:
        packed = self.examples.packing(indices, epoch=epoch, seed=seed)
        if packed is None:
            return None
        segments, scored = packed
        return Packing(torch.from_numpy(segments), _tensor(scored))


def _tensor(values: np.ndarray | None) -> Tensor | None:
    return None if values is None else torch.from_numpy(values)


def read_ahead(make: Callable[[], Iterator[Batch]]) -> Iterator[Batch]:
    """Batches made by a thread while the previous ones are used.

    The thread ends when the iterator is dropped, and its exceptions are raised where the batch is asked for.
    """
    ready: queue.Queue[Batch | BaseException | None] = queue.Queue(maxsize=AHEAD)
    stop = threading.Event()

    def put(item: Batch | BaseException | None) -> bool:
        while not stop.is_set():
            try:
                ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for batch in make():
                if not put(batch):
                    return
            put(None)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=work, name="genkit-read-ahead", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()
