"""How several processes share gradients: those of the phase that is updated, and nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from pytorch_lightning.overrides.distributed import prepare_for_backward
from pytorch_lightning.strategies import DDPStrategy
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from genkit.core.module import GenerativeModule, ours
from genkit.core.phase import Phase
from genkit.system.errors import ConfigError


class GradientExchange(DDPStrategy):
    """DDP with a reducer for each phase.

    One reducer over a whole module of several phases would exchange, at each phase, the gradients of all of
    them, and would have to be told which were used (`find_unused_parameters`), for which it exchanges a map
    and waits for the GPU.

    Statistics are synchronised where they are computed (`genkit.nn.normalisation`), so buffers need no
    broadcast.

    Args:
        backend: of torch.distributed; None: the one of the device.
    """

    def __init__(self, backend: str | None) -> None:
        super().__init__(process_group_backend=backend, broadcast_buffers=False)
        self.reducers: dict[str, DistributedDataParallel] = {}

    def configure_ddp(self) -> None:
        """The module stays as it is, for its step is called by itself; its phases' networks are wrapped."""
        for phase in self._module.phases():
            self.reducers[phase.name] = self._setup_model(nn.ModuleList(phase.modules))

    def pre_backward(self, closure_loss: Tensor) -> None:
        prepare_for_backward(self.reducers[self._phase.name], closure_loss)

    def post_backward(self, closure_loss: Tensor) -> None:
        """See that no gradient is missing, for which the others would wait at the next step.

        Raises:
            ConfigError: a parameter has none.
        """
        phase = self._phase
        if missing := [p for p in phase.parameters if p.grad is None]:
            module = self._module
            name = next(name for name, p in module.named_parameters() if p is missing[0])
            raise ConfigError(
                f"{type(module).__name__}, phase {phase.name}: {name} has no part in its loss, and several"
                " processes exchange the gradients of all; set requires_grad=False, or trainer.devices=1."
            )

    @contextlib.contextmanager
    def unshared(self) -> Iterator[None]:
        """Within the context gradients stay in their process."""
        with contextlib.ExitStack() as stack:
            for reducer in self.reducers.values():
                stack.enter_context(reducer.no_sync())
            yield

    @property
    def _phase(self) -> Phase:
        """The one that is updated."""
        phase = self._module.updated
        assert phase is not None
        return phase

    @property
    def _module(self) -> GenerativeModule:
        assert self.lightning_module is not None
        return ours(self.lightning_module)
