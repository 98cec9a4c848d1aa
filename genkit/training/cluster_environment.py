"""The processes of a training as Lightning asks for them: it neither looks for a launcher nor is one."""

from __future__ import annotations

from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment

from genkit.system.launchers import Rank


class Processes(ClusterEnvironment):
    """Those among which this one has its place; all of them are started already."""

    def __init__(self, place: Rank) -> None:
        super().__init__()
        self.place = place

    @property
    def creates_processes_externally(self) -> bool:
        return True

    @property
    def main_address(self) -> str:
        return self.place.address

    @property
    def main_port(self) -> int:
        return self.place.port

    @staticmethod
    def detect() -> bool:
        """Never by itself."""
        return False

    def world_size(self) -> int:
        return self.place.count

    def set_world_size(self, size: int) -> None:
        """It is what it is."""

    def global_rank(self) -> int:
        return self.place.rank

    def set_global_rank(self, rank: int) -> None:
        """It is what it is."""

    def local_rank(self) -> int:
        return self.place.local

    def node_rank(self) -> int:
        return self.place.node
