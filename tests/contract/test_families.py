"""Every built-in family, in several configurations, passes the suite that outsiders get."""

import pytest
import torch

from genkit.core.batch import Batch
from genkit.core.codecs import CharCodec, PatchCodec, PixelCodec
from genkit.core.media.audio import AUDIO
from genkit.core.media.video import VIDEO
from genkit.core.spec import ArraySpec, TokenSpec
from genkit.families.codes import Codes
from genkit.families.dcgan import DCGAN
from genkit.families.flow import Flow
from genkit.families.gpt import GPT
from genkit.families.vae import VAE
from genkit.testing import Case, checks

IMAGES = ArraySpec(1, (8, 8), levels=17, classes=tuple("0123456789"))
CLIPS = ArraySpec(1, (5, 8, 8), 2, ("left", "right"), VIDEO, rate=8.0)
SOUNDS = ArraySpec(1, (64,), 256, ("low", "high"), AUDIO, rate=8_000.0)
TEXT = TokenSpec(CharCodec.of("abcdefgh\n"))


def images(n: int) -> Batch:
    generator = torch.Generator().manual_seed(n)
    data = torch.randint(0, 17, (n, 1, 8, 8), generator=generator, dtype=torch.uint8)
    return Batch(data, range(n), torch.arange(n) % 10)


def clips(n: int) -> Batch:
    generator = torch.Generator().manual_seed(n)
    data = torch.randint(0, 2, (n, 1, 5, 8, 8), generator=generator, dtype=torch.uint8)
    return Batch(data, range(n), torch.arange(n) % 2)


def sounds(n: int) -> Batch:
    generator = torch.Generator().manual_seed(n)
    data = torch.randint(0, 256, (n, 1, 64), generator=generator, dtype=torch.int32)
    return Batch(data, range(n), torch.arange(n) % 2)


def tokens(n: int) -> Batch:
    generator = torch.Generator().manual_seed(n)
    return Batch(torch.randint(0, 9, (n, 9), generator=generator, dtype=torch.int16), range(n))


def gpt(**blocks: object) -> Case:
    sizes = {"block_size": 8, "n_layer": 2, "n_head": 2, "n_embd": 16}
    return Case(lambda: GPT(TEXT, **sizes, **blocks), tokens, {"max_new_tokens": 12})


def dcgan(**knobs: object) -> Case:
    return Case(lambda: DCGAN(IMAGES, latent_size=4, width=4, **knobs), images)


def vae(**knobs: object) -> Case:
    return Case(lambda: VAE(IMAGES, latent_size=3, hidden=16, width=4, **knobs), images)


def video_gan(**knobs: object) -> Case:
    return Case(lambda: DCGAN(CLIPS, latent_size=4, width=4, frame_discriminator=True, **knobs), clips)


def moving_gan(**knobs: object) -> Case:
    """Of frames so large that half of one is a size of a DCGAN."""
    spec = ArraySpec(1, (3, 16, 16), 2, ("left", "right"), VIDEO, rate=8.0)

    def batch(n: int) -> Batch:
        own = clips(n)
        data = own.data[:, :, :3].repeat_interleave(2, 3).repeat_interleave(2, 4)
        return Batch(data, own.rows, own.labels)

    return Case(lambda: DCGAN(spec, latent_size=4, width=4, moving=True, conditional=True, **knobs), batch)


def video_vae(**knobs: object) -> Case:
    return Case(lambda: VAE(CLIPS, latent_size=3, hidden=16, width=4, **knobs), clips)


def video_gpt(**knobs: object) -> Case:
    """Of two frames of 4×4 as binary patches, 16 values each."""
    codec = PatchCodec(ArraySpec(1, (2, 4, 4), 2, medium=VIDEO, rate=8.0), (1, 2, 2))
    spec = TokenSpec(codec, classes=CLIPS.classes)

    def batch(n: int) -> Batch:
        own = clips(n)
        ids = torch.from_numpy(codec.to_ids(own.data[:, :, :2, :4, :4].numpy()))
        return Batch(torch.cat((torch.full((n, 1), 16, dtype=torch.int16), ids), 1), range(n), own.labels)

    return Case(lambda: GPT(spec, n_layer=2, n_head=2, n_embd=16, **knobs), batch)


def flow(**knobs: object) -> Case:
    return Case(lambda: Flow(IMAGES, width=8, **knobs), images, {"steps": 3})


def video_flow(**knobs: object) -> Case:
    return Case(lambda: Flow(CLIPS, width=8, **knobs), clips, {"steps": 2, "solver": "euler"})


def sound_flow(**knobs: object) -> Case:
    return Case(lambda: Flow(SOUNDS, width=8, **knobs), sounds, {"steps": 3})


def codec(**knobs: object) -> Case:
    return Case(lambda: Codes(IMAGES, width=4, depth=1, **knobs), images)


def video_codec(**knobs: object) -> Case:
    return Case(lambda: Codes(CLIPS, width=4, depth=1, stride=(1, 4, 2), **knobs), clips)


def sound_codec(**knobs: object) -> Case:
    """Of 64 samples."""
    return Case(lambda: Codes(SOUNDS, width=4, depth=1, **knobs), sounds)


def pixels(**knobs: object) -> Case:
    spec = TokenSpec(PixelCodec(ArraySpec(1, (3, 3), 17)), classes=IMAGES.classes)

    def batch(n: int) -> Batch:
        own = images(n)
        ids = own.data[:, 0, :3, :3].flatten(1).to(torch.int16)
        return Batch(torch.cat((torch.full((n, 1), 17, dtype=torch.int16), ids), 1), range(n), own.labels)

    return Case(lambda: GPT(spec, n_layer=2, n_head=2, n_embd=16, **knobs), batch)


CASES = {
    "gpt": gpt(),
    "gpt-modern": gpt(norm="rms", activation="swiglu", positions="rotary", qk_norm=True, tie=False),
    "gpt-grouped": gpt(n_kv_head=1, activation="relu2", bias=True, positions="rotary"),
    "gpt-dropout": gpt(dropout=0.2),
    "gpt-pixels": pixels(),
    "gpt-pixels-labels": pixels(conditional=True, norm="rms", positions="rotary"),
    "gpt-video": video_gpt(conditional=True),
    "gpt-video-places": video_gpt(conditional=True, positions="axial", level_vectors=True),
    "dcgan": dcgan(),
    "dcgan-contiguous": dcgan(channels_last=False),
    "dcgan-hinge": dcgan(loss="hinge", spectral_norm=True, norm="none"),
    "dcgan-wasserstein": dcgan(
        loss="wasserstein", gradient_penalty=10.0, norm="layer", discriminator_steps=2
    ),
    "dcgan-r1": dcgan(loss="least_squares", r1=1, norm="none", augment=["colour", "translation", "cutout"]),
    "dcgan-labels": dcgan(conditional=True),
    "dcgan-resnet": dcgan(network="resnet", loss="relativistic", r1=1.0, r2=1.0),
    "dcgan-resnet-labels": dcgan(
        network="resnet",
        conditional=True,
        loss="relativistic",
        r1=1.0,
        r2=1.0,
        penalise="seen",
        augment=["colour", "cutout"],
        augment_target=0.6,
        augment_pace=100,
        strided=True,
    ),
    "dcgan-video": video_gan(),
    "dcgan-video-labels": video_gan(
        conditional=True, norm="none", r1=1.0, augment=["translation", "cutout"], discriminator_steps=2
    ),
    "dcgan-video-moving": moving_gan(frame_discriminator=True),
    "dcgan-video-resnet": moving_gan(
        frame_discriminator=True, network="resnet", loss="relativistic", blocks=2
    ),
    "vae-mlp": vae(network="mlp"),
    "vae-conv": vae(),
    "vae-residual": vae(network="residual", likelihood="discretised_logistic", beta=0.5, beta_warmup=2),
    "vae-categorical": vae(likelihood="categorical", free_bits=0.1),
    "vae-gaussian": vae(likelihood="gaussian"),
    "vae-iwae": vae(network="mlp", importance_samples=3),
    "vae-labels": vae(conditional=True),
    "vae-resnet": vae(network="resnet", channels=(4, 8), likelihood="discretised_logistic"),
    "vae-resnet-places": vae(network="resnet", channels=(4, 8), places=(2,), smallest=3, free_bits=0.1),
    "vae-resnet-labels": vae(
        network="resnet", channels=(4,), places=(1, 1), smallest=2, conditional=True, importance_samples=3
    ),
    "vae-video-resnet": video_vae(
        network="resnet", channels=(4,), places=(2, 1), smallest=2, conditional=True
    ),
    "vae-video": video_vae(conditional=True),
    "vae-video-moving": video_vae(network="moving", blurred=2),
    "vae-video-residual": video_vae(network="residual", likelihood="categorical"),
    "codes": codec(),
    "codes-categorical": codec(likelihood="categorical", stride=4),
    "codes-vq": codec(quantiser="vq", codes=16, code_size=3),
    "codes-l1": codec(reconstruction="l1", code_levels=(4, 3)),
    "codes-features": codec(reconstruction="l1", feature_weight=1.0),
    "codes-adversarial": codec(adversarial=0.5, discriminator_width=4, likelihood="categorical"),
    "codes-adversarial-vq": codec(
        adversarial=0.5, adversarial_after=1, discriminator_width=4, quantiser="vq", codes=16, code_size=3
    ),
    "codes-video-adversarial": video_codec(adversarial=0.5, discriminator_width=4, reconstruction="l1"),
    "codes-sound-adversarial": sound_codec(adversarial=0.5, discriminator_width=4),
    "codes-video": video_codec(likelihood="bernoulli"),
    "codes-sound": sound_codec(stride=16, reconstruction="l1", spectral_weight=0.5),
    "flow": flow(),
    "flow-labels": flow(conditional=True, levels=1, patch=2, dropout=0.1),
    "flow-transformer": flow(network="transformer", blocks=2, patch=2, heads=2, weighting="none"),
    "flow-transformer-labels": flow(network="transformer", patch=3, conditional=True, label_dropout=0.0),
    "flow-coupled": flow(coupling=2, times="logit_normal"),
    "flow-of-floats": flow(dequantise=False),
    "flow-video": video_flow(conditional=True),
    "flow-video-transformer": video_flow(network="transformer", patch=4),
    "flow-sound": sound_flow(patch=4, conditional=True),
    "flow-sound-transformer": sound_flow(network="transformer", patch=16),
    "codes-sound-vq": sound_codec(quantiser="vq", codes=16, code_size=3),
}


@pytest.mark.parametrize("check", checks(), ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("name", CASES)
def test_family_keeps_the_contract(name, check):
    check(CASES[name])
