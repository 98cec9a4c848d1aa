"""`genkit push` and runs of the hub, against a hub of this machine that speaks its API."""

import json
import shutil
from pathlib import Path

import pytest
import torch

import genkit as library
from genkit import train
from genkit.system.errors import CheckpointError, ConfigError, StorageError
from tests.fake_hub import FakeHub
from tests.integration.conftest import QUICK

hub_library = pytest.importorskip("huggingface_hub", reason="the extra hub is not installed")
TOKEN = "hf_canary2f9c71d4"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub, and this process a user of it with a token, with caches of the test's own."""
    server = FakeHub()
    monkeypatch.setattr(hub_library.constants, "ENDPOINT", server.address)
    monkeypatch.setattr(
        hub_library.constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        server.address + "/{repo_id}/resolve/{revision}/{filename}",
    )
    monkeypatch.setattr(hub_library.constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("GENKIT_CACHE_DIR", str(tmp_path / "cache"))
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def run(trained, tmp_path):
    """A copy of a trained run."""
    return shutil.copytree(trained("vae"), tmp_path / "run")


@pytest.fixture
def shared(hub, run, genkit):
    """The digest of the run as it was pushed to ada/digits."""
    code, out, err = genkit("push", f"run={run}", "to=ada/digits", "license=mit")
    assert (code, err) == (0, "")
    return out.split('digest="')[1].split('"')[0]


def test_a_pushed_run_comes_back_bit_by_bit(shared, hub, run, capsys):
    assert hub.tokens == {TOKEN}
    files = hub.files("ada/digits")
    assert {"config.yaml", "run.json", "spec.json", "README.md", "checkpoints/last"} <= {*files}
    assert len(files["checkpoints/step-4/trainer.safetensors"]) < 100
    assert not [name for name in files if "step-2" in name or name.endswith(".lock")]
    assert f'digest="{shared}"' in files["README.md"].decode()
    loaded = library.load("ada/digits", digest=shared)
    own = library.load(run).sample(3, seed=5).data
    assert loaded.sample(3, seed=5).data.equal(own)
    assert capsys.readouterr().err == ""


SMALL = ["model.width=2", "model.latent_size=4", "model.select=null"]
TOKENS = ["model=gpt", "data=digits", "model.n_layer=1", "model.n_head=2", "model.n_embd=16"]
PLUCKS = ["data=plucks", "data.examples=120", "model.hidden=16", *SMALL]
KINDS = {
    "a codec": ["model=codes", "data=digits", "model.width=4", "model.depth=1", "model.adversarial=0"],
    "codes": [*TOKENS, "data.codec=codec"],
    "sounds": ["model=vae", *PLUCKS, "data.view=waveform", "model.likelihood=discretised_logistic"],
    "pictures of sound": ["model=vae", *PLUCKS, "data.bands=16"],
    "videos": ["model=dcgan", "data=moving_digits", *SMALL],
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_of_any_kind_comes_back_bit_by_bit(kind, hub, tmp_path, genkit):
    where = [*QUICK, "budget.steps=2", f"paths.runs_dir={tmp_path / 'runs'}"]
    if kind == "codes":
        train([*KINDS["a codec"], *where, "name=codec"])
    run = train([*KINDS[kind], *where, "name=one"])["run"]
    own = library.load(run).sample(2, seed=5)
    code, out, err = genkit("push", f"run={run}", "to=ada/one")
    assert (code, err) == (0, "")
    files = hub.files("ada/one")
    assert any(name.startswith("codec/") for name in files) == (kind == "codes")
    for suffix in own.spec.medium.keeps:
        assert len(files[f"samples/card{suffix}"]) > 100
    shutil.rmtree(tmp_path / "runs")  # and with it the codec that it was trained with
    loaded = library.load("ada/one", digest=out.split('digest="')[1].split('"')[0]).sample(2, seed=5)
    assert loaded.spec.to_dict() == own.spec.to_dict()
    assert all(map(torch.equal, loaded.data, own.data))
    for one, other in zip(loaded.shown.arrays, own.shown.arrays, strict=True):
        assert (one == other).all()


def test_a_digest_is_said_once_and_pins(shared, hub, run, genkit, capsys):
    library.load("ada/digits")
    assert shared in capsys.readouterr().err
    library.load("hf:ada/digits")
    assert capsys.readouterr().err == ""
    with pytest.raises(CheckpointError, match=f"{shared}, not digest=0000"):
        library.load("ada/digits", digest="0" * 64)
    record = json.loads(hub.files("ada/digits")["run.json"])
    hub.put("ada/digits", {**hub.files("ada/digits"), "run.json": json.dumps({**record, "seed": 9}).encode()})
    with pytest.raises(CheckpointError, match="another run"):
        library.load("ada/digits", digest=shared)
    first = hub.repos["ada/digits"][1][0]
    hub.asked.clear()
    library.load(f"ada/digits@{first}", digest=shared)
    assert hub.asked == []  # a whole commit that is here is asked for no more


def test_commands_take_runs_of_the_hub(shared, genkit, tmp_path):
    code, _, err = genkit("sample", "run=hf:ada/digits", "n=2", f"out={tmp_path / 'x.png'}")
    assert code == 0
    assert shared in err
    assert (tmp_path / "x.png").is_file()
    code, _, err = genkit("evaluate", "run=hf:ada/digits", "metrics=nll")
    assert (code, "is of the hub" in err) == (2, True)  # its rows would change what the digest is of


def test_a_run_of_this_machine_asks_nobody(shared, hub, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, tmp_path / "ada" / "digits")
    hub.asked.clear()
    library.load("ada/digits")
    with pytest.raises(ConfigError, match="no run 'ada/digit'"):
        library.load("ada/digit")  # a slip in a path
    with pytest.raises(ConfigError, match="leave it out"):
        library.load("ada/digits", digest=shared)
    assert hub.asked == []


def test_what_was_shared_before_is_replaced(shared, hub, run, genkit):
    assert genkit("push", f"run={run}", "to=ada/digits", "checkpoint=step-2", "optimizer=true")[0] == 0
    files = hub.files("ada/digits")
    assert not [name for name in files if "step-4" in name]
    assert len(files["checkpoints/step-2/trainer.safetensors"]) > 1000


def test_a_model_for_transformers_is_pushed(hub, trained, genkit):
    code, out, _ = genkit("push", f"run={trained('gpt')}", "to=ada/colors", "format=hf", "private=true")
    assert code == 0
    assert "digest" not in out
    files = hub.files("ada/colors")
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= {*files}
    assert 'from_pretrained("ada/colors")' in files["README.md"].decode()
    assert hub.private == {"ada/colors"}
    with pytest.raises(CheckpointError, match="which no run folder does"):
        library.load("ada/colors")


def pickled(files):
    files["checkpoints/step-4/weights.safetensors"] = b"\x80\x04N."


def beside(files):
    files["model.pkl"] = b"\x80\x04N."


def flipped(files):
    name = "checkpoints/step-4/weights.safetensors"
    files[name] = files[name][:-1] + bytes([files[name][-1] ^ 1])


def outside(files):
    files["checkpoints/../../x"] = b"x"


def without(files):
    del files["config.yaml"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (pickled, "is not sound"),
        (beside, "model.pkl, which no run folder does"),
        (flipped, "SHA-256"),
        (outside, "which no run folder does"),
        (without, "is no run of genkit"),
    ],
)
def test_what_is_not_sound_is_refused(change, said, shared, hub, tmp_path):
    files = hub.files("ada/digits")
    change(files)
    hub.put("ada/digits", files)
    with pytest.raises(CheckpointError, match=said) as refused:
        library.load("ada/digits")
    assert "\n" not in str(refused.value)
    assert not list((tmp_path / "cache").glob("hub/*/*/config.yaml"))


@pytest.mark.parametrize(
    "name", ["../x", "a/../b", "a/b/c", "ada", "ada/", "/x", "a b/c", "a--b/c", "x/" + "y" * 99]
)
def test_a_malformed_name_is_refused(name, hub, run, genkit):
    code, _, err = genkit("push", f"run={run}", f"to={name}")
    assert (code, err.count("\n")) == (2, 1)
    assert "no name on the hub" in err
    with pytest.raises(ConfigError, match="no name on the hub"):
        library.load(f"hf:{name}")
    assert hub.asked == []


@pytest.mark.parametrize(("status", "said"), [(401, "token"), (403, "no right"), (500, "answers 500")])
def test_a_hub_that_refuses_is_told_in_one_line(status, said, hub, run, genkit):
    hub.refuses = status
    code, out, err = genkit("push", f"run={run}", "to=ada/digits")
    assert (code, err.count("\n")) == (StorageError.exit_code, 1)
    assert said in err
    assert TOKEN not in out + err


def test_without_a_token_nothing_is_sent(hub, run, genkit, monkeypatch, tmp_path):
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(hub_library.constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    code, _, err = genkit("push", f"run={run}", "to=ada/digits")
    assert (code, err.count("\n")) == (2, 1)
    assert "hf auth login" in err
    assert hub.asked == []


def test_a_run_that_is_not_whole_or_finished_is_not_pushed(hub, run, genkit):
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**record, "status": "interrupted"}))
    code, _, err = genkit("push", f"run={run}", "to=ada/digits")
    assert (code, "is interrupted" in err) == (2, True)
    (run / "run.json").write_text(json.dumps(record))
    (run / "checkpoints" / "step-2" / "weights.safetensors").write_bytes(b"x")
    code, _, err = genkit("push", f"run={run}", "to=ada/digits")
    assert (code, "is not sound" in err) == (3, True)
    assert hub.asked == []


def test_what_is_not_there_is_said(shared):
    for name, said in {"ada/none": "none of this name", "ada/digits@v1": "no such revision"}.items():
        with pytest.raises(CheckpointError, match=said):
            library.load(name)


def test_a_hub_that_is_not_reached_is_said(shared, monkeypatch):
    monkeypatch.setattr(hub_library.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(CheckpointError, match="cannot be reached"):
        library.load("ada/digits")
    assert Path("ada").exists() is False
