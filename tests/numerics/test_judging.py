"""Networks and samples are judged as they are trained and drawn, whatever the family."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from genkit.core.batch import Batch
from genkit.core.codecs import PixelCodec
from genkit.core.noise import Noise
from genkit.core.spec import ArraySpec, TokenSpec
from genkit.data.arrays.treatments import Levels
from genkit.data.dataset import ArrayExamples
from genkit.diagnostics import symptoms
from genkit.diagnostics.health import Health
from genkit.diagnostics.known import KnownImages, KnownTexts
from genkit.families.dcgan import DCGAN
from genkit.families.gpt import GPT
from genkit.nn.normalisation import GlobalBatchNorm, as_trained
from genkit.runs import Run
from genkit.testing import OPTIM
from tests.conftest import IMAGES, TEXT, fit, images, tokens
from tests.numerics.test_health import digits

PIXELS = TokenSpec(PixelCodec(ArraySpec(1, (8, 8), 17)))


def gan(**knobs):
    torch.manual_seed(0)
    return DCGAN(IMAGES, latent_size=8, width=8, **knobs)


# ---------------------------------------------------------------------- a discriminator


@pytest.mark.parametrize("knobs", [{}, {"spectral_norm": True}, {"norm": "none"}, {"extra_layers": 2}])
def test_a_discriminator_is_judged_as_it_is_trained(knobs):
    """As torch's own training mode has it on copies, each batch apart; and nothing of the network moves."""
    module = gan(**knobs).eval()
    for norm in (m for m in module.modules() if isinstance(m, GlobalBatchNorm)):
        norm.running_mean.fill_(3.0)  # averages over other batches than those that it is given
    batch, noise = module.prepare(digits(0, 32)), Noise(0, range(32), purpose="validation")
    before = copy.deepcopy(module.state_dict())
    with torch.no_grad():
        told, health = module.score_batch(batch, noise), module.health(batch, noise)
        twin = copy.deepcopy(module)
        for norm in (m for m in twin.modules() if isinstance(m, GlobalBatchNorm)):
            norm.train()  # the spectral norms, whose vectors move in training, stay
        fakes = twin.generator(twin.prior(noise))
        real, fake = twin.discriminator(batch.data * 2 - 1), twin.discriminator(fakes)
    assert torch.allclose(told["real"], twin.game.opinion(real), atol=1e-5)
    assert torch.allclose(told["fake"], twin.game.opinion(fake), atol=1e-5)
    ranks = np.mean(real.numpy()[:, None] > fake.numpy())
    assert health["discriminator_ranks"] == pytest.approx(ranks, abs=2e-3)
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert not module.training


def test_networks_are_as_they_were_after_being_judged():
    module = gan().eval()
    batch = module.prepare(images(16))
    before = module.discriminator(batch.data)
    with pytest.raises(RuntimeError), as_trained(module.discriminator):
        raise RuntimeError
    assert torch.equal(module.discriminator(batch.data), before)


def test_scores_that_are_of_a_batch_say_so():
    assert gan().scores_batches
    labelled = replace(IMAGES, classes=tuple("0123456789"))
    assert DCGAN(labelled, latent_size=8, width=8, conditional=True, norm="none").scores_batches  # generator
    assert not GPT(PIXELS, n_layer=1, n_head=1, n_embd=8).scores_batches


# ---------------------------------------------------------------------- what stands still


def test_a_network_that_was_not_due_does_not_stand_still(tmp_path):
    """The generator learns at the steps 0, 5 and 10, and validations come after every second step."""
    run = Run.create(tmp_path, "run")
    module = gan(discriminator_steps=5)
    fit(module, [digits(32 * i, 32) for i in range(12)], [digits(1300, 32)], None, [Health(run)],
        val_check_interval=2)  # fmt: skip
    found = json.loads((run.path / "findings.json").read_text())
    asked = {row["step"]: "moved/generator" in row for row in found["history"]}
    assert asked == {2: True, 4: False, 6: True, 8: False, 10: False, 12: True}
    assert all(row["moved/discriminator"] > 1e-6 for row in found["history"])
    assert "standing_still" not in {f["code"] for f in found["findings"]}


def test_a_network_that_is_due_and_does_not_move_stands_still(tmp_path):
    run = Run.create(tmp_path, "run")
    plan = {"optim": {**OPTIM, "generator": {"lr": 1e-30}}}
    module = gan(discriminator_steps=5)
    fit(module, [digits(32 * i, 32) for i in range(12)], [digits(1300, 32)], plan, [Health(run)],
        val_check_interval=2)  # fmt: skip
    found = json.loads((run.path / "findings.json").read_text())
    assert [(f["code"], f["measure"]) for f in found["findings"] if f["holds"]] == [
        ("standing_still", "moved/generator")
    ]


# ---------------------------------------------------------------------- samples of every family


def pixel_gpt(**knobs):
    torch.manual_seed(0)
    spec = replace(PIXELS, classes=tuple("0123456789")) if knobs else PIXELS
    return GPT(spec, n_layer=1, n_head=1, n_embd=8, **knobs).eval()


def sequences(levels):
    """Images (N, 1, 8, 8) as a model of pixels reads them."""
    start = torch.full((len(levels), 1), 17)
    return torch.cat((start, torch.as_tensor(levels).long().flatten(1)), 1)


def test_a_model_of_pixels_is_looked_at_as_others_are():
    """Against its own samples as training images all are copies; against others none."""
    module = pixel_gpt()
    batch = digits(0, 40)
    read = Batch(sequences(batch.data), range(40), torch.arange(40) % 10)
    noise = Noise(module.plan.seed, range(40), purpose="health")
    with torch.no_grad():
        own = symptoms.drawing(module, noise)(None)
    levels = (own * 16).round().to(torch.uint8).numpy()
    for train, share in ((levels, 1.0), (digits(100, 40).data.numpy(), 0.0)):
        known = KnownImages(ArrayExamples(train, None, np.arange(40), Levels(17, 17)), 17)
        told = symptoms.measure(module, read, known)
        assert told["copied"] == share
    real = batch.data.float() / 16
    expected = torch.pdist(own.flatten(1)).mean() / torch.pdist(real.flatten(1)).mean()
    assert told["diversity"] == pytest.approx(float(expected), rel=1e-4)
    assert "label_effect" not in told


def test_a_model_of_pixels_that_ignores_its_label_is_seen():
    module = pixel_gpt(conditional=True)
    read = Batch(sequences(digits(0, 40).data), range(40), torch.arange(40) % 10)
    with torch.no_grad():
        for parameter in module.network.parameters():
            parameter.mul_(20)  # what is read then matters for what is drawn
    assert symptoms.measure(module, read)["label_effect"] > 0.1
    with torch.no_grad():
        starts = module.network.tokens.weight[17:]
        starts.copy_(starts[:1].expand_as(starts))  # every class begins alike
    assert symptoms.measure(module, read)["label_effect"] == 0


def test_what_is_drawn_at_a_validation_is_bounded(monkeypatch):
    """Of large images that are drawn pixel by pixel the beginning is, where a family can be asked for it."""

    def drawable(*shape):
        spec = TokenSpec(PixelCodec(ArraySpec(shape[0], shape[1:], 256)))
        with torch.device("meta"):
            module = GPT(spec, n_layer=1, n_head=1, n_embd=8)
        count, steps = symptoms._drawable(module)
        assert count * steps <= 2**16
        return count, steps

    assert drawable(1, 28, 28) == (41, 784)
    assert drawable(3, 32, 32) == (16, 3072)
    assert drawable(3, 64, 64) == (16, 2048)
    assert symptoms._drawable(gan()) == (None, None)
    monkeypatch.setattr(GPT, "options", tuple(o for o in GPT.options if o.name != "max_new_tokens"))
    assert symptoms._drawable(pixel_gpt()) == (512, 64)
    monkeypatch.setattr(symptoms, "WHOLE", 63)
    assert symptoms._drawable(pixel_gpt()) == (0, 0)


def test_of_an_image_whose_beginning_is_drawn_that_is_compared(monkeypatch):
    module, batch = pixel_gpt(conditional=True), digits(0, 16)
    read = Batch(sequences(batch.data), range(16), torch.arange(16) % 10)
    noise = Noise(module.plan.seed, range(16), purpose="health")
    with torch.no_grad():
        begun = symptoms.drawing(module, noise, 20)(read.labels)
        whole = symptoms.drawing(module, noise)(read.labels).flatten(1)
    assert torch.equal(begun, whole[:, :20])
    monkeypatch.setattr(symptoms, "WHOLE", 63)
    monkeypatch.setattr(symptoms, "DRAWN", 16 * 20)
    known = KnownImages(ArrayExamples(batch.data.numpy(), None, np.arange(16), Levels(17, 17)), 17)
    told = symptoms.measure(module, read, known)
    real = read.data[:, 1:21] / 16
    expected = torch.pdist(begun).mean() / torch.pdist(real).mean()
    assert told["diversity"] == pytest.approx(float(expected), rel=1e-5)
    assert "label_effect" in told
    assert "copied" not in told  # of a beginning nobody can say


def said_of_pixels(tmp_path, module, lr=1e-9, steps=40, every=8):
    """The errors that stand at the end of a training on pixels of digits, and its last measurement."""
    run = Run.create(tmp_path, "run")
    batches = [Batch(sequences(digits(32 * (i % 40), 32).data), range(32)) for i in range(steps)]
    unseen = [Batch(sequences(digits(1300, 64).data), range(64))]
    plan = {"optim": {**OPTIM, "lr": lr}}
    fit(module, batches, unseen, plan, [Health(run)], val_check_interval=every)
    found = json.loads((run.path / "findings.json").read_text())
    standing = {f["code"] for f in found["findings"] if f["severity"] == "error" and f["holds"]}
    return standing, found["history"][-1]


def constant_gpt(logit):
    """A model of pixels whose logits are the same whatever it reads: one level's stands out."""
    torch.manual_seed(0)
    module = GPT(PIXELS, n_layer=1, n_head=1, n_embd=8, bias=True, tie=False)
    with torch.no_grad():
        module.network.norm.weight.zero_()
        module.network.norm.bias.fill_(1.0)
        module.network.head.weight.zero_()
        module.network.head.weight[5] = logit / 8
    return module


def test_a_model_of_pixels_that_draws_one_image_has_collapsed(tmp_path):
    codes, last = said_of_pixels(tmp_path, constant_gpt(30.0))
    assert "collapsed" in codes
    assert last["diversity"] == 0


def test_a_model_of_pixels_that_draws_noise_has_learned_nothing_and_not_collapsed(tmp_path):
    codes, last = said_of_pixels(tmp_path, constant_gpt(0.0))
    assert "learned_nothing" in codes
    assert "collapsed" not in codes
    assert last["diversity"] > 0.6


def test_a_sound_model_of_pixels_has_no_errors(tmp_path):
    torch.manual_seed(0)
    module = GPT(PIXELS, n_layer=2, n_head=2, n_embd=32)
    codes, last = said_of_pixels(tmp_path, module, lr=3e-3, steps=240, every=40)
    assert codes == set()
    assert 0.6 < last["diversity"] < 1.6


def test_texts_differ_by_the_pieces_that_the_other_has_not():
    one, other, both = np.arange(20), np.arange(100, 120), np.r_[np.arange(20), np.arange(100, 120)]
    assert symptoms.unlike([one, one.copy()]) == 0
    assert symptoms.unlike([one, other]) == 1
    assert symptoms.unlike([one, both]) == 0  # all 13 pieces of the shorter stand in the longer
    assert symptoms.unlike([one, np.r_[np.arange(10), np.arange(200, 210)]]) == pytest.approx(10 / 13)
    assert symptoms.unlike([one, one, other]) == pytest.approx(2 / 3)
    assert symptoms.unlike([one]) is None
    assert symptoms.unlike([np.arange(5), one]) is None
    real = [one, other, np.arange(300, 320)]
    assert symptoms.diversity_of_texts([one] * 3, real) == 0
    assert symptoms.diversity_of_texts(real, real) == 1
    assert symptoms.diversity_of_texts(real, [one] * 3) is None  # real texts that are all the same


class Verses(GPT):
    """Draws the same tokens whatever the noise, and takes no option."""

    options = ()

    def conditions(self, options):
        return [None]

    def draw(self, noise, condition, options):
        return [torch.arange(150) % 9 + 0 * row for row in range(len(noise))]


def test_texts_of_a_family_without_options_are_looked_at_too():
    draw = np.random.default_rng(0)
    train, held_out = draw.integers(0, 9, 4000), draw.integers(0, 9, 2000)
    batch = tokens(16)
    told = symptoms.measure(Verses(TEXT, n_layer=1, n_head=1, n_embd=8), batch, KnownTexts(train, held_out))
    assert told["diversity"] == 0
    assert told["looping"] > 0.8
    assert told["copied"] == 0
    module = GPT(TEXT, n_layer=1, n_head=1, n_embd=8).eval()
    told = symptoms.measure(module, batch, KnownTexts(train, held_out))
    assert told["diversity"] > 0.9


# ---------------------------------------------------------------------- what is said of findings


def test_what_has_ended_is_said_once_and_not_as_if_it_held(tmp_path, capsys):
    from rich.console import Console

    run = Run.create(tmp_path, "run")
    console = Console(soft_wrap=True)
    health, module = Health(run, console=console), gan()
    module.plan = replace(module.plan, optim=OPTIM, total_steps=100)
    for step, value in ((40, 0.1), (60, 0.1), (80, 0.9), (100, 0.9)):
        health._add(step, module, {"diversity": value})
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in said] == ["error", "error no more"]
    again = Health(run, start=100, console=console)
    again._write(again.found(module))
    assert capsys.readouterr().out == ""
