"""A Hugging Face GPT-2 as the beginning of a training: its sizes and its tokeniser, read without torch.

Only `config.json`, `tokenizer.json` and the headers of safetensors files are looked at here; nothing in such
a folder is executed, and pickles are refused.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from genkit.system.errors import CheckpointError, ConfigError
from genkit.system.headers import read_header
from genkit.system.plain import MAX_JSON_BYTES, parse_json, read_text
from genkit.system.schemas import conform

CONFIG, TOKENIZER, INDEX, WEIGHTS = (
    *("config.json", "tokenizer.json"),
    *("model.safetensors.index.json", "model.safetensors"),
)
PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt")
ACTIVATIONS = {"gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "gelu": "gelu", "relu2": "relu2"}
# Settings of transformers' GPT-2 that change what it computes, with the one value that we compute.
FIXED = {
    "layer_norm_epsilon": 1e-5,
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "add_cross_attention": False,
}


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
    knobs = knobs_of(folder)
    check_weights(folder)
    if not knobs.keys() <= cfg["model"].keys():
        raise ConfigError(
            "pretrained= gives a GPT-2's weights, which this model cannot take; choose model=gpt."
        )
    if "tokenizer_path" not in cfg["data"]:
        raise ConfigError("pretrained= gives a model of texts, and this data is none; choose data=text_file.")
    if not (folder / TOKENIZER).is_file():
        raise CheckpointError(
            f"{folder / TOKENIZER} is missing, or no plain file: the weights are of no use without it."
        )
    given = {"model": knobs, "data": {"tokenizer": "hf", "tokenizer_path": str(folder)}}
    for group, values in given.items():
        for key, value in values.items():
            own = cfg[group][key]
            if f"{group}.{key}" not in typed or own == value:
                cfg[group][key] = value
            elif key != "block_size" or own > value:
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
        raise ConfigError(f"pretrained={name} is no folder; give one with {CONFIG}, {TOKENIZER}, {WEIGHTS}.")
    try:
        from huggingface_hub import snapshot_download

        return Path(snapshot_download(name, allow_patterns=[CONFIG, TOKENIZER, INDEX, "*.safetensors"]))
    except Exception as error:  # its errors have no common base
        reason = type(error).__name__
        raise ConfigError(
            f"pretrained={name} is no folder here, and the hub gave no model of that name ({reason});"
            " copy it to this machine and give its folder."
        ) from None


def knobs_of(folder: Path) -> dict[str, Any]:
    """The knobs of our model that compute what the folder's model computes.

    Raises:
        CheckpointError: config.json is missing or damaged.
        ConfigError: another architecture, or a setting that we do not compute.
    """
    plain = read_json(folder / CONFIG)
    kind = plain.get("model_type")
    if kind != "gpt2":
        raise ConfigError(f"{folder} holds a model of type {kind}; genkit reads gpt2.")
    for key, value in FIXED.items():
        if plain.get(key, value) != value:
            raise ConfigError(f"{folder / CONFIG}: {key}={plain[key]} is not computed here, only {value}.")
    activation = str(plain.get("activation_function", "gelu_new"))
    if activation not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise ConfigError(f"{folder / CONFIG}: activation_function={activation} is none of {known}.")
    try:
        width = int(plain["n_embd"])
        if plain.get("n_inner") not in (None, 4 * width):
            raise ConfigError(f"{folder / CONFIG}: n_inner={plain['n_inner']} is not 4 · n_embd.")
        sizes = {"block_size": int(plain["n_positions"]), "n_embd": width}
        sizes |= {key: int(plain[key]) for key in ("n_layer", "n_head")}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise CheckpointError(f"{folder / CONFIG} is damaged: {error}; restore it.") from None
    return {
        **sizes,
        "n_kv_head": None,
        "bias": True,
        "norm": "layer",
        "activation": ACTIVATIONS[activation],
        "positions": "learned",
        "qk_norm": False,
        "tie": bool(plain.get("tie_word_embeddings", True)),
    }


def check_weights(folder: Path) -> list[Path]:
    """The files of weights, each as long as its own header says.

    Raises:
        CheckpointError: one is missing or cut short, or there are pickles only.
    """
    names = [WEIGHTS]
    if (folder / INDEX).is_file():
        names = sorted(set(read_json(folder / INDEX, {"weight_map": {str: str}})["weight_map"].values()))
    for name in names:
        path = folder / name
        if Path(name).name != name or not path.is_file():
            pickles = [file.name for pattern in PICKLES for file in folder.glob(pattern)]
            if pickles:
                raise CheckpointError(
                    f"{folder / pickles[0]} is a pickle, which can run code; save the model as safetensors."
                )
            raise CheckpointError(f"{path} is missing; copy the folder anew.")
        try:
            read_header(path, follow=True)
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{path} is damaged or cut short ({error}); copy it anew.") from None
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
