"""What is refused of values: types, ranges, contradictions, what does nothing; and what is nearest."""

from collections.abc import Iterator
from typing import Annotated, Literal

import pytest

from genkit import config
from genkit.config.refusals import check_set, settle
from genkit.config.settings import GROUPS
from genkit.config.values import leaves, refuse_targets
from genkit.core.knobs import GIVEN, Clash, DataKnobs, ModelKnobs, knob
from genkit.system.errors import ConfigError


class Tried(ModelKnobs):
    n: Annotated[int, knob("how many", ge=1, le=1000, unit="things")] = 8
    h: Annotated[int, knob("a divisor", ge=1)] = 4
    rate: Annotated[float, knob("a rate", gt=0)] = 1e-3
    share: Annotated[float, knob("a share", ge=0, le=1)] = 0.5
    norm: Annotated[Literal["layer", "rms"], knob("a norm")] = "layer"
    word: Annotated[str, knob("a word")] = "a"
    yes: Annotated[bool, knob("a switch")] = True
    pair: Annotated[tuple[float, float], knob("two")] = (0.0, 1.0)
    some: Annotated[tuple[Literal["a", "b"], ...], knob("of a, b")] = ()
    depth: Annotated[int, knob("maybe", ge=2)] | None = None
    channels: Annotated[Literal[1, 3], knob("maybe")] | None = None
    clip: Annotated[float, knob("maybe", gt=0)] | None = None
    tilt: Annotated[float, knob("maybe", gt=-3, lt=3)] | None = None
    momentum: Annotated[float, knob("of rms", ge=0, only={"norm": ("rms",)})] = 0.9
    rise: Annotated[int, knob("of the share", ge=0, only={"share": GIVEN})] = 0

    def clashes(self) -> Iterator[Clash]:
        if self.n % self.h:
            yield Clash(("n", "h"), "make n a multiple of h")


DECLARED = {**GROUPS, "model": Tried, "data": DataKnobs}


def tried(given=(), **values):
    cfg = {"model": {"family": "tried", "view": "arrays", **values}, "data": {"name": "x"}}
    return cfg, settle(DECLARED, cfg, [f"model.{key}" for key in given])


def refusal(given=(), **values):
    with pytest.raises(ConfigError) as refused:
        tried(given, **values)
    assert "\n" not in str(refused.value)
    return str(refused.value)


# ---------------------------------------------------------------------- types


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("rate", 1, 1.0),
        ("rate", 2.5, 2.5),
        ("n", 4, 4),
        ("word", "b", "b"),
        ("word", 3, "3"),
        ("yes", False, False),
        ("pair", [1, 2], [1.0, 2.0]),
        ("some", ["a", "b"], ["a", "b"]),
        ("some", [], []),
        ("depth", None, None),
        ("depth", 3, 3),
        ("channels", 3, 3),
    ],
)
def test_values_take_the_type_that_is_declared(name, value, kept):
    cfg, made = tried(**{name: value})
    assert cfg["model"][name] == kept
    assert type(cfg["model"][name]) is type(kept)
    assert getattr(made.model, name) == (tuple(kept) if isinstance(kept, list) else kept)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("n", 1.5, "model.n=1.5 is not an integer: give from 1 to 1,000 things."),
        ("n", 8.0, "is not an integer"),
        ("n", True, "model.n=true is not an integer"),
        ("n", "x", "is not an integer"),
        ("n", None, "model.n=null is not an integer"),
        ("n", [1], "model.n=[1] is not an integer"),
        ("rate", "x", "is not a number: give a positive number."),
        ("rate", True, "is not a number"),
        ("rate", None, "model.rate=null is not a number"),
        ("rate", float("nan"), "is not a finite number"),
        ("rate", float("inf"), "is not a finite number"),
        ("yes", 1, "model.yes=1 is not true or false (default: true)."),
        ("yes", "yes", "is not true or false"),
        ("word", True, "model.word=true is not a word (default: a)."),
        ("word", ["a"], "is not a word"),
        ("norm", True, "is not a word: choose layer or rms."),
        ("pair", 3, "is not a list such as [0.0,1.0]"),
        ("pair", ["x", "y"], "is not a list such as"),
        ("some", "a", "is not a list such as []: choose from a, b."),
        ("depth", [1], "is not an integer: give 2 or more, or null."),
        ("channels", "x", "choose 1, 3 or null."),
    ],
)
def test_values_of_another_type_are_refused(name, value, said):
    assert said in refusal(**{name: value})


# ---------------------------------------------------------------------- ranges and contradictions


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"n": 0}, "model.n=0: give from 1 to 1,000 things (nearest: model.n=4)."),  # 1 is no multiple of h
        ({"n": 0, "h": 1}, "(nearest: model.n=1)."),
        ({"n": 2**70, "h": 1}, "(nearest: model.n=1000)."),
        ({"n": 9}, "model.n=9, model.h=4: make n a multiple of h (nearest: model.n=8)."),
        ({"norm": "layr"}, "model.norm=layr: choose layer or rms (nearest: model.norm=layer)."),
        ({"norm": "zzz"}, "model.norm=zzz: choose layer or rms."),
        ({"rate": -1}, "model.rate=-1.0: give a positive number."),
        ({"share": 7}, "model.share=7.0: give from 0 to 1 (nearest: model.share=1)."),
        ({"share": -0.1}, "(nearest: model.share=0)."),
        ({"pair": [1]}, "model.pair=[1.0]"),
        ({"some": ["c"]}, "model.some=[c]: choose from a, b."),
        ({"depth": 1}, "model.depth=1: give 2 or more, or null (nearest: model.depth=2)."),
        ({"channels": 2}, "model.channels=2: choose 1, 3 or null (nearest: model.channels=1)."),
        ({"clip": 0}, "model.clip=0: give a positive number, or null (nearest: model.clip=1)."),
        ({"clip": -0.5}, "model.clip=-0.5: give a positive number, or null."),  # (all are as far away)
        ({"tilt": -9}, "(nearest: model.tilt=-2)."),
        ({"tilt": 3}, "(nearest: model.tilt=2)."),
        ({"n": 0, "h": 0}, "model.n=0: "),  # a division by nought is not what is said
        ({"h": 0}, "model.h=0: give 1 or more (nearest: model.h=1)."),
    ],
)
def test_a_refusal_names_the_values_and_the_nearest_that_holds(values, said):
    assert said in refusal(**values)


def test_what_is_not_given_is_said():
    with pytest.raises(ConfigError, match=r"^model.view is not given: choose tokens or arrays\.$"):
        settle(DECLARED, {"model": {"family": "tried"}, "data": {"name": "x"}})


# ---------------------------------------------------------------------- what does nothing


def test_what_does_nothing_is_refused_where_a_person_set_it():
    tried(momentum=0.5)
    tried(["momentum"], momentum=0.5, norm="rms")
    tried(["rise"], rise=3)
    said = refusal(["momentum"], momentum=0.5)
    assert said == (
        "model.momentum=0.5 does nothing while model.norm=layer; it is for model.norm=rms: choose that, or"
        " leave it out."
    )
    assert "set model.share, or leave it out" in refusal(["rise"], rise=3, share=0)


INERT = {
    "optim.momentum=0.9": "optim.name=adamw",
    "optim=adam optim.momentum=0.9": "optim.name=adam",
    "optim.adam_lr=1e-3": "optim.name=muon",
    "optim=sgd optim.betas=[0.9,0.99]": "optim.name=adamw, adam or muon",
    "optim=sgd optim.eps=1e-6": "optim.name=sgd",
    "optim.cooldown=0.5": "optim.schedule=wsd",
    "optim=adam optim.final=0.1": "optim.schedule=constant",
    "model=dcgan optim=sgd optim.generator.betas=[0.1,0.2]": "optim.generator.betas=",
    "model=vae_mlp model.width=8": "model.network=conv, moving or residual",
    "model=vae model.beta=0 model.beta_warmup=8": "model.beta=0.0",
    "model=vae model.beta=0 model.free_bits=0.1": "model.beta=0.0",
    "data.vocab_size=300": "data.tokenizer=bpe",
    "data.tokenizer_path=x": "data.tokenizer=hf",
    "data=text_file data.max_bad=0.5": "data.on_bad=skip",
    "data=hf_text data.encoding=latin-1": "data.name=text_file",
    "model=vae data=digits data.binarize=dynamic": "data.levels=2",
    "model=vae data=arrays data.levels=9 data.binarize=static": "data.levels=2 or null",
    "callbacks.early_stopping.patience=3": "callbacks.early_stopping.metric",
    "callbacks.early_stopping.mode=max": "callbacks.early_stopping.metric",
    "callbacks.samples.n=0 callbacks.samples.every=5": "callbacks.samples.n=0",
    "callbacks.metrics.n=0 callbacks.metrics.extractor=digits": "callbacks.metrics.n",
    "model.select=null callbacks.metrics.n=100": "model.select",
    "accept_new_data=true": "resume",
}


@pytest.mark.parametrize("typed", INERT)
def test_knobs_that_do_nothing(typed):
    with pytest.raises(ConfigError, match="does nothing") as refused:
        config.compose("train", typed.split())
    assert INERT[typed] in str(refused.value)
    assert str(refused.value).startswith(typed.split()[-1].split("=")[0])


WORKING = (
    *(
        "optim=sgd optim.momentum=0.5",
        "optim=muon optim.momentum=0.5 optim.adam_lr=1e-3 optim.betas=[0.8,0.9]",
    ),
    *("optim.schedule=wsd optim.cooldown=0.5", "optim.final=0.2", "model=vae model.width=8"),
    *("data.tokenizer=bpe data.vocab_size=300", "data=hf_text data.separator=x", "callbacks.metrics.n=8"),
    *(
        "data=text_file data.on_bad=skip data.max_bad=0.5",
        "optim.momentum=null",
        "model=vae model.beta_warmup=8",
    ),
    *(
        "model=vae data=arrays data.binarize=static",
        "model=vae data=digits data.levels=2 data.binarize=static",
    ),
    *(
        "callbacks.early_stopping.metric=val/nll callbacks.early_stopping.patience=1",
        "optim=muon optim.eps=1e-7",
    ),
    "experiment=shakespeare_fast optim=adamw",  # a recipe's knob of another optimiser
    "experiment=mnist_vae_fast optim.schedule=constant",
)


@pytest.mark.parametrize("typed", WORKING)
def test_knobs_that_do_something(typed):
    if typed == "optim.momentum=null":
        with pytest.raises(ConfigError, match="is not a number"):
            config.compose("train", typed.split())
    else:
        config.compose("train", typed.split())


# ---------------------------------------------------------------------- what else is no value


def test_leaves_are_values_alone():
    assert dict(leaves({"a": {"b": 1, "e": {}}, "choices": {"a": "x"}})) == {"a.b": 1, "a.e": {}}


@pytest.mark.parametrize(
    "where", [{"_target_": "x"}, {"a": {"_target_": "x"}}, {"a": [{"b": [{"_target_": 1}]}]}]
)
def test_targets_are_refused_at_any_depth(where):
    with pytest.raises(ConfigError, match="_target_"):
        refuse_targets(where)


def test_all_values_that_are_left_open_are_listed():
    with pytest.raises(ConfigError, match=r"^not given yet \(\?\?\?\): model\.width=… model\.names=…$"):
        check_set({"model": {"width": "???", "names": "???", "rate": 0.1}})
    with pytest.raises(ConfigError, match=r": a=…$"):
        check_set({"a": "???"})
    check_set({"model": {"width": 3}})


def test_parts_of_a_group_have_its_knobs():
    cfg = {"model": {"family": "x", "view": "arrays"}, "data": {"name": "x"}}
    cfg["optim"] = {"lr": 1e-3, "generator": {"lr": -1.0, "clip": None}}
    with pytest.raises(ConfigError, match=r"^optim.generator.lr=-1.0: give a positive learning rate\.$"):
        settle(DECLARED, cfg)
    cfg["optim"]["generator"]["lr"] = None
    settle(DECLARED, cfg)
    cfg["optim"]["generator"]["betas"] = [0, 0.5]
    settle(DECLARED, cfg)
    assert cfg["optim"]["generator"]["betas"] == [0.0, 0.5]
