"""Independent Gaussian pixels: x = mean + scale · z, the simplest normalising flow there is."""

import math

import torch
from torch import nn

from genkit.core.capabilities import Likelihood, LikelihoodKind
from genkit.core.module import GenerativeModule
from genkit.core.phase import LossTerms, Phase
from genkit.core.spec import ArraySpec


class Diagonal(GenerativeModule[ArraySpec], Likelihood):
    units = {"nll": "nats"}

    def __init__(self, spec, *, min_scale=0.01):
        super().__init__(spec)
        self.min_scale = min_scale
        self.flow = nn.ParameterDict({"mean": torch.zeros(spec.size), "raw_scale": torch.zeros(spec.size)})

    @property
    def scale(self):
        return nn.functional.softplus(self.flow["raw_scale"]) + self.min_scale

    def phases(self):
        return (Phase("likelihood", (self.flow,), self._loss, ema=True),)

    def _loss(self, batch, noise):
        nll = self.score_batch(batch, noise)["nll"].mean()
        return LossTerms(nll, {"nll": nll.detach()})

    def score_batch(self, batch, noise):
        z = (batch.data.flatten(1) - self.flow["mean"]) / self.scale
        return {"nll": (0.5 * z.square() + 0.5 * math.log(2 * math.pi) + self.scale.log()).sum(1)}

    def likelihood_kind(self):
        return LikelihoodKind("exact", of="density")

    def log_likelihood(self, batch, noise, *, importance_samples=1):
        return -self.score_batch(batch, noise)["nll"]

    def draw(self, noise, condition, options):
        x = self.flow["mean"] + self.scale * noise.normal("pixels", self.spec.size)
        return x.clamp(0, 1).view(-1, *self.spec.shape)
