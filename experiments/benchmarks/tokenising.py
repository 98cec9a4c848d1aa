"""How fast a corpus becomes tokens, beside the `tokenizers` library's own `encode_batch` in the same run.

    python experiments/benchmarks/tokenising.py [megabytes=20] [rounds=3] [clock=wall] [pack=200,2000]
        [tokenizers=chars,bytes,bpe,hf] [out=tokenising.json]

The text is Python's manual, Shakespeare and Tang poems (from GENKIT_DATA_DIR, where they are there), parts of
them in a random order with words changed.  Encoding: what `SubwordCodec.segments` takes for all of it, to
arrays of ids, and what the library takes for the same text in lines and in documents of 10,000 characters
(a thousand, and two hundred, at once), also to arrays.  The library uses all cores in both.  The peer's ids
are those of its lines, which are not quite those of the text.

With `pack=` corpora of so many MB are packed as `data=text_file` does, each tokeniser in a process of its
own: seconds, the processors' seconds, ids, and the peak of its memory beside what it had before it read
anything.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from clocks import CLOCKS
from rich.console import Console
from rich.table import Table
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from genkit.core.codecs import SubwordCodec
from genkit.data.text.tokenisers import train_bpe

VOCABULARY = 8_192
LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
DOCUMENT = 10_000  # characters
PACK = """
import json, sys, time
from genkit import config
from genkit.core.spec import View
from genkit.data import open_dataset
def memory(word):
    status = open("/proc/self/status").read()  # of this program alone, unlike getrusage after a fork
    return 1024 * int(status.partition(word)[2].split()[0])
cfg = config.compose("train", sys.argv[1:])
import tokenizers, torch, genkit.data.views
before, started = memory("VmRSS:"), time.perf_counter()
opened = open_dataset(cfg.data, cfg.paths.by_name, View("tokens", block_size=64))
tokens = sum(len(opened.split(part).tokens) for part in ("train", "validation", "test"))
print(json.dumps([time.perf_counter() - started, time.process_time(), tokens, memory("VmHWM:") - before]))
"""


def sources() -> list[list[str]]:
    """The words of each text that there is."""
    from pydoc_data import topics

    texts = ["\n\n".join(topics.topics[name] for name in sorted(topics.topics))]
    for name in ("tinyshakespeare.txt", "tang_poems.txt"):
        file = Path(os.environ.get("GENKIT_DATA_DIR", "data")) / name
        texts += [file.read_text(encoding="utf-8")] if file.is_file() else []
    return [text.split(" ") for text in texts]


def stretches(characters: int) -> Iterator[str]:
    """A text of so many characters, and a few more."""
    chance, words, made = random.Random(0), sources(), 0
    while made < characters:
        own = chance.choice(words)
        start = chance.randrange(max(1, len(own) - 3_000))
        piece = own[start : start + chance.randrange(500, 3_000)]
        for _ in range(len(piece) // 20):
            piece[chance.randrange(len(piece))] = f"w{chance.randrange(100_000):x}"
        made += len(" ".join(piece)) + 1
        yield " ".join(piece) + "\n"


def kinds(text: str) -> dict[str, Tokenizer]:
    """Tokenisers as people have them, trained on some of the text."""
    own = Tokenizer.from_str(str(train_bpe([text], VOCABULARY).to_dict()["tokenizer"]))
    llama = Tokenizer(models.BPE())
    llama.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA_3), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    llama.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, initial_alphabet=alphabet, show_progress=False)
    llama.train_from_iterator(text.split("\n\n"), trainer)
    composed = Tokenizer.from_str(llama.to_str())  # which is compared with the text, as Qwen's is
    composed.normalizer = normalizers.NFC()
    pieces = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    pieces.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="never", split=True)
    pieces.decoder = decoders.Metaspace("▁", prepend_scheme="never")
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=["<unk>"], initial_alphabet=sorted({*text}), show_progress=False
    )
    pieces.train_from_iterator(text.split("\n\n"), trainer)
    whole = Tokenizer.from_str(pieces.to_str())  # whose text is one word, as Mistral's is
    whole.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="never", split=False)
    return {
        "GPT-2's words": own,
        "Llama 3's words": llama,
        "the same, NFC": composed,
        "▁ for blanks": pieces,
        "▁, no words": whole,
    }


def by_the_library(tokenizer: Tokenizer, texts: list[str], together: int) -> int:
    count = 0
    for start in range(0, len(texts), together):
        for one in tokenizer.encode_batch(texts[start : start + together], add_special_tokens=False):
            count += len(np.array(one.ids, dtype=np.int64))
    return count


def encoding(characters: int, rounds: int, clock: Callable[[], float]) -> list[dict[str, object]]:
    text = "".join(stretches(characters))
    lines = text.splitlines(keepends=True)
    documents = [text[start : start + DOCUMENT] for start in range(0, len(text), DOCUMENT)]
    pieces = [text[start : start + 2**20] for start in range(0, len(text), 2**20)]
    rows: list[dict[str, object]] = []
    for name, tokenizer in kinds(text[:3_000_000]).items():
        codec = SubwordCodec(tokenizer.to_str())

        def ours(codec: SubwordCodec = codec) -> int:
            return sum(len(segment.ids) for segment in codec.segments(pieces))

        contestants: dict[str, Callable[[], int]] = {
            "genkit": ours,
            "lines": lambda tokenizer=tokenizer: by_the_library(tokenizer, lines, 1_000),
            "documents": lambda tokenizer=tokenizer: by_the_library(tokenizer, documents, 200),
        }
        speeds: dict[str, list[float]] = {contestant: [] for contestant in contestants}
        for _ in range(rounds):
            for contestant, work in contestants.items():
                started = clock()
                count = work()
                speeds[contestant].append(count / (clock() - started))
        medians = {contestant: statistics.median(values) for contestant, values in speeds.items()}
        ratios = {
            peer: [own / its for own, its in zip(speeds["genkit"], speeds[peer], strict=True)]
            for peer in ("lines", "documents")
        }
        shares = {f"of {peer}": statistics.median(values) for peer, values in ratios.items()}
        about = {"tokeniser": name, "exact": codec.exact}
        rows.append({**about, **medians, **shares, "runs": speeds, "ratios": ratios})
    return rows


def packing(megabytes: int, folder: Path, tokenizers: list[str]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    file = folder / f"{megabytes}.txt"
    with open(file, "w", encoding="utf-8") as made:
        written = 0
        for piece in stretches(2**62):
            made.write(piece)
            written += len(piece.encode())
            if written >= megabytes * 1e6:
                break
    kept = folder / "hf"
    kept.mkdir(exist_ok=True)
    if not (kept / "tokenizer.json").is_file():
        own = kinds("".join(stretches(3_000_000)))["Llama 3's words"]
        (kept / "tokenizer.json").write_text(own.to_str(), encoding="utf-8")
    for name in tokenizers:
        words = ["data=text_file", f"data.path={file}", f"paths.cache_dir={folder / 'cache'}"]
        words += [f"data.tokenizer={name}"]
        words += [f"data.vocab_size={VOCABULARY}"] * (name == "bpe")
        words += [f"data.tokenizer_path={kept}"] * (name == "hf")
        done = subprocess.run(
            [sys.executable, "-c", PACK, *words], check=True, capture_output=True, text=True
        )
        seconds, used, tokens, peak = json.loads(done.stdout)
        about = {"seconds": seconds, "processor": used, "ids": tokens, "peak MB": peak / 1e6}
        rows.append({"MB": megabytes, "tokeniser": name, **about})
        Console().print(rows[-1])
    file.unlink()
    return rows


def shown(rows: list[dict[str, object]]) -> Table:
    names = [name for name in rows[0] if name not in ("runs", "ratios")]
    table = Table(*names)
    for row in rows:
        table.add_row(*(f"{row[n]:,.3g}" if isinstance(row[n], float) else str(row[n]) for n in names))
    return table


def main() -> None:
    given = dict(word.partition("=")[::2] for word in sys.argv[1:])
    clock, rounds = CLOCKS[given.get("clock", "wall")], int(given.get("rounds", 3))
    found: dict[str, list[dict[str, object]]] = {"encoding": [], "packing": []}
    if characters := int(given.get("megabytes", 20)) * 10**6:
        found["encoding"] = encoding(characters, rounds, clock)
        Console().print(shown(found["encoding"]))
    with tempfile.TemporaryDirectory() as scratch:
        for size in filter(None, given.get("pack", "").split(",")):
            names = given.get("tokenizers", "chars,bytes,bpe,hf").split(",")
            found["packing"] += packing(int(size), Path(scratch), names)
    if found["packing"]:
        Console().print(shown(found["packing"]))
    found["about"] = [{"cores": len(os.sched_getaffinity(0)), "clock": given.get("clock", "wall")}]
    out = Path(given.get("out", "tokenising.json"))
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
