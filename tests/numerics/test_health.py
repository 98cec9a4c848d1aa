"""Trainings that were made to fail, trainings that were not, and what is said of either."""

import copy
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from genkit.core.batch import Batch
from genkit.core.noise import Noise
from genkit.core.rule import Rule
from genkit.data.arrays.treatments import Levels
from genkit.data.dataset import ArrayExamples
from genkit.diagnostics import health, symptoms
from genkit.diagnostics.health import Health
from genkit.diagnostics.known import KnownImages, KnownTexts
from genkit.diagnostics.symptoms import diversity
from genkit.families.dcgan import DCGAN
from genkit.families.gpt import GPT
from genkit.families.vae import VAE
from genkit.nn.adversarial import GAMES
from genkit.runs import Run
from genkit.testing import OPTIM
from tests.conftest import IMAGES, TEXT, fit, tokens

STEPS, EVERY = 60, 10


def digits(start, count):
    levels = load_digits().images[start : start + count].astype(np.uint8)[:, None]
    return Batch(torch.from_numpy(levels), range(start, start + count))


def findings_of(tmp_path, module, steps=STEPS, plan=None, every=EVERY):
    """Train on digits and return findings.json."""
    run = Run.create(tmp_path, "run")
    batches = [digits(32 * (i % 40), 32) for i in range(steps)]
    fit(module, batches, [digits(1300, 64)], plan, [Health(run)], val_check_interval=every)
    return json.loads((run.path / "findings.json").read_text())


def images_known(images):
    """The training images (N, 1, 8, 8), levels of digits, as a training knows them."""
    return KnownImages(ArrayExamples(images, None, np.arange(len(images)), Levels(17, 17)), 17)


def errors(found):
    return {f["code"] for f in found["findings"] if f["severity"] == "error" and f["until"] is None}


def dcgan(**knobs):
    torch.manual_seed(0)
    return DCGAN(IMAGES, latent_size=8, width=8, **knobs)


def vae(**knobs):
    torch.manual_seed(0)
    return VAE(IMAGES, network="mlp", latent_size=8, hidden=64, **knobs)


# ---------------------------------------------------------------------- what labels do


@pytest.mark.parametrize(
    ("decode", "within", "effect"),
    [
        (lambda latent, labels: latent, 1.0, 0.0),  # the label does nothing
        (lambda latent, labels: 5.0 * labels[:, None] + 0.0 * latent, 0.0, 2.0),  # the label is all
        (lambda latent, labels: 5.0 * labels[:, None] + 2 * latent, 2.0, None),
    ],
)
def test_labels_that_do_nothing_and_labels_that_do_everything(decode, within, effect):
    """Real examples are a class's number and N(0, 1), so two of a class are 2/√π apart."""
    n = 400
    labels = torch.arange(n) % 2
    noise = Noise(0, range(n))
    real = 5.0 * labels[:, None] + noise.normal("real", 1)

    latent = noise.normal("latent", 1)
    found = symptoms.of_labels(lambda given: decode(latent, given), decode(latent, labels), real, labels)
    assert found["class_diversity"] == pytest.approx(within, rel=0.1, abs=1e-6)
    if effect is not None:  # a changed label moves by 5, and half of the pairs are 5 apart
        assert found["label_effect"] == pytest.approx(effect, rel=0.01, abs=1e-6)


def test_only_a_model_that_takes_labels_is_judged_by_them():
    batch = digits(0, 32)
    batch = Batch(batch.data.float() / 16, batch.rows, torch.arange(32) % 10)
    labelled = DCGAN(replace(IMAGES, classes=tuple("0123456789")), width=8, conditional=True)
    plain, told = (symptoms.measure(module.eval(), batch) for module in (dcgan(), labelled))
    assert {"class_diversity", "label_effect"} & set(plain) == set()
    assert told["class_diversity"] > 0
    assert told["label_effect"] > 0


# ---------------------------------------------------------------------- seeded failures


def test_a_saturated_discriminator(tmp_path):
    module = dcgan()  # whose generator makes coarse noise and stands still
    with torch.no_grad():
        module.generator.to_image.weight.mul_(50)
    plan = {"optim": {**OPTIM, "lr": 2e-3, "generator": {"lr": 1e-9}}}
    found = findings_of(tmp_path, module, plan=plan)
    assert "discriminator_saturated" in errors(found)
    (said,) = [f for f in found["findings"] if f["code"] == "discriminator_saturated"]
    assert set(said) >= {"code", "severity", "step", "value", "threshold", "advice"}
    assert said["value"] > said["threshold"]


def test_a_collapsed_generator(tmp_path):
    module = dcgan()
    torch.nn.init.zeros_(module.generator.kernels[0].weight)  # deaf to its latents
    found = findings_of(tmp_path, module, plan={"optim": {**OPTIM, "lr": 1e-9}})
    assert "collapsed" in errors(found)
    assert found["history"][-1]["diversity"] < 0.01


def test_a_collapsed_posterior(tmp_path):
    found = findings_of(tmp_path, vae(beta=1000.0), plan={"optim": {**OPTIM, "lr": 1e-2}})
    assert {"posterior_collapse", "collapsed"} <= errors(found)
    assert max(found["history"][-1]["kl_per_latent"]) < 0.01


class Watched(VAE):
    """A family of somebody's own, with a number that only it has."""

    rules = (
        *VAE.rules,
        Rule(code="too_wide", severity="error", measure="spread", above=1.0, advice="fold it.", after=0.0),
    )
    spread = 2.0

    def health(self, batch, noise):
        return {**super().health(batch, noise), "spread": self.spread}


@pytest.mark.parametrize(("spread", "told"), [(2.0, True), (0.5, False)])
def test_a_familys_own_rule_is_asked_beside_the_general_ones(tmp_path, spread, told):
    module = Watched(IMAGES, network="mlp", latent_size=8, hidden=16)
    module.spread = spread
    found = findings_of(tmp_path, module, plan={"optim": {**OPTIM, "lr": 1e-30}}, steps=30)
    assert ("too_wide" in errors(found)) is told
    assert "standing_still" in errors(found)
    if told:
        (said,) = [f for f in found["findings"] if f["code"] == "too_wide"]
        assert (said["measure"], said["value"], said["advice"]) == ("spread", 2.0, "fold it.")


# ---------------------------------------------------------------------- sound trainings


def test_a_sound_vae_has_no_errors(tmp_path):
    found = findings_of(tmp_path, vae(), steps=160, every=32, plan={"optim": {**OPTIM, "lr": 3e-3}})
    assert not errors(found)
    assert found["history"][-1]["active_units"] >= 4


@pytest.mark.parametrize("loss", ["non_saturating", "wasserstein"])
def test_a_sound_gan_has_no_errors(tmp_path, loss):
    norm = {"norm": "layer", "gradient_penalty": 1.0} if loss == "wasserstein" else {}
    plan = {"optim": {**OPTIM, "lr": 2e-3, "betas": [0.5, 0.999]}}
    found = findings_of(tmp_path, dcgan(loss=loss, **norm), steps=160, every=32, plan=plan)
    assert not errors(found)
    assert ("discriminator/accuracy" in found["history"][-1]) == (loss != "wasserstein")


# ---------------------------------------------------------------------- the numbers


def test_active_units_and_divergence_of_each_latent():
    module = vae()
    wanted = torch.zeros(4, 16)  # means and log-variances of four images
    wanted[:, 0] = torch.tensor([-1.0, 1.0, -1.0, 1.0])  # in use: KL ½ · 1² each
    wanted[:, 1] = 2.0  # off its prior, yet the same for every image: not in use, KL ½ · 2²
    module.encoder.forward = lambda data, labels=None: wanted
    told = module.health(digits(0, 4), Noise(0, range(4)))
    assert told["active_units"] == 1
    assert told["active_share"] == 1 / 8
    assert told["kl_per_latent"] == pytest.approx([0.5, 2.0, 0, 0, 0, 0, 0, 0])
    assert told["kl_largest"] == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("loss", "accuracy"),
    [("non_saturating", 0.75), ("hinge", 0.75), ("least_squares", 0.5), ("wasserstein", None)],
)
def test_the_share_that_a_discriminator_gets_right(loss, accuracy):
    found = GAMES[loss].accuracy(torch.tensor([0.4, -1.0]), torch.tensor([-1.0, -2.0]))
    assert (found is None) if accuracy is None else float(found) == pytest.approx(accuracy)


def test_diversity_is_a_ratio_of_mean_distances():
    real = torch.tensor([[0.0], [1.0], [3.0]])  # distances 1, 3, 2
    assert diversity(torch.tensor([[0.0], [0.5], [1.0]]), real) == pytest.approx((0.5 + 1 + 0.5) / 6)
    assert diversity(torch.ones(3, 1), real) == 0


# ---------------------------------------------------------------------- what it must not disturb


@pytest.mark.parametrize("kind", ["images", "texts"])
def test_a_training_is_the_same_with_and_without(tmp_path, kind):
    if kind == "images":
        first, batches, unseen = dcgan(), [digits(32 * i, 32) for i in range(6)], digits(1300, 32)
        known = images_known(unseen.data.numpy())
    else:
        torch.manual_seed(0)
        first = GPT(TEXT, block_size=16, n_layer=1, n_head=1, n_embd=8, dropout=0.2)
        batches, unseen = [tokens(8, seed=i, length=17) for i in range(6)], tokens(16, seed=9, length=17)
        known = KnownTexts(
            unseen.data.flatten().numpy(), tokens(16, seed=8, length=17).data.flatten().numpy()
        )
    second = copy.deepcopy(first)
    plan = {"optim": {**OPTIM, "ema": 0.9}}
    watched = Health(Run.create(tmp_path, "r"), training=known)
    fit(first, batches, [unseen], plan, val_check_interval=2)
    fit(second, batches, [unseen], plan, [watched], val_check_interval=2)
    assert {"copied", "moved/discriminator" if kind == "images" else "looping"} <= set(watched.history[-1])
    for (name, one), two in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        assert torch.equal(one, two), name
    assert all(torch.equal(first.average.shadow[n], second.average.shadow[n]) for n in first.average.shadow)


def test_a_resumed_training_forgets_what_was_measured_after_its_checkpoint(tmp_path):
    run = Run.create(tmp_path, "run")
    rows = [{"step": step, "progress": 0.5, "diversity": 1.0} for step in (10, 20, 30)]
    (run.path / health.FILE).write_text(json.dumps({"findings": [], "history": rows}))
    assert [row["step"] for row in Health(run, start=20).history] == [10, 20]
    assert Health(run, start=0).history == []
    (run.path / health.FILE).write_text("[")
    assert Health(run, start=20).history == []


def test_what_a_model_of_texts_reports(tmp_path):
    run = Run.create(tmp_path, "run")
    module = GPT(TEXT, block_size=8, n_layer=1, n_head=1, n_embd=8)
    fit(module, [tokens(4)] * 4, [tokens(4)], callbacks=[Health(run)], val_check_interval=2)
    found = json.loads((run.path / "findings.json").read_text())
    always = {"step", "progress", "nll", "gradient/likelihood", "moved/network", "not_finite"}
    always |= {"beyond_uniform", "beyond_frequencies", "level", "risen", "gap"}
    assert [set(row) for row in found["history"]] == [always] * 2
    assert found["findings"] == []


def test_what_a_model_of_tokens_knows_beyond_chance_and_frequencies():
    """Logits that are the logarithms of the frequencies in the batch, and uniform ones."""
    batch = tokens(40)
    counts = torch.bincount(batch.data[:, 1:].flatten(), minlength=9).double()
    entropy = float(-(counts / counts.sum() * (counts / counts.sum()).log()).sum())
    module = GPT(TEXT, block_size=8, n_layer=1, n_head=1, n_embd=8).eval()
    for logits, nll in ((torch.zeros(9), math.log(9)), ((counts / counts.sum()).log().float(), entropy)):
        module.network.forward = lambda ids, logits=logits, **asked: logits.expand(*ids.shape, 9)
        told = module.health(batch, Noise(0, range(40)))
        assert told["beyond_uniform"] == pytest.approx(1 - nll / math.log(9), abs=1e-6)
        assert told["beyond_frequencies"] == pytest.approx(entropy - nll, abs=1e-6)


@pytest.mark.parametrize(
    ("real", "fake", "ranks"),
    [((3.0, 5.0), (1.0, 2.0), 1), ((1.0, 1.0), (1.0, 1.0), 0.5), ((0.0, 3.0), (2.0, 4.0), 0.25)],
)
def test_how_often_a_discriminator_ranks_real_images_higher(real, fake, ranks):
    module, logits = dcgan(), iter([torch.tensor(real), torch.tensor(fake)])
    module.discriminator.forward = lambda images, labels=None: next(logits)
    told = module.health(digits(0, 2), Noise(0, range(2)))
    assert told["discriminator_ranks"] == ranks
    assert told["discriminator_spread"] == pytest.approx(float(np.std([*real, *fake], ddof=1)))
