"""GANs: two networks trained against each other, DCGAN's (Radford et al. 2016) or residual ones.

The generator turns latents into examples, the discriminator tells them from real ones; each learns from the
other's mistakes.  Networks, losses, penalties, augmentation and labels are knobs of the same two phases: what
WaveGAN (Donahue et al. 2019) does for sounds (`model=wavegan`), and what people train on pictures now, R3GAN
(Huang et al. 2024; `model=gan_resnet`).  Over moving pictures a second discriminator, of single frames, may
stand beside that of whole clips: one more phase.

Legend: B batch, C channels, S… sizes of the axes, L latent size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from genkit.core.batch import Batch
from genkit.core.capabilities import LatentSpace
from genkit.core.critic_rules import critic_rules
from genkit.core.labelled import Labelled
from genkit.core.noise import Noise
from genkit.core.options import LABEL, Option, Options
from genkit.core.phase import LossTerms, Phase, StepNoise
from genkit.core.spec import ArraySpec
from genkit.nn.adversarial import (
    GAMES,
    gradient_penalty,
    squared_gradient_norms,
    squared_slopes,
    zero_centred,
)
from genkit.nn.augment import POLICIES
from genkit.nn.augmentation_strength import AugmentationStrength
from genkit.nn.axes import SizeError
from genkit.nn.critic import Critic
from genkit.nn.memory_format import CHANNELS_LAST
from genkit.nn.moving_generator import MovingGenerator
from genkit.nn.normalisation import GlobalBatchNorm, as_trained
from genkit.nn.picture_paths import PlacePaths, half, moments
from genkit.nn.players import AnyGenerator, ConvolutionalPlayers, Players, ResidualPlayers
from genkit.nn.residual_gan import Ladder
from genkit.nn.truncation import truncated
from genkit.system.errors import ConfigError

TRUNCATION = Option("truncation", "float", None, "latents stay within this many deviations", above=0, high=10)


class DCGAN(Labelled[ArraySpec], LatentSpace):
    """Two phases, the discriminator's and the generator's; three with a discriminator of frames.

    Args:
        spec: of the arrays; DCGAN's networks take sides of images of 4·2^k, sounds of 16·2^k samples, moving
            pictures of nearly any number of frames, see `genkit.nn.convolutions.growth`.
        network: "dcgan", or "resnet", for any sizes; see `genkit.nn.players`.
        latent_size: L; the prior is N(0, I).
        width: channels next to the data; they double towards the small end.
        loss: of `genkit.nn.adversarial.GAMES`.
        gradient_penalty: weight of (‖∇D‖ - 1)² between real and generated images; 10 in its paper.
        r1, r2: weight γ of ½ ‖∇D‖² on real and on generated images.
        penalise: where r1 and r2 are taken: of the "data", or of what was "seen" of them, augmented.
        norm, spectral_norm, extra_layers: of DCGAN's discriminator; None: one extra layer with labels, whose
            projection needs features worth summing over the places, else none.
        generator_norm, upsampling, mapping: of DCGAN's generator.
        residual, bias, initial: of both of them.
        blocks, widest, expansion, group, strided: of residual networks, see `genkit.nn.residual_gan.Ladder`.
        phase_shuffle: places by which data over a single axis are moved at most between the discriminator's
            layers, one number a batch and layer (Donahue et al. 2019).
        augment: DiffAugment's policies: "colour" (of images), "translation", "cutout".
        augment_target: how far the discriminator may overfit; the augmentation is as strong as that takes
            (`genkit.nn.augmentation_strength`).  None: all that is seen is augmented.
        augment_pace: examples over which its strength rises from 0 to 1 at the most.
        discriminator_steps: batches for each update of the generator.
        frame_discriminator: one of single frames stands beside that of whole clips, made and trained as that
            one is; the generator minimises the sum of its losses to both (Tulyakov et al. 2018).
        moving: the generator makes one picture, half as large as a frame, and its path over the moments
            (`genkit.nn.moving_generator`).
        conditional: on the labels of the data.
        channels_last: memory format of the convolutions; faster on CPUs and recent GPUs.
    """

    options: tuple[Option, ...] = (TRUNCATION, LABEL)
    rules = (
        *critic_rules("discriminator", "The discriminator"),
        *critic_rules("frame_discriminator", "The discriminator of frames"),
    )
    remedies = {
        "collapsed": "set model.r1 or model.loss=hinge",
        "classes_collapsed": "set model.loss=hinge or model.r1",
        "one_period": "set model.phase_shuffle=2",
    }

    def __init__(
        self,
        spec: ArraySpec,
        *,
        network: str = "dcgan",
        latent_size: int = 100,
        width: int = 64,
        loss: str = "non_saturating",
        gradient_penalty: float = 0.0,
        r1: float = 0.0,
        r2: float = 0.0,
        penalise: str = "data",
        norm: str = "batch",
        generator_norm: str = "batch",
        upsampling: str = "transposed",
        mapping: int = 0,
        residual: int = 0,
        blocks: int = 1,
        widest: int = 512,
        expansion: int = 2,
        group: int = 16,
        strided: bool = False,
        phase_shuffle: int = 0,
        bias: bool = False,
        initial: str = "dcgan",
        spectral_norm: bool = False,
        extra_layers: int | None = None,
        augment: Sequence[str] = (),
        augment_target: float | None = None,
        augment_pace: int = 500_000,
        discriminator_steps: int = 1,
        frame_discriminator: bool = False,
        moving: bool = False,
        conditional: bool = False,
        channels_last: bool = True,
    ) -> None:
        super().__init__(spec, conditional=conditional)
        channels, sizes = spec.channels, spec.sizes
        for name in augment:
            if len(sizes) not in POLICIES[name].numbers:
                raise ConfigError(f"model.augment={name} is of images, and the data is none; leave it out.")
        self.latent_size = latent_size
        self.game, self.penalise = GAMES[loss], penalise
        self.gradient_penalty, self.r1, self.r2 = gradient_penalty, r1, r2
        self.augment, self.discriminator_steps = tuple(augment), discriminator_steps
        players: Players
        if network == "resnet":
            ladder = partial(
                Ladder,
                width=width,
                widest=widest,
                blocks=blocks,
                expansion=expansion,
                group=group,
                strided=strided,
            )
            players = ResidualPlayers(latent_size, channels, self.classes, ladder)
        else:
            players = ConvolutionalPlayers(
                latent_size=latent_size,
                channels=channels,
                width=width,
                classes=self.classes,
                norm=norm,
                generator_norm=generator_norm,
                upsampling=upsampling,
                mapping=mapping,
                residual=residual,
                bias=bias,
                initial=initial,
                spectral=spectral_norm,
                extra=(1 if conditional else 0) if extra_layers is None else extra_layers,
            )
        try:
            players.check(sizes)
            made = half(moments(sizes)[1]) if moving else sizes
            players.check(made)
        except SizeError as error:
            knob = spec.medium.sized_along(error.axis)
            advice = f"set {knob}" if knob else "choose another model"
            raise ConfigError(f"{error}: {advice}.") from error
        if frame_discriminator and (len(sizes) < 3 or spec.names[0] != "time"):
            raise ConfigError(
                f"model.frame_discriminator=true looks at single frames, and {spec.said()} have none:"
                " leave it out."
            )
        picture = players.generator(made)
        self.generator: AnyGenerator | MovingGenerator = picture
        if moving:
            self.generator = MovingGenerator(picture, PlacePaths(latent_size, sizes), spec.shape)
        self.discriminator = players.discriminator(sizes)
        self.frame_discriminator = players.discriminator(sizes[1:]) if frame_discriminator else None
        if phase_shuffle and not (len(sizes) == 1 and self.discriminator.joints):
            what = f"{len(sizes)} axes" if len(sizes) > 1 else "a discriminator of one layer"
            raise ConfigError(
                f"model.phase_shuffle={phase_shuffle} moves data between layers along a single axis, and"
                f" {spec.said()} have {what}: set model.phase_shuffle=0."
            )
        formats = CHANNELS_LAST if channels_last else {}
        self._format, flat = (formats.get(axes, torch.contiguous_format) for axes in (len(sizes), 2))
        self.critics = [Critic(self.discriminator, self._format, self.augment, phase_shuffle)]
        if self.frame_discriminator is not None:
            self.critics.append(Critic(self.frame_discriminator, flat, self.augment, of="frame"))
        picture.to(memory_format=formats.get(len(made), torch.contiguous_format))
        for critic in self.critics:
            critic.network.to(memory_format=critic.format)
        if augment_target is not None:
            strengths = [AugmentationStrength(augment_target, augment_pace) for _ in self.critics]
            self.strengths = nn.ModuleList(strengths)
            self.critics = [replace(c, strength=s) for c, s in zip(self.critics, strengths, strict=True)]
        self.units = {c.named(what): self.game.unit for c in self.critics for what in ("real", "fake")}

    # ------------------------------------------------------------------ training

    def phases(self) -> tuple[Phase, ...]:
        every = self.discriminator_steps
        critics = (Phase(c.name, (c.network,), partial(self._critic_loss, c)) for c in self.critics)
        return (*critics, Phase("generator", (self.generator,), self._generator_loss, every=every, ema=True))

    def uncompilable(self) -> str | None:
        penalties = {"gradient_penalty": self.gradient_penalty, "r1": self.r1, "r2": self.r2}
        if not (named := [f"model.{name}" for name, weight in penalties.items() if weight]):
            return None
        return (
            f"{' and '.join(named)} differentiate a gradient, which torch.compile cannot;"
            " leave out trainer.compile, or the penalty."
        )

    def _fakes(self, batch: Batch, noise: StepNoise) -> Tensor:
        """G(z) in [-1, 1], one batch for both players: the generator has not moved in between."""

        def make() -> Tensor:
            with torch.set_grad_enabled(noise.step % self.discriminator_steps == 0):
                return self.generator(self.prior(noise), batch.labels)

        return noise.once("fakes", make, (self.generator,))

    def _critic_loss(self, critic: Critic, batch: Batch, noise: StepNoise) -> LossTerms:
        data = critic.part(self._to_network(batch.data), noise, "real")
        fakes = critic.part(self._fakes(batch, noise).detach(), noise, "fake")
        seen, made = critic.shown(data, noise, "real"), critic.shown(fakes, noise, "fake")
        if self.penalise == "seen":
            seen, made = (shown.detach().requires_grad_(True) for shown in (seen, made))
        # Real and generated ones pass separately, each normalised by its own statistics (paper, section 3).
        real = critic.opinion(seen, batch.labels, noise, "real")
        fake = critic.opinion(made, batch.labels, noise, "fake")
        total = loss = self.game.discriminator(real, fake)
        terms = {"loss": loss, "real": self.game.opinion(real).mean(), "fake": self.game.opinion(fake).mean()}
        if (accuracy := self.game.accuracy(real, fake)) is not None:
            terms["accuracy"] = accuracy
        if critic.strength is not None:
            terms["augmented"] = critic.strength.probability.clone()
            first, last = noise.ends(batch)
            signs = self.game.signs(real, fake)
            critic.strength.follow(signs, noise.global_size, first=first, last=last)

        # Of the data, penalties are of the network itself: of what is neither augmented nor shuffled.
        def judge(examples: Tensor) -> Tensor:
            return critic.network(examples, batch.labels)

        sides = {"r1": (self.r1, data, seen, real), "r2": (self.r2, fakes, made, fake)}
        for name, (weight, examples, shown, logits) in sides.items():
            if weight:
                of_seen = self.penalise == "seen"
                squares = (
                    squared_slopes(logits, shown) if of_seen else squared_gradient_norms(judge, examples)
                )
                terms[name] = zero_centred(squares)
                total = total + weight * terms[name]
        if self.gradient_penalty:
            share = noise.uniform(critic.named("share"), 1).squeeze(1)
            terms["gradient_penalty"] = gradient_penalty(judge, data, fakes, share)
            total = total + self.gradient_penalty * terms["gradient_penalty"]
        return LossTerms(total, {name: term.detach() for name, term in terms.items()})

    def _generator_loss(self, batch: Batch, noise: StepNoise) -> LossTerms:
        fakes, terms = self._fakes(batch, noise), {}
        for critic in self.critics:
            part = critic.part(fakes, noise, "generator")
            logits = critic.logits(part, batch.labels, noise, "generator")
            if self.game.relative:
                logits = logits - self._rivals(critic, batch, noise)
            terms[critic.named("loss")] = self.game.generator(logits)
        total = torch.stack([*terms.values()]).sum() if len(terms) > 1 else terms["loss"]
        return LossTerms(total, {name: term.detach() for name, term in terms.items()})

    @torch.no_grad()
    def _rivals(self, critic: Critic, batch: Batch, noise: StepNoise) -> Tensor:
        """Logits of the real examples beside generated ones, (B,), which the generator cannot move."""
        part = critic.part(self._to_network(batch.data), noise, "rival")
        return critic.logits(part, batch.labels, noise, "rival")

    def _to_network(self, data: Tensor) -> Tensor:
        """Data in [0, 1] to the range of the generator's tanh, [-1, 1]."""
        return (data * 2 - 1).to(memory_format=self._format)

    # ------------------------------------------------------------------ scores

    def score_batch(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """What each discriminator thinks of unseen and generated examples; alike where it can't tell."""
        scores = {}
        for critic, real, fake in self._opinions(batch, noise):
            scores[critic.named("real")] = self.game.opinion(real)
            scores[critic.named("fake")] = self.game.opinion(fake)
        return scores

    @property
    def scores_batches(self) -> bool:
        return any(isinstance(module, GlobalBatchNorm) for module in self.modules())

    def _opinions(self, batch: Batch, noise: Noise) -> list[tuple[Critic, Tensor, Tensor]]:
        """Logits of real and of generated examples, (B,) each, from each discriminator.

        The players are judged as they are trained, each batch by its own statistics: a discriminator's
        running averages are of real and generated batches together, which it never sees, and with them it
        may rank the two the wrong way round.
        """
        with as_trained(self.generator, *(critic.network for critic in self.critics)):
            data, fakes = self._to_network(batch.data), self.generator(self.prior(noise), batch.labels)
            return [
                (
                    critic,
                    critic.network(critic.part(data, noise, "real"), batch.labels),
                    critic.network(critic.part(fakes, noise, "fake"), batch.labels),
                )
                for critic in self.critics
            ]

    def health(self, batch: Batch, noise: Noise) -> dict[str, float | list[float]]:
        """What each discriminator knows: how much its logits differ between examples, and how often a real
        one has a higher logit than a generated one (1/2 by chance)."""
        found: dict[str, float | list[float]] = {}
        for critic, real, fake in self._opinions(batch, noise):
            higher = (real[:, None] > fake).float().mean() + 0.5 * (real[:, None] == fake).float().mean()
            found[f"{critic.name}_ranks"] = float(higher)
            found[f"{critic.name}_spread"] = float(torch.cat((real, fake)).std())
        return found

    # ------------------------------------------------------------------ samples

    def prior(self, noise: Noise) -> Tensor:
        return noise.normal("latent", self.latent_size)

    def decode(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:
        return (self.generator(latent, labels) + 1) / 2

    def draw(self, noise: Noise, condition: Sequence[Any], options: Options) -> Tensor:
        latent = self.prior(noise)
        if bound := options["truncation"]:
            latent = truncated(latent, bound)
        return self.decode(latent, self.labels(condition, noise))
