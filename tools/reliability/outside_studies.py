"""Cases: a stranger's study: its declaration, members, outcomes, looks, search, and study files to be run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import Any

import yaml

from tools.reliability.outside_places import (
    ATTRIBUTE,
    FORMULA,
    HREF,
    MARK,
    STEERS,
    WORDS,
    Case,
    Place,
    Tamper,
    rows,
    writes,
)

SHOWN = "study studies"
MEMBERS = [
    {"number": number, "arm": arm, "seed": seed, "name": f"{arm}-{seed}"}
    for number, (arm, seed) in enumerate((arm, seed) for seed in (0, 1) for arm in ("a", "b"))
]
DECLARED: dict[str, Any] = {
    **{"name": "study", "question": "which?", "seeds": [0, 1], "budget": {"steps": 6}, "primary": "nll"},
    **{"arms": {"a": ["model=vae", "data=digits"], "b": ["model=vae", "data=digits"]}, "evaluate": {"n": 8}},
}


def made(place: Place) -> None:
    """`runs/study`, of two arms and two seeds, whose members are copies of the run."""
    rows({})(place)
    study = place.runs / "study"
    for name in ("members", "outcomes"):
        (study / name).mkdir(parents=True)
    for m in MEMBERS:
        shutil.copytree(place.run, study / str(m["name"]))
        cfg = {
            **yaml.safe_load((place.run / "config.yaml").read_text()),
            "name": m["name"],
            "seed": m["seed"],
        }
        for file in (f"members/{m['number']:04d}.yaml", f"{m['name']}/config.yaml"):
            (study / file).write_text(yaml.safe_dump(cfg))
        outcome = {"status": "finished", "seconds": 1.0}
        (study / "outcomes" / f"{m['number']:04d}.json").write_text(json.dumps(outcome))
    (study / "members.json").write_text(json.dumps(MEMBERS))
    (study / "study.yaml").write_text(yaml.safe_dump(DECLARED))


def study(change: Callable[[Place], object], expected: str = "inert", commands: str = SHOWN) -> Case:
    def tamper(place: Place) -> None:
        made(place)
        place.run = place.runs / "study"
        change(place)

    return Case(tamper, commands, expected)


def members(change: Callable[[list[dict[str, Any]]], object], expected: str = "refused") -> Case:
    def tamper(place: Place) -> None:
        listed = json.loads(json.dumps(MEMBERS))
        change(listed)
        (place.run / "members.json").write_text(json.dumps(listed))

    return study(tamper, expected)


def arm(name: str, expected: str = "inert") -> Case:
    """An arm of another name, among members alone."""
    return members(lambda listed: [m.update(arm=name) for m in listed if m["arm"] == "a"], expected)


def declared(expected: str = "inert", commands: str = SHOWN, **values: Any) -> Case:
    text = yaml.safe_dump({**DECLARED, **values}, allow_unicode=True)
    return study(writes("study.yaml", text), expected, commands)


def outcome(expected: str = "inert", **values: Any) -> Case:
    return study(writes("outcomes/0000.json", json.dumps({"status": "failed", **values})), expected)


def mine(text: str, expected: str = "refused", commands: str = "dry") -> Case:
    """A study file of a stranger's, to be run."""

    def tamper(place: Place) -> None:
        (place.folder / "mine.yaml").write_text(text)

    return Case(tamper, commands, expected)


def own(word: str) -> Case:
    """An arm with a word that reaches out of the study."""
    return mine(f"arms: {{a: [model=vae, data=digits, '{word}']}}\nseeds: 1\nbudget: {{steps: 1}}\n")


def _linked(name: str) -> Tamper:
    def tamper(place: Place) -> None:
        path = place.run / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        path.parent.mkdir(exist_ok=True)
        path.symlink_to(place.folder / "secret")

    return tamper


def _many(listed: list[dict[str, Any]]) -> None:
    listed += [{"number": i, "arm": f"arm{i}", "seed": 0, "name": f"m{i}"} for i in range(4, 3_000)]


SEARCHED = {
    "best": {"values": {WORDS: WORDS}, "value": 1.0},
    "trials": [{"values": {MARK: MARK}, "value": None}],
}
STUDIES = {
    "an arm of markup": arm(f"{MARK}{ATTRIBUTE}"),
    "an arm that steers": arm(STEERS, "safe"),
    "an arm that begins a formula": arm(FORMULA),
    "an arm of LaTeX": arm(r"\input{/etc/passwd}$x$"),
    "an arm of Markdown": arm(f"[x]({HREF})|<b>"),
    "an arm that leads out": arm("../../secret"),
    "an arm of 100,000 letters": arm("a" * 100_000, "safe"),
    "an arm of no name": arm("", "safe"),
    "an arm of mathematics": arm("$\\frac{1}$ _x ^{"),
    "a member that leads out": members(lambda listed: listed[0].update(name="../secret")),
    "a member that is absolute": members(lambda listed: listed[0].update(name="/secret")),
    "a member that is the list itself": members(lambda listed: listed[0].update(name="members.json")),
    "members in one folder but for their case": members(lambda listed: listed[0].update(name="B-0"), "safe"),
    "members in one folder but for their Unicode": members(
        lambda listed: (listed[0].update(name="e\u0301"), listed[1].update(name="\u00e9")), "safe"
    ),
    "a member whose name steers": members(lambda listed: listed[0].update(name="a\x1b[2J")),
    "a member with a number below none": members(lambda listed: listed[0].update(number=-1)),
    "a member with a number of 90 digits": members(lambda listed: listed[0].update(number=10**90), "safe"),
    "a member with a seed of 90 digits": members(lambda listed: listed[0].update(seed=10**90)),
    "two members of one number": members(lambda listed: listed[0].update(number=1)),
    "3,000 members of 3,000 arms": members(_many, "safe"),
    "a reason of markup": outcome(reason=WORDS),
    "a reason that begins a formula": outcome(reason=FORMULA, status=FORMULA),
    "an outcome of a code of 90 digits": outcome(code=10**90, seconds=-1e308),
    "an outcome of a status of markup": outcome(status=WORDS),
    "an outcome nested deep": study(writes("outcomes/0000.json", '{"status": ' + "[" * 5_000), "safe"),
    "looks of words": study(writes("looks.json", json.dumps([["x"]])), "refused"),
    "looks at seeds that are none": study(writes("looks.json", json.dumps([[-1, 10**30], []])), "safe"),
    "looks of a million": study(writes("looks.json", json.dumps([[0, 1]] * 500_000)), "safe"),
    "a search of markup": study(writes("search.json", json.dumps({"a": SEARCHED, MARK: SEARCHED}))),
    "a search that is a list": study(writes("search.json", "[1]")),
    "a question of markup": declared(question=WORDS, name=WORDS),
    "a budget of markup": declared("safe", budget={MARK: 1.0, WORDS: 2.0}),
    "a primary of markup": declared(primary=f"{MARK}{ATTRIBUTE}"),
    "looks of 10^9": declared("safe", looks=10**9),
    "a declaration that is a list": study(writes("study.yaml", "[1, 2]\n"), "refused"),
    "the report is a link out": study(_linked("report"), "refused"),
    "members is a link out": study(_linked("members"), "refused"),
    "outcomes is a link out": study(_linked("outcomes"), "refused"),
    "a member is a link out": study(_linked("a-0"), "refused"),
    "a member's configuration leads out": study(
        writes("members/0000.yaml", "model: {family: vae}\nname: ../../secret\nseed: 0\n"),
        "refused",
        "member",
    ),
    "a member's configuration has a target": study(
        writes("members/0000.yaml", "model: {family: vae, _target_: os.system}\nname: a-0\nseed: 0\n"),
        "refused",
        "member",
    ),
    "a word that moves the runs": own("paths.runs_dir=../../secret"),
    "a word that goes on with a run": own("resume=../../secret"),
    "a word that begins with a run": own("init_from=../../secret"),
    "a word of Hydra's": own("hydra.run.dir=../../secret"),
    "a word that is a flag": own("--config-dir=../../secret"),
    "a study that leads out": mine(
        "name: ../../secret\n" + yaml.safe_dump({**DECLARED, "name": "../../secret"})
    ),
    "a study whose name steers": mine(yaml.safe_dump({**DECLARED, "name": "a\x1b[2Jb"})),
    "a study of a million seeds": mine(yaml.safe_dump({**DECLARED, "seeds": 1_000_000})),
    "a study with an arm that leads out": mine(
        yaml.safe_dump({**DECLARED, "arms": {"../../secret": ["model=vae"]}})
    ),
}
CASES = STUDIES
