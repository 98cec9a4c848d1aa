"""Options of sampling: every bound, every kind, and the nearest value that would do."""

import pytest

from genkit.core.options import Option, resolve_options
from genkit.system.errors import ConfigError, nearest

INT = Option("k", "int", 5, "", low=1, high=10)
FLOAT = Option("p", "float", 1.0, "", above=0, high=1)
TEXT = Option("t", "text", "", "")
MANY = Option("m", "text", "", "", many=True)


@pytest.mark.parametrize(
    ("option", "given", "kept"),
    [
        (INT, 1, 1),
        (INT, "10", 10),
        (INT, "1e1", 10),
        (INT, 3.0, 3),
        (FLOAT, "1", 1.0),
        (FLOAT, 1e-9, 1e-9),
        (TEXT, "", ""),
        (TEXT, "3", "3"),
        (MANY, ["a", "b"], ["a", "b"]),
        (MANY, ("a",), ["a"]),
        (MANY, "a", "a"),
        (INT, None, None),
    ],
)
def test_values_inside(option, given, kept):
    assert option.check(given) == kept
    assert type(option.check(given)) is type(kept)


@pytest.mark.parametrize(
    ("option", "given", "said"),
    [
        (INT, 0, "k takes an integer from 1 to 10, not 0 (nearest: k=1)."),
        (INT, 11, "(nearest: k=10)"),
        (INT, "1.5", "k takes an integer from 1 to 10, not 1.5."),
        (INT, "x", "not 'x'"),
        (INT, True, "not True"),
        (INT, float("nan"), "not nan"),
        (INT, float("inf"), "not inf"),
        (INT, "９a", "an integer"),
        (FLOAT, 0, "p takes a number above 0 to 1, not 0."),
        (FLOAT, 1.5, "(nearest: p=1)"),
        (FLOAT, "-inf", "above 0"),
        (FLOAT, [1.0], "one value, not a list"),
        (TEXT, 3, "not a text"),
        (TEXT, ["a"], "one value"),
        (MANY, [], "empty list"),
        (MANY, ["a", 3], "not a text"),
        (Option("n", "int", 0, "", low=0, high=2**32 - 1), 2**32, "0 to 4294967295"),
    ],
)
def test_values_outside(option, given, said):
    with pytest.raises(ConfigError) as refused:
        option.check(given)
    assert said in str(refused.value)


def test_defaults_fill_what_is_not_given():
    assert resolve_options([INT, FLOAT], {"k": "2"}, "family") == {"k": 2, "p": 1.0}
    assert resolve_options([INT], {"k": None}, "family") == {"k": None}


def test_an_unknown_option_lists_those_that_exist():
    with pytest.raises(
        ConfigError, match=r"gpt has no sampling option 'kk'. Did you mean k\? Its options: k, p."
    ):
        resolve_options([INT, FLOAT], {"kk": 1}, "gpt")
    with pytest.raises(ConfigError, match="Its options: none"):
        resolve_options([], {"kk": 1}, "dcgan")


def test_an_option_survives_as_plain_values():
    assert Option(**INT.to_dict()) == INT


@pytest.mark.parametrize(
    ("word", "known", "said"),
    [
        ("gptt", ["gpt", "vae"], " Did you mean gpt?"),
        ("xyz", ["gpt", "vae"], " Known: gpt, vae."),
        ("x", [], ""),
        (
            "zzz",
            [f"k{i:02d}" for i in range(20)],
            " Known: k00, k01, k02, k03, k04, k05, k06, k07, k08, k09, k10, k11, ….",
        ),
    ],
)
def test_the_nearest_word(word, known, said):
    assert nearest(word, known) == said
