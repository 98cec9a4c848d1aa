"""The pages of the site that are made say what there is; those that are written, of nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import genkit
from genkit import config
from genkit.cli.commands import BUILT_IN
from genkit.config.composing import KEPT
from genkit.families import FAMILIES
from genkit.metrics.catalogue import BUILT_IN as METRICS
from genkit.system import errors
from tests.integration.blocks import DOCS, ROOT, written
from tools.site.pages import pages
from tools.site.results import to_pages

MADE = pages()
KNOB = re.compile(r"`((?:model|data|optim|trainer|budget|callbacks|logger|paths)\.[a-z_.0-9]+)(?==|`)")
PHASES = {"frame_discriminator", "discriminator", "generator", "codec"}  # of which optim has knobs


# ---------------------------------------------------------------------- what is made says what there is


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_page_of_a_command_has_every_word_that_its_help_has(name, genkit, capsys):
    code, help_, _ = genkit(name, "--help")
    assert code == 0
    page = MADE[f"reference/commands/{name}.md"]
    words = re.findall(r"^  ([a-z_.]+)=", help_.partition("\n\n\n")[0], re.M)
    assert [word for word in words if f"`{word}=" not in page] == []


@pytest.mark.parametrize("model", [option for option in config.groups()["model"] if option != "python"])
def test_the_page_of_a_family_has_every_knob_of_its_models(model):
    cfg = config.compose("train", [f"model={model}"])
    page = MADE[f"reference/families/{cfg.model.family}.md"]
    assert f"## model={model}\n" in page
    keys = [key for key in cfg.plain["model"] if key not in KEPT["model"]]
    assert [key for key in keys if f"`model.{key}`" not in page] == []


def test_the_page_of_a_family_has_its_options_of_sampling_and_its_remedies():
    for name in FAMILIES.names():
        family = FAMILIES.load(name)
        page, findings = MADE[f"reference/families/{name}.md"], MADE["reference/findings.md"]
        assert all(f"| `{option.name}` |" in page for option in family.options)
        assert all(
            f"### {rule.code}" in findings and rule.advice.split("`")[0] in findings for rule in family.rules
        )
        assert all(remedy in findings for remedy in family.remedies.values())


@pytest.mark.parametrize("dataset", config.groups()["data"])
def test_the_page_of_a_dataset_has_every_knob(dataset):
    page = MADE[f"reference/data/{dataset}.md"]
    keys = [key for key in config.compose("train", [f"data={dataset}"]).plain["data"] if key != "name"]
    assert [key for key in keys if f"`data.{key}`" not in page] == []


def test_metrics_refusals_recipes_and_names_are_all_there():
    for metric in METRICS.values():
        page = MADE[f"reference/metrics/{metric.group}.md"]
        assert f"## {metric.name}\n" in page
        assert metric.interval in page
    codes = MADE["reference/exit-codes.md"]
    for code, kind in ((2, "Config"), (3, "Checkpoint"), (4, "Data"), (6, "Storage")):
        assert re.search(rf"\| {code} \| `genkit.errors.{kind}Error` \|", codes)
    assert {errors.Diverged.exit_code, errors.Locked.exit_code} == {5, 7}
    assert all(f"| {code} |" in codes for code in (0, 5, 7, 130, 143))
    for recipe in config.groups()["experiment"]:
        assert f"## {recipe}\n" in MADE["reference/recipes.md"]
    python = MADE["reference/python.md"]
    assert [name for name in genkit_names() if not re.search(rf"\.{name}$", python, re.M)] == []


def genkit_names() -> list[str]:
    return [name for name in genkit.__all__ if name != "errors"]


def test_the_overview_of_recipes_names_them_all():
    overview = (DOCS / "recipes.md").read_text(encoding="utf-8")
    assert [name for name in config.groups()["experiment"] if f"`{name}`" not in overview] == []


def test_every_experiment_is_a_page():
    names = {file.parent.name for file in (ROOT / "experiments").glob("*/README.md")}
    assert names == {Path(place).stem for place in MADE if place.startswith("results/")} - {"index"}


LINKED = re.compile(r"\]\((?!\w+:)([^)#\s]+)[^)]*\)")


def test_a_link_of_a_written_page_works_without_the_site_or_leads_into_the_reference():
    to_experiments = 0
    for file in written():
        text = file.read_text(encoding="utf-8")
        for target in LINKED.findall(text):
            path = (file.parent / target).resolve()
            assert not path.is_relative_to(DOCS / "results"), f"{file.name}: {target} is of the site alone"
            if path.is_relative_to(DOCS / "reference"):
                assert str(path.relative_to(DOCS)) in MADE, f"{file.name}: {target}"
            else:
                assert path.exists(), f"{file.name}: {target}"
            to_experiments += path.name == "README.md" and path.is_relative_to(ROOT / "experiments")
    assert to_experiments > 30


def test_on_the_site_a_link_to_an_experiment_leads_to_its_page():
    for file in written():
        if not file.is_relative_to(DOCS):
            continue
        for target in LINKED.findall(to_pages(file.read_text(encoding="utf-8"))):
            path = (file.parent / target).resolve()
            assert not (path.name == "README.md" and path.is_relative_to(ROOT / "experiments")), target
            if path.is_relative_to(DOCS / "results"):
                assert str(path.relative_to(DOCS)) in MADE, f"{file.name}: {target}"


def test_a_default_is_that_of_everybody_and_not_of_this_machine(monkeypatch):
    monkeypatch.setenv("GENKIT_DATA_DIR", "/nowhere/at/all")
    assert "/nowhere/at/all" not in "".join(pages().values())


def test_every_knob_that_a_page_speaks_of_is_one():
    known = {key for text in MADE.values() for key in re.findall(r"\| `([a-z_]+\.[a-z_.0-9]+)` \|", text)}
    said = {(file.name, key) for file in written() for key in KNOB.findall(file.read_text(encoding="utf-8"))}
    wrong = {(page, key) for page, key in said if _general(key) not in known}
    assert len(said) > 100
    assert not wrong


def _general(key: str) -> str:
    """The knob of the group that a phase's knob is."""
    group, *rest = key.split(".")
    return ".".join([group, *(part for part in rest if group != "optim" or part not in PHASES)])
