"""Features from the cache are those that were kept, or are made anew."""

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from genkit.evaluation.array_quality import cached
from genkit.metrics.extractors import extractor
from genkit.metrics.features import collect


def test_features_of_other_values_are_made_anew(tmp_path):
    images = torch.randint(
        0, 256, (40, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    made = collect(extractor("digits"), [images])
    calls = []

    def make():
        calls.append(1)
        return made

    def same(found):
        kept = found.tensors()
        return all(torch.equal(kept[name], tensor) for name, tensor in made.tensors().items())

    file = tmp_path / "x.safetensors"
    assert same(cached(file, make))
    assert same(cached(file, make))
    assert len(calls) == 1
    with safe_open(file, "pt") as held:
        about = held.metadata()
    tensors = load_file(file)
    for changed, metadata in (
        ({name: torch.zeros_like(tensor) for name, tensor in tensors.items()}, about),
        (tensors, {**about, "sha256": "0" * 64}),
        (tensors, {"protocol": about["protocol"]}),
        (tensors, {**about, "protocol": "{}"}),
    ):
        before = len(calls)
        save_file(changed, file, metadata)
        assert same(cached(file, make))
        assert len(calls) == before + 1
        assert same(cached(file, make))
        assert len(calls) == before + 1
