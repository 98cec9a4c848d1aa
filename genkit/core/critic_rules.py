"""What discriminators must keep while they are trained, by what they say of real and of generated ones."""

from __future__ import annotations

from genkit.core.rule import ERROR, Rule


def critic_rules(critic: str, it: str) -> tuple[Rule, ...]:
    """Those of one.

    Its accuracy is the share of examples on their side of a boundary; where a game knows only differences,
    the share of pairs whose real example has the higher logit.  Either is 1/2 by chance, and 1 of one that is
    never wrong.

    Args:
        critic: the name of its phase, with which the names of its measures begin.
        it: what a sentence calls it.
    """
    return (
        Rule(
            code=f"{critic}_saturated",
            severity=ERROR,
            measure=f"{critic}/accuracy",
            above=0.995,
            advice=f"{it} is always right, so the generator learns nothing from it: lower"
            f" optim.{critic}.lr, or set model.r1 or model.augment, or with network=dcgan"
            " model.spectral_norm.",
            patience=3,
            after=0.4,
        ),
        Rule(
            code=f"{critic}_blind",
            severity=ERROR,
            measure=f"{critic}_ranks",
            below=0.35,
            advice=f"{it} takes generated examples for real ones rather than the real: raise"
            f" optim.{critic}.lr or model.discriminator_steps, or lower optim.generator.lr.",
        ),
        Rule(
            code=f"{critic}_constant",
            severity=ERROR,
            measure=f"{critic}_spread",
            below=1e-3,
            advice=f"{it} says the same of everything: change the seed, or lower optim.{critic}.lr.",
        ),
        # A critic whose slope is at most 1 tells pictures of 64×64×3 in [-1, 1] apart by 222 at most, and
        # a probability is 0 or 1 in float32 long before.
        Rule(
            code=f"{critic}_exploded",
            severity=ERROR,
            measure=f"{critic}_spread",
            above=1_000,
            advice=f"{it}'s outputs are so far apart that no gradient is left of them: lower"
            " optim.lr, or set model.r1, or with network=dcgan model.spectral_norm.",
        ),
    )
