"""A model of Hugging Face as the beginning of a training: its sizes and its tokeniser, read without torch.

Only JSON files and the headers of safetensors files are looked at here; nothing in such a folder is executed,
and pickles are refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from genkit.core.codecs import SubwordCodec
from genkit.interop.architecture import Architecture
from genkit.interop.architectures import described
from genkit.nn.transformer_config import TransformerConfig
from genkit.system.errors import CheckpointError, ConfigError, enumerated
from genkit.system.headers import read_header
from genkit.system.paths import sought
from genkit.system.plain import MAX_JSON_BYTES, parse_json, read_text
from genkit.system.schemas import conform

CONFIG, TOKENIZER, INDEX, WEIGHTS = (
    *("config.json", "tokenizer.json"),
    *("model.safetensors.index.json", "model.safetensors"),
)
TOKENIZER_CONFIG, GENERATION_CONFIG = "tokenizer_config.json", "generation_config.json"
FETCHED = [
    CONFIG,
    TOKENIZER,
    INDEX,
    TOKENIZER_CONFIG,
    GENERATION_CONFIG,
    "chat_template.jinja",
    "*.safetensors",
]
PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt")
MAX_TOKENIZER_BYTES = 256_000_000
# Of our sizes what a folder says nothing of: the data have it, or the training.
OURS = ("vocab_size", "outputs", "dropout", "level_vectors", "grid", "levels")


@dataclass(frozen=True)
class StoredTensor:
    """Where a tensor is."""

    file: Path
    name: str


def apply(cfg: dict[str, Any], typed: Collection[str]) -> None:
    """Set the knobs of the model and the tokeniser of the data as `cfg["pretrained"]` has them.

    Args:
        typed: the keys that a person gave; they are refused where they contradict the folder.

    Raises:
        ConfigError: no such folder, another architecture, a contradiction, or no model of texts.
        CheckpointError: the folder is not whole, or holds pickles only.
    """
    if cfg["model"].get("lora_rank") is not None and find_spec("peft") is None:
        raise ConfigError("model.lora_rank needs peft, which is not installed: pip install peft.")
    if not cfg.get("pretrained"):
        return
    folder = fetch(cfg["pretrained"])
    cfg["pretrained"] = str(folder)
    architecture, config = network_of(folder)
    knobs, context = knobs_of(config), config.block_size
    check_weights(folder, architecture, config)
    if not knobs.keys() <= cfg["model"].keys():
        raise ConfigError(
            "pretrained= gives a transformer's weights, which this model cannot take; choose model=gpt."
        )
    if "tokenizer_path" not in cfg["data"]:
        raise ConfigError("pretrained= gives a model of texts, and this data is none; choose data=text_file.")
    codec = read_tokenizer(folder, config)
    if cfg["data"].get("separator", "") is None and "data.separator" not in typed:
        cfg["data"]["separator"] = separator_of(folder, codec)
    own = cfg["model"]["block_size"]  # of a recipe, say
    if own is not None and own < context and "model.block_size" not in typed:
        knobs["block_size"] = own
    given: dict[str, dict[str, object]] = {
        "model": knobs,
        "data": {"tokenizer": "hf", "tokenizer_path": str(folder)},
    }
    for group, values in given.items():
        for key, value in values.items():
            own = cfg[group][key]
            if f"{group}.{key}" not in typed or own == value:
                cfg[group][key] = value
            elif key != "block_size" or own > context:
                raise ConfigError(f"{group}.{key}={own}, but pretrained={folder} has {value}; leave it out.")


def fetch(name: str) -> Path:
    """The folder of a model: itself, or the copy of one on the Hugging Face hub.

    Raises:
        ConfigError: there is none.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder.absolute()
    if folder.exists() or name.startswith((".", "/", "~")) or name.count("/") > 1 or "://" in name:
        raise ConfigError(
            f"pretrained={name} is no folder; give one with {CONFIG}, {TOKENIZER}, {WEIGHTS}.{sought(folder)}"
        )
    try:
        from huggingface_hub import snapshot_download

        return Path(snapshot_download(name, allow_patterns=FETCHED))
    except Exception as error:  # its errors have no common base
        reason = type(error).__name__
        raise ConfigError(
            f"pretrained={name} is no folder here, and the hub gave no model of that name ({reason});"
            f" copy it to this machine and give its folder.{sought(folder)}"
        ) from None


def network_of(folder: Path) -> tuple[Architecture, TransformerConfig]:
    """The architecture of a folder, and the network that it holds.

    Raises:
        CheckpointError: config.json is missing or damaged.
        ConfigError: another architecture, or a setting that we do not compute.
    """
    return described(read_json(folder / CONFIG), folder / CONFIG)


def knobs_of(config: TransformerConfig) -> dict[str, object]:
    """The knobs of our model by which it is such a network."""
    return {field.name: getattr(config, field.name) for field in fields(config) if field.name not in OURS}


def read_tokenizer(folder: Path, config: TransformerConfig) -> SubwordCodec:
    """The tokeniser of a folder.

    Raises:
        CheckpointError: it is missing, damaged, or has ids beyond the embedding.
    """
    path = folder / TOKENIZER
    if not path.is_file():
        raise CheckpointError(f"{path} is missing, or no plain file: the weights are of no use without it.")
    try:
        codec = SubwordCodec(read_text(path, MAX_TOKENIZER_BYTES, follow=True))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: {' '.join(str(error).split())[:120]}") from None
    if codec.vocab_size > config.vocab_size:
        raise CheckpointError(
            f"{path} has {codec.vocab_size:,} tokens, and the embedding {config.vocab_size:,} rows"
            f" (vocab_size in {CONFIG}); one of them is another model's."
        )
    return codec


def separator_of(folder: Path, codec: SubwordCodec) -> str | None:
    """What stands between two texts as the model has read them: its mark of an end, and behind that the mark
    of a beginning that its tokeniser puts before a text; None where the folder names no end."""
    settings = {name: _settings(folder / name) for name in (TOKENIZER_CONFIG, GENERATION_CONFIG, CONFIG)}
    end = _token(settings[TOKENIZER_CONFIG].get("eos_token"), codec)
    for name in (GENERATION_CONFIG, CONFIG):
        end = end or _token(settings[name].get("eos_token_id"), codec)
    begin = codec.decode(codec.before_text)
    if end is None or (begin and _token(begin, codec) is None):
        return end
    return end if begin == end else end + begin


def _settings(path: Path) -> dict[str, object]:
    return read_json(path) if path.is_file() else {}


def _token(value: object, codec: SubwordCodec) -> str | None:
    """The text of one of the tokeniser's own marks, by itself, as an object has it, or by its id or the first
    of several; None where it is none."""
    if isinstance(value, Mapping):
        value = value.get("content")
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, int) and 0 <= value < codec.vocab_size and codec.is_mark(value):
        value = codec.decode([value])
    return value if isinstance(value, str) and codec.mark_of(value) is not None else None


# ---------------------------------------------------------------------- weights


def check_weights(
    folder: Path, architecture: Architecture, config: TransformerConfig
) -> dict[str, StoredTensor]:
    """Where each tensor of a network is, by its name in the architecture.

    Raises:
        CheckpointError: a file is missing or cut short, there are pickles only, or a tensor is missing.
        ConfigError: there are tensors that the network has not.
    """
    found = {name: StoredTensor(path, name) for path in weight_files(folder) for name in _names(path)}
    held: dict[str, StoredTensor] = {}
    for name in architecture.tensor_names(config):
        stored = name if name in found else name.removeprefix(architecture.prefix)
        if stored in found:
            held[name] = found.pop(stored)
    tokens, head = (architecture.outer[layer].names[0] + ".weight" for layer in ("tokens", "head"))
    if config.tie and head in found:  # one of the two stands for both, or both are there
        held.setdefault(tokens, found[head])
        held[head] = found.pop(head)
    missing = [name for name in architecture.tensor_names(config) if name not in held]
    if missing:
        untied = f" ({CONFIG} does not tie it to the embedding)" if missing == [head] else ""
        raise CheckpointError(
            f"{folder} has no tensor {enumerated(missing, 120)}{untied}; copy the folder anew."
        )
    if others := [name for name in found if not name.endswith(architecture.ignored)]:
        raise ConfigError(
            f"{folder} has {len(others)} tensors that a {architecture.model_type} of its {CONFIG} has not"
            f" ({enumerated(others, 120)}); what they do is not computed here."
        )
    return held


def _names(path: Path) -> list[str]:
    """The tensors of a file, which is as long as its own header says."""
    try:
        return list(read_header(path, follow=True))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged or cut short ({error}); copy it anew.") from None


def weight_files(folder: Path) -> list[Path]:
    """The files of weights: one, or those that an index names.

    Raises:
        CheckpointError: one is missing, or there are pickles only.
    """
    names = [WEIGHTS]
    if (folder / INDEX).is_file():
        names = sorted(set(read_json(folder / INDEX, {"weight_map": {str: str}})["weight_map"].values()))
    missing = [name for name in names if Path(name).name != name or not (folder / name).is_file()]
    if missing:
        pickles = [file.name for pattern in PICKLES for file in folder.glob(pattern)]
        if pickles:
            raise CheckpointError(
                f"{folder / pickles[0]} is a pickle, which can run code; save the model as safetensors."
            )
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise CheckpointError(f"{folder / missing[0]} is missing{more}; copy the folder anew.")
    return [folder / name for name in names]


def read_json(path: Path, shape: Any = dict) -> dict[str, Any]:
    """A JSON object; links are followed, as the hub's client makes them.

    Raises:
        CheckpointError: it is missing or none.
    """
    try:
        return dict(conform(parse_json(read_text(path, MAX_JSON_BYTES, follow=True)), shape))
    except OSError:
        raise CheckpointError(
            f"{path} is missing, or no plain file; give a folder saved by transformers."
        ) from None
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged: {error}; restore it.") from None
