"""The public names: all there, imported when they are used, and each says what it is."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import genkit
from genkit.library import conclusions

CLASSES = [name for name in genkit.__all__ if inspect.isclass(getattr(genkit, name))]
FUNCTIONS = {
    name: getattr(genkit, name) for name in genkit.__all__ if inspect.isfunction(getattr(genkit, name))
}
FUNCTIONS |= {"study": conclusions.study, "report": conclusions.report}


def test_what_a_user_and_a_family_need_is_there():
    own = {"train", "load", "evaluate", "study", "report", "Samples", "errors"}
    family = {
        *(
            "GenerativeModule",
            "Phase",
            "LossTerms",
            "Noise",
            "Batch",
            "ArraySpec",
            "TokenSpec",
            "View",
            "Option",
        ),
        *("Likelihood", "LatentSpace", "Encoder", "Reconstruction", "Completion", "Conditional"),
        "Tokenizer",
    }
    assert own | family <= set(genkit.__all__)
    assert set(genkit.__all__) <= set(dir(genkit))
    assert sorted(genkit.__all__, key=lambda name: (name[0].islower(), name)) == genkit.__all__


def test_what_an_editor_sees_is_what_is_exported():
    tree = ast.parse(Path(genkit.__file__).read_text(encoding="utf-8"))
    found = [node for node in tree.body if isinstance(node, ast.If)]
    (checked,) = [node for node in found if ast.unparse(node.test) == "TYPE_CHECKING"]
    seen = {alias.name: node.module for node in checked.body for alias in node.names}
    assert sorted(seen) == sorted(genkit.__all__)
    for name in ("study", "report"):  # of which a room has the name
        assert seen.pop(name) == "genkit.library.conclusions"
    for name, module in seen.items():
        assert getattr(sys.modules[module], name) is getattr(genkit, name)


def test_a_name_that_there_is_not_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'genkit' has no attribute 'trian'"):
        _ = genkit.trian


def test_to_import_genkit_imports_nothing_heavy():
    program = (
        "import sys; before = set(sys.modules); import genkit; dir(genkit); genkit.__version__;"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "hydra", "pytorch_lightning"} & set(done.stdout.split())


def methods(owner: type):
    """What a class of ours offers by itself: name and function, properties' getters included."""
    for key in dir(owner):
        found = inspect.getattr_static(owner, key)
        found = getattr(found, "__func__", getattr(found, "fget", getattr(found, "func", found)))
        if not key.startswith("_") and inspect.isfunction(found) and found.__module__.startswith("genkit"):
            yield key, found


def said(owner: type, key: str) -> str:
    """The words of a method, or of the one that it implements."""
    for base in owner.__mro__:
        if (found := base.__dict__.get(key)) is not None and (text := inspect.getdoc(found)):
            return text
    return ""


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_and_all_its_methods_say_what_they_are(name):
    owner = getattr(genkit, name)
    assert owner.__doc__
    assert not owner.__doc__.startswith(f"{name}(")  # (which dataclasses make of nothing)
    assert [key for key, _ in methods(owner) if not said(owner, key)] == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_says_what_it_takes_and_what_it_raises(name):
    function = FUNCTIONS[name]
    text = inspect.getdoc(function) or ""
    assert "Raises:" in text
    arguments = text.partition("Args:")[2].partition("Raises:")[0]
    assert [key for key in inspect.signature(function).parameters if f"    {key}: " not in arguments] == []
    for key, parameter in inspect.signature(function).parameters.items():
        assert parameter.annotation is not parameter.empty, key
    assert inspect.signature(function).return_annotation is not inspect.Signature.empty


@pytest.mark.parametrize(
    "first", ["genkit.study", "from genkit.study import Plan", "import genkit.report.page"]
)
def test_a_room_is_called_as_the_function_of_its_name_whoever_was_first(first):
    program = (
        f"import genkit; {first}; import genkit.study, genkit.report;"
        "assert callable(genkit.study) and callable(genkit.report); genkit.study.Plan;"
        "genkit.study(arms={}, name='s')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "ConfigError: study: a study needs arms" in done.stderr
