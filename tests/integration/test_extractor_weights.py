"""`genkit evaluate extractor.weights=FILE`: a run, and two folders, by a network whose weights are a file."""

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from genkit.metrics.dinov2_network import DinoNetwork
from genkit.runs import rows


def test_weights_of_an_extractor_come_from_a_file(trained, genkit, tmp_path):
    """A run, and two folders, by DINOv2's network of one block with weights that were never trained."""
    torch.manual_seed(0)
    network = DinoNetwork(384, 1, 1 + 16 * 16)
    save_file(network.state_dict(), tmp_path / "dino.safetensors")
    own = ["extractor=dinov2", f"extractor.weights={tmp_path / 'dino.safetensors'}"]
    out = tmp_path / "rows.jsonl"
    words = [f"run={trained('vae')}", "n=24", "metrics=kid", "checkpoint=last", f"out={out}"]
    code, said, err = genkit("evaluate", *words, *own)
    assert code == 0, err
    assert "kid_dinov2" in said
    (row,) = [row for row in rows.read(out) if row.place.role == "model"]
    assert "as Pillow" in row.protocol["resizer"]
    generator = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(20):
            pixels = generator.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    code, said, err = genkit("evaluate", f"real={tmp_path / 'a'}", f"fake={tmp_path / 'b'}", *own)
    assert code == 0, err
    assert "kid_dinov2" in said
    (tmp_path / "dino.safetensors").write_bytes(b"")
    code, said, err = genkit("evaluate", *words, *own)
    assert (code, said) == (3, "")
    assert "dino.safetensors cannot be read as weights" in err
    assert len(err.splitlines()) == 1
