"""Trainings that are broken on purpose, each in one way: findings.json must hold what is expected.

Thresholds were reasoned, and looked at with seeds from 100 to 299; the seeds here are others.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

from genkit.diagnostics.health import FILE
from tools.reliability.processes import genkit
from tools.reliability.rows import Row, Trial
from tools.reliability.tiny import QUICK, once

STEPS, SEED = 160, 2000
SMALL = {
    "gpt": [
        *("model=gpt", "data=colors", "model.block_size=32", "model.n_layer=1", "model.n_head=2"),
        *("model.n_embd=32", "optim.lr=3e-3", "optim.warmup=0"),
    ],
    "dcgan": ["model=dcgan", "data=digits", "model.width=16", "model.latent_size=8", "optim.lr=1e-3"],
    "vae": [
        *("model=vae", "model.network=mlp", "data=digits", "model.hidden=64", "model.latent_size=8"),
        "optim.lr=3e-3",
    ],
    "flow": [
        *("model=flow", "data=digits", "model.width=16", "model.levels=1", "model.patch=2"),
        *("optim.lr=3e-3", "optim.ema=0.9"),
    ],
}


@dataclass(frozen=True)
class Broken:
    """One way to break a training.

    Attributes:
        code: the finding that must be made; "A or B" where chance decides which way it goes wrong.
        words: of the command, besides the family's.
        how: a function of `tools.reliability.breaking`; "" where the words alone do it.
        text: where the data is a text of this trial's own: a function of its name.
        exit_code: of the command.
    """

    code: str
    words: tuple[str, ...] = ()
    how: str = ""
    text: str = ""
    exit_code: int = 0


TEXTS = {
    "one line": lambda: "The quick brown fox jumps over the lazy dog.\n" * 1500,
    "random": lambda: "".join(random.Random(0).choices("abcdefgh", range(1, 9), k=60_000)),
}

EVERY = {  # what can befall any family
    "learning rate × 1000": {
        "gpt": Broken("learned_nothing", ("optim.lr=3",)),
        "dcgan": Broken("collapsed or discriminator_saturated or discriminator_exploded", ("optim.lr=1",)),
        "vae": Broken("not_finite", ("optim.lr=3",), exit_code=5),
        "flow": Broken("velocity_unlearnt or not_finite", ("optim.lr=3",)),
    },
    "optimiser of other parameters": dict.fromkeys(SMALL, Broken("standing_still", how="foreign_optimiser")),
    "a weight is NaN": dict.fromkeys(SMALL, Broken("not_finite", how="nan_weight", exit_code=5)),
    "constant data": dict.fromkeys(SMALL, Broken("data_is_constant", how="constant_data")),
}
OWN = {
    "gpt": {
        "learning rate 0": Broken("standing_still", ("optim.lr=1e-30",)),
        "detached loss": Broken("no_gradient", ("optim.weight_decay=0.1",), how="detached_likelihood"),
        "warm-up longer than the run": Broken("warmup_too_long", (f"optim.warmup={2 * STEPS}",)),
        "corpus of one line": Broken("data_is_repeated", text="one line"),
        "random text": Broken("learned_frequencies", text="random"),
        "first batch over and over": Broken("memorised", ("trainer.overfit=true", "budget.steps=400")),
        "targets not shifted": Broken("repetition_loops", how="unshifted_targets"),
        "sign of the loss": Broken("loss_rose or learned_nothing", how="wrong_sign"),
    },
    "dcgan": {
        "frozen generator": Broken("standing_still", ("optim.generator.lr=1e-30",)),
        "frozen discriminator": Broken("standing_still", ("optim.discriminator.lr=1e-30",)),
        "detached generator": Broken("no_gradient", how="detached_generator"),
        "discriminator far too strong": Broken(
            "discriminator_saturated", ("optim.discriminator.lr=5e-3", "optim.generator.lr=1e-5")
        ),
        "discriminator far too weak": Broken(
            "discriminator_blind", ("optim.discriminator.lr=1e-6", "optim.generator.lr=5e-3")
        ),
        "discriminator without features": Broken("discriminator_constant", how="dumb_discriminator"),
        "latents ignored": Broken("collapsed", how="deaf_generator"),
        "labels ignored": Broken(
            "label_ignored", ("model.conditional=true",), how="generator_without_labels"
        ),
    },
    "vae": {
        "learning rate 0": Broken("standing_still", ("optim.lr=1e-30",)),
        "frozen decoder": Broken("standing_still", how="frozen_decoder"),
        "a pixel is NaN": Broken("not_finite", how="nan_pixel", exit_code=5),
        "β warm-up longer than the run": Broken("schedule_too_long", (f"model.beta_warmup={2 * STEPS}",)),
        "β of 100": Broken("posterior_collapse", ("model.beta=100",)),
        "latents ignored": Broken("posterior_collapse", how="deaf_decoder"),
        "first batch over and over": Broken(
            "overfitting", ("trainer.overfit=true", "model.hidden=256", "budget.steps=3000")
        ),
        "one damaged batch": Broken("loss_spike", how="damaged_batch"),
    },
    "flow": {
        "learning rate 0": Broken("standing_still or velocity_unlearnt", ("optim.lr=1e-30",)),
        "a pixel is NaN": Broken("not_finite", how="nan_pixel", exit_code=5),
    },
}


def ways() -> dict[str, tuple[str, Broken]]:
    """Family and what is broken, by a name."""
    found = {f"{what}: {family}": (family, b) for what, of in EVERY.items() for family, b in of.items()}
    found |= {f"{what}: {family}": (family, b) for family, of in OWN.items() for what, b in of.items()}
    return found


def finds(family: str, broken: Broken, seed: int) -> Trial:
    def trial(folder: Path) -> None:
        typed = [*SMALL[family], *QUICK, "batch_size=32", f"budget.steps={STEPS}", f"seed={seed}"]
        typed += ["callbacks.metrics.n=0", "callbacks.samples.n=0", *broken.words]
        typed += [f"paths.runs_dir={folder}", "name=run"]
        if broken.text:
            (folder / "text.txt").write_text(TEXTS[broken.text]())
            typed += ["data=text_file", f"data.path={folder / 'text.txt'}"]
        typed = once(typed)
        steps = int(next(word for word in typed if word.startswith("budget.steps=")).partition("=")[2])
        before = ("broken", broken.how) if broken.how else ()
        answer = genkit("train", *typed, f"trainer.val_every={steps // 10}", before=before)
        assert answer.code == broken.exit_code, (answer.code, answer.err)
        found = json.loads((folder / "run" / FILE).read_text())
        codes = [f"{f['severity']} {f['code']}" for f in found["findings"]]
        made = {code.split()[1] for code in codes}
        assert made & set(broken.code.split(" or ")), (codes, found["history"][-1:])

    return trial


ROW = Row(
    "seeded pathologies found",
    {name: finds(family, broken, seed) for seed, (name, (family, broken)) in enumerate(ways().items(), SEED)},
    share=36,
)
