"""The settings of a config.json: each is asked for, and what nobody asks for is known to be of no account.

Nothing here imports torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from genkit.system.errors import CheckpointError, ConfigError

# What changes nothing that a network computes from tokens: how it was made, trained or sampled from.
HARMLESS = re.compile(
    r"_.*|.*_(token_id|token|dropout|pdrop|version|range)|.*version|id2label|label2id|num_labels|problem_type"
    r"|architectures|torch_dtype|dtype|use_cache|transformers.*|unsloth.*|initializer.*|name_or_path"
    r"|output_\w+|return_\w*|is_decoder|is_encoder_decoder|task_specific_params|finetuning_task"
    r"|(max|min)_length|do_sample|top_k|top_p|temperature|typical_p|num_beams|num_return_sequences"
    r"|early_stopping|length_penalty|no_repeat_ngram_size|repetition_penalty|bad_words_ids|begin_suppress_\w+"
    r"|suppress_tokens|chunk_size_feed_forward|is_llama_config|attn_implementation|keys_to_ignore\w*"
    r"|gradient_checkpointing|model_type|summary_\w+|torchscript|pruned_heads|n_ctx|rope_interleaved"
)
# Of those only these values: another would change what is computed, or shows code.
NOTHING: tuple[object, ...] = (None, False, 0, 1, "", [], {})
MOST = 1e15
REFUSED = {"auto_map": "names code of its own", "quantization_config": "has quantised weights"}


class ModelJson:
    """A config.json.

    Args:
        plain: its values.
        path: where it is, for messages.
    """

    def __init__(self, plain: Mapping[str, object], path: Path = Path("config.json")) -> None:
        self.plain, self.path = plain, path
        self._asked = {"vocab_size"}

    def get(self, key: str) -> object:
        """A value; None where there is none."""
        self._asked.add(key)
        return self.plain.get(key)

    def whole(self, key: str, default: int | None = None) -> int:
        """A whole number above 0.

        Raises:
            CheckpointError: it is none, or missing without a default.
        """
        value = self.get(key)
        if value is None and default is not None:
            return default
        if value is None:
            raise self.damaged(f"it has no {key}")
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < MOST:
            raise self.damaged(f"{key} is no whole number above 0")
        return value

    def optional(self, key: str, default: int | None = None) -> int | None:
        """The same, or null; `default` where the key is missing."""
        value = self.get(key)
        return default if key not in self.plain else None if value is None else self.whole(key)

    def number(self, key: str, default: float) -> float:
        return self.positive(key, self.get(key), default)

    def positive(self, key: str, value: object, default: float | None = None) -> float:
        """A value, of this file or of a part of it, which is a number above 0; the default of null."""
        if value is None and default is not None:
            return default
        if value is None:
            raise self.damaged(f"it has no {key}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < MOST:
            raise self.damaged(f"{key} is no number above 0")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self.get(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        raise self.damaged(f"{key} is not true or false")

    def one_of(self, key: str, known: Mapping[str, str], default: str) -> str:
        """What a word stands for.

        Raises:
            ConfigError: it is another word.
        """
        value = self.get(key)
        word = default if value is None else value
        if not isinstance(word, str) or word not in known:
            raise self.uncomputed(f"{key}={word}", f"only {', '.join(known)}")
        return known[word]

    def fixed(self, key: str, value: object) -> None:
        """See that a setting is missing, or has the one value that is computed here."""
        given = self.get(key)
        if given is not None and given != value:
            raise self.uncomputed(f"{key}={given}", f"only {value}")

    def finish(self) -> None:
        """See that no setting is left that might change what is computed.

        Raises:
            ConfigError: one is; it is named.
        """
        for key, said in REFUSED.items():
            if self.plain.get(key) not in NOTHING:
                raise ConfigError(f"{self.path}: {key} says that it {said}, which is not read here.")
        left = {key: value for key, value in self.plain.items() if key not in self._asked}
        for key, value in left.items():
            if value not in NOTHING and not HARMLESS.fullmatch(key):
                raise ConfigError(
                    f"{self.path}: {key}={_short(value)} is not known here, and may change what is computed;"
                    " take it out if it does not."
                )

    def ask(self, keys: Iterable[str]) -> None:
        """Settings that are known and of no account."""
        self._asked |= set(keys)

    def uncomputed(self, what: str, instead: str) -> ConfigError:
        return ConfigError(f"{self.path}: {_short(what)} is not computed here, {instead}.")

    def damaged(self, what: str) -> CheckpointError:
        return CheckpointError(f"{self.path} is damaged: {what}; restore it.")


def _short(value: object) -> str:
    return str(value) if len(str(value)) <= 60 else f"{str(value)[:60]}…"
