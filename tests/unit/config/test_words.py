"""The words of a command line: texts arrive as typed, everything else as Hydra reads it."""

import json
import shlex

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from genkit.config.words import (
    FREE_TEXT,
    as_text,
    key_and_value,
    launching,
    nearest_key,
    parse,
    parse_sweep,
    quoted,
    refuse_calls,
    split_free_text,
)
from genkit.system.errors import ConfigError

# Any text that a shell can hand over: no NUL, no lone surrogate.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))
TRICKY = st.text(st.sampled_from("\\\"'${}=,:[]() ~+-我\n\t#@*&%!|x.0"), max_size=12)
KEYS = [
    "optim.lr",
    "optim.betas",
    "model.n_head",
    "model",
    "data",
    "batch_size",
    "budget.steps",
    "budget.epochs",
]
KEYS += ["callbacks.early_stopping.mode", "callbacks.early_stopping.metric", "name", "seed", "paths.runs_dir"]


@settings(max_examples=150, deadline=None)
@given(TEXT | TRICKY)
@example("红色, 蓝色")
@example("a=b")
@example('"')
@example("${oc.env:HOME}")
@example("\\${x}")
@example("\\\\")
@example("null")
@example("  ")
@example("")
def test_free_text_arrives_as_typed(text):
    for key in (*FREE_TEXT, "paths.runs_dir"):
        texts, words = split_free_text([f"{key}={text}", "seed=1"])
        assert texts == {key: text}
        assert words == ["seed=1"]


@settings(max_examples=150, deadline=None)
@given(TEXT.filter(lambda t: "\n" not in t and "\r" not in t) | TRICKY.filter(lambda t: "\n" not in t))
@example("\\")
@example('\\"')
@example("${x}")
@example("\\\\${x}\\")
@example('"${a}" ${')
def test_a_quoted_text_survives_hydra_and_omegaconf(text):
    override = OverridesParser.create().parse_override(f"key={as_text(text)}")
    cfg = OmegaConf.create({"key": override.value(), "x": "resolved", "a": "resolved"})
    assert OmegaConf.to_container(cfg, resolve=True)["key"] == text


@settings(max_examples=100, deadline=None)
@given(TRICKY.filter(lambda t: "\n" not in t))
def test_the_advice_to_quote_is_itself_a_word_that_can_be_read(text):
    (word,) = shlex.split(quoted("model.norm", text))
    assert OverridesParser.create().parse_override(word).key_or_group == "model.norm"


@pytest.mark.parametrize("key", [*FREE_TEXT, "paths.data_dir"])
def test_a_text_given_twice_is_refused(key):
    with pytest.raises(ConfigError, match=f"{key}= is given twice, {key}=a and {key}=b; give it once"):
        split_free_text([f"{key}=a", f"{key}=b"])


@pytest.mark.parametrize("plus", ["", "+"])
def test_another_word_given_twice_is_refused_naming_both(plus):
    with pytest.raises(ConfigError, match=r"optim.lr= is given twice, optim.lr=1e-3 and optim.lr=0.1; give"):
        parse(["seed=1", "optim.lr=1e-3", f"{plus}optim.lr=0.1"])


def test_a_nul_byte_is_refused():
    with pytest.raises(ConfigError, match="name= holds a NUL byte at 1"):
        split_free_text(["name=a\0b"])


@pytest.mark.parametrize(
    ("word", "key", "value"),
    [
        ("seed=3", "seed", 3),
        ("optim.lr=3e-4", "optim.lr", 3e-4),
        ("model.bias=true", "model.bias", True),
        ("optim.clip=null", "optim.clip", None),
        ("optim.betas=[0.9,0.99]", "optim.betas", [0.9, 0.99]),
        ("+seed=3", "seed", 3),
        ("data.encoding='latin-1'", "data.encoding", "latin-1"),
    ],
)
def test_other_words_are_read_by_hydras_grammar(word, key, value):
    (read,) = parse([word])
    assert (read.key, read.value) == (key, value)
    assert not read.line.startswith("+")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("seed", "write seed=VALUE"),
        ("--seed=3", "write seed=3"),
        ("-m", "m=VALUE"),
        ("=3", "KEY=VALUE"),
        ("+=3", "KEY=VALUE"),
        ("~seed", "seed=null"),
        ("seed=1,2", "add -m"),
        ("seed=range(1,3)", "add -m"),
        ("hydra.job.name=x", "Hydra's own words"),
        ("a._target_=x", "_target_"),
        ("a={_target_: x}", "_target_"),
        ("a@b=c", "write a=c"),
        ("a=(", "quote its value"),
        ("seed=int(3)", "no function is called"),
        ("a=[1,[float(1)]]", "no function is called"),
        ("a={b: str(1)}", "no function is called"),
        ("a=json_str(1)", "no function is called"),
        ("a=sort(3,2)", "no function is called"),
    ],
)
def test_words_that_are_none(word, said):
    with pytest.raises(ConfigError, match=said.replace("(", r"\(")):
        parse([word])


@pytest.mark.parametrize("word", ["a=int(3)", "a=int(choice(1,2))", "a=1,float(2)"])
def test_a_sweep_calls_nothing_but_what_lists_and_orders(word):
    with pytest.raises(ConfigError, match="no function is called"):
        parse_sweep([word])
    assert parse_sweep(["a=sort(3,1,2)"]) == [("a", ["1", "2", "3"])]


@pytest.mark.parametrize(
    "word",
    [
        "hydra/launcher=../../evil",
        "hydra/launcher=/tmp/evil",
        "hydra/launcher=[basic]",
        "hydra/launcher=",
        "hydra/sweeper=../x",
        "+hydra/launcher=basic",
        "hydra.launcher.a=${oc.env:HOME}",
        "hydra.launcher._target_=x",
        "hydra.sweeper.params={hydra.job_logging: x}",
        "hydra.callbacks.a=x",
    ],
)
def test_hydras_own_words_name_what_is_installed_and_plain_values(word):
    with pytest.raises(ConfigError, match=r"leave it out|takes the name"):
        launching([word])


def test_hydras_words_of_launching():
    own = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra/sweeper=basic"]
    assert launching([*own, "seed=1"]) == own


INSIDE = ["{}", "[{}]", "[1,[{}]]", "[{{a: {}}}]"]


@pytest.mark.parametrize("shape", INSIDE)
@pytest.mark.parametrize(
    "call",
    [
        "${oc.env:SECRET}",
        "${oc.env:SECRET,x}",
        "${ oc.env:SECRET}",
        "${oc.${a.b}:SECRET}",
        "${oc.decode:x}",
        "\\${oc.env:X}",
    ],
)
def test_nothing_is_looked_up_however_deep(shape, call):
    value = yaml.safe_load(shape.format(json.dumps(call)))
    with pytest.raises(ConfigError, match=r"the environment is read in paths|no function"):
        refuse_calls("model.norm", value)
    if "decode" in call or "$" in call[2:]:
        with pytest.raises(ConfigError, match=r"the environment is read in paths|no function"):
            refuse_calls("paths.data_dir", value)
    refuse_calls("model.norm", yaml.safe_load(shape.format('"${model.size}"')))
    refuse_calls("paths.data_dir", "${oc.env:GENKIT_DATA_DIR,'~/data'}/x")


def test_a_key_given_twice_is_refused():
    with pytest.raises(ConfigError, match="seed= is given twice"):
        parse(["seed=1", "+seed=2"])


def test_a_value_may_hold_equal_signs():
    assert key_and_value("a=b=c") == ("a", "b=c")


def test_sweeps_list_their_values():
    swept = parse_sweep(["a=1,2", "b=range(0,3)", "c=x", "d=glob(*)"])
    assert swept == [("a", ["1", "2"]), ("b", ["0", "1", "2"]), ("c", ["x"]), ("d", None)]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("budget.epoch", "budget.epochs"),
        ("lr", "optim.lr"),
        ("n_head", "model.n_head"),
        ("modle", "model"),
        ("dta", "data"),
        ("batchsize", "batch_size"),
        ("optim.learning_rate", None),
        ("mode", "model"),
        ("early_stopping.metric", "callbacks.early_stopping.metric"),
    ],
)
def test_the_nearest_key(typed, meant):
    said = nearest_key(typed, KEYS)
    assert said == f" Did you mean {meant}?" if meant else said.startswith(" Known: optim.")
