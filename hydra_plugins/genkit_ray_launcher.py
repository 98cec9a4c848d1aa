"""A launcher of Hydra's that runs jobs as tasks of Ray.

Hydra's own plugin for it pins a cloudpickle that joblib no longer takes, and brings a cloud's libraries.
This one needs `ray` alone, and no more than a launcher must do: configure each job, run it elsewhere, wait.
It stands in this package because Hydra takes launchers from no other.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

# Ray empties these for a task that takes no GPU of it.
VISIBLE = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")


class RayLauncher(Launcher):
    """Jobs as tasks of Ray.

    Args:
        init: of `ray.init`; without an address, a cluster is started here and ended after the sweep.
        remote: of `ray.remote`: what each task takes of a machine.  One that takes no GPU of Ray's sees all.
    """

    def __init__(self, init: Mapping[str, Any], remote: Mapping[str, Any]) -> None:
        self.init, self.remote = init, remote

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.context, self.task, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        import ray

        own = not ray.is_initialized()
        if own:
            ray.init(**_plain(self.init))
        remote = _plain(self.remote)
        shown = None if remote.get("num_gpus") else {name: os.environ.get(name) for name in VISIBLE}
        try:
            task = ray.remote(**remote)(_run)
            waited = []
            for number, overrides in enumerate(job_overrides, initial_job_idx):
                cfg = self.context.config_loader.load_sweep_config(self.config, list(overrides))
                with open_dict(cfg):
                    cfg.hydra.job.id, cfg.hydra.job.num = f"ray_{number}", number
                waited.append(task.remote(self.context, self.task, cfg, Singleton.get_state(), shown))
            return list(ray.get(waited))
        finally:
            if own:
                ray.shutdown()


def _run(
    context: HydraContext,
    task: TaskFunction,
    cfg: DictConfig,
    state: Any,
    shown: Mapping[str, str | None] | None,
) -> JobReturn:
    """One job, in a process of Ray's.

    Args:
        shown: the variables in `VISIBLE` as they are where Ray hides no GPU; None: it may.
    """
    for name, value in (shown or {}).items():
        if os.environ.get(name) == "":
            os.environ.pop(name)
            os.environ.update({} if value is None else {name: value})
    setup_globals()
    Singleton.set_state(state)
    return run_job(
        hydra_context=context,
        task_function=task,
        config=cfg,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )


def _plain(cfg: Mapping[str, Any]) -> dict[str, Any]:
    made = OmegaConf.to_container(cfg) if isinstance(cfg, DictConfig) else dict(cfg)
    assert isinstance(made, dict)
    return {str(key): value for key, value in made.items() if value is not None}
