"""The wheel holds all that it needs: from another folder, with nothing of the checkout on the path."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with nothing but what the wheel holds."""
    dist, site = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(dist), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True)
    if "No module named build" in built.stderr:
        pytest.skip("needs pip install build")
    assert built.returncode == 0, built.stderr
    (wheel,) = dist.iterdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def python(site, cwd, *words):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GENKIT_")}
    return subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env={**environment, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
    )


def test_every_file_of_package_and_conf_is_there(site):
    for folder, place in ((ROOT / "genkit", site / "genkit"), (ROOT / "conf", site / "genkit" / "conf")):
        kinds = (".py", ".yaml", ".json", ".txt", ".html", ".css", ".js")
        wanted = {p.relative_to(folder) for p in folder.rglob("*") if p.suffix in kinds}
        assert wanted <= {path.relative_to(place) for path in place.rglob("*")}
    assert (site / "genkit" / "py.typed").is_file()
    assert not (site / "tests").exists()
    assert not list(site.rglob("__pycache__"))


def test_it_is_the_wheel_that_runs(site, tmp_path):
    said = python(
        site, tmp_path, "-c", "import genkit, genkit.config as c; print(genkit.__file__, c.conf_dir())"
    )
    assert said.stdout.split() == [str(site / "genkit" / "__init__.py"), str(site / "genkit" / "conf")]


def test_the_entry_point_and_the_metadata(site):
    (about,) = site.glob("*.dist-info")
    assert "genkit = genkit.cli:script" in (about / "entry_points.txt").read_text()
    assert "License-File: LICENSE" in (about / "METADATA").read_text()


def test_it_composes_from_another_folder(site, tmp_path):
    said = python(site, tmp_path, "-m", "genkit", "train", "experiment=digits_vae", "--cfg", "job")
    assert said.returncode == 0, said.stderr
    assert yaml.safe_load(said.stdout)["model"]["family"] == "vae"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_it_trains_and_samples_from_another_folder(site, tmp_path):
    words = ["model=vae", "data=digits", "debug=fast", "trainer=cpu", "name=a", "callbacks.progress=none"]
    said = python(site, tmp_path, "-m", "genkit", "train", *words)
    assert said.returncode == 0, said.stderr
    assert (tmp_path / "runs" / "a" / "checkpoints" / "step-3").is_dir()
    said = python(site, tmp_path, "-m", "genkit", "sample", "run=a", "n=2", "out=a.png")
    assert said.returncode == 0, said.stderr
    assert (tmp_path / "a.png").is_file()
