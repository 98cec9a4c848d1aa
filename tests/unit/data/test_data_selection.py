"""What selects a model does not judge it: the splits that every dataset has by default."""

from __future__ import annotations

import numpy as np
import pytest

from genkit import config
from genkit.data import open_dataset
from genkit.data.real import same

# Every dataset that can be had without a network or a download.
EMBEDDED = ("digits", "pydocs", "colors")
PEERS = ("mnist", "shakespeare")


def opened(words, tmp_path, model):
    cfg = config.compose("train", [model, *words, f"paths.cache_dir={tmp_path / 'cache'}"])
    return open_dataset(cfg.data, cfg.paths.by_name, config.view(cfg))


def model_of(name):
    return "model=vae" if name in ("digits", "mnist") else "model=gpt_tiny"


@pytest.mark.parametrize("name", EMBEDDED)
def test_embedded_data_has_three_parts(name, tmp_path):
    dataset = opened([f"data={name}"], tmp_path, model_of(name))
    assert not same(dataset.split("validation"), dataset.split("test"))


@pytest.mark.parametrize("name", PEERS)
def test_published_data_selects_on_another_part_than_the_test_unless_a_peer_is_repeated(
    name, tmp_path, data_dir, monkeypatch
):
    monkeypatch.setenv("GENKIT_DATA_DIR", str(data_dir))
    three = opened([f"data={name}"], tmp_path, model_of(name))
    assert not same(three.split("validation"), three.split("test"))
    peer = opened([f"data={name}", "data.split=peer"], tmp_path, model_of(name))
    assert same(peer.split("validation"), peer.split("test"))
    assert "test is the validation part" in peer.protocol or "validation is the test part" in peer.protocol


def test_mnist_keeps_its_published_test_part(tmp_path, data_dir, monkeypatch):
    monkeypatch.setenv("GENKIT_DATA_DIR", str(data_dir))
    three = opened(["data=mnist"], tmp_path, "model=vae")
    peer = opened(["data=mnist", "data.split=peer"], tmp_path, "model=vae")
    assert same(three.split("test"), peer.split("test"))
    assert three.counts == {"train": 54_000, "validation": 6_000, "test": 10_000}
    assert not set(three.split("validation").rows) & set(three.split("train").rows)


def test_a_users_own_arrays_and_folder_have_three_parts(tmp_path):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (200, 8, 8)).astype(np.uint8), np.arange(200) // 20  # class-sorted
    np.savez(tmp_path / "own.npz", images=images, labels=labels)
    dataset = opened(["data=arrays", f"data.path={tmp_path / 'own.npz'}"], tmp_path, "model=vae")
    rows = {part: set(dataset.split(part).rows) for part in ("train", "validation", "test")}
    assert [len(own) for own in rows.values()] == [180, 10, 10]
    assert not rows["validation"] & rows["test"]
    assert (
        {labels[row] for row in rows["validation"]} == {labels[row] for row in rows["test"]} == set(range(10))
    )


def test_recipes_that_repeat_a_peer_say_so():
    """Their published numbers are of the peers' two parts."""
    for name in ("shakespeare_cpu", "shakespeare_fast", "mnist_vae_mlp", "mnist_vae_fast", "mnist_vae_conv"):
        assert config.compose("train", [f"experiment={name}"]).plain["data"]["split"] == "peer"
