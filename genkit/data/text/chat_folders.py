"""The chat template in a folder of a tokeniser, and the tokens that it speaks of.  No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from genkit.system.errors import DataError
from genkit.system.plain import MAX_JSON_BYTES, parse_json, read_text

CONFIG, TEMPLATE, TOKENIZER, SPECIAL = (
    *("tokenizer_config.json", "chat_template.jinja"),
    *("tokenizer.json", "special_tokens_map.json"),
)
MAX_BYTES = 1_000_000  # of a template
TOKENIZER_BYTES = 256_000_000


@dataclass(frozen=True)
class ChatFolder:
    """What stands in a folder.

    Attributes:
        template: the source of its chat template; "" where it has none.
        words: its special tokens by the names that templates call them: `bos_token`.
        tokens: all texts that are one token each and stand in no plain text.
    """

    template: str
    words: dict[str, str]
    tokens: tuple[str, ...]


def chat_of(path: str | None) -> ChatFolder | None:
    """Of a folder, or of the one that a tokenizer.json is in; None where there is none here.

    Raises:
        DataError: a file in it is damaged.
    """
    place = Path(path or "").expanduser()
    folder = place if place.is_dir() else place.parent
    if not path or not (folder / TOKENIZER).is_file():
        return None
    about = {**_object(folder / SPECIAL), **_object(folder / CONFIG)}
    words = {key: text for key, value in about.items() if key.endswith("_token") and (text := _token(value))}
    tokenizer = _object(folder / TOKENIZER, TOKENIZER_BYTES)
    added = tokenizer.get("added_tokens")
    special = [
        token["content"]
        for token in (added if isinstance(added, list) else [])
        if isinstance(token, dict) and token.get("special") and isinstance(token.get("content"), str)
    ]
    return ChatFolder(_template(folder, about), words, tuple(special))


def _template(folder: Path, about: dict[str, object]) -> str:
    """A file of its own, else what the configuration says: a text, or several with names."""
    if (folder / TEMPLATE).is_file():
        try:
            return read_text(folder / TEMPLATE, MAX_BYTES, follow=True)
        except (OSError, ValueError) as error:
            raise DataError(f"{folder / TEMPLATE} cannot be read: {error}.") from None
    found = about.get("chat_template")
    if isinstance(found, list):
        named = [one for one in found if isinstance(one, dict) and one.get("name") == "default"]
        found = named[0].get("template") if named else None
    return found if isinstance(found, str) else ""


def _token(value: object) -> str:
    content = value.get("content") if isinstance(value, dict) else value
    return content if isinstance(content, str) else ""


def _object(path: Path, limit: int = MAX_JSON_BYTES) -> dict[str, object]:
    """What a file of JSON holds; nothing where there is none."""
    if not path.is_file():
        return {}
    try:
        found = parse_json(read_text(path, limit, follow=True))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is damaged ({' '.join(str(error).split())[:100]}); restore it.") from None
    if not isinstance(found, dict):
        raise DataError(f"{path} is damaged (it holds no object); restore it.")
    return found
