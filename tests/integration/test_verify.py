"""`genkit verify`: what is wrong with a run folder is listed; what is right is not."""

import json
import os
import shutil

import numpy as np
import pytest

from genkit.data import seals
from genkit.runs import manifests
from tests.integration.conftest import QUICK

STEP = "checkpoints/step-4"


@pytest.fixture
def run(trained, tmp_path):
    """A copy of a trained run."""
    return shutil.copytree(trained("vae"), tmp_path / "run")


@pytest.mark.parametrize("family", ["gpt", "dcgan", "vae"])
def test_what_was_trained_is_sound(family, trained, genkit):
    code, out, err = genkit("verify", f"run={trained(family)}")
    assert (code, err) == (0, "")
    assert "is sound: step-2, step-4; " in out
    assert "wrong" not in out


def reseal(place, **entries):
    manifest = {**json.loads((place / "manifest.json").read_text()), **entries}
    manifest["files"] = {name: manifests.describe(place / name) for name in manifest["files"]}
    manifest["sha256"] = manifests.seal(manifest)
    (place / "manifest.json").write_text(json.dumps(manifest))


def pickled(run):
    (run / STEP / "weights.safetensors").write_bytes(b"\x80\x04N.")
    reseal(run / STEP)


def other_data(run):
    for step in (2, 4):
        reseal(run / f"checkpoints/step-{step}", data="another")


def append(name, text):
    def change(run):
        with open(run / name, "a") as file:
            file.write(text)

    return change


def write(name, text):
    return lambda run: (run / name).write_text(text)


def logged(name, text):
    """A file in the folder of a logger."""

    def change(run):
        (run / "wandb" / "files").mkdir(parents=True)
        (run / "wandb" / "files" / name).write_text(text)

    return change


def test_data_of_a_logger_is_sound(run, genkit):
    logged("summary.json", "{}")(run)
    (run / "mlruns").mkdir()
    (run / "mlruns" / "meta.yaml").write_text("name: x\n")
    assert genkit("verify", f"run={run}")[0] == 0


WRONG = {
    "bit": (append(f"{STEP}/trainer.json", " "), "trainer.json has"),
    "pickle": (pickled, "weights.safetensors is no safetensors file but a pickle, which could run code"),
    "stray-pickle": (write("model.ckpt", "x"), "model.ckpt is a file of a kind (.ckpt) that could run code"),
    "script": (write("evil.py", "x"), "evil.py is a file of a kind (.py) that could run code"),
    "logger-code": (logged("hook.dat", "#!/bin/sh\n"), "hook.dat is a script"),
    "unknown": (write("more.txt", "x"), "more.txt is no file that genkit writes"),
    "stray": (write(f"{STEP}/more.json", "{}"), "more.json is no file of this checkpoint"),
    "link": (lambda run: (run / "x").symlink_to("/etc/hostname"), "run/x is a link"),
    "pipe": (lambda run: os.mkfifo(run / "pipe"), "pipe is a pipe"),
    "target": (append("config.yaml", "more: {_target_: os.system}\n"), "_target_"),
    "key": (append("config.yaml", "more: 3\n"), "has a key more, which no configuration"),
    "model": (lambda run: write("config.yaml", config_with(run, "hidden: 16", "hidden: 17"))(run), "SHA-256"),
    "spec": (append("spec.json", " "), "spec.json is not the one"),
    "record": (write("run.json", "{"), "run.json is damaged"),
    "no-record": (lambda run: (run / "run.json").unlink(), "run.json is missing"),
    "pointer": (write("checkpoints/best", "step-3\n"), "best names 'step-3', which is no checkpoint here"),
    "pointer-out": (write("checkpoints/last", "../x\n"), "last names '../x'"),
    "no-pointer": (lambda run: (run / "checkpoints/last").unlink(), "last is missing; the newest is step-4"),
    "data": (other_data, "names data that no checkpoint was trained on"),
    "findings": (write("findings.json", "[]"), "findings.json is damaged"),
    "rows": (write("evaluation.jsonl", '{"metric": "x"}\n{}\n'), "evaluation.jsonl is damaged"),
}


def config_with(run, old, new):
    text = (run / "config.yaml").read_text()
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_listed(kind, run, genkit):
    change, said = WRONG[kind]
    change(run)
    code, out, err = genkit("verify", f"run={run}")
    assert code == 3
    assert said in out
    assert f"genkit: {run} is not sound: " in err
    assert err.count("\n") == 1


def test_several_things_are_each_a_line(run, genkit):
    append("spec.json", " ")(run)
    write("checkpoints/best", "step-3\n")(run)
    code, out, err = genkit("verify", f"run={run}")
    assert code == 3
    assert len(out.splitlines()) == out.count("wrong: ") > 2
    assert "more, above." in err


def test_weights_whose_header_begins_like_a_pickle_are_sound(run, genkit):
    file = run / STEP / "weights.safetensors"
    content = file.read_bytes()
    length = int.from_bytes(content[:8], "little")
    padding = (0x80 - length) % 256  # (the first byte of a header's length is 0x80, as a pickle's first is)
    header = content[8 : 8 + length] + b" " * padding
    file.write_bytes(len(header).to_bytes(8, "little") + header + content[8 + length :])
    assert file.read_bytes()[:1] == b"\x80"
    reseal(run / STEP)
    assert genkit("verify", f"run={run}")[0] == 0


def test_packed_data_that_was_changed_is_found(genkit, tmp_path):
    """By a training, by a check and by verify; who rewrites the description too, by the run that used it."""
    values = np.random.default_rng(0).integers(0, 256, (60, 8, 8)).astype(np.uint8)
    np.savez(tmp_path / "x.npz", images=values)
    places = [f"paths.runs_dir={tmp_path}", f"paths.cache_dir={tmp_path / 'cache'}"]
    data = ["data=arrays", f"data.path={tmp_path / 'x.npz'}", places[1]]
    words = ["model=vae", "model.network=mlp", "model.hidden=8", *QUICK, "budget.steps=1", *data, places[0]]
    assert genkit("train", *words, "name=a")[0] == 0
    assert genkit("verify", "run=a", *places)[0] == 0
    (folder,) = (tmp_path / "cache").glob("arrays-*/")
    images = np.load(folder / "images.npy", mmap_mode="r+")
    images[...] = 0
    images.flush()
    for code, command in ((4, ["train", *words, "name=b"]), (4, ["data", "check", *data])):
        found, _, err = genkit(*command)
        assert found == code, err
        assert "images.npy is damaged" in err
    assert "images.npy is damaged" in genkit("verify", "run=a", *places)[2]
    about = seals.describe(folder)
    (folder / "dataset.json").write_text(json.dumps(seals.sealed(folder, about)))
    assert genkit("train", *words, "name=b")[0] == 0  # (what the folder says is right in itself)
    assert "other data than its digest" in genkit("data", "check", *data)[2]
    code, _, err = genkit("verify", "run=a", *places)
    assert (code, "other data than its digest" in err) == (3, True)
    shutil.rmtree(folder)
    assert genkit("verify", "run=a", *places)[0] == 0


@pytest.mark.parametrize("said", [7, [], {"../../x-0123456789abcdef": "a"}, {"x": None}, {"a": {"b": "c"}}])
def test_what_a_record_says_of_packed_data_leads_nowhere(said, run, genkit, tmp_path):
    record = {**json.loads((run / "run.json").read_text()), "packed": said}
    (run / "run.json").write_text(json.dumps(record))
    code, _, err = genkit("verify", f"run={run}", f"paths.cache_dir={tmp_path / 'a' / 'b'}")
    assert code == (0 if isinstance(said, dict) and "../" in str(said) else 3), err
    assert code == 0 or "record of the packed data is damaged" in err
