"""Tables of the command line: whole lines for a pipe, the width of a terminal for a person."""

import os

import pytest

from genkit.cli import show

HEAD = ("family", "capabilities", "options")
WIDE = ["vae", "Likelihood, Latent, Conditional, " * 4, "temperature, top_k, top_p, pixels, label, " * 4]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_table_fits_its_terminal_and_loses_nothing(terminal, capsys, monkeypatch):
    monkeypatch.setattr(show.sys.stdout, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr(show.shutil, "get_terminal_size", lambda: os.terminal_size((80, 24)))
    show.table(HEAD, [WIDE])
    lines = capsys.readouterr().out.splitlines()
    assert (max(map(len, lines)) <= 80) == terminal
    assert (len(lines) > 3) == terminal
    words = sorted(word for cell in (*HEAD, *WIDE) for word in cell.split())
    assert sorted(word for line in lines for word in line.split() if set(word) != {"-"}) == words


def test_the_narrow_columns_stay_as_they_are():
    assert show.fitted([3, 40, 60], 80) == [3, 36, 37]
    assert show.fitted([3, 4], 80) == [3, 4]
    assert show.fitted([50] * 9, 40) == [8] * 9
