"""The families: one file each, reached by name, and beside it their knobs.  Nothing here imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from genkit.core.registry import Registry

if TYPE_CHECKING:
    from genkit.core.module import GenerativeModule


def _fault(found: object) -> str:
    """What is wrong with a family of another distribution."""
    from genkit.core.module import GenerativeModule

    if isinstance(found, type) and issubclass(found, GenerativeModule):
        return ""
    return "is no class of genkit.core.module.GenerativeModule"


FAMILIES: Registry[type[GenerativeModule[Any]]] = Registry(
    "family",
    "families",
    "unknown family {name!r}.",
    {
        "gpt": "genkit.families.gpt:GPT",
        "dcgan": "genkit.families.dcgan:DCGAN",
        "vae": "genkit.families.vae:VAE",
        "codes": "genkit.families.codes:Codes",
        "flow": "genkit.families.flow:Flow",
    },
    _fault,
)
# `module:class` of each family's declaration; see `genkit.core.knobs`.
FAMILY_KNOBS = {
    "gpt": "genkit.families.gpt_knobs:GPTKnobs",
    "dcgan": "genkit.families.dcgan_knobs:DCGANKnobs",
    "vae": "genkit.families.vae_knobs:VAEKnobs",
    "codes": "genkit.families.codes_knobs:CodesKnobs",
    "flow": "genkit.families.flow_knobs:FlowKnobs",
}
