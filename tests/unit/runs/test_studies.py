"""Studies of strangers: names that lead elsewhere, links, pipes and devices are refused unread."""

import os

import pytest
import yaml

from genkit.report import report
from genkit.runs import studies
from genkit.study.folder import load_plan, member_config
from genkit.system.errors import CheckpointError, ConfigError, GenkitError
from tests.unit.report.report_runs import row, write_run, write_study

ARM = {"a": ["model=vae"]}


@pytest.fixture
def study(tmp_path):
    """One arm and two seeds; the second member has not run."""
    folder = tmp_path / "runs" / "digits"
    write_run(folder / "a-0", "a", 0, [row("kid", 1.0)])
    write_study(folder, [("a", 0, {"status": "finished"}), ("a", 1, {})], arms=ARM, seeds=[0, 1])
    (folder / "members").mkdir()
    for number in (0, 1):
        write_member(folder, number, f"a-{number}")
    return folder


def write_member(folder, number, name):
    cfg = {"model": {"family": "vae"}, "seed": number, "name": name}
    (folder / "members" / f"{number:04d}.yaml").write_text(yaml.safe_dump(cfg))


@pytest.fixture
def victim(tmp_path):
    """A folder that nobody gave away, with a file in it."""
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "thesis.txt").write_text("SECRET")
    return tmp_path / "victim"


@pytest.mark.parametrize(
    "name", ["../../victim", "{victim}", ".", "..", "members", "report", "a-0/samples", 3, None]
)
@pytest.mark.parametrize("listed", [False, True])
def test_a_members_name_leads_nowhere_else(name, listed, study, victim):
    name = name.format(victim=victim) if isinstance(name, str) else name
    write_member(study, 1, name)
    if listed:
        text = (study / "members.json").read_text()
        assert '"a-1"' in text
        (study / "members.json").write_text(
            text.replace('"a-1"', yaml.safe_dump(name, default_style='"').split("\n")[0])
        )
    before = sorted(map(str, study.rglob("*")))
    with pytest.raises(GenkitError, match="restore it"):
        member_config(study, 1, {})
    assert (victim / "thesis.txt").read_text() == "SECRET"
    assert sorted(map(str, study.rglob("*"))) == before


def test_a_folder_that_no_run_made_is_not_removed(study):
    (study / "a-1").mkdir()
    (study / "a-1" / "thesis.txt").write_text("SECRET")
    with pytest.raises(ConfigError, match="a-1 is no run's folder"):
        member_config(study, 1, {})
    assert (study / "a-1" / "thesis.txt").read_text() == "SECRET"


def test_a_folder_that_a_killed_run_left_empty_is_made_anew(study):
    (study / "a-1").mkdir()
    (study / "a-1" / ".lock").touch()
    assert member_config(study, 1, {}).plain["resume"] is None
    assert not (study / "a-1").exists()


LINKS = {
    "samples": ("a-0/samples/step-200.png", "victim"),
    "a text": ("a-0/samples/step-200.txt", "victim"),
    "pairs": ("a-0/evaluation/x/pairs.png", "victim"),
    "a device": ("a-0/samples/step-200.txt", "/dev/zero"),
    "the log of a member": (".a-1.log", "victim"),
    "the report": ("report", "folder"),
    "the members": ("members/0002.yaml", "victim"),
    "an outcome": ("outcomes/0001.json", "victim"),
    "the table": ("rows.jsonl", "victim"),
    "the lock": (".lock", "victim"),
    "a whole run": ("a-1", "folder"),
    "the history": ("a-0/metrics.csv", "victim"),
}


@pytest.mark.parametrize("kind", [*LINKS, "a pipe"])
@pytest.mark.parametrize("asked", [load_plan, lambda folder: report(folder, folder / "report")])
def test_no_link_of_a_study_is_followed(kind, asked, study, victim):
    place, target = LINKS.get(kind, ("a-0/samples/step-200.txt", ""))
    path = study / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if kind == "a pipe":
        os.mkfifo(path)
    else:
        there = {"victim": victim / "thesis.txt", "folder": victim}.get(target, target)
        path.symlink_to(there)
    with pytest.raises(CheckpointError, match=r"is a (link|pipe)"):
        asked(study)
    assert os.listdir(victim) == ["thesis.txt"]
    assert (victim / "thesis.txt").read_text() == "SECRET"


def test_a_link_that_a_logger_made_within_its_run_is_no_strangers(study):
    (study / "a-0" / "wandb" / "run-1").mkdir(parents=True)
    (study / "a-0" / "wandb" / "latest-run").symlink_to("run-1")
    studies.check_plain(study)
    (study / "a-0" / "wandb" / "up").symlink_to("../../a-1")
    with pytest.raises(CheckpointError, match="up is a link"):
        studies.check_plain(study)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(number=-1),
        lambda m: m.update(number="1"),
        lambda m: m.update(number=0),
        lambda m: m.update(name="a-0"),
        lambda m: m.update(seed=True),
        lambda m: m.update(trial="x"),
        lambda m: m.pop("arm"),
    ],
)
def test_a_list_of_members_has_a_shape(change, study):
    import json

    listed = json.loads((study / "members.json").read_text())
    change(listed[1])
    (study / "members.json").write_text(json.dumps(listed))
    with pytest.raises(ConfigError, match="damaged study"):
        load_plan(study)


def test_a_study_is_not_read_beyond_its_bounds(study):
    with open(study / "study.yaml", "a") as file:
        file.write("#" * 100_000_000)
    with pytest.raises(ConfigError, match="more than 200,000 bytes"):
        load_plan(study)
