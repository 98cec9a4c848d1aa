"""The parser of all commands: types, ranges, repeats, texts as typed, and what is said of a wrong word."""

from pathlib import Path
from typing import Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from genkit.cli.command import CommandSettings, required, word, words_of
from genkit.cli.parser import parse, read_options, read_words
from genkit.core.options import Option
from genkit.system.errors import ConfigError

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))


class Base(CommandSettings):
    device: str = word("auto", "where", kind="device")


class Shared(Base):
    places: tuple[str, ...] = word((), "places", below=("paths.",))


class Every(Shared):
    whom: str = required("whom")
    times: int = word(3, "how often", low=1, high=10)
    size: float | None = word(None, "how large", above=0)
    loud: bool = word(False, "whether")
    form: Literal["round", "square"] = word("round", "of it")
    label: str | None = word(None, "a name", kind="name")
    text: tuple[str, ...] = word((), "texts")
    steps: tuple[str, ...] = word((), "checkpoints", kind="checkpoint", commas=True)
    out: Path | None = word(None, "a place", kind="output")
    file: str | None = word(None, "a file", kind="file")
    data_path: str | None = word(None, "of data", name="data.path", kind="path")


class Loose(Every):
    rest: tuple[str, ...] = word((), "all others", below=("",))


class Bare(CommandSettings):
    runs: tuple[str, ...] = word((), "runs", name="run", kind="run", bare=True)
    n: int = word(1, "how many")
    others: tuple[str, ...] = word((), "all others", below=("",))


class Nothing(CommandSettings):
    pass


def every(*typed):
    return parse("every", Every, ["whom=me", *typed])


def test_defaults_are_there_where_nothing_is_typed():
    found = every()
    assert (found.whom, found.times, found.size, found.loud, found.form) == ("me", 3, None, False, "round")
    assert (found.text, found.steps, found.out, found.device, found.places) == ((), (), None, "auto", ())
    assert found.given == {"whom"}


@pytest.mark.parametrize(
    ("typed", "attribute", "value"),
    [
        (["times=4"], "times", 4),
        (["times=1e1"], "times", 10),
        (["size=0.5"], "size", 0.5),
        (["size=2"], "size", 2.0),
        (["loud=true"], "loud", True),
        (["loud=false"], "loud", False),
        (["form=square"], "form", "square"),
        (["text=a", "text=b=c", "text="], "text", ("a", "b=c", "")),
        (["text=null"], "text", ("null",)),
        (["file=null"], "file", "null"),
        (["label=null"], "label", None),
        (["label=3"], "label", "3"),
        (["times=null"], "times", 3),
        (["size=null"], "size", None),
        (["steps=best,last,step-4"], "steps", ("best", "last", "step-4")),
        (["steps=last"], "steps", ("last",)),
        (["out=~/x.png"], "out", Path("~/x.png").expanduser()),
        (["out=a b/ü.txt"], "out", Path("a b/ü.txt")),
        (["data.path=d"], "data_path", "d"),
        (["device=gpu:1"], "device", "gpu:1"),
        (["paths.runs_dir=a", "paths.data_dir=b"], "places", ("paths.runs_dir=a", "paths.data_dir=b")),
    ],
)
def test_a_value_arrives_in_its_type(typed, attribute, value):
    found = getattr(every(*typed), attribute)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["times=0"], "times takes an integer from 1 to 10, not 0 (nearest: times=1)"),
        (["times=11"], "nearest: times=10"),
        (["times=1.5"], "times takes an integer from 1 to 10, not 1.5"),
        (["times=four"], "not 'four'"),
        (["times="], "not ''"),
        (["size=0"], "size takes a number above 0"),
        (["size=nan"], "not nan"),
        (["loud=yes"], "loud=yes is none of true or false"),
        (["loud=True"], "loud=True is none of true or false"),
        (["form=sqare"], "form=sqare is none of round, square. Did you mean square?"),
        (["steps=best,lst"], "steps=lst is none of last, best or step-N. Did you mean last?"),
        (["steps=step-x"], "steps=step-x is none of"),
        (["device=cpuu"], "device=cpuu is none of auto, cpu, gpu or mps"),
        (["out="], "out= is empty"),
        (["out=~nobody-of-that-name/x"], "there is no user nobody-of-that-name"),
        (["text=a\0b"], "text= holds a NUL byte at 1"),
        (["times=4", "times=8"], "times= is given twice, times=4 and times=8; give it once."),
        (["times=4", "times=4"], "times= is given twice"),
        (["out=a", "out=b"], "out= is given twice, out=a and out=b"),
        (["steps=best", "steps=last"], "steps= is given twice"),
        (["loud=true", "loud=null"], "loud= is given twice"),
        (["tims=4"], "every takes no tims=. Did you mean times?"),
        (["data.pth=4"], "Did you mean data.path?"),
        (["zzz=4"], "every takes no zzz=. Known: "),
        (["--times=4"], "write times=4"),
        (["-t"], "t=VALUE"),
        (["times"], "times=VALUE"),
        (["=3"], "KEY=VALUE"),
        (["~times"], "times=null"),
    ],
)
def test_what_is_wrong_is_said_of_the_word_that_was_typed(typed, said):
    with pytest.raises(ConfigError) as refused:
        every(*typed)
    assert said in str(refused.value)


def test_what_is_needed_is_asked_for_and_a_typo_of_it_is_seen():
    with pytest.raises(ConfigError, match=r"every needs whom=TEXT\.$"):
        parse("every", Every, [])
    with pytest.raises(ConfigError, match=r"every takes no whon=\. Did you mean whom"):
        parse("every", Every, ["whon=me"])
    with pytest.raises(ConfigError, match=r"loose needs whom=TEXT \(whon=\?\)"):
        parse("loose", Loose, ["whon=me"])


def test_words_without_a_value_and_those_that_are_left_over():
    found = parse("bare", Bare, ["a", "run=b", "n=2", "c/d=e", "x=1", "-m", "y=1"])
    assert found.runs == ("a", "b", "c/d=e")
    assert found.n == 2
    assert found.others == ("x=1", "-m", "y=1")


def test_a_command_without_words_takes_none():
    assert parse("nothing", Nothing, []).given == frozenset()
    with pytest.raises(ConfigError, match="x=1: nothing takes no words; leave it out"):
        parse("nothing", Nothing, ["x=1"])


@settings(max_examples=150, deadline=None)
@given(TEXT)
@example("红色, 蓝色")
@example("${oc.env:HOME}")
@example('"')
@example("null")
@example("")
def test_text_arrives_as_typed(text):
    assert every(f"text={text}", f"label=x{text}").text == (text,)
    assert every(f"label=x{text}").label == f"x{text}"


def test_settings_are_frozen_and_know_their_words():
    found = every("times=2")
    with pytest.raises(AttributeError):
        found.times = 3
    with pytest.raises(TypeError, match="tims"):
        Every(whom="me", tims=3)
    assert Every(whom="me", times=2).__dict__ == found.__dict__


def test_words_stand_in_the_order_of_their_use():
    """Those that are needed, the class's own, then what it shares; beginnings last."""
    names = [declared.name for declared in words_of(Every).values()]
    own = ["times", "size", "loud", "form", "label", "text", "steps", "out", "file", "data.path"]
    assert names == ["whom", *own, "device", "places"]


# ---------------------------------------------------------------------- words that a family declares

PROMPT, TOP, UNK = (
    Option("prompt", "text", "", "", many=True),
    Option("top_k", "int", None, "", low=1),
    Option("unk", "text", "refuse", "", choices=("refuse", "skip")),
)


def test_options_of_a_family_are_read_by_its_declaration():
    declared = (PROMPT, TOP, UNK)
    assert read_options(["prompt=a", "prompt=null", "top_k=null"], declared) == {
        "prompt": ["a", "null"],
        "top_k": None,
    }
    assert read_options(["prompt=null", "unk=null", "x=y"], declared) == {
        "prompt": "null",
        "unk": None,
        "x": "y",
    }
    with pytest.raises(ConfigError, match="top_k= is given twice, top_k=1 and top_k=2"):
        read_options(["top_k=1", "top_k=2"], declared)
    with pytest.raises(ConfigError, match="x= is given twice"):
        read_options(["x=1", "x=1"], declared)


def test_words_that_somebody_else_reads_are_given_once():
    assert read_words(["budget.steps=3", "seeds=[0, 1]"]) == {"budget.steps": "3", "seeds": "[0, 1]"}
    with pytest.raises(ConfigError, match="seeds= is given twice, seeds=1 and seeds=2"):
        read_words(["seeds=1", "seeds=2"])
