"""Texts in every encoding and of every form, and what every kind of tokeniser makes of one."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import numpy as np

from tests.tokenisers import KINDS, made
from tools.reliability.ordinary.asking import Judge, Situation, packed
from tools.reliability.processes import Answer

WORDS = ("data", "pack", "data=text_file", "data.path={f}/a.txt")
LATIN = "Café, naïve, déjà vu — «Größe» costs 3 €.\n"
LINES = {  # encodings, and what is written in them
    "utf-8": LATIN + "你好，世界。\n",
    "utf-16-le": LATIN + "你好，世界。\n",
    "utf-16-be": LATIN + "你好，世界。\n",
    "utf-32-le": LATIN + "你好，世界。\n",
    "utf-32-be": LATIN + "你好，世界。\n",
    "gb18030": "我喜欢的颜色是红色。苹果很甜。\n",
    "gbk": "我喜欢的颜色是红色。苹果很甜。\n",
    "big5": "我喜歡的顏色是紅色。\n",
    "shift_jis": "私の好きな色は赤です。\n",
    "euc-jp": "私の好きな色は赤です。\n",
    "euc-kr": "내가 좋아하는 색은 빨간색입니다.\n",
    "koi8-r": "Мой любимый цвет красный.\n",
    "cp1251": "Мой любимый цвет красный.\n",
    "cp1252": "Café costs 3 € — “cheap”.\n",
    "latin-1": "Café naïve déjà vu.\n",
    "iso8859-7": "Το αγαπημένο μου χρώμα.\n",
}
MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


def text(content: str | bytes, name: str = "a.txt"):
    def make(folder: Path) -> None:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return make


def holds(wanted: str) -> Judge:
    """The packed characters are these, in order."""

    def judge(folder: Path, answer: Answer) -> None:
        place, about = packed(folder)
        points = np.array(about["codec"]["characters"])
        parts = [points[np.load(place / f"{part}.npy")] for part in ("train", "validation", "test")]
        found = "".join(map(chr, np.concatenate(parts)))
        assert found == wanted, (found[:80], wanted[:80], len(found), len(wanted))

    return judge


def _encodings() -> dict[str, Situation]:
    found = {}
    for encoding, line in LINES.items():
        whole = line * 300
        content = whole.encode(encoding)
        named = (*WORDS, f"data.encoding={encoding}")
        found[f"{encoding}, named"] = Situation(named, 0, (), text(content), holds(whole))
        if encoding == "utf-8":
            found[encoding] = Situation(WORDS, 0, (), text(content), holds(whole))
        elif encoding.startswith("utf"):
            found[encoding] = Situation(WORDS, 4, ("a.txt",), text(content))
        else:
            found[encoding] = Situation(WORDS, 4, ("is not utf-8", "offset", "data.encoding="), text(content))
        if mark := MARKS.get(encoding):
            found[f"{encoding} with a mark"] = Situation(WORDS, 0, (), text(mark + content), holds(whole))
            found[f"{encoding} with a mark, named"] = Situation(
                named, 0, (), text(mark + content), holds(whole)
            )
    for encoding in ("hex", "rot13", "base64", "utf-9", "zip"):
        found[f"data.encoding={encoding}"] = Situation(
            (*WORDS, f"data.encoding={encoding}"), 2, ("data.encoding=",), text(LATIN * 400)
        )
    return found


def _forms() -> dict[str, Situation]:
    words = [f"word{i} and more" for i in range(120)]
    found = {}
    ends = {
        "LF": "\n",
        "CR LF": "\r\n",
        "CR": "\r",
        "U+2028": "\u2028",
        "NEL": "\x85",
        "FF": "\f",
        "blanks": " ",
    }
    ends |= {"two line ends": "\n\n", "CR CR LF": "\r\r\n", "VT": "\v", "tab": "\t", "nothing": ""}
    for name, end in ends.items():
        whole = end.join(words) + end
        found[f"lines ended by {name}"] = Situation(WORDS, 0, (), text(whole), holds(whole))
    mixed = "".join(word + "\n\r\n\r"[i % 4 :][:1] for i, word in enumerate(words))
    kept = {
        "mixed line ends": mixed,
        "no last line end": "\n".join(words),
        "NFD": "Cafe\u0301 nai\u0308ve\n" * 400,
        "emoji": "👩‍👩‍👧‍👦 🇩🇪 👍🏽 ok\n" * 400,
        "right to left": "שלום עולם مرحبا\n" * 400,
        "zero-width": "a\u200bb\ufeffc\u00add\n" * 400,
        "directions": "a\u202eb\u202cc\n" * 400,
        "tabs": "a\tb\t\tc\n" * 400,
        "one character again and again": "a" * 3000,
        "a line of 300,000": "abc " * 75_000 + "\n",
        "HTML": "<p>a &amp; b</p>\n" * 400,
        "JSON lines": '{"text": "a\\nb"}\n' * 400,
        "escapes": "\x1b[31mred\x1b[0m\x07\n" * 400,
        "private and unassigned": "\ue000\U000e0001\U0010fffd\n" * 100,
    }
    for name, whole in kept.items():
        found[name] = Situation(WORDS, 0, (), text(whole), holds(whole))
    cleaned = "Cafe\u0301\u00a0x \r\n" * 400
    found["cleaned"] = Situation(
        (*WORDS, "data.clean=true"), 0, (), text(cleaned), holds("Caf\u00e9 x\n" * 400)
    )
    refused = {
        "nothing at all": (b"", ("empty",)),
        "a mark alone": (codecs.BOM_UTF8, ("empty",)),
        "blanks alone": (b" \n\t\n" * 900, ("none is seen",)),
        "a NUL": (b"abc\0def\n" * 400, ("NUL", "offset 3")),
        "a NUL at the end": (b"abcdef\n" * 60 + b"\0", ("NUL", "offset 420")),
        "half a character at the end": (LATIN.encode() * 60 + b"\xe4\xbd", ("is not utf-8", "offset")),
        "surrogates": (b"abc\xed\xa0\x80\n" * 400, ("is not utf-8", "offset 3")),
        "an archive": (b"PK\x03\x04\x14\0\0\0" + bytes(range(256)), ("a.txt",)),
        "a compressed file": (b"\x1f\x8b\x08\0" + bytes(range(256)), ("a.txt",)),
        "a document of Word's": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(200), ("a.txt",)),
        "a PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(200), ("a.txt",)),
        "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(200), ("a.txt",)),
    }
    for name, (content, said) in refused.items():
        found[name] = Situation(WORDS, 4, said, text(content))
    found["a folder"] = Situation(WORDS, 4, ("is a folder", "text_folder"), lambda f: (f / "a.txt").mkdir())
    found["missing"] = Situation(WORDS, 4, ("missing",))
    found["no path"] = Situation(WORDS[:-1], 2, ("data.path=",))
    return found


def _folders() -> dict[str, Situation]:
    words = ("data", "pack", "data=text_folder", "data.path={f}/p")

    def files(**contents: str | bytes):
        def make(folder: Path) -> None:
            for name, content in contents.items():
                file = folder / "p" / name.replace("__", "/").replace("_", ".")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content if isinstance(content, bytes) else content.encode())

        return make

    one = {"a_txt": "first line\n" * 200, "b_txt": "second line\n" * 200}
    end = "\x1e"  # which ends a document unless data.separator= says otherwise
    both = one["a_txt"] + end + one["b_txt"] + end
    latin = {**one, "c_txt": "Café\n".encode("latin-1") * 200}
    return {
        "two files": Situation(words, 0, (), files(**one), holds(both)),
        "two files, separated": Situation(
            (*words, 'data.separator="§"'),
            0,
            (),
            files(**one),
            holds(one["a_txt"] + "§" + one["b_txt"] + "§"),
        ),
        "a separator to be quoted": Situation(
            (*words, "data.separator=§"), 2, ('data.separator="§"',), files(**one)
        ),
        "a byte-order mark in each": Situation(
            words, 0, (), files(**{n: codecs.BOM_UTF8 + t.encode() for n, t in one.items()}), holds(both)
        ),
        "below folders": Situation(
            words, 0, (), files(x__a_txt=one["a_txt"], y__b_txt=one["b_txt"]), holds(both)
        ),
        ".TXT beside .txt": Situation(
            words, 0, (), files(**one, C_TXT="third\n"), holds("third\n" + end + both)
        ),
        "a README beside": Situation(words, 0, (".md",), files(**one, README_md="read me\n"), holds(both)),
        "an empty file among them": Situation(words, 0, (), files(**one, c_txt=""), holds(both + end)),
        "another encoding in one": Situation(words, 4, ("c.txt", "on_bad=skip"), files(**latin)),
        "another encoding in one, skipped": Situation(
            (*words, "data.on_bad=skip", "data.max_bad=0.5"), 0, ("c.txt",), files(**latin), holds(both)
        ),
        "train and val": Situation(
            words, 0, (), files(train__a_txt=one["a_txt"], val__b_txt=one["b_txt"]), _two_parts(one)
        ),
        "Markdown alone": Situation(words, 4, ("data.glob=", ".md"), files(a_md="x\n")),
        "Markdown asked for": Situation(
            (*words, "data.glob=*.md"), 0, (), files(a_md=one["a_txt"]), holds(one["a_txt"] + end)
        ),
        "no file": Situation(words, 4, ("no files",), lambda f: (f / "p").mkdir()),
        "no folder": Situation(words, 4, ("missing",)),
    }


def _two_parts(one: dict[str, str]) -> Judge:
    def judge(folder: Path, answer: Answer) -> None:
        place, about = packed(folder)
        points = np.array(about["codec"]["characters"])
        for part, name in (("train", "a_txt"), ("validation", "b_txt")):
            found = "".join(map(chr, points[np.load(place / f"{about['parts'][part]}.npy")]))
            assert found == one[name] + "\x1e", (part, found[:40])

    return judge


# ---------------------------------------------------------------------- tokenisers

PROSE = (
    "Hello world, the colour of 3 apples isn't 1234 times blue.\n\n  Café naïve (déjà vu) 颜色 你好，世界。\n"
    * 240
)


def _tokenisers() -> dict[str, Situation]:
    words = (*WORDS, "data.tokenizer=hf", "data.tokenizer_path={f}/t")

    def laid_out(kind: str):
        def make(folder: Path) -> None:
            text(PROSE)(folder)
            (folder / "t").mkdir()
            made(kind).save(str(folder / "t" / "tokenizer.json"))

        return make

    def same(kind: str) -> Judge:
        """The ids of the parts are those of the library for each part's text, and joined give it back."""

        def judge(folder: Path, answer: Answer) -> None:
            place, _ = packed(folder)
            own, wholes = made(kind), []
            for part in ("train", "validation", "test"):
                ids = np.load(place / f"{part}.npy").tolist()
                wholes.append(own.decode(ids, skip_special_tokens=False))
                assert own.encode(wholes[-1], add_special_tokens=False).ids == ids, part
            assert "".join(wholes) == PROSE

        return judge

    found = {}
    for kind in KINDS:
        own = made(kind)
        ids = own.encode(PROSE, add_special_tokens=False).ids
        lossless = own.decode(ids, skip_special_tokens=False) == PROSE
        found[kind] = (
            Situation(words, 0, (), laid_out(kind), same(kind))
            if lossless
            else Situation(words, 4, ("the tokeniser", "data.lossy=true"), laid_out(kind))
        )
        said = () if lossless else ("the tokeniser", "bits per byte")
        found[f"{kind}, losses allowed"] = Situation((*words, "data.lossy=true"), 0, said, laid_out(kind))

    def beside(name: str, content: str):
        def make(folder: Path) -> None:
            text(PROSE)(folder)
            (folder / "t").mkdir()
            (folder / "t" / name).write_text(content)

        return make

    plain = json.loads(made("gpt2").to_str())
    found |= {
        "tokenizer_path missing": Situation(words, 4, ("{f}/t"[3:],), text(PROSE)),
        "a folder without one": Situation(words, 4, ("tokenizer.json",), beside("config.json", "{}")),
        "a vocabulary alone": Situation(words, 4, ("tokenizer.json",), beside("vocab.json", "{}")),
        "an empty one": Situation(words, 4, ("tokenizer.json",), beside("tokenizer.json", "")),
        "one that is cut": Situation(
            words, 4, ("tokenizer.json",), beside("tokenizer.json", json.dumps(plain)[:500])
        ),
        "one of another kind": Situation(
            words,
            4,
            ("tokenizer.json",),
            beside("tokenizer.json", json.dumps({**plain, "model": {"type": "New"}})),
        ),
        "no tokenizer_path": Situation(words[:-1], 2, ("data.tokenizer_path=",), text(PROSE)),
        "bytes": Situation((*WORDS, "data.tokenizer=bytes"), 0, (), text(PROSE), _bytes_are(PROSE)),
        "pairs trained here": Situation(
            (*WORDS, "data.tokenizer=bpe", "data.vocab_size=300"), 0, (), text(PROSE)
        ),
        "pairs, at least": Situation(
            (*WORDS, "data.tokenizer=bpe", "data.vocab_size=257"), 0, (), text(PROSE)
        ),
        "pairs, too few": Situation(
            (*WORDS, "data.tokenizer=bpe", "data.vocab_size=256"), 2, ("257",), text(PROSE)
        ),
        "pairs, more than there are": Situation(
            (*WORDS, "data.tokenizer=bpe", "data.vocab_size=50000"), 0, (), text(PROSE)
        ),
    }
    return found


def _bytes_are(wanted: str) -> Judge:
    def judge(folder: Path, answer: Answer) -> None:
        place, _ = packed(folder)
        parts = [np.load(place / f"{part}.npy") for part in ("train", "validation", "test")]
        assert bytes(np.concatenate(parts).astype("u1")) == wanted.encode()

    return judge


# ---------------------------------------------------------------------- small texts are trained on

TRAIN = (
    *("train", "model=gpt", "model.n_layer=1", "model.n_head=2", "model.n_embd=16", "data=text_file"),
    *("data.path={f}/a.txt", "trainer=cpu", "trainer.threads=1", "callbacks.progress=none", "logger=csv"),
    *("budget.steps=2", "name=run"),
)
SENTENCES = "我喜欢红色的苹果。\n我喜欢绿色的西瓜。\n我喜欢黄色的香蕉。\n你喜欢什么颜色？\n"


def _small() -> dict[str, Situation]:
    def finished(folder: Path, answer: Answer) -> None:
        record = json.loads((folder / "runs" / "run" / "run.json").read_text())
        assert record["status"] == "finished"
        assert "note" in answer.out + answer.err, "what was adapted is not said"

    return {
        "trained: four Chinese sentences": Situation(TRAIN, 0, (), text(SENTENCES), finished),
        "trained: one line": Situation(
            TRAIN, 0, (), text("To be, or not to be, that is the question.\n"), finished
        ),
        "trained: one character": Situation(TRAIN, 4, ("1",), text("a")),
        "trained: two characters": Situation(
            TRAIN, 0, ("2 characters", "training text"), text("ab"), finished
        ),
        "trained: four sentences, context 64 asked": Situation(
            (*TRAIN, "model.block_size=64"), 4, ("64",), text(SENTENCES)
        ),
    }


SITUATIONS = {
    f"texts: {name}": situation
    for some in (_encodings(), _forms(), _folders(), _small())
    for name, situation in some.items()
} | {f"tokeniser: {name}": situation for name, situation in _tokenisers().items()}
