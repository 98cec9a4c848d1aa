"""Every command's declaration: sound, light, whole in its help, read by its function; commands of others."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from genkit import config
from genkit.cli import commands, main
from genkit.cli.command import Command, CommandSettings, named, word, words_of
from genkit.cli.help import typed
from genkit.cli.shared import OfModel
from genkit.metrics.catalogue import catalogue

DECLARED = {name: commands.find(name) for name in (*commands.BUILT_IN, *commands.HIDDEN)}
# Commands that run a model; report reads what is written, and export turns weights into other files.
RUNNING = {
    *("sample", "chat", "score", "evaluate", "study", "interpolate", "reconstruct", "complete", "denoise"),
    *("upscale", "restyle", "app"),
}
CLI = Path(inspect.getfile(commands)).parents[1]


def said(capsys, *words):
    code = main(list(words))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("name", DECLARED)
def test_a_declaration_is_sound(name):
    command = DECLARED[name]
    assert command.fault() is None
    function = named(command.target)
    parameter = next(iter(inspect.signature(function).parameters))
    assert typing.get_type_hints(function)[parameter] is command.settings


@pytest.mark.parametrize("name", commands.BUILT_IN)
def test_help_has_every_word_with_its_line(name, capsys):
    code, out, err = said(capsys, name, "--help")
    assert (code, err) == (0, "")
    flat = " ".join(out.split())
    assert DECLARED[name].summary in flat
    for declared in (*words_of(DECLARED[name].settings).values(), *DECLARED[name].configured):
        assert typed(declared) in flat
        assert declared.help in flat
        for choice in declared.choices:
            assert choice in flat


def test_help_of_evaluate_lists_every_metric(capsys):
    lines = said(capsys, "evaluate", "--help")[1].splitlines()
    listed = catalogue().listed()
    assert len(listed) > 30
    for name, unit, _, about in listed:
        assert any(line.split()[:2] == [name, unit] and line.endswith(about) for line in lines)


@pytest.mark.parametrize("name", commands.BUILT_IN)
def test_the_usage_shows_words_that_there_are(name):
    known = {declared.name for declared in words_of(DECLARED[name].settings).values()}
    known |= {declared.name for declared in DECLARED[name].configured} | {"group", "key"}
    assert set(re.findall(r"([\w.]+)=", DECLARED[name].usage)) <= known


def read_attributes(module):
    """The names of attributes that a module, and the modules of the command line that it imports, read."""
    found, seen, waiting = set(), set(), [module]
    while waiting:
        tree = ast.parse(Path(importlib.import_module(waiting[-1]).__file__).read_text("utf-8"))
        seen.add(waiting.pop())
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("genkit.cli"):
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                modules = [
                    name for name in names if (CLI.parent.parent / f"{name.replace('.', '/')}.py").exists()
                ]
                waiting += [name for name in modules if name not in seen]
    return found


@pytest.mark.parametrize("name", DECLARED)
def test_the_function_reads_every_word(name):
    command = DECLARED[name]
    read = read_attributes(command.target.partition(":")[0])
    if name == "study":
        from genkit.study.declaring import CHANGED

        read |= set(CHANGED)  # read by their names
    assert set(words_of(command.settings)) <= read


def test_the_words_of_a_training_are_those_of_its_configuration():
    cfg, groups = config.compose("train", []).plain, config.groups()
    for declared in commands.find("train").configured:
        group, _, key = declared.name.partition(".")
        assert group in groups or group in cfg
        assert not key or key in cfg[group]
        assert set(declared.choices) <= set(groups.get(group, {}))


@pytest.mark.parametrize("name", sorted(RUNNING))
def test_whoever_runs_a_model_takes_a_device(name, capsys):
    declared = words_of(DECLARED[name].settings)["device"]
    assert (declared.kind, declared.default) == ("device", "auto")
    code, _, err = said(capsys, name, *(["study=quickstart"] if name == "study" else []), "device=cpuu")
    assert code == 2
    assert "device=cpuu is none of auto, cpu, gpu or mps" in err


def test_what_loads_a_run_has_one_set_of_words():
    """The same word is declared once: nothing but its default and its line may differ."""
    shared = words_of(OfModel)
    for command in DECLARED.values():
        if issubclass(command.settings, OfModel):
            own = words_of(command.settings)
            assert all(own[attribute] == shared[attribute] for attribute in shared)


def test_declarations_import_nothing_heavy():
    code = (
        "import sys; from genkit.cli import commands; from genkit.cli.command import words_of\n"
        "for name in (*commands.BUILT_IN, *commands.HIDDEN): words_of(commands.find(name).settings)\n"
        "heavy = {'torch', 'hydra', 'omegaconf', 'numpy', 'yaml', 'genkit.config', 'genkit.runs'}\n"
        "own = {c.target.partition(':')[0] for c in map(commands.find, commands.BUILT_IN)}\n"
        "assert not (heavy | own) & set(sys.modules), (heavy | own) & set(sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_the_overview_has_a_line_for_every_command(capsys):
    _, out, _ = said(capsys, "--help")
    for name in commands.BUILT_IN:
        assert any(
            line.startswith(f"  genkit {name} ") and DECLARED[name].summary in line
            for line in out.splitlines()
        )


# ---------------------------------------------------------------------- commands of other distributions

THEIRS = """
from genkit.cli.command import Command, CommandSettings, required, word

class ShoutSettings(CommandSettings):
    text: tuple[str, ...] = word((), "what to say")
    times: int = word(1, "how often", low=1, high=9)

class Broken(CommandSettings):
    pages: dict = word(None, "no type of a word")

def shout(settings: ShoutSettings) -> int:
    print(" ".join(settings.text * settings.times))
    return 0

SHOUT = Command("say something loud", ShoutSettings, "theirs:shout", "text=… [times=1]")
TRAIN = Command("not the one", ShoutSettings, "theirs:shout")
UNTYPED = Command("no types", Broken, "theirs:shout")
NAMELESS = Command("no target", ShoutSettings, "shout")
NOTHING = 3
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """`installed(distribution, **names)`: a distribution that offers these names."""
    (tmp_path / "theirs.py").write_text(THEIRS, encoding="utf-8")

    def install(distribution, **offers):
        about = tmp_path / f"{distribution}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        lines = [f"{name} = {target}" for name, target in offers.items()]
        (about / "entry_points.txt").write_text("\n".join(["[genkit.commands]", *lines]) + "\n")

    monkeypatch.syspath_prepend(str(tmp_path))
    commands.outside.cache_clear()
    yield install
    commands.outside.cache_clear()
    sys.modules.pop("theirs", None)


def test_a_command_of_another_distribution_is_a_command(installed, capsys, monkeypatch):
    installed("loud", shout="theirs:SHOUT")
    assert said(capsys, "shout", "text=a, b", "text=c", "times=2") == (0, "a, b c a, b c\n", "")
    assert "  genkit shout text=… [times=1]" in said(capsys, "--help")[1]
    assert "say something loud" in said(capsys, "shout", "--help")[1]
    assert "how often (from 1 to 9)" in said(capsys, "shout", "--help")[1]
    for wrong, hint in ((["times=10"], "nearest: times=9"), (["tims=1"], "Did you mean times?")):
        code, _, err = said(capsys, "shout", *wrong)
        assert (code, err.count("\n")) == (2, 1)
        assert hint in err
    assert "Did you mean shout?" in said(capsys, "shuot")[2]
    monkeypatch.setenv("COMP_LINE", "genkit shout ")
    assert {"text=", "times="} <= set(said(capsys, "--shell-completion", "query=bash")[1].split())
    monkeypatch.setenv("COMP_LINE", "genkit sh")
    assert {"shout", "train"} <= set(said(capsys, "--shell-completion", "query=bash")[1].split())


def test_none_of_them_takes_the_name_of_one_that_is_built_in(installed, capsys):
    installed("loud", train="theirs:TRAIN", member="theirs:TRAIN")
    assert commands.find("train").summary == "train a model"
    assert commands.names() == list(commands.BUILT_IN)
    assert "not the one" not in said(capsys, "--help")[1]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("theirs:UNTYPED", "its words have no types: pages"),
        ("theirs:NAMELESS", "its target is no module:function"),
        ("theirs:NOTHING", "is no command but int"),
        ("theirs:ABSENT", "AttributeError"),
        ("no_such_module_of_theirs:X", "ModuleNotFoundError"),
    ],
)
def test_one_that_is_not_sound_is_refused_with_the_name_of_its_distribution(
    installed, capsys, target, reason
):
    installed("loud-things", shout=target)
    code, out, err = said(capsys, "shout", "text=a")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "loud-things" in err
    assert target in err
    assert reason in err
    code, out, err = said(capsys, "--help")  # the others are as good as ever
    assert (code, err) == (0, "")
    assert "loud-things" in out
    assert "train a model" in out


def test_two_that_offer_one_name_are_refused_by_both_names(installed, capsys):
    installed("loud", shout="theirs:SHOUT")
    installed("louder", shout="theirs:SHOUT")
    code, _, err = said(capsys, "shout")
    assert code == 2
    assert "loud and louder both offer a command shout" in err or "louder and loud both offer" in err


@pytest.mark.parametrize(
    ("made", "wrong"),
    [
        ({"summary": " "}, "no summary"),
        ({"settings": dict}, "no subclass"),
        ({"target": "module.function"}, "module:function"),
    ],
)
def test_what_is_wrong_with_a_declaration_is_named(made, wrong):
    sound = {"summary": "x", "settings": CommandSettings, "target": "a:b"}
    assert Command(**sound).fault() is None
    assert wrong in Command(**{**sound, **made}).fault()


@pytest.mark.parametrize(
    ("declared", "wrong"),
    [
        (word(11, "too large", high=10, low=0), "n= has a default that it would refuse: n takes an integer"),
        (word(1, " "), "n= has no line of help"),
        (word(1, "x", name="N n"), "N n= is no name of a word"),
    ],
)
def test_what_is_wrong_with_a_word_is_named(declared, wrong):
    made = type("Made", (CommandSettings,), {"__annotations__": {"n": int}, "n": declared})
    assert wrong in Command("x", made, "a:b").fault()
