"""Controls from declarations, and what is chosen as words of a command."""

import pytest

from genkit.app.controls import control, controls, words
from genkit.cli.parser import read_options
from genkit.core.options import LABEL, Option, resolve_options
from genkit.generation.sampling_options import OPTIONS


def test_a_control_says_what_the_option_takes():
    assert control(Option("steps", "int", 25, "of the solver", low=1, high=99))["kind"] == "whole"
    assert control(Option("temperature", "float", 1.0, "sharper", above=0))["kind"] == "number"
    assert control(Option("logprobs", "bool", False, "each one's"))["kind"] == "switch"
    chosen = control(Option("solver", "text", "heun", "of the way", choices=("euler", "heun")))
    assert (chosen["kind"], chosen["choices"], chosen["default"]) == ("choice", ["euler", "heun"], "heun")
    assert control(Option("stop", "text", None, "before this", many=True))["kind"] == "text"


def test_what_says_what_is_drawn_stands_first_and_classes_are_choices():
    declared = (Option("temperature", "float", 1.0, "sharper"), LABEL)
    found = controls(declared, ["cat", "dog"], ["label"], ())
    assert [own["name"] for own in found] == ["label", "temperature"]
    assert (found[0]["kind"], found[0]["choices"], found[0]["many"]) == ("choice", ["cat", "dog"], True)


@pytest.mark.parametrize(
    "given",
    [
        {"temperature": 0.1 + 0.2, "top_k": 7, "logprobs": True},
        {"prompt": ["null", "", "a=b 'c' \"d\"\n$e"], "precision": "bfloat16"},
        {"min_p": 1e-7, "stop": ["\n\n", "null"], "repetition_penalty": 1.0},
    ],
)
def test_words_are_read_by_the_parser_of_commands_as_what_they_were(given):
    read = read_options(words(given, OPTIONS), OPTIONS)
    assert resolve_options(OPTIONS, read, "it") == resolve_options(OPTIONS, given, "it")


def test_what_is_off_is_left_out_or_said_to_be():
    declared = (Option("top_k", "int", None, "k", low=1), Option("steps", "int", 3, "so many", low=1))
    assert words({"top_k": None, "steps": None}, declared) == ["steps=null"]
