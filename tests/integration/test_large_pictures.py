"""What a step of each family takes of memory on colour pictures of 128×128, in a process of its own."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.integration.conftest import start

BYTES = 4 * 2**30
# By a name of this test: the words of a training.
STEPS = {
    "vae": ["model=vae_resnet", "model.likelihood=discretised_logistic"],
    "dcgan": ["model=dcgan"],
    "gan_resnet": ["model=gan_resnet", "model.strided=true"],
    "codes": ["model=codes_image"],
    "flow": ["model=flow"],
    "flow-patches": ["model=flow", "model.patch=2"],
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for index in range(64):
        data = rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)
        Image.fromarray(data).save(folder / f"{index}.png")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", STEPS)
def test_steps_on_large_pictures_fit_a_small_machine(name, pictures, tmp_path):
    words = [*STEPS[name], "data=image_folder", f"data.path={pictures}", "data.size=128", "batch_size=16"]
    words += [
        "budget.steps=2",
        "trainer=cpu",
        "callbacks.progress=none",
        "callbacks.samples.n=0",
        "logger=none",
    ]
    training = start(
        "train", *words, f"paths.runs_dir={tmp_path}", "name=run", GENKIT_CACHE_DIR=str(tmp_path)
    )
    _, err = training.communicate(timeout=600)
    assert training.returncode == 0, err
    record = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert record["step"] == 2
    assert 2**27 < record["peak_memory"] <= BYTES
