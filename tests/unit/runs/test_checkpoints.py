"""Checkpoints: what is saved comes back bit by bit, and what was tampered with is refused by name."""

import json
import os
import pickle
import shutil

import pytest
import torch

from genkit.runs import checkpoints, manifests
from genkit.runs.checkpoints import Checkpoint
from genkit.system.errors import CheckpointError, StorageError

TRAINER = {
    "optimizers": [{"state": {0: {"step": torch.tensor(3.0)}, 7: {}}, "betas": (0.9, 0.95), "on": None}],
    "seconds": 1.5,
    "names": ["a", "字"],
}


def saved(folder, step=2, **tensors):
    weights = {"a.weight": torch.arange(6.0).view(2, 3), "b": torch.tensor([1], dtype=torch.int64), **tensors}
    ema = {"a.weight": torch.full((2, 3), 0.5)}
    return checkpoints.save(folder, Checkpoint(step, weights, ema, TRAINER, {"family": "gpt"}))


@pytest.fixture
def place(tmp_path):
    saved(tmp_path, 1)
    return saved(tmp_path, 2)


def test_round_trip(place):
    loaded = checkpoints.load(place, trainer=True)
    assert loaded.step == 2
    assert loaded.about["family"] == "gpt"
    assert torch.equal(loaded.weights["a.weight"], torch.arange(6.0).view(2, 3))
    assert loaded.weights["b"].dtype == torch.int64
    assert torch.equal(loaded.ema["a.weight"], torch.full((2, 3), 0.5))
    optimizer = loaded.trainer["optimizers"][0]
    assert optimizer["state"][0]["step"] == 3.0
    assert (optimizer["state"][7], optimizer["betas"], optimizer["on"]) == ({}, (0.9, 0.95), None)
    assert (loaded.trainer["seconds"], loaded.trainer["names"]) == (1.5, ["a", "字"])


def test_equal_states_give_equal_bytes_and_digests(tmp_path):
    one, two = saved(tmp_path / "one"), saved(tmp_path / "two")
    assert checkpoints.digest(one) == checkpoints.digest(two)
    other = saved(tmp_path / "three", b=torch.tensor([2]))
    assert checkpoints.digest(other) != checkpoints.digest(one)


def test_only_plain_state_is_saved(tmp_path):
    with pytest.raises(TypeError, match="plain data"):
        checkpoints.save(tmp_path, Checkpoint(1, {}, trainer={"code": print}))


def test_saving_leaves_no_temporary_folder_and_replaces_the_same_step(place):
    saved(place.parent, 2, b=torch.tensor([9]))
    assert sorted(p.name for p in place.parent.iterdir()) == ["last", "step-1", "step-2"]
    assert checkpoints.load(place).weights["b"].item() == 9


def test_a_full_disk_keeps_what_was_there(place, monkeypatch):
    before = checkpoints.digest(place)
    failing = {"fsync": os.fsync}

    def fsync(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StorageError, match=r"step-3: .*No space left.*Free space"):
        saved(place.parent, 3)
    monkeypatch.setattr(os, "fsync", failing["fsync"])
    assert sorted(p.name for p in place.parent.iterdir()) == ["last", "step-1", "step-2"]
    assert checkpoints.digest(place) == before
    assert checkpoints.locate(place.parent, "last") == place


# ---------------------------------------------------------------------- which one


def test_locate(place):
    folder = place.parent
    assert checkpoints.locate(folder, "last") == place
    assert checkpoints.locate(folder, "step-1") == folder / "step-1"
    checkpoints.point(folder, "best", 1)
    assert checkpoints.locate(folder, "best").name == "step-1"


@pytest.mark.parametrize("which", ["best", "step-3", "step-x", "../x", "", "manifest"])
def test_locate_lists_what_there_is(place, which):
    with pytest.raises(CheckpointError, match="step-1, step-2"):
        checkpoints.locate(place.parent, which)


def test_steps_are_ordered_by_number_not_by_time(tmp_path):
    for step in (100, 9, 20):
        saved(tmp_path, step)
    for path in tmp_path.glob("step-*"):
        os.utime(path, (0, 0))
    assert checkpoints.available(tmp_path) == [9, 20, 100]


def test_prune_keeps_the_newest_and_those_pointed_at(tmp_path):
    for step in (1, 2, 3, 4, 5):
        saved(tmp_path, step)
    checkpoints.point(tmp_path, "best", 2)
    checkpoints.prune(tmp_path, 2)
    assert checkpoints.available(tmp_path) == [2, 4, 5]


def test_last_is_the_newest_left_when_its_folder_was_deleted(place):
    shutil.rmtree(place)
    assert checkpoints.locate(place.parent, "last").name == "step-1"


def test_a_half_written_folder_is_no_checkpoint(place):
    (place.parent / "step-7").mkdir()
    (place.parent / ".step-8.123").mkdir()
    assert checkpoints.available(place.parent) == [1, 2]


# ---------------------------------------------------------------------- damage


def rewrite(place, **entries):
    """Change the manifest, as somebody would who wants a changed file to pass."""
    path = place / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest.update(entries)
    manifest["sha256"] = checkpoints.seal(manifest)
    path.write_text(json.dumps(manifest))


def forge(place, name, content):
    """Replace a file and let the manifest agree with it."""
    (place / name).write_bytes(content)
    manifest = json.loads((place / "manifest.json").read_text())
    files = {**manifest["files"], name: manifests.describe(place / name)}
    rewrite(place, files=files)


def truncate(place):
    file = place / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-1])


def flip(place):
    file = place / "weights.safetensors"
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)


def link(place):
    file = place / "weights.safetensors"
    file.rename(place.parent / "elsewhere")
    file.symlink_to(place.parent / "elsewhere")


def fifo(place):
    (place / "weights.safetensors").unlink()
    os.mkfifo(place / "weights.safetensors")


def directory(place):
    (place / "weights.safetensors").unlink()
    (place / "weights.safetensors").mkdir()


DAMAGE = {
    "missing": (lambda p: (p / "weights.safetensors").unlink(), r"weights.safetensors is missing"),
    "truncated": (truncate, r"weights.safetensors has \d+ bytes, its manifest says \d+"),
    "empty": (lambda p: (p / "ema.safetensors").write_bytes(b""), r"ema.safetensors has 0 bytes"),
    "bit": (flip, r"weights.safetensors is not the file that was saved \(SHA-256\)"),
    "link": (link, "weights.safetensors is a link"),
    "fifo": (fifo, "no plain file"),
    "directory": (directory, "no plain file"),
    "trainer": (lambda p: (p / "trainer.json").write_text("{}"), r"trainer.json has 2 bytes"),
    "no-manifest": (lambda p: (p / "manifest.json").unlink(), "manifest.json is missing"),
    "no-json": (lambda p: (p / "manifest.json").write_text("{"), "manifest.json is damaged"),
    "list": (lambda p: (p / "manifest.json").write_text("[]"), "manifest.json is damaged"),
    "binary": (
        lambda p: (p / "manifest.json").write_bytes(b"\xff\xfe"),
        "manifest.json is damaged",
    ),
    "no-files": (lambda p: rewrite(p, files={}), r"does not speak of .*weights.safetensors"),
    "files-list": (lambda p: rewrite(p, files=["x"]), "damaged"),
    "entries": (lambda p: rewrite(p, files={"weights.safetensors": 3}), "damaged"),
    "step": (lambda p: rewrite(p, step="x"), "damaged"),
    "hidden-ema": (lambda p: rewrite(p, files=_without(p, "ema.safetensors")), "ema.safetensors"),
    "outside": (
        lambda p: rewrite(p, files={**_without(p, ""), "../last": {"bytes": 1, "sha256": ""}}),
        "last",
    ),
    "pickle": (
        lambda p: forge(p, "weights.safetensors", pickle.dumps({}, 2)),
        "pickle, which could run code",
    ),
    "zip": (lambda p: forge(p, "weights.safetensors", b"PK\3\4rest"), "ZIP archive .*could run code"),
    "noise": (lambda p: forge(p, "weights.safetensors", b"\xff" * 64), "no safetensors file but damaged"),
}


def _without(place, name):
    files = json.loads((place / "manifest.json").read_text())["files"]
    return {key: value for key, value in files.items() if key != name}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_refused_with_the_file_and_a_fallback(place, kind):
    damage, said = DAMAGE[kind]
    damage(place)
    with pytest.raises(CheckpointError, match=said) as refused:
        checkpoints.load(place, trainer=True)
    assert str(place) in str(refused.value)
    assert "use checkpoint=step-1" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_without_a_fallback_it_says_so(tmp_path):
    place = saved(tmp_path, 3)
    truncate(place)
    with pytest.raises(CheckpointError, match="no other checkpoint"):
        checkpoints.load(place)


def test_a_newer_schema_asks_for_an_update(place):
    rewrite(place, schema=checkpoints.SCHEMA + 1, files="of another shape")
    with pytest.raises(CheckpointError, match=rf"schema {checkpoints.SCHEMA + 1}.*update genkit"):
        checkpoints.load(place)


def test_a_pickle_is_never_executed(place, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    forge(place, "weights.safetensors", pickle.dumps(Evil(), protocol=2))
    with pytest.raises(CheckpointError):
        checkpoints.load(place)
    assert not (tmp_path / "executed").exists()


def test_numbers_that_are_not_finite(tmp_path):
    place = saved(tmp_path, 1, c=torch.tensor([float("nan")]), d=torch.tensor([float("inf")]))
    with pytest.raises(
        CheckpointError, match=r"2 tensors that are not finite \(c, d\).*allow_nonfinite=true"
    ):
        checkpoints.check_finite(checkpoints.load(place), place)


def test_finite_numbers_pass(place):
    checkpoints.check_finite(checkpoints.load(place), place)


def test_keys_that_do_not_fit_are_counted_and_listed():
    module = torch.nn.Linear(2, 2)
    given = {f"x{i}": torch.zeros(1) for i in range(7)} | {"bias": torch.zeros(3)}
    with pytest.raises(CheckpointError) as refused:
        checkpoints.restore_module(module, given, "runs/a")
    said = str(refused.value)
    assert "the weights of runs/a do not fit" in said
    assert "1 missing (weight)" in said
    assert "7 unexpected (x0, x1, x2, x3, x4)" in said
    assert "1 of another shape (bias)" in said


@pytest.mark.parametrize("wrap", [torch.compile, torch.optim.swa_utils.AveragedModel])
def test_names_that_a_wrapper_has_lengthened(wrap):
    plain, other = torch.nn.Sequential(torch.nn.Linear(2, 3)), torch.nn.Sequential(torch.nn.Linear(2, 3))
    state = wrap(plain).state_dict()
    assert set(state) != set(plain.state_dict())
    checkpoints.restore_module(other, state)
    assert torch.equal(other[0].weight, plain[0].weight)


def test_only_prefixes_of_wrappers_are_left_out():
    plain, other = torch.nn.Linear(2, 3), torch.nn.Linear(2, 3)
    checkpoints.restore_module(
        other, {f"module._orig_mod.{name}": t for name, t in plain.state_dict().items()}
    )
    assert torch.equal(other.weight, plain.weight)
    with pytest.raises(CheckpointError, match="2 missing"):
        checkpoints.restore_module(other, {f"x.{name}": t for name, t in plain.state_dict().items()})


# ---------------------------------------------------------------------- beside a trainer


READS = {
    "verify": checkpoints,
    "read_json": manifests,
    "describe": manifests,
    "load_file": checkpoints,
    "digest": checkpoints,
}


@pytest.mark.parametrize("which", ["last", "best", "step-2"])
@pytest.mark.parametrize("read", READS)
def test_a_checkpoint_that_a_trainer_deletes_while_it_is_read(which, read, place, monkeypatch):
    """Whatever has been read by then: a pointer names the next one, a step is refused by name."""
    folder = place.parent
    checkpoints.point(folder, "best", 2)
    real, begun = getattr(READS[read], read), []

    def deleted_before(*arguments, **more):
        if not begun:
            begun.append(1)
            saved(folder, 3, b=torch.tensor([3]))
            checkpoints.point(folder, "best", 3)
            place.rename(folder / ".old")  # as `prune` does
            shutil.rmtree(folder / ".old")
        return real(*arguments, **more)

    monkeypatch.setattr(READS[read], read, deleted_before)
    if which == "step-2":
        with pytest.raises(CheckpointError, match="step-2") as refused:
            checkpoints.load_named(folder, which)
        assert "\n" not in str(refused.value)
    else:
        found, loaded = checkpoints.load_named(folder, which)
        assert (found.name, loaded.weights["b"].item()) == ("step-3", 3)


def test_a_last_checkpoint_that_is_damaged_is_refused_at_once(place):
    flip(place)
    with pytest.raises(CheckpointError, match="SHA-256"):
        checkpoints.load_named(place.parent, "last")


def test_drawing_reads_nothing_of_the_optimisers(place, monkeypatch):
    hashed = []
    real = manifests.describe
    monkeypatch.setattr(manifests, "describe", lambda path: (hashed.append(path.name), real(path))[1])
    checkpoints.load(place)
    assert sorted(hashed) == ["ema.safetensors", "manifest.json", "weights.safetensors"]
    hashed.clear()
    checkpoints.load(place, trainer=True)
    assert {"trainer.safetensors", "trainer.json"} < set(hashed)
    content = bytearray((place / "trainer.safetensors").read_bytes())
    content[-1] ^= 1
    (place / "trainer.safetensors").write_bytes(content)
    checkpoints.load(place)
    with pytest.raises(CheckpointError, match=r"trainer.safetensors is not the file"):
        checkpoints.load(place, trainer=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seconds": 1e308}, "its seconds are none"),
        ({"wall_seconds": -1.0}, "its seconds are none"),
        ({"seconds": "long"}, "seconds is not a number"),
        ({"callbacks": [1]}, "callbacks is not a mapping"),
        ({"best": {"step": "x"}}, "best.step is not a whole number"),
    ],
)
def test_a_trainers_state_of_other_kinds_is_refused(change, said, tmp_path):
    state = {**TRAINER, **change}
    place = checkpoints.save(tmp_path, Checkpoint(1, {"a": torch.ones(1)}, trainer=state))
    with pytest.raises(CheckpointError, match=f"trainer.json is no trainer's state .*{said}"):
        checkpoints.load(place, trainer=True)


def test_a_state_that_says_a_thing_twice_is_refused():
    with pytest.raises(ValueError, match="a key stands twice"):
        checkpoints.join_state({"dict": [["seconds", 1.0], ["seconds", 2.0]]}, {})


def test_an_average_of_no_tensor_is_not_taken_for_none(place):
    from safetensors.torch import save_file

    save_file({}, place / "ema.safetensors")
    about = json.loads((place / "manifest.json").read_text())
    rewrite(place, files={**about["files"], "ema.safetensors": manifests.describe(place / "ema.safetensors")})
    with pytest.raises(CheckpointError, match=r"ema\.safetensors .*it holds no tensors"):
        checkpoints.load(place)
