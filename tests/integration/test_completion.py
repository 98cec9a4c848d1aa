"""Tab completion of every command: its words, the values that can be listed, what a run has of its own."""

import pytest

from genkit.cli import COMMANDS
from genkit.cli.command import words_of
from genkit.cli.commands import find
from genkit.metrics.catalogue import EXTRACTORS


@pytest.fixture
def completed(trained, genkit, monkeypatch):
    """`completed(line)`: what is offered where the line stands."""
    monkeypatch.setenv("GENKIT_RUNS_DIR", str(trained("vae").parent))
    trained("gpt")

    def ask(line):
        monkeypatch.setenv("COMP_LINE", line)
        code, out, err = genkit("--shell-completion", "query=bash")
        assert (code, err) == (0, "")
        return set(out.split())

    return ask


@pytest.mark.parametrize("name", COMMANDS)
def test_every_word_of_every_command_is_offered(name, completed):
    offered = completed(f"genkit {name} ")
    for word in words_of(find(name).settings).values():
        if word.below:
            continue
        assert f"{word.name}=" in offered or (word.bare and offered >= {*word.choices})
        if word.kind == "run":
            assert {"run=vae", "run=gpt"} <= offered or (word.bare and {"vae", "gpt"} <= offered)


@pytest.mark.parametrize(
    ("line", "exactly"),
    [
        ("sample weights=", {"weights=ema", "weights=raw"}),
        ("sample weights=r", {"weights=raw"}),
        ("sample stream=", {"stream=true", "stream=false"}),
        ("score split=t", {"split=train", "split=test"}),
        ("score run=g", {"run=gpt"}),
        ("evaluate extractor=", {f"extractor={name}" for name in EXTRACTORS.built_in}),
        ("evaluate metrics=self", {"metrics=self_bleu"}),
        ("reconstruct device=", {"device=auto", "device=cpu", "device=gpu", "device=mps"}),
        ("interpolate path=", {"path=spherical", "path=linear"}),
        ("complete mask=b", {"mask=box"}),
        ("sample checkpoint=", {"checkpoint=last", "checkpoint=best"}),
        ("sample run=vae checkpoint=s", {"checkpoint=step-2", "checkpoint=step-4"}),
        ("study study=qu", {"study=quickstart"}),
        ("runs order=", {"order=up", "order=down"}),
        ("export format=", {"format=hf"}),
        ("sample run=vae pix", {"pixels="}),
        ("sample run=vae pixels=", {"pixels=mean", "pixels=drawn"}),
        ("sample run=gpt unk=", {"unk=refuse", "unk=skip"}),
        ("sample run=nothing pix", set()),
        ("families ", set()),
        ("train data=dig", {"data=digits"}),
        ("no_such_command x", set()),
    ],
)
def test_values_are_offered_where_they_can_be_listed(line, exactly, completed):
    assert completed(f"genkit {line}") == exactly


def test_what_is_typed_is_not_offered_again_but_where_it_may_be_repeated(completed):
    offered = completed("genkit sample n=3 prompt=a run=gpt ")
    assert not {"n=", "run=", "run=gpt"} & offered
    assert {"prompt=", "seed=", "top_k=", "stop="} <= offered
    assert {"run=", "run=vae"} <= completed("genkit evaluate run=gpt ")
