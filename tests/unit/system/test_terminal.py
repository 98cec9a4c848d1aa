"""Whatever is printed passes through one place, and nothing in it steers a terminal."""

import ast
from pathlib import Path

import pytest
from rich.console import Console

import genkit
from genkit.system import terminal
from genkit.system.errors import ConfigError
from genkit.system.terminal import inert, say, shows_bars

ROOT = Path(genkit.__file__).parent
EVIL = "a\x1b]0;x\x07b\x9bc\u202ed [red]e[/red] f[/bold]"
SHOWN = "a\N{REPLACEMENT CHARACTER}]0;x\N{REPLACEMENT CHARACTER}b"


def prints(tree):
    """Lines that print by another way: `print`, a console of their own, a stream's `write`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in ("print", "Console", "rich.print", "traceback.print_exc") or (
                called.endswith((".stdout.write", ".stderr.write"))
            ):
                yield f"{called} in line {node.lineno}"


def test_nothing_is_printed_elsewhere():
    found = {
        str(file.relative_to(ROOT)): list(prints(ast.parse(file.read_text()))) for file in ROOT.rglob("*.py")
    }
    assert len(found.pop("system/terminal.py")) == 1
    assert len(found.pop("system/template_worker.py")) == 1  # a program of its own: to its pipe
    assert {file: lines for file, lines in found.items() if lines} == {}


@pytest.mark.parametrize("code", ["print(1)", "Console()", "sys.stderr.write('x')", "traceback.print_exc()"])
def test_the_lint_sees(code):
    assert list(prints(ast.parse(code)))


def test_a_line_cannot_steer_a_terminal(capsys):
    say(EVIL)
    terminal.console().print(EVIL)
    out, err = capsys.readouterr()
    for shown in (out, err):
        assert shown.startswith(SHOWN)
        assert shown.endswith(" [red]e[/red] f[/bold]\n")
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(shown)


@pytest.mark.parametrize("cell", ["=1+1", "+x", "-x", "@SUM(A1)", "\t=1", "\r=1", "--1", "-1+2"])
def test_what_begins_like_a_formula_is_inert(cell):
    assert inert(cell) == "'" + cell.replace("\r", "\N{REPLACEMENT CHARACTER}")  # a control, too


@pytest.mark.parametrize("cell", ["-1.5", "+3e8", "-inf", "x=1", "", -1.0, None])
def test_numbers_and_other_texts_stay(cell):
    assert inert(cell) == cell


def test_what_an_error_says_is_one_line_that_can_be_read():
    said = str(ConfigError(f"model.width={EVIL}\r\n{'a' * 100_000}\u2028 is no number"))
    assert said.isprintable()
    assert len(said) < 400
    assert said.startswith("model.width=a")
    assert said.endswith("a is no number")


@pytest.mark.parametrize(
    ("notebook", "widgets", "moves"), [(False, None, True), (True, None, False), (True, "here", True)]
)
def test_a_bar_moves_on_a_terminal_and_in_notebooks_with_widgets(monkeypatch, notebook, widgets, moves):
    monkeypatch.setattr(terminal, "find_spec", {"ipywidgets": widgets}.get)
    assert shows_bars(Console(force_jupyter=notebook)) is moves
