"""Cases: what run.json, config.yaml and spec.json may say."""

from __future__ import annotations

import json
from typing import Any

from tools.reliability.outside_places import (
    FORMULA,
    HREF,
    MARK,
    STEERS,
    WORDS,
    Case,
    both,
    configured,
    folder,
    record,
    rows,
    sparse,
    spec,
    writes,
)

READ = "list show report compare verify sample"


def recorded(expected: str = "inert", commands: str = READ, **entries: Any) -> Case:
    return Case(both(rows({}), record(**entries)), commands, expected)


def raw(text: str | bytes, expected: str = "refused") -> Case:
    """Another run.json; the list of runs goes on without it, and a report is made and says so."""
    return Case(writes("run.json", text), "show verify sample resume load report compare", expected)


def option(expected: str = "safe", **entries: Any) -> Case:
    made = {"name": "temperature", "kind": "float", "default": 1.0, "help": "", **entries}
    return recorded(expected, "sample show verify evaluate", options=[made])


RECORDS = {
    "a status of markup": recorded(status=WORDS, reason=WORDS),
    "a reason that steers": recorded(status="failed", reason=STEERS),
    "a recorded name that leads out": recorded(name="../../secret", model="../../secret", data=WORDS),
    "a family that leads out": recorded(family="../../secret", commands="list show report compare"),
    "a command of markup": recorded(provenance={"command": [WORDS, FORMULA], "versions": {MARK: WORDS}}),
    "hardware of markup": recorded(provenance={"hardware": {WORDS: [WORDS, {"a": MARK}]}}),
    "a revision of markup": recorded(provenance={"git": {"revision": WORDS, "dirty": True}}),
    "times of markup": recorded(created=WORDS, ended=HREF, start=WORDS),
    "a fingerprint that steers": recorded("safe", fingerprint=STEERS),
    "units of markup": recorded(units={WORDS: WORDS}, capabilities={WORDS: WORDS}, counts={WORDS: WORDS}),
    "terms of markup": recorded(
        final={WORDS: 1.0, FORMULA: 2.0, "val/nll": None}, commands="show report compare"
    ),
    "a term that is missing": recorded(final={"val/nll": None}, commands="list show report compare"),
    "100,000 terms": recorded(final={f"val/{i}": 1.0 for i in range(100_000)}, commands="list show report"),
    "numbers of 90 digits": recorded(parameters=10**90, pid=10**90, step=-(10**90), seed=-1),
    "numbers beyond all": recorded("safe", seconds=1e308, final={"val/nll": 1e308, "step": -1e308}),
    "a best of another world": recorded(best={"step": 10**90, "metric": WORDS, "value": None}),
    "a schema of the future": recorded("refused", "show sample resume load", schema=999),
    "packed data that lead out": recorded("safe", packed={"../../secret": WORDS, "/etc": {"sha256": "x"}}),
    "packed data as a list": recorded("safe", packed=[1, None, "../../secret"]),
    "packed data of another kind": recorded("safe", packed={"x": {"y": [1]}, "": None}),
    "a session that moves the runs": recorded(
        "refused", "sample verify resume", sessions=[{"step": 1, "overrides": {"paths.runs_dir": "/secret"}}]
    ),
    "a session that changes the model": recorded(
        "refused", "sample verify resume", sessions=[{"step": 1, "overrides": {"model.family": "gpt"}}]
    ),
    "a session with a target": recorded(
        "refused",
        "sample verify resume",
        sessions=[{"step": 1, "overrides": {"optim._target_": "os.system"}}],
    ),
    "a session of 200 groups": recorded(
        "refused", "sample resume", sessions=[{"step": 1, "overrides": {".".join("a" * 2_000): 1}}]
    ),
    "sessions of other versions": recorded(
        "safe",
        "show resume",
        sessions=[{"step": 1, "overrides": {}, "versions": {"torch": WORDS}, "threads": 10**9}],
    ),
    "an option of markup": option(name=WORDS, help=WORDS, choices=[WORDS]),
    "an option in the place of run": option(name="run", kind="text"),
    "an option of no kind": option(kind="os.system", default=[[]]),
    "an option whose default steers": option(name="prompt", kind="text", default=STEERS),
    "an option of a dunder": option(name="__class__", kind="text", default=HREF),
    "50,000 options": recorded(
        "safe",
        "sample show verify",
        options=[{"name": f"o{i}", "kind": "int", "default": 1} for i in range(50_000)],
    ),
    "a record of 8 MB and one": raw('{"status": "' + "x" * 8_000_000 + '"}'),
    "a record nested 10,000 deep": raw('{"status": ' + "[" * 10_000 + "]" * 10_000 + "}"),
    "a record of half a surrogate": raw('{"status": "\\ud800"}'),
    "a record in UTF-16": raw('{"status": "x"}'.encode("utf-16")),
    "a record that is null": raw("null"),
    "a record of a number of a million digits": raw('{"step": ' + "9" * 1_000_000 + "}"),
    "a record of a terabyte of nothing": Case(
        sparse("run.json", 10**12), "show verify sample resume load", "refused"
    ),
    "a record that is a folder": Case(folder("run.json"), "show verify sample resume load", "refused"),
}

# ---------------------------------------------------------------------- configurations


def model(expected: str = "refused", commands: str = "sample load verify", **values: Any) -> Case:
    return Case(configured(lambda cfg: cfg["model"].update(values)), commands, expected)


def group(
    section: str, expected: str = "safe", commands: str = "sample compare report verify", /, **values: Any
) -> Case:
    return Case(configured(lambda cfg: cfg[section].update(values)), commands, expected)


def top(expected: str = "safe", commands: str = "sample compare report verify", **values: Any) -> Case:
    return Case(configured(lambda cfg: cfg.update(values)), commands, expected)


def config_text(text: str | bytes) -> Case:
    return Case(writes("config.yaml", text), "sample compare verify resume load", "refused")


CONFIGS = {
    "a family that looks like another": model(family="v\u0430e"),
    "a family with a blank": model(family="vae "),
    "a model of tokens on pictures": model(view="tokens"),
    "a width of a billion": model(commands="sample load", width=10**9),
    "a latent size below nothing": model(commands="sample load", latent_size=-4),
    "a width in words": model(commands="sample load", width=STEERS),
    "10,000 further knobs": model(**{f"k{i}": 1 for i in range(10_000)}),
    "a knob that steers": model(**{"x\x1b[2J": STEERS}),
    "a knob of a dunder": model(__class__="x", self="y"),
    "data that lead out": group("data", name="../../secret/secret.txt"),
    "data of the reader's own": group(
        "data", "refused", "score evaluate", name="text_file", path="/etc/hostname"
    ),
    "data at a home that is none": group("data", path="~nosuchuser/x"),
    "data at a name of 5,000 letters": group("data", path="x" * 5_000),
    "a name that leads out": top(name="../../secret", commands="sample compare report verify resume"),
    "a name that is absolute": top(name="/tmp/secret", commands="sample verify resume"),
    "a seed of 90 digits": top(seed=10**90, commands="sample report verify resume"),
    "a billion devices": group("trainer", "safe", "sample resume verify", devices=10**9),
    # There are as many as cores, with a note: threads decide nothing but the order of sums.
    "a billion threads": group("trainer", "inert", "resume", threads=10**9),
    "an accelerator that leads out": group("trainer", "refused", "resume", accelerator=f"{HREF}"),
    "a batch of 10^18": top("refused", "resume", batch_size=10**18),
    "a billion samples at each step": Case(
        configured(lambda cfg: cfg["callbacks"]["samples"].update(n=10**9)), "resume", "refused"
    ),
    "choices that lead out": top(choices={"model": "../../secret", "data": MARK, "logger": STEERS}),
    "choices that are options of Hydra": top(choices={"hydra/launcher": "basic", "hydra.run.dir": "/secret"}),
    "values that steer, set side by side": top(note=STEERS, **{"x\x1b[2Jy": "\u202eabc"}),
    "paths of its own": top(paths={"runs_dir": "/secret", "cache_dir": "/secret", "data_dir": "/secret"}),
    "a resume of its own": top(resume="/secret", init_from="/secret", commands="sample verify resume"),
    "a logger that writes elsewhere": top(
        commands="resume verify sample",
        logger={"name": "csv", "save_dir": "../../secret", "dir": "../../secret"},
    ),
    "pretrained from a folder": top(pretrained="../../secret", commands="sample verify resume"),
    "100,000 empty lists": config_text("model: {family: vae, x: [" + "[]," * 60_000 + "]}\n"),
    "a configuration in UTF-16": config_text("model: {family: vae}\n".encode("utf-16")),
    "a configuration of a terabyte": Case(
        sparse("config.yaml", 10**12), "sample compare verify resume load", "refused"
    ),
    "two documents": config_text("model: {family: vae}\n---\nmodel: {family: gpt}\n"),
    "a directive": config_text("%TAG ! tag:yaml.org,2002:python/\n---\nmodel: !name:os.system ''\n"),
    "a key of a list": config_text("model: {family: vae, ? [a, b] : c}\n"),
}

# ---------------------------------------------------------------------- what the data is

LOADED = "sample load verify"


def arrays(expected: str = "refused", commands: str = LOADED, **values: Any) -> Case:
    return Case(spec(lambda plain: plain.update(values)), commands, expected)


def codec(plain: dict[str, Any], expected: str = "refused", commands: str = "prompt load verify") -> Case:
    return Case(spec(lambda found: found.update(codec=plain)), commands, expected, family="gpt")


def tokenizer(expected: str = "safe", **parts: Any) -> Case:
    """A tokenizer.json that another built."""
    vocab = {"a": 0, "!": 1, **{chr(0x4E00 + i): i + 2 for i in range(200)}}
    made: dict[str, Any] = {
        **{"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None},
        **{"pre_tokenizer": None, "post_processor": None, "decoder": None},
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "a"},
    }
    return codec({"name": "subwords", "tokenizer": json.dumps({**made, **parts})}, expected)


def _regex(pattern: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def _lists(found: dict[str, Any]) -> str:
    return json.dumps(found)[:-1] + ', "x": [' + "[]," * 20_000_000 + "[]]}"


def _pixels(found: dict[str, Any]) -> None:
    found.update(codec={"name": "pixels", "shape": [1, 10**6, 10**6], "levels": 10**9})


SPECS = {
    "pictures of 10^12 pixels": arrays(shape=[1, 10**6, 10**6], commands="sample load"),
    "pictures of no pixel": arrays(shape=[1, 0, 0], commands="sample load"),
    "pictures of fewer than none": arrays(shape=[-1, -8, 8], commands="sample load"),
    "pictures of 3.5 channels": arrays(shape=[3.5, "8", None], commands="sample load"),
    "levels of 90 digits": arrays("safe", "sample load reconstruct", levels=10**90),
    "levels below none": arrays("safe", "sample load reconstruct", levels=-1),
    "500,000 classes that steer": arrays("safe", "sample load", classes=["\x1b[2J"] * 500_000),
    "20 million empty lists": Case(spec(_lists), LOADED, "safe"),
    "a spec of a terabyte of nothing": Case(sparse("spec.json", 10**12), LOADED, "refused"),
    "a codec by module": codec({"name": "os:system", "x": "id"}),
    "characters beyond Unicode": codec({"name": "chars", "characters": [97, 10**9]}),
    "characters below none": codec({"name": "chars", "characters": [-5, 97]}),
    "characters that are halves": codec({"name": "chars", "characters": [0xD800, 0xDFFF]}, "safe"),
    "characters that steer": codec(
        {"name": "chars", "characters": [27, 91, 0x202E, *range(128, 160)]}, "safe"
    ),
    "pixels in the place of texts": Case(spec(_pixels), "load verify", "safe", family="gpt"),
    "a separator of 10 MB": Case(
        spec(lambda found: found.update(separator="\n" * 10_000_000)), "prompt load", "safe", family="gpt"
    ),
    "a hostile pattern that backtracks": tokenizer(pre_tokenizer=_regex("(a+)+$")),
    "a hostile pattern that looks back": tokenizer(pre_tokenizer=_regex(r"(?:(a|a?)+)+\1{40}b")),
    "a pattern of a million repeats": tokenizer(pre_tokenizer=_regex("(a{1000}){1000}{1000}")),
    "a normaliser that grows": tokenizer(
        normalizer={
            "type": "Sequence",
            "normalizers": [{"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 100}] * 6,
        }
    ),
    "a vocabulary to the billionth id": tokenizer(
        "refused", model={"type": "WordLevel", "vocab": {"a": 10**9}, "unk_token": "a"}
    ),
    "20,000 added tokens": tokenizer(
        added_tokens=[
            {"id": 300 + i, "content": f"<{i}>", "single_word": False, "lstrip": False, "rstrip": False}
            | {"normalized": False, "special": True}
            for i in range(20_000)
        ]
    ),
    "a tokeniser that steers": tokenizer(
        model={
            "type": "WordLevel",
            "vocab": {f"\x1b[{i}m\u202e": i for i in range(300)},
            "unk_token": "\x1b[0m\u202e",
        }
    ),
    "a tokeniser nested 5,000 deep": codec(
        {"name": "subwords", "tokenizer": '{"model": {}, "normalizer": ' + "[" * 5_000 + "]" * 5_000 + "}"}
    ),
    "a tokeniser that is a number": codec({"name": "subwords", "tokenizer": 5}),
    "a vocabulary in half surrogates": tokenizer(
        model={"type": "WordLevel", "vocab": {"\ud800": 0}, "unk_token": "\ud800"}
    ),
}
CASES = {**RECORDS, **CONFIGS, **SPECS}
