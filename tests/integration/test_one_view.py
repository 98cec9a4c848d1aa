"""All families on one view of one data set: same images, same dimensions, likelihoods on one axis."""

import json
import math

import numpy as np
import pytest
import torch

import genkit
from genkit import config
from genkit.cli import main
from genkit.core.batch import Batch
from genkit.data import open_dataset

WORDS = ["debug=fast", "trainer=cpu", "callbacks.progress=none", "logger=none", "callbacks.samples.n=0"]
WORDS += ["batch_size=16", "trainer.val_batches=1"]
VIEWS = {
    "digits": (["data=digits"], 8 * 8, 17, 180),
    "mnist": (["data=mnist", "data.size=16", "data.levels=2", "data.download=false"], 16 * 16, 2, 10_000),
}
MODELS = {
    "gpt": ["model=gpt_pixels", "model.n_layer=1", "model.n_embd=16", "model.n_head=2"],
    "vae": ["model=vae", "model.width=4", "model.hidden=8", "model.likelihood=categorical"],
    "dcgan": ["model=dcgan", "model.width=4", "model.latent_size=4"],
}
KINDS = {"gpt": "exact", "vae": "bound"}


def first_images(run, words):
    """The first test images as the run's model sees them."""
    module = genkit.load(run)
    paths = config.paths([word for word in words if word.startswith("paths.")])
    cfg = config.load_frozen(run / "config.yaml")
    dataset = open_dataset(cfg.data, paths, config.view(cfg))
    data = torch.from_numpy(dataset.split("test").gather(np.arange(5))[0])
    return module.as_arrays(Batch(data, range(5))).data


@pytest.mark.parametrize("view", ["digits", pytest.param("mnist", marks=pytest.mark.slow)])
def test_likelihoods_of_all_families_meet_on_one_axis(view, tmp_path, capsys, request):
    words, dimensions, levels, examples = VIEWS[view]
    if view == "mnist":
        data_dir = request.getfixturevalue("data_dir")
        if not (data_dir / "MNIST" / "raw").is_dir():
            pytest.skip("GENKIT_DATA_DIR holds no MNIST/raw")
        words = [*words, f"paths.data_dir={data_dir}"]
    place, seen = [w for w in words if w.startswith("paths.")], []
    for name, model in MODELS.items():
        assert main(["train", *model, *words, *WORDS, f"name={name}", f"paths.runs_dir={tmp_path}"]) == 0
        seen.append(first_images(tmp_path / name, words))
        out = tmp_path / f"{name}.jsonl"
        score = ["score", f"run={tmp_path / name}", "split=test", "batch_size=500", f"out={out}", *place]
        capsys.readouterr()
        code, said = main(score), capsys.readouterr()
        if name not in KINDS:
            assert code == 2
            assert "no likelihood" in said.err
            continue
        assert code == 0, said.err
        row = json.loads(out.read_text())
        assert row["kind"] == KINDS[name]
        assert row["examples"] == examples
        assert row["bits_per_dimension"] == pytest.approx(
            row["nats"] / math.log(2) / examples / dimensions, rel=1e-9
        )
        # An untrained softmax is near the uniform one, so an error of scale would show.
        assert row["bits_per_dimension"] == pytest.approx(math.log2(levels), rel=0.35)
    assert all(torch.equal(images, seen[0]) for images in seen)
