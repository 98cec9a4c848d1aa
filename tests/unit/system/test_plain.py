"""Files that may come from a stranger: read within bounds, refused in words, never followed or executed."""

import os

import pytest

from genkit.system import plain
from genkit.system.plain import parse_json, parse_yaml


def test_a_plain_file_is_read_up_to_its_limit(tmp_path):
    file = tmp_path / "a"
    file.write_text("字" * 3, encoding="utf-8")
    assert plain.read_text(file, 9) == "字字字"
    with pytest.raises(ValueError, match="more than 8 bytes"):
        plain.read_text(file, 8)


@pytest.mark.parametrize("kind", ["missing", "link", "zero", "pipe", "folder"])
def test_what_is_no_plain_file_is_an_error_at_once(kind, tmp_path):
    file, other = tmp_path / "a", tmp_path / "b"
    other.write_text("x")
    {
        "missing": lambda: None,
        "link": lambda: file.symlink_to(other),
        "zero": lambda: file.symlink_to("/dev/zero"),
        "pipe": lambda: os.mkfifo(file),
        "folder": file.mkdir,
    }[kind]()
    with pytest.raises(OSError, match=r"No such file|symbolic link|no plain file"):
        plain.read_text(file, 10)


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "Expecting"), ('{"a": 1, "a": 1}', "'a' stands twice"), ("[" * 100_000, "nested too deeply")],
)
def test_json_that_is_none_is_a_value_error(text, said):
    with pytest.raises(ValueError, match=said):
        plain.parse_json(text)


def test_yaml_of_plain_values_is_read():
    assert plain.parse_yaml("a: 1\nb: [x, {c: null}]\n") == {
        "a": 1,
        "b": ["x", {"c": None}],
    }
    assert plain.parse_yaml("") is None
    assert plain.parse_json('{"a": [1, {"b": Infinity}]}') == {"a": [1, {"b": float("inf")}]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: {c: 1, c: 2}\n", "the key c stands twice, in line 2"),
        ("a: &x [1]\n", "anchor or alias.*line 1"),
        ("a: *x\n", "alias"),
        ("a: !!python/object/apply:os.system [x]", "python/object/apply:os.system"),
        ("[" * 31 + "]" * 31, "nested more than 30 deep"),
        ("? [1, 2]\n: x\n", "no word"),
        ("a: [", "expected"),
        ("a: \0", "unacceptable character"),
    ],
)
def test_yaml_that_could_be_more_is_a_value_error_on_one_line(text, said):
    with pytest.raises(ValueError, match=said) as refused:
        plain.parse_yaml(text)
    assert "\n" not in str(refused.value)


def test_links_and_pipes_are_found_but_not_a_loggers_own(tmp_path):
    run = tmp_path / "run"
    (run / "checkpoints" / "step-1").mkdir(parents=True)
    (run / "wandb" / "files").mkdir(parents=True)
    (run / "wandb" / "latest").symlink_to("files")
    (run / "config.yaml").write_text("x")
    assert list(plain.find_links(run, ("checkpoints",))) == []
    (run / "wandb" / "up").symlink_to("../..")
    (run / "checkpoints" / "inside").symlink_to("step-1")
    os.mkfifo(run / "wandb" / "pipe")
    found = {str(path.relative_to(run)): kind for path, kind in plain.find_links(run, ("checkpoints",))}
    assert found == {
        "wandb/up": "a link",
        "checkpoints/inside": "a link",
        "wandb/pipe": "a pipe, a socket or a device",
    }


def test_links_are_refused_where_the_system_cannot_refuse_them_itself(tmp_path, monkeypatch):
    """Windows has no O_NOFOLLOW."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    monkeypatch.setattr(plain, "FLAGS", dict.fromkeys(plain.FLAGS, 0))
    assert plain.read_bytes(tmp_path / "file", 10) == b"x"
    with pytest.raises(OSError, match="it is a link"):
        plain.read_bytes(tmp_path / "link", 10)
    assert plain.read_bytes(tmp_path / "link", 10, follow=True) == b"x"


@pytest.mark.parametrize("text", ["[" + "[]," * 1_000_001 + "[]]", "[" + "1," * 10_000_001 + "1]"])
def test_a_json_of_more_values_than_memory_bears_is_refused_before_it_is_read(text):
    with pytest.raises(ValueError, match="more than 1,000,000 lists, or 10,000,000 values"):
        parse_json(text)


def test_a_yaml_of_more_values_than_anybody_waits_for_is_refused():
    with pytest.raises(ValueError, match="more than 20,000 values, in line 1"):
        parse_yaml("x: [" + "[]," * 30_000 + "]")
