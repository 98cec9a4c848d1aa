"""The family of codecs: what it says is what it does, however a batch is cut, and what a training is told."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from genkit.core.array_spec import ArraySpec
from genkit.core.batch import Batch
from genkit.core.media.audio import AUDIO
from genkit.core.noise import Noise
from genkit.core.phase import StepNoise
from genkit.diagnostics.findings import judge
from genkit.diagnostics.health import Health, rules_of
from genkit.families.codes import Codes
from genkit.nn.companding import centred
from genkit.nn.grids import grid_pair, steps, strides
from genkit.nn.patch_discriminator import PatchDiscriminator, balance
from genkit.nn.random_features import RandomFeatures
from genkit.runs import Run
from genkit.system.errors import ConfigError
from genkit.testing import OPTIM
from tests.conftest import IMAGES, fit, images

SMALL = {"width": 4, "depth": 1}
VQ = {"quantiser": "vq", "codes": 24, "code_size": 3}
ADVERSARIAL = {"adversarial": 0.5, "discriminator_width": 4}
SOUND = ArraySpec(1, (64,), 65_536, medium=AUDIO, rate=8_000.0)
SGD = {**OPTIM, "name": "sgd", "momentum": 0.0, "lr": 0.05, "ema": 0.9}


def codec(spec=IMAGES, **knobs):
    torch.manual_seed(0)
    return Codes(spec, **{**SMALL, **knobs})


def digits(start, count):
    levels = load_digits().images[start : start + count].astype(np.uint8)[:, None]
    return Batch(torch.from_numpy(levels), range(count))


# ---------------------------------------------------------------------- probabilities


@pytest.mark.parametrize("likelihood", ["bernoulli", "categorical", "discretised_logistic"])
def test_probabilities_given_codes_sum_to_one(likelihood):
    """Over all 3^4 (2^4) pictures of two by two pixels."""
    levels = 2 if likelihood == "bernoulli" else 3
    module = codec(ArraySpec(1, (2, 2), levels), likelihood=likelihood, stride=2).eval()
    axes = [torch.arange(levels)] * 4
    every = torch.cartesian_prod(*axes).view(-1, 1, 2, 2) / (levels - 1)
    assert module.coded_kind().kind == "exact"
    with torch.no_grad():
        for code in (0, 1, 371, 999):
            codes = torch.full((len(every), 1, 1), code)
            total = module.coded_log_likelihood(every, codes).double().exp().sum()
            assert float(total) == pytest.approx(1.0, abs=1e-5)


def test_distances_and_cross_entropies_are_no_probabilities():
    module = codec(reconstruction="l1")
    assert module.coded_kind().absent
    with pytest.raises(ConfigError, match="no probability"):
        module.coded_log_likelihood(torch.zeros(1, 1, 8, 8), torch.zeros(1, 4, 4, dtype=torch.int64))
    assert codec(likelihood="bernoulli").coded_kind().absent  # of 17 levels


@pytest.mark.parametrize("knobs", [{}, VQ, {"reconstruction": "l1"}], ids=["fsq", "vq", "l1"])
def test_codes_say_the_reconstruction(knobs):
    """What is validated and reconstructed is what codes alone bring back."""
    module = codec(**knobs)
    fit(module, [images(8, seed) for seed in range(3)])
    module.eval()
    batch = module.prepare(images(5, 9))
    with torch.no_grad():
        codes = module.tokenize(batch.data)
        back = module.detokenize(codes)
        scores = module.score_batch(batch, Noise(0, batch.rows))
        said = module.reconstruct(batch.data)
        if not module.coded_kind().absent:
            likely = module.coded_log_likelihood(batch.data, codes)
            assert torch.allclose(-scores["reconstruction"], likely, rtol=1e-5)
        assert torch.allclose(back, said, atol=1e-6)
        assert 0 <= int(codes.min()) <= int(codes.max()) < module.codes
        unclipped = (said > 0) & (said < 1)
        apart = ((said - batch.data).abs() * unclipped).flatten(1).sum(1)
        assert bool((apart / 64 <= scores["absolute_error"] + 1e-6).all())


def test_a_trained_codec_is_far_better_than_one_grey(tmp_path):
    module = codec(width=16)
    fit(module, [digits(32 * (i % 40), 32) for i in range(150)], plan={"optim": {**OPTIM, "lr": 3e-3}})
    batch = module.prepare(digits(1300, 200))
    with torch.no_grad(), module.weights("ema"):
        error = (module.eval().reconstruct(batch.data) - batch.data).square().mean()
    grey = (batch.data - batch.data.mean(0)).square().mean()
    assert float(error) < 0.3 * float(grey)


# ---------------------------------------------------------------------- one step, however it is cut


@pytest.mark.parametrize(
    "knobs",
    [{}, VQ, ADVERSARIAL, {**VQ, **ADVERSARIAL}],
    ids=["fsq", "vq", "fsq-adversarial", "vq-adversarial"],
)
def test_micro_batches_change_nothing(knobs):
    """Codes, their averages, restarts and counts are of the global batch."""
    batches = [images(8, seed) for seed in range(3)]
    whole, pieces = codec(**knobs), codec(**knobs)
    fit(whole, batches, plan={"optim": SGD, "epoch_steps": 2})
    fit(pieces, batches, plan={"optim": SGD, "epoch_steps": 2, "accumulate": 4})
    for (name, a), b in zip(whole.state_dict().items(), pieces.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5, msg=name)
    assert int(whole.use.before.sum()) == 2 * 8 * 16  # of the first epoch
    assert int(whole.use.now.sum()) == 8 * 16


def test_validation_and_drawing_leave_codes_alone():
    module = codec(**VQ)
    fit(module, [images(8)])
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    batch = module.prepare(images(4, 1))
    module.train()
    with torch.no_grad():
        module.score_batch(batch, Noise(0, batch.rows))
        module.health(batch, Noise(0, batch.rows))
        module.tokenize(batch.data)
    module.sample(3)
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())


def test_drawn_codes_are_as_frequent_as_those_of_the_data():
    module = codec(code_levels=(3, 3), stride=4)
    module.use.add(torch.tensor([0, 6, 0, 0, 2, 0, 0, 0, 0]))
    kept = []
    module.detokenize = lambda codes: kept.append(codes) or torch.zeros(len(codes), 1, 8, 8)
    module.draw(Noise(0, range(2000)), [None] * 2000, {})
    counts = torch.bincount(kept[0].flatten(), minlength=9) / kept[0].numel()
    assert set(counts.nonzero().flatten().tolist()) == {1, 4}
    assert float(counts[1]) == pytest.approx(0.75, abs=0.02)


# ---------------------------------------------------------------------- the discriminator


def test_the_discriminators_gradient_is_the_share_that_was_asked_for():
    """At the decoder's output, of each example by itself."""
    judge_of = PatchDiscriminator(1, (8, 8), 4)
    output = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    truth = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(1))

    def losses():
        return (output - truth).abs().flatten(1).mean(1), -judge_of(centred(output)).mean(1)

    weight = balance(*losses(), output, 0.3).detach()
    own = torch.autograd.grad(losses()[0].sum(), output)[0].flatten(1).norm(dim=1)
    other = torch.autograd.grad((weight * losses()[1]).sum(), output)[0].flatten(1).norm(dim=1)
    assert torch.allclose(other, 0.3 * own, rtol=1e-4)


def test_without_a_discriminator_there_is_none():
    module = codec()
    assert [phase.name for phase in module.phases()] == ["codec"]
    assert not [name for name, _ in module.named_parameters() if "discriminator" in name]
    assert [phase.name for phase in codec(**ADVERSARIAL).phases()] == ["discriminator", "codec"]


def test_the_codec_listens_only_after_so_many_steps():
    """Until then it learns as if there were no discriminator, which learns already."""
    batches = [images(8, seed) for seed in range(3)]
    alone, later, now = codec(), codec(**ADVERSARIAL, adversarial_after=3), codec(**ADVERSARIAL)
    before = [p.detach().clone() for p in later.discriminator.parameters()]
    for module in (alone, later, now):
        fit(module, batches, plan={"optim": SGD})
    for name, tensor in alone.encoder.state_dict().items():
        torch.testing.assert_close(later.encoder.state_dict()[name], tensor, rtol=1e-5, atol=1e-6)
    moved = [
        torch.equal(a, b) for a, b in zip(alone.decoder.parameters(), now.decoder.parameters(), strict=True)
    ]
    assert not all(moved)
    assert not all(torch.equal(a, b) for a, b in zip(before, later.discriminator.parameters(), strict=True))
    assert later.schedules() == {"model.adversarial_after": 3}


@pytest.mark.parametrize("sizes", [(64,), (17,), (8, 8), (5, 9), (28, 28), (3, 16, 16), (1, 2, 4)])
def test_patches_of_any_size_are_judged_by_what_lies_around_them(sizes):
    judge_of = PatchDiscriminator(2, sizes, 4)
    data = torch.rand(3, 2, *sizes)
    logits = judge_of(data)
    assert logits.shape[0] == 3
    assert torch.allclose(judge_of(data[1:2]), logits[1:2], atol=1e-5)


# ---------------------------------------------------------------------- features


def test_features_see_a_blur_that_single_pixels_hide():
    """Of two pictures equally far from the truth pixel by pixel, the blurred one is farther by features than
    one of another brightness."""
    truth = (torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)) > 0.5).float() * 0.5 + 0.2
    blurred = torch.nn.functional.avg_pool2d(truth, 3, 1, 1, count_include_pad=False)
    apart = (blurred - truth).abs().flatten(1).mean(1)
    brighter = truth + apart[:, None, None, None]
    features = RandomFeatures(3)
    assert not features.distance(truth, truth).any()
    assert bool((features.distance(blurred, truth) > 1.5 * features.distance(brighter, truth)).all())
    found = {name: tensor.clone() for name, tensor in RandomFeatures(3).named_buffers()}
    torch.manual_seed(5)
    assert all(torch.equal(found[name], tensor) for name, tensor in RandomFeatures(3).named_buffers())
    assert not features.state_dict()


def test_features_are_one_more_term_of_the_loss():
    batch = images(8)
    plain, more = codec(reconstruction="l1"), codec(reconstruction="l1", feature_weight=2.0)
    totals = []
    for module in (plain, more):
        noise = StepNoise(0, batch.rows, step=0)
        totals.append(module.phases()[0].loss(module.prepare(batch), noise))
    apart = totals[1].total - totals[0].total
    assert torch.allclose(apart, 2 * totals[1].terms["features"], rtol=1e-4)
    assert "features" not in totals[0].terms


# ---------------------------------------------------------------------- sizes


def test_strides_leave_few_codes_or_are_as_chosen():
    found = {s: strides(s, ()) for s in [(4096,), (28, 28), (64, 64), (32, 32), (8, 8), (8, 16, 16), (27, 9)]}
    assert found == {
        (4096,): (64,),
        (28, 28): (4, 4),
        (64, 64): (8, 8),
        (32, 32): (4, 4),
        (8, 8): (2, 2),
        (8, 16, 16): (2, 4, 4),
        (27, 9): (1, 1),
    }
    assert strides((16, 32), (4,)) == (4, 4)
    assert strides((16, 32), (1, 8)) == (1, 8)


@pytest.mark.parametrize("factors", [(1,), (2,), (8,), (64,), (1, 1), (2, 4), (8, 8), (1, 2, 4), (4, 1, 2)])
def test_networks_divide_and_multiply_by_their_factors(factors):
    encoder, decoder = grid_pair(2, 6, factors, 3, 4, 1)
    sizes = tuple(2 * factor for factor in factors)
    small = encoder(torch.rand(2, 2, *sizes))
    assert small.shape == (2, 3, *(2 for _ in factors))
    assert decoder(small).shape == (2, 6, *sizes)
    each = [step.factors for step in steps(factors)]
    assert tuple(np.prod(each, axis=0).tolist()) == factors


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"stride": 3}, "powers of two"),
        ({"stride": 16}, "8 cannot be"),
        ({"stride": (2, 2, 2)}, "2 axes"),
        ({"code_levels": (256, 256, 256)}, "16,777,216 codes"),
        ({"reconstruction": "l1", "spectral_weight": 1.0}, "compares sounds"),
        ({"spec": SOUND, "reconstruction": "l1", "feature_weight": 1.0}, "compares pictures"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line(knobs, said):
    with pytest.raises(ConfigError, match=said) as caught:
        codec(**knobs)
    assert "\n" not in str(caught.value)


def test_a_softmax_over_all_levels_of_a_recording_is_refused():
    with pytest.raises(ConfigError, match="discretised_logistic"):
        codec(SOUND, likelihood="categorical")


# ---------------------------------------------------------------------- findings


def findings_of(tmp_path, module, rate):
    run = Run.create(tmp_path, "run")
    batches = [digits(32 * (i % 40), 32) for i in range(60)]
    plan = {"optim": {**OPTIM, "lr": rate}, "epoch_steps": 10}
    fit(module, batches, [digits(1300, 64)], plan, [Health(run)], val_check_interval=10)
    return json.loads((run.path / "findings.json").read_text())


def test_few_codes_of_a_large_codebook_are_found(tmp_path):
    """A codebook without restarts, all of whose codes but one begin far from what the encoder says."""
    module = codec(quantiser="vq", codes=512, code_size=3, dead=0.0)
    module.quantiser.vectors_of[1:].mul_(1e6)
    found = findings_of(tmp_path, module, 1e-3)
    assert {"codes_collapsed"} <= {f["code"] for f in found["findings"]}


def test_a_sound_codec_has_no_findings_of_its_codes(tmp_path):
    found = findings_of(tmp_path, codec(width=16, code_levels=(3, 3, 3)), 3e-3)
    assert not {"codes_collapsed", "dead_codes"} & {f["code"] for f in found["findings"]}
    last = found["history"][-1]
    assert 0.5 < last["codes_used"] <= 1
    assert 1 <= last["perplexity"] <= 27


def test_half_of_the_codes_unused_is_a_warning_and_few_a_collapse():
    rows = [{"step": s, "progress": s / 100, "codes_used": 0.4, "perplexity_share": 0.2} for s in (40, 60)]
    rules = rules_of(codec())
    assert {f.code for f in judge(rows, rules)} == {"dead_codes"}
    worse = [{**row, "perplexity_share": 0.01} for row in rows]
    assert {f.code for f in judge(worse, rules)} == {"codes_collapsed"}


def test_use_is_counted_over_steps_not_validations():
    module = replaced_plan(codec())
    batch = module.prepare(images(4))
    for step in range(5):
        noise = StepNoise(0, batch.rows, step=step)
        for phase in module.phases():
            phase.loss(batch, noise)
    assert int(module.use.before.sum()) == 2 * 4 * 16
    assert int(module.use.now.sum()) == 4 * 16


def replaced_plan(module):
    """In training, with epochs of two batches."""
    module.train()
    module.plan = replace(module.plan, epoch_steps=2)
    return module
