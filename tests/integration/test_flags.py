"""Of Hydra's flags and words none runs what stands in a file: only those that genkit names reach Hydra."""

import os
import pickle

import pytest

from tests.integration.conftest import start


class Canary:
    """Its pickle makes a folder when it is loaded."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize(
    "words",
    [
        ["--cfg", "all", "--experimental-rerun", "{evil}"],
        ["--cfg", "hydra", "--experimental-rerun={evil}"],
        ["--info", "config", "--experimental-rerun", "{evil}"],
        ["-i", "--experimental-re={evil}"],
        ["--hydra-help", "--experimental-rerun", "{evil}"],
        ["--experimental-rerun={evil}"],
        ["-m", "--experimental-rerun={evil}", "seed=1,2"],
        ["--cfg", "all", "--config-dir", "{here}"],
        ["--cfg", "all", "-cn", "evil"],
        ["--cfg", "all", "-cd={here}"],
        ["--cfg", "job", "--config-path={here}"],
        ["--cfg", "all", "-p", "model"],
        ["--cfg", "all", "--run"],
        ["--cfg", "all", "hydra/launcher={here}/evil"],
        ["--cfg", "all", "+hydra.callbacks.a=x"],
        ["-m", "hydra/launcher={here}/evil", "seed=1,2"],
        ["-m", "hydra/launcher=../../../../../../../../../..{here}/evil", "seed=1,2"],
        ["-m", "hydra/launcher=nosuch", "seed=1,2"],
        ["-m", "hydra/launcher=null", "seed=1,2"],
        ["-m", "hydra.sweeper.params={{seed: '1,2'}}", "model=vae"],
        ["--cfg", "all", "--cfg", "job"],
        ["--resolve=x", "--cfg", "all"],
        ["--info", "everything"],
    ],
)
def test_no_flag_that_genkit_does_not_name_reaches_hydra(words, tmp_path, genkit, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.pickle").write_bytes(pickle.dumps(Canary(tmp_path / "struck")))
    (tmp_path / "evil.yaml").write_text(
        "# @package _global_\nhydra: {callbacks: {c: {_target_: os.mkdir, path: struck}}}\n"
    )
    before = sorted(os.listdir(tmp_path))
    code, out, err = genkit("train", *(w.format(evil=tmp_path / "evil.pickle", here=tmp_path) for w in words))
    assert code == 2, (out, err)
    assert err.startswith("genkit: ")
    assert len(err.splitlines()) == 1
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--cfg", "hydra"], "launcher:"),
        (["-c", "all", "model=vae", "name=我, =x"], "family: vae"),
        (["--cfg=job", "--resolve", "model=vae"], "family: vae"),
    ],
)
def test_hydra_still_answers(words, shown, genkit, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, out, err = genkit("train", *words)
    assert code == 0, err
    assert shown in out + err


def test_hydra_still_says_where_it_looks():
    """In a process of its own: Hydra changes the logging of the one that asks."""
    with start("train", "-i", "searchpath", "model=vae") as asked:
        out, err = asked.communicate(timeout=60)
    assert asked.returncode == 0, err
    assert "provider" in (out + err).lower()
