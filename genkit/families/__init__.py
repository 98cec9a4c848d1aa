"""The families: one file each, reached by name.  Nothing here imports torch."""

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
