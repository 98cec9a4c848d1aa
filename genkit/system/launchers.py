"""Who has started this process beside others: torchrun, SLURM's srun, or nobody.

Variables of launchers outlive what they describe: a batch script has SLURM's without an srun, a shell or a
notebook those of a training of yesterday.  So an environment is believed only where it is whole, and where
its numbers fit one another and what the configuration asks for.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from genkit.system.errors import ConfigError

TORCHRUN, SRUN = "torchrun", "srun"
# What each sets for every process that it starts: place, count, place and count on the machine, machine.
TORCHRUN_NUMBERS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "MASTER_PORT")
SRUN_NUMBERS = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_NODEID", "SLURM_STEP_ID")
# What tells two starts apart.
TORCHRUN_START = ("TORCHELASTIC_RUN_ID", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RESTART_COUNT")
SRUN_START = ("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT")
# Steps of SLURM in which nobody called srun for a program: batch scripts, interactive shells (slurm.h).
NO_SRUN = 0xFFFFFFF0
SHELLS = ("bash", "interactive")  # names of jobs that are shells

TRAINER_DEFAULTS = "PL_TRAINER_"  # what Lightning takes for arguments that nobody gives it

TORCHRUN_NAMES = {*TORCHRUN_NUMBERS, "NODE_RANK", "GROUP_WORLD_SIZE", "MASTER_ADDR"}
SRUN_NAMES = {*SRUN_NUMBERS, "SLURM_NTASKS", "SLURM_NPROCS", "SLURM_NTASKS_PER_NODE"} - {"SLURM_STEP_ID"}


@dataclass(frozen=True)
class Rank:
    """Where a process stands among those of one training.

    Attributes:
        rank, count: among all of them.
        local: among those of its machine.
        node: of its machine among the machines.
        launcher: who has started them: "torchrun", "srun", or "" for us, or for a single one.
        address, port: where they find each other.
        start: what the processes of one start have in common and those of no other; None for a single one.
    """

    rank: int = 0
    count: int = 1
    local: int = 0
    node: int = 0
    launcher: str = ""
    address: str = "127.0.0.1"
    port: int = 0
    start: str | None = None


def place(environment: Mapping[str, str] | None = None) -> Rank:
    """What the environment says, where it can be believed."""
    env = os.environ if environment is None else environment
    return _by_torchrun(env) or _by_srun(env) or Rank()


def place_of(devices: int, nodes: int, environment: Mapping[str, str] | None = None) -> Rank:
    """Where this process stands in a training that a configuration asks for; alone, it starts the others.

    Args:
        devices, nodes: processes on each machine, and machines.

    Raises:
        ConfigError: others were started than it asks for, or nobody can start those on other machines.
    """
    asked, found = devices * nodes, place(environment)
    said = f"trainer.devices={devices} trainer.num_nodes={nodes}"
    if found.count == 1 or (found.launcher == SRUN and asked == 1):  # each task trains what it is told to
        if nodes > 1:
            raise ConfigError(
                f"{said}: processes on several machines are started by torchrun or srun, and neither has"
                " started this one."
            )
        return Rank()
    if found.count != asked or found.local >= devices or found.node >= nodes:
        raise ConfigError(
            f"{said}: {found.launcher} says that this is process {found.rank} of {found.count} (number"
            f" {found.local} of machine {found.node}); ask for as many, or clear its variables (env -u"
            f" {' -u '.join(_telling(found.launcher))})."
        )
    return found


def _telling(launcher: str) -> tuple[str, ...]:
    """Variables without which an environment is not believed."""
    return TORCHRUN_NUMBERS[:2] if launcher == TORCHRUN else SRUN_NUMBERS[:2]


def _numbers(env: Mapping[str, str], names: tuple[str, ...]) -> list[int] | None:
    """The values of variables; None unless all are whole numbers."""
    values = [env.get(name, "") for name in names]
    fit = all(value.isascii() and value.isdecimal() and len(value) < 12 for value in values)
    return [int(value) for value in values] if fit else None


def _by_torchrun(env: Mapping[str, str]) -> Rank | None:
    numbers = _numbers(env, TORCHRUN_NUMBERS)
    if numbers is None or not env.get("TORCHELASTIC_RUN_ID") or not env.get("MASTER_ADDR"):
        return None
    rank, count, local, locals_, node, port = numbers
    if not (local <= rank < count and local < locals_ <= count and node <= rank and 0 < port < 2**16):
        return None
    start = _start(env, TORCHRUN_START, count)
    return Rank(rank, count, local, node, TORCHRUN, env["MASTER_ADDR"], port, start)


def _by_srun(env: Mapping[str, str]) -> Rank | None:
    numbers = _numbers(env, SRUN_NUMBERS)
    job = env.get("SLURM_JOB_ID", "")
    if numbers is None or not job.isdecimal() or env.get("SLURM_JOB_NAME") in SHELLS:
        return None
    rank, count, local, node, step = numbers
    tasks = env.get("SLURM_NTASKS", str(count))  # of the job in a batch script, of the step within an srun
    if not (local <= rank < count and node <= rank and step < NO_SRUN and tasks == str(count)):
        return None
    first = _first_host(env.get("SLURM_STEP_NODELIST") or env.get("SLURM_JOB_NODELIST") or "127.0.0.1")
    chosen = _numbers(env, ("MASTER_PORT",))
    port = chosen[0] if chosen and 0 < chosen[0] < 2**16 else 15000 + int(job) % 10000
    start = _start(env, SRUN_START, count)
    return Rank(rank, count, local, node, SRUN, env.get("MASTER_ADDR") or first, port, start)


def _start(env: Mapping[str, str], names: tuple[str, ...], count: int) -> str | None:
    return " ".join(env.get(name, "") for name in names) if count > 1 else None


def _first_host(nodes: str) -> str:
    """Of a list as SLURM writes it: `a1`, `a1,b2`, `a[3-5,7],b2`, `a[3,5]-x`."""
    before, bracket, rest = nodes.partition("[")
    if not bracket or "," in before:
        return nodes.partition(",")[0]
    inside, _, after = rest.partition("]")
    first = inside.partition(",")[0].partition("-")[0]
    return f"{before}{first}{after.partition(',')[0]}"


# ---------------------------------------------------------------------- what others would believe


def unbelieved(environment: Mapping[str, str] | None = None) -> set[str]:
    """Variables that describe no start of this process, but which libraries would obey."""
    env = os.environ if environment is None else environment
    found = place(env).launcher
    names = {name for name in env if name.startswith(TRAINER_DEFAULTS)}
    if found != TORCHRUN:
        names |= {
            name for name in env if name in TORCHRUN_NAMES or name.startswith(("TORCHELASTIC_", "ROLE_"))
        }
    if found != SRUN:
        names |= SRUN_NAMES & set(env)
    else:  # where its tasks are to meet may be said beside it
        names -= {"MASTER_ADDR", "MASTER_PORT"}
    return names


@contextlib.contextmanager
def settled() -> Iterator[None]:
    """Within the context the environment holds no variables of launchers but those that are believed."""
    taken = {name: os.environ.pop(name) for name in unbelieved()}
    try:
        yield
    finally:
        os.environ.update(taken)
