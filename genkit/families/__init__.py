"""The families: one file each, reached by name, and beside it their knobs.  Nothing here imports torch."""

from genkit.core.registry import Registry

FAMILIES = Registry(
    "family",
    "families",
    "unknown family {name!r}.",
    {
        "gpt": "genkit.families.gpt:GPT",
        "dcgan": "genkit.families.dcgan:DCGAN",
        "vae": "genkit.families.vae:VAE",
    },
)
# `module:class` of each family's declaration; see `genkit.core.knobs`.
FAMILY_KNOBS = {
    "gpt": "genkit.families.gpt_knobs:GPTKnobs",
    "dcgan": "genkit.families.dcgan_knobs:DCGANKnobs",
    "vae": "genkit.families.vae_knobs:VAEKnobs",
}
