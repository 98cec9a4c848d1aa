"""Every recipe and every option of every group composes; every recipe whose data are here trains."""

import pytest

from genkit import config, train
from genkit.core.budget import UNITS
from genkit.system.errors import DataError

RECIPES = list(config.groups()["experiment"])
# A run of three steps need not be as wide as the recipe.
SMALL = {
    "gpt": ["model.n_layer=1", "model.n_embd=32", "model.n_head=2"],
    "dcgan": ["model.width=4"],
    "vae": ["model.hidden=16"],
    "codes": ["model.width=4", "model.depth=0"],
    "flow": ["model.width=8"],
}
OPTIONS = [
    (group, option)
    for group, options in config.groups().items()
    if group not in ("experiment", "debug", "study")
    for option in options
    if option != "python"  # which tests/integration/test_own_families.py composes, with a class
]


def check_composed(cfg):
    assert sum(cfg.plain["budget"][unit] is not None for unit in UNITS) == 1
    assert cfg.model.family in SMALL
    config.view(cfg)


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipe_composes_and_says_how_it_is_run(recipe):
    check_composed(config.compose("train", [f"experiment={recipe}"]))
    text = config.groups()["experiment"][recipe].read_text(encoding="utf-8")
    for line in (
        f"# command:   genkit train experiment={recipe}",
        "# hardware:",
        "# wall time:",
        "# expected:",
    ):
        assert line in text


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_option_composes_and_says_what_it_is(group, option):
    check_composed(config.compose("train", [f"{group}={option}"]))
    assert config.about(config.groups()[group][option])


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipe_trains(recipe, tmp_path):
    cfg = config.compose("train", [f"experiment={recipe}"])
    try:
        if codec := cfg.plain["data"].get("codec"):
            trained(recipe.replace("_gpt", ""), codec, tmp_path)
        record = trained(recipe, "run", tmp_path)
    except DataError as error:
        pytest.skip(str(error))
    assert (record["status"], record["step"]) == ("finished", 3)
    select = cfg.model.select
    assert select is None or select in record["final"]


def trained(recipe, name, runs):
    """What is recorded of three steps of a recipe, of a small model."""
    cfg = config.compose("train", [f"experiment={recipe}"])
    words = [f"experiment={recipe}", "debug=fast", "trainer=cpu", "callbacks.progress=none", "logger=none"]
    words += [f"paths.runs_dir={runs}", f"name={name}", "callbacks.samples.n=0", "trainer.val_batches=1"]
    words += ["data.download=false"] if "download" in cfg.plain["data"] else []
    words += ["data.codec_epochs=1"] if cfg.plain["data"].get("codec") else []
    return train([*words, *SMALL[cfg.model.family]])
