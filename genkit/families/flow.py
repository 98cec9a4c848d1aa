"""Flow: a velocity field that carries noise to data, learnt by flow matching (Lipman et al. 2023).

On the straight path x_t = (1 - t) ε + t x from noise to an example the velocity is x - ε.  A network v(x_t,
t) learns its mean over all paths that pass there, and dx/dt = v carries N(0, I) to the data (Liu et al.
2023): forwards to draw and to decode, backwards to encode, either way with the density at hand.

Legend: B batch, C channels, S… sizes of the axes, N numbers of an example, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from genkit.core.batch import Batch
from genkit.core.capabilities import (
    Completion,
    Encoder,
    LatentSpace,
    Likelihood,
    LikelihoodKind,
    Reconstruction,
)
from genkit.core.labelled import Labelled
from genkit.core.noise import Noise
from genkit.core.observation import Observation
from genkit.core.options import LABEL, Option, Options
from genkit.core.phase import LossTerms, Phase, StepNoise
from genkit.core.rule import ERROR, Rule
from genkit.core.spec import ArraySpec
from genkit.core.stopping import between_steps
from genkit.nn.array_transformer import ArrayTransformer
from genkit.nn.densities import Velocity, flow_log_density
from genkit.nn.dequantised import Continuum
from genkit.nn.matched_noise import matched
from genkit.nn.measured_flow import Measurement, drawn_given
from genkit.nn.ode_solvers import DormandPrince, Euler, Heun, Solver, StiffError
from genkit.nn.precision import widened
from genkit.nn.time_and_label import TimeWeights
from genkit.nn.unet import UNet
from genkit.system.errors import ConfigError

SOLVER = Option("solver", "text", "heun", "of the way of a sample", choices=("euler", "heun", "rk45"))
STEPS = Option("steps", "int", 25, "of euler and heun", low=1, high=10_000)
TOLERANCE = Option("tolerance", "float", 1e-4, "of rk45: error of a step", low=1e-7, high=0.1)
GUIDANCE = Option(
    "guidance", "float", 1.0, "weight of the label's velocity against that without one", low=0, high=20
)
TEMPERATURE = Option(
    "temperature", "float", 1.0, "standard deviation of the noise begun with", low=0, high=10
)
SOLVERS: dict[str, Callable[[Options], Solver]] = {
    "euler": lambda options: Euler(options["steps"]),
    "heun": lambda options: Heun(options["steps"]),
    "rk45": lambda options: DormandPrince(options["tolerance"]),
}
PATH = Heun(50)  # of latents, which are to come back to the data that they are of
EXACT = 16  # numbers of an example up to which the trace is computed
ERROR_OF_DENSITY = 1e-5  # of each step, in nats too
OBSERVED = 32  # steps of an answer to an observation
GOLDEN = (math.sqrt(5) - 1) / 2  # multiples of it fill [0, 1) evenly, however many they are


class Flow(Labelled[ArraySpec], Likelihood, LatentSpace, Encoder, Reconstruction, Completion):
    """One phase.

    Args:
        spec: of the arrays, of any size.
        network: "unet" or "transformer" (`genkit.nn.unet`, `genkit.nn.array_transformer`).
        width, levels, blocks, heads, patch, dropout: of the network.
        times: "uniform", or "logit_normal" (Esser et al. 2024), which looks at the middle of paths most.
        weighting: "none", or "learned": a loss L at a time counts as L / e^u + u, where u is learnt (Karras
            et al. 2024).
        coupling: rows whose noise is matched with their data by optimal transport; a divisor of the batch,
            of every micro-batch and process.
        dequantise: spread each level over an interval, so that there is a density, and samples are levels.
        conditional: on the labels of the data.
        label_dropout: share of examples that are learnt without their label, for guidance.
    """

    options: tuple[Option, ...] = (STEPS, SOLVER, TOLERANCE, TEMPERATURE, GUIDANCE, LABEL)
    units = {"velocity_error": "squared error"}
    remedies = {"memorised": "set model.dropout", "label_ignored": "draw with guidance=2"}
    rules = (
        Rule(
            code="velocity_unlearnt",
            severity=ERROR,
            measure="velocity_explained",
            below=0.1,
            advice="The network says hardly more of the way from noise to data than one velocity for all"
            " would: raise optim.lr or train longer.",
            after=0.4,
        ),
    )

    def __init__(
        self,
        spec: ArraySpec,
        *,
        network: str = "unet",
        width: int = 32,
        levels: int | None = None,
        blocks: int = 1,
        heads: int | None = None,
        patch: int = 1,
        dropout: float = 0.0,
        times: str = "uniform",
        weighting: str = "learned",
        coupling: int = 0,
        dequantise: bool = True,
        conditional: bool = False,
        label_dropout: float = 0.1,
    ) -> None:
        super().__init__(spec, conditional=conditional)
        if not conditional:
            self.options = tuple(option for option in self.options if option is not GUIDANCE)
        self.latent_size, self.times, self.coupling = spec.size, times, coupling
        self.label_dropout = label_dropout if conditional else 0.0
        self.continuum = Continuum(spec.levels, dequantise)
        made = partial(UNet, levels=levels) if network == "unet" else ArrayTransformer
        self.network: UNet | ArrayTransformer = made(
            *(spec.channels, spec.sizes),
            width=width,
            blocks=blocks,
            heads=heads,
            patch=patch,
            dropout=dropout,
            classes=self.classes,
        )
        self.weights_of_times = TimeWeights() if weighting == "learned" else None

    # ------------------------------------------------------------------ training

    def phases(self) -> tuple[Phase, ...]:
        modules = [self.network, *([] if self.weights_of_times is None else [self.weights_of_times])]
        return (Phase("velocity", tuple(modules), self._loss, ema=True),)

    def _loss(self, batch: Batch, noise: StepNoise) -> LossTerms:
        data, start = self._ends(batch, noise)
        if self.coupling:
            start = self._matched(start, data)
        at, labels = self._times(noise), self._some_without(batch.labels, noise)
        error = self._errors(start, data, at, labels)
        total = error.mean()
        if self.weights_of_times is not None:
            expected = widened(self.weights_of_times(at))
            total = (error / expected.exp() + expected).mean()
        return LossTerms(total, {"velocity_error": error.detach().mean()})

    def _ends(self, batch: Batch, noise: Noise) -> tuple[Tensor, Tensor]:
        """Of a path for each example: its point and noise, (B, N) each."""
        return self._points(batch.data, noise), noise.normal("noise", self.spec.size)

    def _points(self, data: Tensor, noise: Noise, name: str = "dequantise") -> Tensor:
        """Data in [0, 1] as points of [-1, 1], (B, N)."""
        flat = data.flatten(1)
        share = noise.uniform(name, flat.shape[1]) if self.continuum.filled else 0.5
        return self.continuum.points(flat, share)

    def _errors(self, start: Tensor, data: Tensor, at: Tensor, labels: Tensor | None) -> Tensor:
        """The mean squared error of the velocity on the way of each example, (B,)."""
        way = data - start
        return (self._velocity(labels)(start + at[:, None] * way, at) - way).square().mean(1)

    def _matched(self, start: Tensor, data: Tensor) -> Tensor:
        if len(start) % self.coupling:
            raise ConfigError(
                f"model.coupling={self.coupling} does not divide the {len(start)} examples that are learnt at"
                " once: set a divisor of what trainer.accumulate and the processes leave of batch_size, or 0."
            )
        return matched(start, data, self.coupling)

    def _times(self, noise: Noise) -> Tensor:
        """One for each row, (B,): spread evenly, whichever rows of the global batch these are."""
        first = noise.of_batch().uniform("times", 1).double()  # (1, 1)
        rows = torch.arange(noise.rows.start, noise.rows.stop, dtype=torch.float64, device=first.device)
        share = ((first[0] + rows * GOLDEN % 1) % 1).clamp(1e-6, 1 - 1e-6)
        return (share if self.times == "uniform" else torch.special.ndtri(share).sigmoid()).float()

    def _some_without(self, labels: Tensor | None, noise: Noise) -> Tensor | None:
        if labels is None or not self.label_dropout:
            return labels
        return torch.where(noise.uniform("label", 1).squeeze(1) < self.label_dropout, self.classes, labels)

    def _velocity(self, labels: Tensor | None, guidance: float = 1.0) -> Velocity:
        """Of places (B, N) at times (B,); beyond that of the label by the guidance (Ho and Salimans 2022)."""
        told = labels if self.classes else None

        def velocity(x: Tensor, at: Tensor) -> Tensor:
            between_steps()
            arrays = x.view(-1, *self.spec.shape)
            if told is None or guidance == 1:
                return widened(self.network(arrays, at, told)).flatten(1)
            both = torch.cat((told, torch.full_like(told, self.classes)))
            given, free = widened(
                self.network(arrays.repeat(2, *[1] * (arrays.ndim - 1)), at.repeat(2), both)
            ).chunk(2)
            return (free + guidance * (given - free)).flatten(1)

        return velocity

    # ------------------------------------------------------------------ scores

    def score_batch(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """The mean squared error of each example's velocity at one time."""
        data, start = self._ends(batch, noise)
        return {"velocity_error": self._errors(start, data, self._times(noise), batch.labels)}

    def health(self, batch: Batch, noise: Noise) -> dict[str, float | list[float]]:
        """The share of the velocities' variance that the network knows."""
        data, start = self._ends(batch, noise)
        error = self._errors(start, data, self._times(noise), batch.labels).mean()
        return {"velocity_explained": 1 - float(error / (data - start).var().clamp(min=1e-12))}

    def likelihood_kind(self) -> LikelihoodKind:
        if not self.continuum.filled:
            return LikelihoodKind(
                "none", "levels as they are have no density; train with model.dequantise=true"
            )
        trace = "" if self._exact else ", trace along a random direction"
        note = f"uniform dequantisation, RK45 to {ERROR_OF_DENSITY:.0e}{trace}"
        return LikelihoodKind("bound", note, of="probability", fixed=not self._exact)

    @property
    def _exact(self) -> bool:
        """Whether the trace of the Jacobian is computed, rather than estimated."""
        return self.spec.size <= EXACT

    def log_likelihood(self, batch: Batch, noise: Noise, *, importance_samples: int = 1) -> Tensor:
        """The mean over points of each level's interval of log p(point) + log length; of several points of an
        exact density the tighter log of their mean, which of estimates would be no bound."""
        found = []
        for sample in range(importance_samples):
            points = self._points(batch.data, noise, f"dequantise/{sample}")
            probe = noise.uniform(f"probe/{sample}", self.spec.size)
            density = self.log_density(points, batch.labels, None if self._exact else probe)
            found.append(density + self.spec.size * self.continuum.log_length())
        several = torch.stack(found)  # (k, B)
        whole = several.logsumexp(0) - math.log(len(found)) if self._exact else several.mean(0)
        return whole.clamp(
            max=0
        )  # nothing is likelier than certain; what an estimate says beyond is its error

    def log_density(
        self, points: Tensor, labels: Tensor | None = None, probe: Tensor | None = None
    ) -> Tensor:
        """log p of points of the model's own space, [-1, 1] for data (`genkit.nn.dequantised`), nats, (B,).

        Args:
            points: (B, N).
            probe: in [0, 1), (B, N), by which the trace of the Jacobian is estimated; None: it is computed.
        """
        signs = None if probe is None else torch.where(probe < 0.5, -1.0, 1.0).to(points)
        try:
            return flow_log_density(self._velocity(labels), points, DormandPrince(ERROR_OF_DENSITY), signs)
        except StiffError as error:
            raise ConfigError(
                f"The likelihood of this network cannot be computed: {error}; train it longer."
            ) from error

    # ------------------------------------------------------------------ latents and samples

    def prior(self, noise: Noise) -> Tensor:
        return noise.normal("latent", self.latent_size)

    def decode(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.continuum.data(self._carried(latent, labels)).clamp(0, 1).view(-1, *self.spec.shape)

    def encode(self, data: Tensor, labels: Tensor | None = None) -> Tensor:
        """The noise that is carried to the data, to the middle of the interval of each level."""
        return self._carried(self.continuum.points(data.flatten(1)), labels, start=1.0, end=0.0)

    def reconstruct(self, data: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.decode(self.encode(data, labels), labels)

    def _carried(
        self,
        x: Tensor,
        labels: Tensor | None,
        *,
        start: float = 0.0,
        end: float = 1.0,
        guidance: float = 1.0,
        solver: Solver = PATH,
    ) -> Tensor:
        """Places (B, N) at one time to where they are at another."""
        velocity = self._velocity(labels, guidance)
        try:
            return solver.solve(lambda state, at: (velocity(state[0], at),), (x,), start, end)[0]
        except StiffError as error:
            raise ConfigError(f"solver=rk45: {error}; raise tolerance, or set solver=heun.") from error

    def conditions(self, options: Options) -> Sequence[Any]:
        idle, of = (STEPS, "euler or heun") if options["solver"] == "rk45" else (TOLERANCE, "rk45")
        if (given := options[idle.name]) != idle.default:
            raise ConfigError(
                f"{idle.name}={given:g} does nothing with solver={options['solver']}: set solver={of}, or"
                f" leave {idle.name} out."
            )
        if options.get("guidance", 1) != 1 and not self.label_dropout:
            raise ConfigError(
                f"guidance={options['guidance']:g} needs a model that was trained without labels, too:"
                " train with model.label_dropout=0.1, or leave it out."
            )
        return super().conditions(options)

    def draw(self, noise: Noise, condition: Sequence[Any], options: Options) -> Tensor:
        solver = SOLVERS[options["solver"]](options)
        start = self.prior(noise) * options["temperature"]
        labels, guidance = self.labels(condition, noise), options.get("guidance", 1.0)
        points = self._carried(start, labels, guidance=guidance, solver=solver)
        return self.continuum.levels_at(points).view(-1, *self.spec.shape)

    # ------------------------------------------------------------------ observations

    def refusal(self, observation: Observation) -> str | None:
        return None  # any is linear, and that is all that is needed

    def complete(
        self, observation: Observation, measured: Tensor, labels: Tensor | None, noise: Noise
    ) -> Tensor:
        """A draw given the measurement (`genkit.nn.measured_flow`)."""

        def measure(points: Tensor) -> Tensor:
            return observation.measure(self.continuum.data(points).view(-1, *self.spec.shape))

        def fresh(step: int) -> Tensor:
            return noise.normal(f"fresh/{step}", self.latent_size)

        known = Measurement(measure, measured, observation.scale)
        points = drawn_given(self._velocity(labels), known, self.prior(noise), fresh, OBSERVED)
        return self.continuum.data(points).clamp(0, 1).view(-1, *self.spec.shape)
