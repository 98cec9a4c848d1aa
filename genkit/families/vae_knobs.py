"""The knobs of VAE.  Nothing here imports torch."""

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from genkit.core.knobs import GIVEN, Clash, ModelKnobs, Plain, knob

RESNET: dict[str, tuple[Plain, ...]] = {"network": ("resnet",)}
Width = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
Blocks = Annotated[int, msgspec.Meta(ge=0, le=100)]
Latents = Annotated[int, msgspec.Meta(ge=0, le=10_000)]


class VAEKnobs(ModelKnobs, frozen=True):
    """An encoder, a decoder, what the decoder says of a pixel, and the objective."""

    cites = {
        "": ("kingma2014auto",),
        "network=moving": ("gregor2015draw",),
        "network=resnet": ("sonderby2016ladder", "child2021very"),
    }

    view: Literal["tokens", "arrays"] = "arrays"
    network: Annotated[
        Literal["conv", "mlp", "moving", "residual", "resnet"],
        knob("of the encoder and the decoder; moving: a picture and its path (DRAW); resnet: of any size"),
    ] = "conv"
    latent_size: Annotated[int, knob("of the code", ge=1, le=100_000, unit="latents")] = 20
    hidden: Annotated[int, knob("of the hidden layer", ge=1, le=1_000_000, unit="units")] = 400
    width: Annotated[
        int,
        knob(
            "of the first convolution",
            ge=1,
            le=100_000,
            unit="channels",
            only={"network": ("conv", "moving", "residual")},
        ),
    ] = 32
    channels: Annotated[
        tuple[Width, ...],
        knob("at each size, from the data on; the last goes on", only=RESNET, advice="give [one or more]"),
    ] = (32, 64, 128)
    blocks: Annotated[
        tuple[Blocks, ...],
        knob(
            "at each size, each way, from the data on; the last goes on",
            unit="residual blocks",
            only=RESNET,
            advice="give [one or more]",
        ),
    ] = (1,)
    smallest: Annotated[
        int,
        knob("an axis is halved while so many are left", ge=1, le=100_000, unit="places", only=RESNET),
    ] = 4
    attention: Annotated[bool, knob("among the places of the smallest size", only=RESNET)] = True
    places: Annotated[
        tuple[Latents, ...],
        knob("latents at each place of a size, from the smallest on, beside those of the whole", only=RESNET),
    ] = ()
    blurred: Annotated[
        int,
        knob(
            "over which a moving picture is shown at all places with their shares, later at the likeliest",
            ge=0,
            unit="steps",
            only={"network": ("moving",)},
        ),
    ] = 0
    likelihood: Annotated[
        Literal["bernoulli", "categorical", "discretised_logistic", "gaussian"],
        knob("what the decoder says of a pixel"),
    ] = "bernoulli"
    beta: Annotated[float, knob("weight of the KL divergence in the loss", ge=0)] = 1.0
    beta_warmup: Annotated[
        int,
        knob(
            "over which beta rises from 0",
            ge=0,
            unit="steps",
            advice="give a number of steps",
            only={"beta": GIVEN},
        ),
    ] = 0
    free_bits: Annotated[
        float, knob("that each latent may cost for nothing", ge=0, unit="nats", only={"beta": GIVEN})
    ] = 0.0
    importance_samples: Annotated[
        int, knob("k of the training objective; 1: the ELBO", ge=1, le=100_000, unit="samples")
    ] = 1
    spectral_weight: Annotated[
        float,
        knob(
            "of a sound's distance by spectra at several resolutions, a sample; then the loss is no bound",
            ge=0,
            unit="nats",
        ),
    ] = 0.0
    conditional: Annotated[bool, knob("on the labels of the data")] = False

    def clashes(self) -> Iterator[Clash]:
        if self.network == "moving" and self.latent_size < 2:
            yield Clash(
                ("network", "latent_size"), "a path and a picture need a latent each; give two or more"
            )
        for name in ("channels", "blocks"):
            if not getattr(self, name):
                yield Clash((name,), "the last of none cannot go on; give [one or more]")
        weighed = self.beta != 1 or self.beta_warmup or self.free_bits
        if self.importance_samples > 1 and weighed:
            yield Clash(
                ("importance_samples", "beta", "beta_warmup", "free_bits"),
                "the importance-weighted objective has no divergence to weigh; leave beta, beta_warmup and"
                " free_bits",
            )
        if self.importance_samples > 1 and self.spectral_weight:
            yield Clash(
                ("importance_samples", "spectral_weight"),
                "the importance-weighted objective has no spectral term; leave spectral_weight at 0",
            )
