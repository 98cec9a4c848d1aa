"""Media: what an example can be.  A medium is one file, and everything else asks it.

Built in are texts, images, sounds and moving pictures; another distribution adds one by

    [project.entry-points."genkit.media"]
    points = "my_package.points:POINTS"

where `POINTS` is a `genkit.core.media.medium.Medium`.  Its name stands in the spec of the data
(`ArraySpec(…, medium=POINTS)`) and in its JSON.  Nothing here imports torch.
"""

from __future__ import annotations

from genkit.core.media.medium import Medium
from genkit.core.registry import Registry


def _fault(found: object) -> str:
    """What is wrong with a medium of another distribution."""
    if not isinstance(found, Medium):
        return f"is of type {type(found).__name__}, not a genkit.core.media.medium Medium"
    return found.fault()


MEDIA: Registry[Medium] = Registry(
    "medium",
    "media",
    "medium={name} is none that is known here; install what offers it.",
    {
        "text": "genkit.core.media.text:TEXT",
        "image": "genkit.core.media.image:IMAGE",
        "audio": "genkit.core.media.audio:AUDIO",
        "video": "genkit.core.media.video:VIDEO",
    },
    _fault,
)


def find(name: str) -> Medium:
    """The medium of a name.

    Raises:
        ConfigError: nobody offers it, or what is offered is no medium.
    """
    found = MEDIA.load(name)
    if found.name != name:
        raise MEDIA.refusal(name, f"calls itself {found.name}: use one name")
    return found
