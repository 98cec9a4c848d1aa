"""What can be done with a model beyond drawing, written once over capabilities: interpolate, reconstruct,
restyle, complete.

A model that lacks what a verb needs is refused with what it declares.  Nothing here moves the global random
generators, and every result depends on (seed, row) and the weights alone.

Legend: B batch, C channels, S… sizes of the axes, L latent size.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor

from genkit.core.batch import Batch
from genkit.core.capabilities import Completion, Encoder, LatentSpace, Reconstruction
from genkit.core.module import GenerativeModule
from genkit.core.noise import Noise
from genkit.core.observation import Observation
from genkit.core.options import LABEL
from genkit.core.stopping import between_steps
from genkit.inference.posterior import explain
from genkit.system.errors import ConfigError

C = TypeVar("C")


def require(module: GenerativeModule, capability: type[C], verb: str) -> C:
    """The module as one that has a capability.

    Raises:
        ConfigError: it does not have it; what it has is listed.
    """
    if not isinstance(module, capability):
        held = ", ".join(module.capabilities()) or "none"
        raise ConfigError(f"{verb} needs {capability.__name__}, and {type(module).__name__} declares {held}.")
    return module


# ---------------------------------------------------------------------- interpolation


@torch.no_grad()
def interpolate(
    module: GenerativeModule,
    n: int,
    *,
    steps: int = 9,
    path: str = "spherical",
    seed: int = 0,
    labels: Tensor | None = None,
    ends: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """n rows of images on the way from one latent to another, (n, steps, C, S…).

    Args:
        path: "linear", or "spherical" (White 2016), which keeps to lengths that the prior makes likely.
        labels: of each row, int64 (n,), for a conditional model.
        ends: latents (n, L) each; drawn from the prior by default.

    Raises:
        ConfigError: the module has no latent space, or no such path.
    """
    latent_space = require(module, LatentSpace, "interpolate")
    if path not in ("linear", "spherical"):
        raise ConfigError(f"path={path} is neither linear nor spherical.")
    first, last = ends or tuple(
        latent_space.prior(Noise(seed, range(n), purpose=f"interpolation/{end}", device=module.device))
        for end in ("first", "last")
    )
    way = spherical if path == "spherical" else torch.lerp
    places = []
    for step in range(steps):
        between_steps()
        latent = way(first, last, step / max(1, steps - 1))
        places.append(latent_space.decode(latent, labels))
    return torch.stack(places, dim=1)


def spherical(first: Tensor, last: Tensor, share: float) -> Tensor:
    """The point that is `share` of the way along the arc between two latents (Shoemake 1985, slerp)."""
    cosine = torch.nn.functional.cosine_similarity(first, last, dim=-1).clamp(-1, 1)
    angle = cosine.arccos()[:, None]
    sine = angle.sin()
    arc = (torch.sin((1 - share) * angle) * first + torch.sin(share * angle) * last) / sine
    return torch.where(sine.abs() < 1e-4, torch.lerp(first, last, share), arc)


# ---------------------------------------------------------------------- reconstruction


@torch.no_grad()
def reconstruct(module: GenerativeModule, batch: Batch) -> Tensor:
    """Examples through the model and back, (B, C, S…).

    Raises:
        ConfigError: the module cannot.
    """
    able = require(module, Reconstruction, "reconstruct")
    return able.reconstruct(batch.data, batch.labels)


# ---------------------------------------------------------------------- restyling


def check_restyling(module: GenerativeModule) -> tuple[Encoder, LatentSpace]:
    """The module as one that encodes with one label and decodes with another.

    Raises:
        ConfigError: it has no encoder or no latent space, or was trained without labels.
    """
    encoder = require(module, Encoder, "restyle")
    latent_space = require(module, LatentSpace, "restyle")
    if LABEL not in module.options:
        raise ConfigError(
            f"restyle draws with another label, and this {type(module).__name__} was trained without labels:"
            " train one with model.conditional=true."
        )
    return encoder, latent_space


@torch.no_grad()
def restyle(module: GenerativeModule, batch: Batch, labels: Tensor) -> Tensor:
    """Examples as they would be in another class, (B, C, S…): each is encoded with its own label, and what
    that leaves to be said is decoded with the asked one.

    Args:
        batch: the examples with their labels.
        labels: that each is given, int64 (B,).

    Raises:
        ConfigError: the module cannot.
    """
    encoder, latent_space = check_restyling(module)
    return latent_space.decode(encoder.encode(batch.data, batch.labels), labels)


# ---------------------------------------------------------------------- completion


def complete(
    module: GenerativeModule, observation: Observation, measured: Tensor, batch: Batch, *, seed: int = 0
) -> Tensor:
    """One example for each row that agrees with what is known of it, (B, C, S…).

    A model that can draw from its own conditional distribution does so; of one with a latent space, a latent
    is drawn that explains what is known (`genkit.inference.posterior`).  Either way another seed gives
    another answer, and the mean of many is the best guess under a squared error.

    Args:
        measured: what is known, as `observation.observe` gave it.
        batch: labels and row numbers are read, never the images.

    Raises:
        ConfigError: the module can do neither, or not for this kind of observation; the reason is given.
    """
    noise = Noise(seed, batch.rows, purpose="completion", device=module.device)
    if isinstance(module, Completion):
        if reason := module.refusal(observation):
            raise ConfigError(f"{type(module).__name__} cannot answer this observation: {reason}")
        with torch.no_grad():
            images = module.complete(observation, measured, batch.labels, noise)
    else:
        latent_space = require(module, LatentSpace, "complete")
        latent = explain(latent_space, observation, measured, batch.labels, noise)
        with torch.no_grad():
            images = latent_space.decode(latent, batch.labels)
    return observation.merge(images, measured)
