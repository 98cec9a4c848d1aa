"""Videos completed by models whose answers are known: arrays over time, height and width."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from genkit.core.batch import Batch
from genkit.core.codecs import PatchCodec
from genkit.core.media.video import VIDEO
from genkit.core.noise import Noise
from genkit.core.observation import AveragePool, WhiteNoise, mask
from genkit.core.spec import ArraySpec, TokenSpec
from genkit.families.gpt import GPT
from genkit.families.vae import VAE
from genkit.inference import posterior, verbs
from genkit.inference.posterior import explain
from genkit.system.errors import ConfigError

# ---------------------------------------------------------------------- latents that explain

SIZES, PLACES = (4, 2, 2), 16


class Linear(nn.Module):
    """z -> z W as clips of 4 frames of 2×2; a Gaussian VAE puts ½ to it."""

    def __init__(self, latent_size):
        super().__init__()
        torch.manual_seed(3)
        self.weight = nn.Parameter(0.08 * torch.randn(latent_size, PLACES))

    def forward(self, latent, labels=None):
        return (latent @ self.weight).view(-1, 1, *SIZES)


def linear_model():
    array = ArraySpec(1, SIZES, medium=VIDEO)
    model = VAE(array, network="mlp", latent_size=3, likelihood="gaussian").eval()
    model.decoder = Linear(3)
    return model


OBSERVATIONS = {
    **{part: mask(part, SIZES) for part in ("end", "start", "alternate", "left", "random")},
    "middle, 2 given": mask("middle", SIZES, given=2),
    "space": AveragePool(factor=(1, 2, 2)),
    "time": AveragePool(factor=(2, 1, 1)),
    "noise": WhiteNoise(scale=0.2),
}


@pytest.mark.parametrize("name", OBSERVATIONS)
def test_latents_are_draws_from_the_posterior_of_a_linear_gaussian_model(name):
    """Against the normal equations in float64: y = (z W + ½) A + σ ε, z ~ N(0, I)."""
    observation, model, n = OBSERVATIONS[name], linear_model(), 1000
    with torch.no_grad():
        clip = model.decode(0.5 * Noise(9, range(1)).normal("truth", 3))
    measured = observation.observe(clip, Noise(0, range(1)))
    drawn = explain(model, observation, measured.expand(n, *measured.shape[1:]), None, Noise(0, range(n)))
    weight = model.decoder.weight.detach().double().numpy()
    basis = torch.eye(PLACES).view(PLACES, 1, *SIZES)
    rows = observation.measure(basis).flatten(1).double().numpy()  # (16, M)
    design = weight @ rows
    offset = 0.5 * rows.sum(0)
    precision = np.eye(3) + design @ design.T / observation.scale**2
    mean = np.linalg.solve(precision, design @ (measured.flatten().double().numpy() - offset))
    mean, covariance = mean / observation.scale**2, np.linalg.inv(precision)
    found = drawn.double().numpy()
    assert (np.abs(found.mean(0) - mean) < 5 * np.sqrt(covariance.diagonal() / n)).all()
    largest = covariance.max()
    np.testing.assert_allclose(np.cov(found.T), covariance, atol=5 * largest * np.sqrt(2 / n))


def test_many_candidates_of_large_clips_are_decoded_in_parts_and_the_same_one_is_chosen(monkeypatch):
    model, observation = linear_model(), mask("end", SIZES)
    clips = torch.rand(4, 1, *SIZES)
    counts, decode = [], model.decode
    model.decode = lambda latent, labels=None: (counts.append(len(latent)), decode(latent, labels))[1]
    noise = Noise(0, range(4))
    whole = explain(model, observation, observation.measure(clips), None, noise)
    assert max(counts) == posterior.CANDIDATES
    monkeypatch.setattr(posterior, "AT_ONCE", 100 * PLACES)
    counts.clear()
    parts = explain(model, observation, observation.measure(clips), None, noise)
    assert max(counts) == 100
    torch.testing.assert_close(parts, whole)


# ---------------------------------------------------------------------- tokens that go on

BINARY = (3, 2, 2)  # twelve bits: 4,096 clips, all of which can be asked about


def gpt(patch, strength=4.0, sizes=BINARY):
    torch.manual_seed(0)
    spec = TokenSpec(PatchCodec(ArraySpec(1, sizes, 2, medium=VIDEO), patch))
    made = GPT(spec, n_layer=1, n_head=2, n_embd=16).eval()
    for parameter in made.parameters():
        parameter.data.mul_(strength)  # so that tokens matter to one another
    return made


def likelihoods(made, clips):
    """log p of clips, bool or 0 and 1, (n, T, H, W)."""
    ids = torch.from_numpy(made.spec.codec.to_ids(clips[:, None].astype(np.uint8)).astype(np.int64))
    tokens = torch.cat((torch.full((len(ids), 1), made.spec.codec.start), ids), 1)
    with torch.no_grad():
        found = made.log_likelihood(Batch(tokens, range(len(ids))), Noise(0, range(len(ids))))
    return found.double().numpy()


@pytest.mark.parametrize("patch", [(1, 1, 1), (1, 1, 2), (1, 2, 2), (3, 2, 1)], ids=str)
@pytest.mark.parametrize("given", [1, 2])
def test_frames_are_drawn_from_the_exact_conditional_distribution(patch, given):
    made, n = gpt(patch), 4000
    truth = torch.tensor([1, 0, 0, 1, 1, 1, 0, 1, 0, 0, 1, 0]).view(1, 1, *BINARY).expand(n, -1, -1, -1, -1)
    observation = mask("end", BINARY, given=given)
    measured, batch = observation.measure(truth.float()), Batch(truth.float(), range(n))
    if patch[0] > 1:
        with pytest.raises(ConfigError, match=r"within patches of 3×2×1, and must end between them"):
            verbs.complete(made, observation, measured, batch)
        return
    drawn = verbs.complete(made, observation, measured, batch, seed=3)
    assert torch.equal(drawn[:, :, :given], truth[:, :, :given].float())
    rest = 12 - 4 * given
    digits = np.array(list(itertools.product([0, 1], repeat=rest)))
    clips = np.concatenate(
        [truth[0].numpy().reshape(1, 12)[:, : 12 - rest].repeat(len(digits), 0), digits], 1
    )
    joint = np.exp(likelihoods(made, clips.reshape(-1, *BINARY)))
    places = drawn.int().numpy().reshape(n, 12)[:, 12 - rest :] @ 2 ** np.arange(rest)[::-1]
    share = np.bincount(places, minlength=2**rest) / n
    assert np.abs(share - joint / joint.sum()).max() < 0.03


def test_of_a_model_that_is_certain_the_rest_is_its_own_teacher_forced_continuation():
    """Logits so far apart that the likeliest token is drawn: of the whole clip, read at once without a cache,
    it is the likeliest at each place that was hidden."""
    sizes, given = (4, 4, 4), 2
    made = gpt((1, 2, 2), sizes=sizes)
    made.network.head.weight.data.mul_(1_000)
    torch.manual_seed(1)
    clips = (torch.rand(20, 1, *sizes) < 0.4).float()
    observation = mask("end", sizes, given=given)
    done = verbs.complete(made, observation, observation.measure(clips), Batch(clips, range(20)))
    assert torch.equal(done[:, :, :given], clips[:, :, :given])
    codec = made.spec.codec
    ids = torch.from_numpy(codec.to_ids(done.numpy().astype(np.uint8)).astype(np.int64))
    tokens = torch.cat((torch.full((20, 1), codec.start), ids), 1)
    with torch.no_grad():
        likeliest = made.network(tokens[:, :-1])[..., : codec.outputs].argmax(-1)
    begun = ids.shape[1] // 2
    assert torch.equal(likeliest[:, begun:], ids[:, begun:])
    assert not torch.equal(likeliest[:, :begun], ids[:, :begun])  # which it would not have drawn itself


@pytest.mark.parametrize(
    ("patch", "given", "ends"),
    [((2, 2, 2), 3, "the first 2 or 4 of 6 along time"), ((3, 2, 1), 5, "the first 3 of 6 along time")],
)
def test_a_beginning_that_ends_within_patches_is_refused_with_those_that_do_not(patch, given, ends):
    sizes = (6, 4, 4)
    made = gpt(patch, sizes=sizes)
    assert made.refusal(mask("end", sizes, given=given)).endswith(f"must end between them: {ends}.")
    assert made.refusal(mask("end", sizes, given=patch[0])) is None
    for other in ("start", "middle", "alternate", "lower", "upper", "left", "random"):
        assert "of the verbs it answers complete with mask=end" in made.refusal(mask(other, sizes))
