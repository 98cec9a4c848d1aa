"""A checkpoint of another family is named as such, before its tensors are listed one by one."""

import json
import shutil

import pytest

from genkit import load
from genkit.runs import manifests
from genkit.system.errors import CheckpointError
from tests.integration.conftest import words


@pytest.mark.parametrize(("of", "into"), [("vae", "dcgan"), ("dcgan", "vae"), ("vae", "gpt")])
def test_weights_of_another_family_are_refused_by_its_name(of, into, trained, genkit, tmp_path):
    other = trained(of)
    typed = words(into, tmp_path, "new", "budget.steps=1", f"init_from={other}")
    code, out, err = genkit("train", *typed)
    assert (code, out) == (3, "")
    assert err == f"genkit: init_from={of} is a {of}, not a {into}; choose a run of model={into}.\n"
    assert not (tmp_path / "new").exists()


def test_a_checkpoint_of_another_family_in_a_run_is_named(trained, tmp_path):
    run = tmp_path / "mixed"
    shutil.copytree(trained("vae"), run)
    place = run / "checkpoints" / (run / "checkpoints" / "last").read_text().strip()
    manifest = json.loads((place / "manifest.json").read_text())
    manifest["family"] = "gpt"
    manifest["sha256"] = manifests.seal(manifest)
    (place / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="is a gpt, not a vae"):
        load(run)


def test_all_values_that_somebody_has_to_give_are_listed_at_once(genkit, tmp_path):
    typed = words("vae", tmp_path, "new", "budget.steps=???", "optim.lr=???", "model.beta=???", "seed=???")
    code, out, err = genkit("train", *typed)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "not given yet (???):" in err
    for key in ("seed", "budget.steps", "optim.lr", "model.beta"):
        assert f"{key}=…" in err
