"""Composing where others compose: in threads, and beside a Hydra of somebody else."""

import threading
from concurrent.futures import ThreadPoolExecutor

from genkit import config


def test_threads_compose_each_its_own():
    together = threading.Barrier(6)

    def composed(seed):
        together.wait()
        return [
            config.compose("train", ["model=vae", "data=digits", f"seed={seed + i}"]).seed for i in (0, 9)
        ]

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(composed, range(6))) == [[seed, seed + 9] for seed in range(6)]


def test_a_thread_composes_while_another_sweeps():
    """A sweep has the Hydra of the process until its last training has ended."""
    with config.one_line_errors(), config.hydra_session() as hydra, ThreadPoolExecutor(1) as pool:
        assert pool.submit(config.compose, "train", ["seed=5"]).result(timeout=60).seed == 5
        assert config.jobs(["seed=1,2"]) == [["seed=1"], ["seed=2"]]
        assert hydra.config_loader is not None


def test_a_hydra_of_another_version_stays_what_it_is(tmp_path):
    from hydra import compose, initialize_config_dir, version
    from hydra.core.global_hydra import GlobalHydra

    (tmp_path / "own.yaml").write_text("a: 1\n")
    with initialize_config_dir(str(tmp_path), version_base="1.2"):
        own = GlobalHydra.instance().hydra
        assert config.compose("train", ["seed=5"]).seed == 5
        assert GlobalHydra.instance().hydra is own
        assert version.getbase().minor == 2
        assert compose("own")["a"] == 1
