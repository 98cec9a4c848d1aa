"""Ways to break a training on purpose, one a function: called in a forked process before the command."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

HALF = 80  # steps after which what is broken later breaks
BROKEN: dict[str, Callable[[], None]] = {}


def breaks(make: Callable[[], None]) -> Callable[[], None]:
    BROKEN[make.__name__] = make
    return make


def _around(owner: Any, name: str, around: Callable[..., Any]) -> None:
    """Replace a method by `around(the method of this object, this object, …)`."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        return around(functools.partial(original, self), self, *args, **kwargs)

    setattr(owner, name, wrapped)


def _in_step(change: Callable[[Any, Any], Any]) -> None:
    """Let every training batch pass through `change(module, batch)` first."""
    from genkit.core.module import GenerativeModule

    def step(go_on: Any, module: Any, batch: Any, number: int) -> Any:
        return go_on(change(module, batch), number)

    _around(GenerativeModule, "training_step", step)


def _losses(name: str, change: Callable[[Any, Any], Any]) -> None:
    """Let the losses of a phase pass through `change(loss, noise)`."""
    from genkit.core import phase

    def made(go_on: Any, self: Any) -> None:
        go_on()
        if self.name == name:
            loss = self.loss
            object.__setattr__(self, "loss", lambda batch, noise: change(loss(batch, noise), noise))

    _around(phase.Phase, "__post_init__", made)


# ---------------------------------------------------------------------- weights and gradients


@breaks
def foreign_optimiser() -> None:
    """The optimiser holds copies of the parameters, with gradients of their own."""
    from dataclasses import replace

    from genkit.core import training_step

    build = training_step.build_optimizer

    def built(phase: Any, settings: Any) -> Any:
        copies = {id(p): torch.nn.Parameter(p.detach().clone()) for p in phase.parameters}
        for copy in copies.values():
            copy.grad = torch.ones_like(copy)
        other = replace(phase)
        object.__setattr__(other, "parameters", tuple(copies.values()))
        return build(other, settings)

    training_step.build_optimizer = built


def _detached(name: str) -> None:
    def change(loss: Any, noise: Any) -> Any:
        constant = loss.total.detach() + 0.0 * loss.total
        return loss._replace(total=constant)

    _losses(name, change)


@breaks
def detached_likelihood() -> None:
    _detached("likelihood")


@breaks
def detached_generator() -> None:
    _detached("generator")


@breaks
def frozen_decoder() -> None:
    """Somebody forgot to train half of the model."""
    from genkit.families import vae

    def update(go_on: Any, module: Any, *args: Any) -> Any:
        kept = [p.detach().clone() for p in module.decoder.parameters()]
        go_on(*args)
        with torch.no_grad():
            for parameter, before in zip(module.decoder.parameters(), kept, strict=True):
                parameter.copy_(before)

    _around(vae.VAE, "_update", update)


@breaks
def nan_weight() -> None:
    """A weight becomes NaN half-way."""

    def change(module: Any, batch: Any) -> Any:
        if module.global_step == HALF:
            with torch.no_grad():
                weight = next(module.parameters())
                weight[(0,) * weight.ndim] = torch.nan
        return batch

    _in_step(change)


# ---------------------------------------------------------------------- losses


@breaks
def wrong_sign() -> None:
    """Half-way, the loss is maximised."""

    def change(loss: Any, noise: Any) -> Any:
        return loss._replace(total=-loss.total) if noise.step >= HALF else loss

    for name in ("likelihood", "elbo"):
        _losses(name, change)


@breaks
def unshifted_targets() -> None:
    """A token is predicted from itself."""
    from genkit.families.gpt import GPT

    def nll(go_on: Any, module: Any, tokens: Any, reduction: str, packing: Any = None) -> Any:
        same = tokens[:, :-1]
        logits = module.network(same.clamp(min=0))
        loss = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), same.flatten(), ignore_index=-1, reduction=reduction
        )
        return loss.view(same.shape) if reduction == "none" else loss

    _around(GPT, "_token_nll", nll)


# ---------------------------------------------------------------------- data


@breaks
def nan_pixel() -> None:
    def change(module: Any, batch: Any) -> Any:
        if module.global_step == HALF:
            batch.data[0, 0, 0, 0] = torch.nan
        return batch

    _in_step(change)


@breaks
def damaged_batch() -> None:
    """One batch is scaled as nothing else is."""

    def change(module: Any, batch: Any) -> Any:
        if module.global_step == HALF:
            batch.data.mul_(50.0)
        return batch

    _in_step(change)


@breaks
def constant_data() -> None:
    """Every example is the first one."""
    from genkit.data import loading

    def gather(go_on: Any, self: Any, rows: np.ndarray, *args: Any, **kwargs: Any) -> Any:
        return go_on(np.zeros_like(rows), *args, **kwargs)

    _around(loading.Gather, "__call__", gather)


# ---------------------------------------------------------------------- networks


@breaks
def deaf_generator() -> None:
    """The latents do not reach the first layer."""
    from genkit.nn.convolutions import Generator

    _around(Generator, "forward", lambda go_on, self, latent, labels=None: go_on(0 * latent + 0.5, labels))


@breaks
def deaf_decoder() -> None:
    from genkit.nn.autoencoder import ArrayDecoder

    _around(ArrayDecoder, "forward", lambda go_on, self, latent, labels=None: go_on(0 * latent, labels))


@breaks
def generator_without_labels() -> None:
    """It takes every label for the first one."""
    from genkit.nn.convolutions import Generator

    _around(
        Generator,
        "forward",
        lambda go_on, self, latent, labels=None: go_on(latent, torch.zeros_like(labels)),
    )


@breaks
def dumb_discriminator() -> None:
    """Its last layer gets nothing of the image."""
    from genkit.nn.convolutions import Discriminator

    _around(Discriminator, "forward", lambda go_on, self, *asked: 1e-6 * go_on(*asked) + 0.1)
