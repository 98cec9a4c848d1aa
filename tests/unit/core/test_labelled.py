"""What a class says that it reads, and what is written once for families that take labels."""

import pytest
import torch
from torch import nn

from genkit.core.capabilities import Conditional, LikelihoodKind
from genkit.core.labelled import Labelled
from genkit.core.module import GenerativeModule
from genkit.core.noise import Noise
from genkit.core.options import LABEL, Option
from genkit.core.phase import LossTerms, Phase
from genkit.core.spec import ArraySpec, DataSpec, TokenSpec
from genkit.families.gpt import GPT
from genkit.system.errors import ConfigError
from tests.conftest import IMAGES, TEXT

PETS = ArraySpec(1, (2, 2), 5, ("cat", "dog", "mouse"))


class Constant(GenerativeModule):
    """Draws what it holds; it says nothing of what it reads."""

    def __init__(self, spec):
        super().__init__(spec)
        self.held = nn.Linear(1, 1)

    def phases(self):
        return (Phase("only", (self.held,), lambda batch, noise: LossTerms(self.held.weight.sum())),)

    def score_batch(self, batch, noise):
        return {}

    def draw(self, noise, condition, options):
        return torch.zeros(len(noise), *self.spec.shape)


class OfArrays(Constant, GenerativeModule[ArraySpec]):
    pass


class OfTokens(GenerativeModule[TokenSpec]):
    pass


class Beneath(OfArrays):
    pass


class Coloured(Labelled[ArraySpec]):
    """Draws the number of the label at every place."""

    options = (Option("width", "int", 1, "of nothing"), LABEL)

    def __init__(self, spec, *, conditional=True):
        super().__init__(spec, conditional=conditional)
        self.held = nn.Linear(1, 1)

    phases, score_batch = Constant.phases, Constant.score_batch

    def draw(self, noise, condition, options):
        labels = self.labels(condition, noise)
        drawn = torch.ones(len(noise)) if labels is None else labels.float() / 4
        return drawn[:, None, None, None].expand(-1, *self.spec.shape)


def test_a_class_reads_what_it_says_also_through_others():
    said = {Constant: DataSpec, OfArrays: ArraySpec, Beneath: ArraySpec, OfTokens: TokenSpec}
    assert {family: family.reads for family in said} == said
    assert (GPT.reads, Coloured.reads, GenerativeModule.reads) == (TokenSpec, ArraySpec, DataSpec)


@pytest.mark.parametrize("spec", [IMAGES, TEXT])
def test_who_says_nothing_is_given_anything(spec):
    assert Constant(spec).spec is spec


@pytest.mark.parametrize(
    ("family", "spec", "given"), [(Beneath, TEXT, "tokens"), (OfTokens, IMAGES, "arrays")]
)
def test_other_data_is_refused_in_one_line_with_the_remedy(family, spec, given):
    reads = family.reads.kind
    with pytest.raises(ConfigError) as refused:
        family(spec)
    said = str(refused.value)
    assert said.startswith(
        f"{family.__name__} reads {reads}, and this data comes as {given}; set model.view={reads}"
    )
    assert "\n" not in said


def test_a_family_that_takes_labels_writes_nothing_about_them():
    module = Coloured(PETS)
    assert module.classes == 3
    assert module.capabilities()["Conditional"] == "label"
    drawn = module.sample(2, label=["mouse", "0"]).data[:, 0, 0, 0]
    assert (drawn * 4).tolist() == [2, 2, 0, 0]
    anything = (module.sample(60).data[:, 0, 0, 0] * 4).tolist()
    assert {0, 1, 2} == set(anything)
    assert torch.equal(module.labels([None, 1], Noise(0, range(2)))[1:], torch.tensor([1]))
    with pytest.raises(ConfigError, match="Did you mean mouse"):
        module.sample(1, label="mous")


def test_an_instance_without_labels_has_no_option_for_them():
    module = Coloured(ArraySpec(1, (2, 2)), conditional=False)
    assert (module.classes, [option.name for option in module.options]) == (0, ["width"])
    assert "Conditional" not in module.capabilities()
    assert module.labels([None], Noise(0, range(1))) is None
    assert float(module.sample(1).data.min()) == 1
    with pytest.raises(ConfigError, match="no sampling option 'label'"):
        module.sample(1, label="cat")


class Captioned(Constant, Conditional):
    """Conditional on something that no family here is."""

    by = ("caption",)
    options = (Option("caption", "text", "", "what to show"), Option("width", "int", 1, "of nothing"))

    def conditions(self, options):
        return [options["caption"]]


def test_a_family_says_by_which_options_it_is_conditional():
    assert Captioned(IMAGES).capabilities() == {"Conditional": "caption"}
    assert Constant(IMAGES).capabilities() == {}


def test_labels_that_the_data_lacks_are_refused():
    with pytest.raises(ConfigError, match="needs labels, and the data has none"):
        Coloured(ArraySpec(1, (2, 2)))
    with pytest.raises(ConfigError, match="conditional=true: texts have no labels"):
        GPT(TEXT, conditional=True)


def test_a_likelihood_says_what_it_is_worth_and_of_what():
    exact, bound = LikelihoodKind("exact", of="probability"), LikelihoodKind("bound", "ELBO", of="density")
    none = LikelihoodKind("none", "only samples")
    assert [kind.final for kind in (exact, bound, none)] == [True, False, False]
    assert [kind.tightens for kind in (exact, bound, none)] == [False, True, False]
    assert [kind.absent for kind in (exact, bound, none)] == [False, False, True]
    assert [kind.certain_at_zero for kind in (exact, bound, none)] == [True, False, False]
    with pytest.raises(ValueError, match="exact, a bound, an estimate or none, not 'exakt'"):
        LikelihoodKind("exakt")
    with pytest.raises(ValueError, match="probability or a density, or unsaid, not 'mass'"):
        LikelihoodKind("exact", of="mass")
