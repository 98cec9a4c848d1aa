"""Extractors whose weights are a file: beside torch-fidelity's and transformers' networks with untrained
weights, for the trained ones are downloads; and the files that are refused."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from genkit.metrics import dinov2_network, inception
from genkit.metrics.dinov2_network import DinoNetwork, like_pillow
from genkit.metrics.extractors import extractor
from genkit.metrics.inception_network import SIDE, like_tensorflow_1
from genkit.system.errors import CheckpointError, ConfigError, GenkitError


def pictures(n: int, *shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, *shape), generator=generator, dtype=torch.uint8)


# ------------------------------------------------------------------------------------------ Inception


def test_pictures_are_resized_as_tensorflow_1_does_it():
    theirs = pytest.importorskip("torch_fidelity.interpolate_compat_tensorflow")
    for height, width in ((28, 28), (32, 40), (299, 299), (512, 300), (1, 3)):
        images = pictures(2, 3, height, width).float()
        expected = theirs.interpolate_bilinear_2d_like_tensorflow1x(images, (SIDE, SIDE), align_corners=False)
        torch.testing.assert_close(like_tensorflow_1(images, SIDE), expected, rtol=1e-5, atol=1e-3)


@pytest.fixture(scope="module")
def fidelity():
    """torch-fidelity's network, every number of it drawn."""
    theirs = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    network = theirs.FeatureExtractorInceptionV3
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(theirs, "load_state_dict_from_url", lambda *_, **__: {})
        patched.setattr(network, "load_state_dict", lambda *_: None)
        torch.manual_seed(0)
        untrained = network("inception", ["2048", "logits_unbiased"])
    generator = torch.Generator().manual_seed(1)
    for name, value in untrained.state_dict().items():
        if ".bn." in name and value.is_floating_point():
            low, high = (-0.2, 0.2) if name.endswith(("bias", "running_mean")) else (0.5, 1.5)
            value.uniform_(low, high, generator=generator)
    return untrained


def test_inception_from_a_file_is_the_network_that_torch_fidelity_makes_of_it(
    fidelity, tmp_path, monkeypatch
):
    path = tmp_path / inception.FILE
    torch.save(fidelity.state_dict(), path)
    monkeypatch.setattr(inception, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest()[:8])
    made = extractor("inception", path)
    for images in (pictures(2, 1, 28, 28), pictures(1, 3, 301, 320)):
        features, probabilities = made.both(images)
        expected, logits = fidelity(images.expand(-1, 3, -1, -1))
        torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(probabilities, logits.softmax(1), rtol=1e-4, atol=1e-6)
        assert features.shape == (len(images), made.size)
        assert features.std() > 1e-3
    assert "TensorFlow 1 bilinear" in made.protocol["resizer"]


def test_inception_without_weights_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))

    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(ConfigError, match=r"no weights here and cannot fetch them \(no network\)") as refused:
        extractor("inception")
    assert "\n" not in str(refused.value)
    with pytest.raises(ConfigError, match="there is no such file"):
        extractor("inception", tmp_path / "absent.pth")
    (tmp_path / "wrong.pth").write_bytes(b"not weights")
    with pytest.raises(CheckpointError, match="SHA-256"):
        extractor("inception", tmp_path / "wrong.pth")


# ------------------------------------------------------------------------------------------ DINOv2


def transformers_model(side: int):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.Dinov2Config(
        hidden_size=384, num_attention_heads=6, num_hidden_layers=3, image_size=side, layerscale_value=0.5
    )
    model = transformers.Dinov2Model(config).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)
    return model


def as_meta_has_it(model) -> dict[str, Tensor]:
    """The state of transformers' model by the names of the original's checkpoints."""
    own = model.state_dict()
    plain = {
        "cls_token": own["embeddings.cls_token"],
        "mask_token": own["embeddings.mask_token"],
        "pos_embed": own["embeddings.position_embeddings"],
    }
    for kind in ("weight", "bias"):
        plain[f"patch_embed.proj.{kind}"] = own[f"embeddings.patch_embeddings.projection.{kind}"]
        plain[f"norm.{kind}"] = own[f"layernorm.{kind}"]
        for i in range(3):
            three = [own[f"encoder.layer.{i}.attention.{part}_proj.{kind}"] for part in "qkv"]
            plain[f"blocks.{i}.attn.qkv.{kind}"] = torch.cat(three)
            plain[f"blocks.{i}.attn.proj.{kind}"] = own[f"encoder.layer.{i}.attention.o_proj.{kind}"]
            for name in ("norm1", "norm2", "mlp.fc1", "mlp.fc2"):
                plain[f"blocks.{i}.{name}.{kind}"] = own[f"encoder.layer.{i}.{name}.{kind}"]
    for i in range(3):
        for k in (1, 2):
            plain[f"blocks.{i}.ls{k}.gamma"] = own[f"encoder.layer.{i}.layer_scale{k}.lambda1"]
    return {name: value.detach().clone() for name, value in plain.items()}


LAYOUTS = ("theirs", "theirs/model.safetensors", "state.bin", "original.pth", "original.safetensors")


@pytest.fixture(scope="module")
def dino(tmp_path_factory):
    """transformers' network for pictures of 224, and a folder with its weights in every layout."""
    folder = tmp_path_factory.mktemp("dinov2")
    model = transformers_model(224)
    model.save_pretrained(folder / "theirs")
    torch.save(model.state_dict(), folder / "state.bin")
    torch.save(as_meta_has_it(model), folder / "original.pth")
    save_file(as_meta_has_it(model), folder / "original.safetensors")
    return model, folder


@torch.no_grad()
def expected(model, images: Tensor) -> Tensor:
    """By Pillow's bicubic filter, ImageNet's mean and deviation, and transformers."""
    shown = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
    large = [np.asarray(one.resize((224, 224), Image.Resampling.BICUBIC)) / 255 for one in shown]
    pixels = (np.stack(large) - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    values = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    return model(pixel_values=values).last_hidden_state[:, 0]


def test_dinov2_from_a_file_is_the_network_that_transformers_makes_of_it(dino):
    model, folder = dino
    made = {name: extractor("dinov2", folder / name) for name in LAYOUTS}
    assert len({one.digest for one in made.values()}) == 1
    images = pictures(2, 3, 224, 224)
    for one in made.values():
        torch.testing.assert_close(one.features(images), expected(model, images), rtol=1e-4, atol=1e-4)
    own = made["theirs"]
    assert own.size == 384
    assert own.classes == ()
    assert "as Pillow" in own.protocol["resizer"]
    small = pictures(4, 3, 20, 20)
    found, wanted = own.features(small), expected(model, small)
    torch.testing.assert_close(found, wanted, rtol=1e-2, atol=1e-2)
    grey = pictures(2, 1, 224, 224)
    torch.testing.assert_close(
        own.features(grey), expected(model, grey.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("side", [16, 32, 64, 223, 500])
def test_pictures_are_resized_as_pillow_does_it(side):
    image = pictures(1, 3, side, side)
    smooth = like_pillow(image.float() / 255, 48)  # photographs are smoother than noise
    for given in (image.float() / 255, smooth):
        levels = (given[0] * 255).round().byte().permute(1, 2, 0).numpy()
        theirs = np.asarray(Image.fromarray(levels).resize((224, 224), Image.Resampling.BICUBIC))
        ours = (like_pillow(given, 224)[0] * 255).permute(1, 2, 0).numpy()
        # (Pillow computes in whole numbers, so what lies between two levels may fall to either, twice.)
        assert np.abs(ours - theirs).max() <= 2.001
        assert np.mean(np.abs(ours - theirs) > 0.5) < 0.01


def test_positions_are_interpolated_as_transformers_does_it_but_for_the_originals_shift(monkeypatch):
    """transformers leaves out the tenth of a patch that the original adds."""
    model = transformers_model(518)
    network = DinoNetwork(384, 3, 1 + 37 * 37)
    network.load_state_dict(
        {k: v for k, v in as_meta_has_it(model).items() if k != "mask_token"}, strict=True
    )
    pixels = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        theirs = model(pixel_values=pixels).last_hidden_state[:, 0]
        shifted = network.seen(pixels)
        monkeypatch.setattr(dinov2_network, "SHIFT", 0.0)
        torch.testing.assert_close(network.seen(pixels), theirs, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(shifted, theirs, atol=1e-3)


def test_a_ramp_of_positions_is_moved_by_the_originals_shift():
    """Place i of 16 stands at (i + ½) × 37 / 16.1 - ½ of 37, up to what torch's cubic bends a line; without
    the shift the last ones would stand 0.2 further."""
    network = DinoNetwork(384, 0, 1 + 37 * 37)
    ramp = torch.arange(37.0).repeat(37, 1).reshape(1, -1, 1).expand(-1, -1, 384)
    with torch.no_grad():
        network.pos_embed[:, 1:] = ramp
        found = network.positions(16)[0, 1:, 0].view(16, 16)
    wanted = (torch.arange(16) + 0.5) * 37 / 16.1 - 0.5
    torch.testing.assert_close(found[:, 1:-1], wanted[1:-1].repeat(16, 1), rtol=0, atol=0.06)


# ------------------------------------------------------------------------------------------ refused


class Bomb:
    def __reduce__(self):
        return (print, ("it ran",))


def wrong_files(folder: Path, state: dict[str, Tensor]) -> dict[str, str]:
    """Files of weights that are none, and what is said of each."""
    whole = (folder / "original.safetensors").read_bytes()
    (folder / "empty.safetensors").write_bytes(b"")
    (folder / "empty.pth").write_bytes(b"")
    (folder / "short.safetensors").write_bytes(whole[: len(whole) // 2])
    (folder / "short.pth").write_bytes((folder / "original.pth").read_bytes()[:100_000])
    (folder / "text.pth").write_text("<html>404</html>")
    (folder / "bomb.pth").write_bytes(pickle.dumps({"cls_token": Bomb()}))
    torch.save({"model": Bomb()}, folder / "bomb.pt")
    torch.save({"epoch": 3, "state": state}, folder / "training.pth")
    torch.save([torch.zeros(2)], folder / "list.pt")
    (folder / "weights.onnx").write_bytes(b"x")
    (folder / "bare").mkdir()
    save_file({"a": torch.zeros(2)}, folder / "other.safetensors")
    save_file({**state, "norm.bias": torch.zeros(7)}, folder / "shape.safetensors")
    save_file({k: v for k, v in state.items() if k != "norm.bias"}, folder / "lacks.safetensors")
    save_file({**state, "head.weight": torch.zeros(2)}, folder / "more.safetensors")
    save_file({**state, "norm.bias": torch.full((384,), torch.nan)}, folder / "nan.safetensors")
    save_file({**state, "register_tokens": torch.zeros(1, 4, 384)}, folder / "registers.safetensors")
    wide = torch.zeros(1, 1 + 256, 1536)
    save_file({**state, "pos_embed": wide}, folder / "giant.safetensors")
    return {
        "absent.pth": "no such file",
        "bare": "is a folder without model.safetensors",
        "weights.onnx": "weights are read from .safetensors, .pth",
        "empty.safetensors": "cannot be read as weights: its header would have 0 bytes",
        "empty.pth": "cannot be read as weights",
        "short.safetensors": "its header says",
        "short.pth": "cannot be read as weights",
        "text.pth": "no file of tensors alone",
        "bomb.pth": "no file of tensors alone",
        "bomb.pt": "no file of tensors alone",
        "training.pth": "epoch is a int, not a tensor",
        "list.pt": "holds a list, not tensors",
        "other.safetensors": "holds no DINOv2",
        "shape.safetensors": "other shapes: norm.bias is 7, not 384",
        "lacks.safetensors": "lacks norm.bias",
        "more.safetensors": "more than that: head.weight",
        "nan.safetensors": "norm.bias holds NaN",
        "registers.safetensors": "with registers",
        "giant.safetensors": "width 1536",
    }


def test_files_that_are_no_weights_are_refused_in_one_line(dino, tmp_path, capfd):
    _, folder = dino
    for name in ("original.pth", "original.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    state = load_file(folder / "original.safetensors")
    for name, words in wrong_files(tmp_path, state).items():
        with pytest.raises(GenkitError) as refused:
            extractor("dinov2", tmp_path / name)
        assert words in str(refused.value), name
        assert name in str(refused.value)
        assert "\n" not in str(refused.value)
        assert isinstance(refused.value, ConfigError | CheckpointError)
    assert "it ran" not in capfd.readouterr().out


def test_what_brings_its_own_weights_takes_no_file():
    with pytest.raises(ConfigError, match="brings its own weights"):
        extractor("digits", "x.pth")
    with pytest.raises(ConfigError, match=r"needs a file, .* extractor\.weights=FILE"):
        extractor("dinov2")
