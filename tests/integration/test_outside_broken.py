"""Distributions of other people of which nothing is as it should be: each is refused by its name."""

from textwrap import dedent

import pytest

from tests.outside_site import Site

BROKEN = {
    "pyproject": """
        [build-system]
        requires = ["hatchling>=1.27"]
        build-backend = "hatchling.build"
        [project]
        name = "outside-broken"
        version = "0.1.0"
        [project.entry-points."genkit.families"]
        broken = "broken_things.parts:NUMBER"
        [project.entry-points."genkit.knobs"]
        "data.unhelped" = "broken_things.parts:Unhelped"
        "data.heavy" = "broken_things.heavy:Heavy"
        [project.entry-points."genkit.datasets"]
        broken = "broken_things.parts:NUMBER"
        absent = "broken_things.parts:no_such"
        listed = "broken_things.parts:listed"
        homeless = "broken_things.parts:homeless"
        unhelped = "broken_things.parts:listed"
        heavy = "broken_things.parts:listed"
        [project.entry-points."genkit.metrics"]
        needy = "broken_things.parts:NEEDY"
        [project.entry-points."genkit.commands"]
        broken = "broken_things.parts:NUMBER"
        [project.entry-points."genkit.conf"]
        broken = "broken_things"
        [tool.hatch.build.targets.wheel]
        packages = ["broken_things"]
    """,
    "parts": """
        from dataclasses import dataclass
        import numpy as np
        from genkit.core.knobs import DataKnobs
        from genkit.core.media.medium import Medium
        from genkit.data.sources import Images
        from genkit.metrics.declaration import Metric

        NUMBER = 3
        NEEDY = Metric("needy", "1", "lower", ("pictures",), len, "needs what there is not")

        class Unhelped(DataKnobs, frozen=True):
            depth: int = 3

        @dataclass(frozen=True)
        class Lines(Medium):
            def sheet(self, shown, columns=None, border=1):
                return None

        def listed(data, paths):
            return [1, 2]

        def homeless(data, paths):
            medium = Lines("lines", "a line", "lines", ("time",))
            return Images(np.zeros((20, 1, 4), np.uint8), None, medium=medium)
    """,
    "heavy": """
        import torch
        from genkit.core.knobs import DataKnobs

        class Heavy(DataKnobs, frozen=True):
            pass
    """,
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A distribution of which nothing is as it should be."""
    folder = tmp_path_factory.mktemp("broken")
    package = folder / "source" / "broken_things"
    (package / "conf" / "data").mkdir(parents=True)
    (package / "conf" / "model").mkdir()
    (package / "__init__.py").touch()
    (folder / "source" / "pyproject.toml").write_text(dedent(BROKEN["pyproject"]))
    for module in ("parts", "heavy"):
        (package / f"{module}.py").write_text(dedent(BROKEN[module]))
    for name in ("broken", "absent", "listed", "homeless", "unhelped", "heavy"):
        (package / "conf" / "data" / f"{name}.yaml").write_text(f"# Broken.\nname: {name}\n")
    model = "# @package _global_\n# Broken.\nmodel: {family: broken, view: arrays, sizes: [], select: null}\n"
    (package / "conf" / "model" / "broken.yaml").write_text(model)
    return Site(folder).install(folder / "source")


def test_what_is_not_sound_is_refused_in_one_line_with_its_distribution(broken):
    refusals = {
        "train data=unhelped": "whose depth says no help",
        "data look data=broken": "is of type int, no function of data and paths",
        "data look data=absent": "cannot be imported: AttributeError",
        "data look data=listed": "returns a list",
        "data look data=homeless": "give lines an entry point in the group genkit.media",
        "train data=heavy": "imports torch: give the knobs a file of their own",
        "broken run=a": "is no command but int",
        "study study=quickstart dry=true primary=needy": "it needs pictures, which no evidence has",
        "train model=broken data=digits": "is no class of genkit.core.module.GenerativeModule",
    }
    for command, (code, out, err) in zip(refusals, broken.genkit(*refusals), strict=True):
        assert (code, err.count("\n")) == (2, 1), (command, out, err)
        assert "outside-broken" in err
        assert refusals[command] in err, command
    assert not list((broken.folder / "runs").glob("*"))
    [overview, metrics, listed] = broken.done("--help", "evaluate --help", "data look data=digits")
    assert "train a model" in overview
    assert "needy" in metrics  # a name that can be asked for; asked, it says what is wrong with it
    assert "digits" in listed
