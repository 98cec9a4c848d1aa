"""Composing, freezing, resuming: what a person types becomes plain, checked values."""

import os
import re
from pathlib import Path

import pytest
import yaml

from genkit import config
from genkit.system.errors import CheckpointError, ConfigError


def compose(*words):
    return config.compose("train", words).plain


# ---------------------------------------------------------------------- composing


def test_defaults_are_plain_values():
    cfg = compose()
    assert yaml.safe_load(yaml.safe_dump(cfg)) == cfg
    assert cfg["choices"]["model"] == "gpt"
    assert "hydra" not in cfg


def test_what_is_typed_wins_over_a_recipe_and_a_recipe_over_a_default():
    assert compose("experiment=digits_vae")["optim"]["ema"] == 0.999
    cfg = compose("experiment=digits_vae", "optim.ema=0.5", "model.latent_size=3")
    assert (cfg["optim"]["ema"], cfg["model"]["latent_size"], cfg["model"]["family"]) == (0.5, 3, "vae")
    assert compose("batch_size=8", "experiment=digits_vae")["batch_size"] == 8  # in any order


def test_a_model_brings_its_optimiser_unless_one_is_typed():
    assert compose("model=dcgan")["optim"]["betas"] == [0.5, 0.999]
    assert compose("model=dcgan", "optim=sgd")["optim"]["name"] == "sgd"


@pytest.mark.parametrize(
    ("word", "unit", "amount"),
    [
        ("budget.epochs=2", "epochs", 2),
        ("budget.examples=1e4", "examples", 1e4),
        ("budget.seconds=0.5", "seconds", 0.5),
        ("budget.steps=7", "steps", 7),
    ],
)
def test_a_budget_replaces_the_one_of_the_recipe(word, unit, amount):
    for recipe in ([], ["experiment=mnist_vae_mlp"], ["experiment=digits_vae"]):
        budget = compose(*recipe, word)["budget"]
        assert {key: value for key, value in budget.items() if value is not None} == {unit: amount}


def test_debug_comes_last():
    cfg = compose("experiment=digits_vae", "debug=fast")
    assert (cfg["budget"]["steps"], cfg["trainer"]["val_every"]) == (3, 3)


@pytest.mark.parametrize("text", ["a, b", "${x}", "it's", "字", "a=b", "[1]", "null", "~", "{a: b}"])
def test_free_text_is_attached_as_typed(text):
    assert compose(f"name={text}")["name"] == text
    assert compose("data=text_file", f"data.path={text}")["data"]["path"] == text


def test_paths_come_from_the_environment_and_from_words(monkeypatch, tmp_path):
    monkeypatch.setenv("GENKIT_RUNS_DIR", "/from/environment")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert compose()["paths"]["runs_dir"] == "/from/environment"
    assert config.paths(["paths.runs_dir=~/typed", "seed=nonsense"])["runs_dir"] == str(tmp_path / "typed")
    monkeypatch.delenv("GENKIT_RUNS_DIR")
    assert config.paths([])["runs_dir"] == "runs"


def test_composing_leaves_an_outer_hydra_alone():
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir

    with initialize_config_dir(str(config.conf_dir()), version_base="1.3"):
        compose()
        assert hydra_compose("train").seed == 0


def test_groups_list_options_but_no_parts():
    groups = config.groups()
    assert {"gpt", "dcgan", "vae"} <= set(groups["model"])
    assert not [option for options in groups.values() for option in options if option.startswith("_")]
    assert all(config.about(file) for options in groups.values() for file in options.values())


# ---------------------------------------------------------------------- freezing


def test_a_frozen_configuration_comes_back_without_places(tmp_path):
    words = ["model=vae", "data=digits", "optim.lr=3e-4", "paths.data_dir=/secret", "name=字"]
    made = config.compose("train", words)
    (tmp_path / "config.yaml").write_text(config.freeze(made), encoding="utf-8")
    loaded = config.load_frozen(tmp_path / "config.yaml")
    cfg, frozen = made.plain, loaded.plain
    assert (loaded.model, loaded.optim, loaded.data) == (made.model, made.optim, made.data)
    assert "/secret" not in (tmp_path / "config.yaml").read_text(encoding="utf-8")
    assert not {"paths", "resume", "init_from", "experiment"} & set(frozen)
    assert all(frozen[key] == cfg[key] for key in ("model", "optim", "data", "seed", "budget", "name"))


def test_a_path_to_data_is_frozen_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("x")
    frozen = yaml.safe_load(config.freeze(config.compose("train", ["data=text_file", "data.path=a.txt"])))
    assert frozen["data"]["path"] == str(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "describes no model"),
        (b"[]", "describes no model"),
        (b"model: 3", "describes no model"),
        (b"model: [", "cannot be read"),
        (b"\xff\xfe\xff", "cannot be read"),
        (b"model: !!python/name:os.system {}", "cannot be read"),
        (b"model: {_target_: os.system}", "_target_"),
        (b"model: {a: [{_target_: x}]}", "_target_"),
        (b"model: {}\n#" + b"x" * 200_000, "more than 200,000 bytes"),
        (b"model: " + b"[" * 5000, "cannot be read"),
    ],
)
def test_a_damaged_frozen_configuration_is_refused(content, said, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_bytes(content)
    with pytest.raises(CheckpointError) as refused:
        config.load_frozen(file)
    assert said in str(refused.value)
    assert str(file) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", ["missing", "directory", "fifo", "device"])
def test_no_plain_file_is_no_frozen_configuration(kind, tmp_path):
    file = tmp_path / "config.yaml"
    {
        "missing": lambda: None,
        "directory": file.mkdir,
        "fifo": lambda: os.mkfifo(file),
        "device": lambda: file.symlink_to("/dev/zero"),
    }[kind]()
    with pytest.raises(CheckpointError, match="is missing"):
        config.load_frozen(file)


# ---------------------------------------------------------------------- going on


@pytest.fixture
def frozen():
    words = ["model=vae", "data=digits", "optim.lr=3e-4", "budget.steps=9", "name=a"]
    cfg = config.compose("train", words)
    return yaml.safe_load(config.freeze(cfg))


def test_a_resumed_run_keeps_its_own_values(frozen):
    cfg = config.resume(config.typed(frozen), ["resume=a"]).plain
    assert all(cfg[key] == frozen[key] for key in ("model", "data", "optim", "budget", "seed", "batch_size"))
    assert cfg["resume"] == "a"


def test_where_things_lie_is_never_a_runs_to_say(frozen, tmp_path):
    stranger = {
        **frozen,
        "paths": {"runs_dir": "/theirs", "data_dir": "/theirs"},
        "init_from": "x",
        "resume": "y",
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(stranger))
    loaded = config.load_frozen(tmp_path / "config.yaml")
    assert loaded.plain == frozen
    assert "/theirs" not in str(config.resume(loaded, ["resume=a"]))


def test_nothing_is_looked_up_when_a_run_goes_on(frozen):
    for value in ("${oc.env:HOME}", "[${oc.env:HOME}]", "${seed}"):
        with pytest.raises(ConfigError, match="nothing is looked up"):
            config.resume(config.typed(frozen), ["resume=a", f"logger.names={value}"])


def test_a_resumed_run_may_go_on_longer_and_elsewhere(frozen):
    words = ["resume=a", "budget.epochs=3", "trainer=cpu", "logger=none", "paths.data_dir=/d"]
    cfg = config.resume(config.typed(frozen), [*words, "callbacks.samples.n=0", "optim.clip=1"]).plain
    assert (cfg["budget"]["epochs"], cfg["budget"]["steps"]) == (3, None)
    assert (cfg["trainer"]["accelerator"], cfg["logger"]["names"]) == ("cpu", [])
    assert (cfg["paths"]["data_dir"], cfg["callbacks"]["samples"]["n"]) == ("/d", 0)


@pytest.mark.parametrize(
    "word",
    [
        "seed=1",
        "batch_size=3",
        "model=gpt",
        "model.width=3",
        "data=mnist",
        "data.size=8",
        "optim=sgd",
        "name=b",
    ],
)
def test_what_decides_the_numbers_stays(word, frozen):
    with pytest.raises(ConfigError, match=r"a resumed run keeps its \w+; .*init_from=RUN"):
        config.resume(config.typed(frozen), ["resume=a", word])


@pytest.mark.parametrize("word", ["budget.steps=0", "trainer.devices=0", "optim.lr=-1", "budget.stepz=3"])
def test_what_is_changed_is_checked(word, frozen):
    with pytest.raises(ConfigError):
        config.resume(config.typed(frozen), ["resume=a", word])


# ---------------------------------------------------------------------- typed


def test_groups_are_typed_and_another_configuration_is_made_by_replacing():
    cfg = config.compose("train", ["model=dcgan", "data=mnist", "optim.generator.lr=1"])
    assert (cfg.model.width, cfg.data.levels, cfg.optim.betas) == (64, None, (0.5, 0.999))
    assert (cfg.trainer.processes, cfg.callbacks.samples.n, cfg.budget.unit) == (1, 16, "steps")
    assert cfg.choices["optim"] == "adam_gan"
    other = config.replace(cfg, {"model.width": 8, "trainer.devices": 1, "name": "x"})
    assert (other.model.width, other.plain["model"]["width"], other.name) == (8, 8, "x")
    assert (cfg.model.width, cfg.plain["model"]["width"], cfg.name) == (64, 64, None)
    with pytest.raises(AttributeError):
        cfg.model.width = 3
    with pytest.raises(ConfigError, match=r"model.width=0: give from 1 to 100,000 channels"):
        config.replace(cfg, {"model.width": 0})


def test_knobs_that_an_old_run_lacks_have_defaults_and_its_model_keeps_its_digest(frozen, tmp_path):
    written = {**frozen["model"]}
    for key in ("free_bits", "conditional", "importance_samples"):
        del written[key]
    old = {**frozen, "model": written, "optim": {"name": "adam", "lr": 1e-3}}
    del old["callbacks"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(old))
    loaded = config.load_frozen(tmp_path / "config.yaml")
    assert (loaded.model.free_bits, loaded.model.importance_samples) == (0.0, 1)
    assert (loaded.optim.betas, loaded.callbacks.checkpoint.keep) == ((0.9, 0.999), 2)
    assert config.digest(loaded.plain["model"]) == config.digest(written)
    assert yaml.safe_load(config.freeze(loaded)) == old


def test_a_knob_of_no_version_is_refused_with_its_model(frozen, tmp_path):
    strange = {**frozen, "model": {**frozen["model"], "hiden": 3}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(strange))
    with pytest.raises(CheckpointError, match=r"model.hiden is no knob of family vae. Did you mean"):
        config.load_frozen(tmp_path / "config.yaml")


# ---------------------------------------------------------------------- what the files say of their keys


def spoken_of(word):
    """Options of groups, and keys of which a comment says that they take such a value."""
    root = Path(__file__).parents[3] / "conf"
    for file in sorted(root.glob("*/[a-z]*.yaml")):
        if file.parent.name in ("data", "model", "trainer", "optim") and "package" not in file.read_text():
            for key, comment in re.findall(r"^(\w+): .*?#(.*)$", file.read_text(), re.MULTILINE):
                if word in comment:
                    yield file.parent.name, file.stem, key


@pytest.mark.parametrize(("group", "option", "key"), list(spoken_of("null:")))
def test_a_key_takes_null_where_its_comment_says_so(group, option, key):
    assert compose(f"{group}={option}", f"{group}.{key}=null")[group][key] is None


@pytest.mark.parametrize("option", ["arrays", "image_folder", "hf_images"])
def test_ranges_of_values_are_typed_as_they_are_advised(option):
    typed = compose("model=vae", f"data={option}", "data.range=[0,4095]")["data"]["range"]
    assert typed == [0, 4095]
    for wrong in ("[0]", "ab", "3", "[0,1,2]", "[a,b]", "[true,2]"):
        with pytest.raises(ConfigError, match=r"data.range.*\[0,4095\]"):
            compose("model=vae", f"data={option}", f"data.range={wrong}")


# ---------------------------------------------------------------------- sweeps


def test_the_jobs_of_a_sweep():
    texts, words = config.sweep(["seed=0,1", "model=gpt,vae", "paths.runs_dir=a,b", "yes=true"])
    assert (texts, words) == (["paths.runs_dir=a,b"], ["seed=0,1", "model=gpt,vae"])
    with config.hydra_session():
        jobs = config.jobs(words)
    assert jobs == [[f"seed={s}", f"model={m}"] for s in (0, 1) for m in ("gpt", "vae")]


def test_a_large_sweep_asks():
    with pytest.raises(ConfigError, match=r"1,001 jobs.*yes=true"):
        config.sweep(["seed=range(0,1001)"])
    assert config.sweep(["seed=range(0,1001)", "yes=true"])[1] == ["seed=range(0,1001)"]
