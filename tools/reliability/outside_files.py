"""Cases: samples, findings, rows, histories, names, links, modes, and files that change in between."""

from __future__ import annotations

import json
import os
import shutil
import socket

from tools.reliability.outside_places import (
    ATTRIBUTE,
    FORMULA,
    HREF,
    MARK,
    STEERS,
    STYLE,
    WORDS,
    Case,
    Place,
    Tamper,
    both,
    folder,
    links,
    png,
    rows,
    sparse,
    swaps,
    writes,
)

PAGE, ALL = "report pages verify", "sample report verify compare resume load"
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">{MARK}<foreignObject/></svg>'


def samples(name: str, content: str | bytes, expected: str = "inert") -> Case:
    return Case(both(rows({}), writes(f"samples/{name}", content)), PAGE, expected)


def _many(place: Place) -> None:
    (place.run / "samples").mkdir(exist_ok=True)
    for number in range(100_000):
        (place.run / "samples" / f"step-{number}.png").touch()


def _deep(levels: int) -> Tamper:
    """Folders in folders, far beyond the longest path."""

    def tamper(place: Place) -> None:
        here = os.open(place.file("samples/x").parent, os.O_RDONLY)
        for _ in range(levels):
            os.mkdir("d" * 20, dir_fd=here)
            below = os.open("d" * 20, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(here)

    return tamper


def _socket(place: Place) -> None:
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(place.file("samples/s")))
    made.close()


def _bytes_named(place: Place) -> None:
    place.file("samples/x")
    for name in (b"step-\xff.png", b"step-6\n.png", b"step-\x1b[2J.txt", b"a\xe2\x80\xaegnp.exe"):
        with open(os.fsencode(place.run / "samples") + b"/" + name, "wb") as file:
            file.write(b"x")


def gif(frames: int) -> bytes:
    frame = b"\x2c" + b"\0" * 4 + b"\x01\0\x01\0\0\x02\x02\x44\x01\0"
    return b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff" + frame * frames + b";"


SAMPLES = {
    "an SVG as a PNG": samples("step-6.png", SVG),
    "an HTML page as a PNG": samples("step-6.png", f"<!doctype html>{MARK}"),
    "a PNG of 3.6 gigapixels": samples("step-6.png", png(60_000, 60_000, 100)),
    "a PNG with a page behind it": samples("step-6.png", png(2, 2) + MARK.encode()),
    "a PNG's signature alone": samples("step-6.png", b"\x89PNG"),
    "an SVG among samples": samples("step-6.svg", SVG),
    "an HTML page among samples": samples("step-6.html", MARK),
    "a GIF of 100,000 frames": samples("step-6.gif", gif(100_000)),
    "a GIF as a PNG": samples("step-6.png", gif(100_000)),
    "a text of markup": samples("step-6.txt", f"</pre>{MARK}{ATTRIBUTE}"),
    "a text that steers": samples("step-6.txt", STEERS),
    "a text of NULs": samples("step-6.txt", b"\0" * 1_000),
    "a text of no UTF-8": samples("step-6.txt", b"\xff\xfe<\0script\0>"),
    "a text in UTF-7": samples("step-6.txt", "+ADw-script+AD4-alert(1)+ADw-/script+AD4-"),
    "a text of 2 MB of <": samples("step-6.txt", "<" * 2_000_000),
    "a text of a billion letters in one line": Case(
        both(rows({}), sparse("samples/step-6.txt", 10**9)), PAGE, "inert"
    ),
    "a picture of a terabyte of nothing": Case(
        both(rows({}), sparse("samples/step-6.png", 10**12)), PAGE, "inert"
    ),
    "a folder as a picture": Case(
        both(rows({}), lambda p: p.file("samples/step-6.png").mkdir()), PAGE, "inert"
    ),
    "a step of 18 digits": samples("step-999999999999999999.png", png(2, 2)),
    "a step in other digits": samples("step-\u0666.png", png(2, 2)),
    "a suffix in capitals": samples("step-6.PNG", SVG),
    "names of strange bytes": Case(_bytes_named, f"{PAGE} sample", "safe"),
    "a link within samples": Case(
        both(rows({}), links("samples/step-6.txt", "../config.yaml")), PAGE, "refused"
    ),
    "samples is a link to a folder outside": Case(links("samples", "{folder}/secret"), ALL, "refused"),
    "evaluation is a link to a folder outside": Case(
        both(rows({}), links("evaluation", "{folder}/secret")), ALL, "refused"
    ),
    "a device among samples": Case(links("samples/step-6.txt", "/dev/zero"), PAGE, "refused"),
    "100,000 samples": Case(_many, PAGE, "inert"),
    "folders 150 deep": Case(_deep(150), PAGE, "safe"),
    "folders 400 deep, beyond the longest path": Case(_deep(400), f"{PAGE} sample", "refused"),
    "a socket": Case(_socket, PAGE, "refused"),
    "nearest pictures that are a page": Case(
        both(rows({}), writes("evaluation/step-6/nearest.png", MARK)), PAGE, "inert"
    ),
    "nearest pictures of 3.6 gigapixels": Case(
        both(rows({}), writes("evaluation/step-6/nearest.png", png(60_000, 60_000, 100))), PAGE, "inert"
    ),
    "real examples of markup": Case(
        both(rows({}), writes("evaluation/step-6/real.txt", f"</pre></figure>{MARK}")), PAGE, "inert"
    ),
}

# ---------------------------------------------------------------------- findings, rows, histories

FINDING = {"severity": "error", "code": "x", "step": 5, "advice": "y", "until": None}


def found(expected: str = "inert", count: int = 1, **entries: object) -> Case:
    text = json.dumps({"findings": [{**FINDING, **entries}] * count, "history": []})
    return Case(both(rows({}), writes("findings.json", text)), "report pages", expected)


def measured(*changes: dict[str, object], expected: str = "inert") -> Case:
    return Case(rows(*changes), "report pages compare", expected)


def written(text: str, expected: str = "inert", more: str = "") -> Case:
    return Case(both(rows({}), writes("metrics.csv", text)), f"report compare {more}", expected)


REPORTED = {
    "findings of markup": found(code=WORDS, advice=WORDS, severity=WORDS),
    "a worthless run in markup": found(code=f"{MARK}{FORMULA}"),
    "findings that begin a formula": found(code=FORMULA),
    "50,000 findings": found(count=50_000),
    "a finding of an endless step": found(step=10**90, expected="safe"),
    "a finding of a step in words": found(step=HREF, expected="safe"),
    "findings that are no list": Case(
        both(rows({}), writes("findings.json", '{"findings": 5}')), "report pages", "inert"
    ),
    "rows of markup": measured(dict.fromkeys(("unit", "note", "interval", "split", "checkpoint"), WORDS)),
    "a metric of markup": measured({"metric": WORDS}, {"metric": f"{ATTRIBUTE}_{HREF}"}),
    "a metric that begins a formula": measured({"metric": FORMULA, "unit": "@SUM(1)", "note": "+1+cmd"}),
    "a formula behind a blank": measured({"metric": f" {FORMULA}", "note": f"\t{FORMULA}"}),
    "a metric of LaTeX": measured({"metric": r"\input{/etc/passwd}\write18{id}", "unit": r"$\immediate$"}),
    "a metric of Markdown": measured({"metric": f"[x]({HREF})", "unit": f"![x]({HREF}) <b>"}),
    "a protocol of markup": measured({"protocol": {WORDS: WORDS, "x": [MARK]}}),
    "a protocol of 10,000 keys": measured({"protocol": {f"k{i}": "v" * 50 for i in range(10_000)}}),
    "a name of 100,000 letters": measured({"metric": "a" * 100_000}),
    "a direction and a kind of markup": measured({"direction": MARK, "kind": WORDS}),
    "numbers beyond all": measured({"value": 1e308, "low": -1e308, "high": 1e308, "n": 10**90}),
    "numbers that are none": Case(
        writes("evaluation.jsonl", '{"metric": "nll", "value": NaN, "low": -Infinity, "high": Infinity}\n'),
        "report pages compare",
        "safe",
    ),
    "no model, floors alone": measured({"role": "floor"}, {"role": "ceiling", "value": 9.0}),
    "a role of markup": measured({"role": WORDS}),
    "low above high": measured({"low": 9.0, "high": -9.0}, {"metric": "kid", "low": 9.0, "high": -9.0}),
    "2,000 metrics": measured(*({"metric": f"m{i}"} for i in range(2_000))),
    "rows chosen by markup": measured({"selected": WORDS, "checkpoint": "best,last"}),
    "options of markup": measured({"options": {WORDS: WORDS}}),
    "200 MB of rows": Case(
        lambda place: place.write("evaluation.jsonl", '{"metric":"a"}\n' * 13_000_000),
        "report compare verify",
        "safe",
    ),
    "one row of 200 MB": Case(
        lambda place: place.write("evaluation.jsonl", '{"metric":"' + "a" * 200_000_000 + '"}\n'),
        "report compare verify",
        "safe",
    ),
    "rows of a terabyte of nothing": Case(
        sparse("evaluation.jsonl", 10**12), "report compare verify", "safe"
    ),
    "a row of lists": Case(
        writes("evaluation.jsonl", '{"metric": "x", "protocol": {"a": ' + "[" * 90 + "]" * 90 + "}}\n"),
        "report compare verify",
        "safe",
    ),
    "a history of markup": written(f'step,"val/{MARK}",val/{FORMULA}\n1,1,1\n2,2,2\n'),
    "a history that steers": written("step,val/\x1b]0;x\x07,val/\u202ex\n1,1,1\n2,2,2\n"),
    "a history with NULs": written("step,val/a\0b\n1,1\n2,2\n"),
    "3,000 terms": written(
        ",".join(["step", *(f"val/t{i}" for i in range(3_000))]) + ("\n" + ",".join(["1"] * 3_001)) * 2
    ),
    "a term of 100,000 letters": written(f"step,val/{'a' * 100_000}\n1,1\n2,2\n"),
    "a field of 100 MB": written("step,val/a\n1," + "1" * 100_000_000 + "\n"),
    "200 MB of short lines": Case(
        lambda place: place.write("metrics.csv", "step,val/a\n" + "1,2\n" * 50_000_000),
        "report resume",
        "safe",
    ),
    "steps beyond all": written("step,val/a\n-1e308,1e308\n1e308,-1e308\nnan,1\n1,inf\n", "safe", "resume"),
    "steps in words": written(
        f"step,val/a\n{MARK},{HREF}\n{'9' * 5_000},1\n", expected="safe", more="resume"
    ),
    "a history that is a folder": Case(folder("metrics.csv"), "report compare resume", "safe"),
    "tensorboard's files of another kind": Case(
        writes("tensorboard/events.out.tfevents.1.x", MARK * 1_000), "report verify sample", "inert"
    ),
    "a link out of tensorboard": Case(links("tensorboard/x", "{folder}/secret"), ALL, "refused"),
    "a loop of links in wandb": Case(
        both(links("wandb/a", "b"), links("wandb/b", "a")), "sample report verify", "safe"
    ),
    "a link from wandb to its own parent": Case(links("wandb/up", ".."), "sample report verify", "safe"),
}

# ---------------------------------------------------------------------- names of the folder itself


def named(name: str, expected: str = "inert") -> Case:
    """The run's folder has a name of its own."""

    def tamper(place: Place) -> None:
        rows({})(place)
        place.run.rename(place.runs / name)
        place.run = place.runs / name

    return Case(tamper, "list report pages verify sample", expected)


NAMED = {
    "a folder named as markup": named("<img src=x onerror=alert(1)>", "safe"),
    "a folder named as an address": named(HREF, "safe"),
    "a folder named as a formula": named(FORMULA.replace("/", ""), "safe"),
    "a folder named as a style": named(STYLE.replace("/", ""), "safe"),
    "a folder whose name steers": named("a\x1b]0;x\x07\nb\u202ec", "safe"),
    "a folder named as LaTeX": named(r"\input{x}$", "safe"),
    "a folder named as Markdown": named(f"[x]({HREF})", "safe"),
    "a folder named as a word": named("--help", "safe"),
}

# ---------------------------------------------------------------------- modes, locks, what changes in between


def _mode(name: str, mode: int) -> Tamper:
    def tamper(place: Place) -> None:
        if name == "samples":
            place.file("samples/step-6.txt").touch()
        (place.run / name).chmod(mode)

    return tamper


def _swept(place: Place) -> None:
    """Names that a killed process could have left behind, as links and as folders of links."""
    (place.run / ".x.123").symlink_to(place.folder / "secret")
    (place.run / "checkpoints" / ".step-9.1").mkdir()
    (place.run / "checkpoints" / ".step-9.1" / "x").symlink_to(place.folder / "secret")


def _twins(place: Place) -> None:
    """A second folder that differs in its case alone, and one in its Unicode form."""
    for name in ("RUN", "run\u0301e", "run\u00e9"):
        shutil.copytree(place.run, place.runs / name)


CLOSED = "sample report verify resume load"
HELD = {
    **{
        f"no permission for {name}": Case(_mode(name, 0), CLOSED, "refused", unprivileged=True)
        for name in (
            "config.yaml",
            "run.json",
            "checkpoints",
            "samples",
        )
    },
    "no permission for weights": Case(  # which no report reads
        _mode("checkpoints/step-6/weights.safetensors", 0),
        "sample verify resume load",
        "refused",
        unprivileged=True,
    ),
    "no permission for the run": Case(_mode(".", 0), CLOSED, "refused", unprivileged=True),
    "a run that cannot be written": Case(_mode(".", 0o500), "report verify load", "inert", unprivileged=True),
    "a lock that is a folder": Case(folder(".lock"), "sample verify report", "safe"),
    "a session of markup": Case(
        writes(".session", json.dumps({"config": {"_target_": "os.system"}, "entries": {"start": WORDS}})),
        "sample resume verify",
        "safe",
    ),
    "a session that is a folder": Case(folder(".session"), "sample verify resume", "safe"),
    "leavings that are links": Case(_swept, "resume verify", "refused"),
    "twins in case and in Unicode": Case(_twins, "list sample report verify", "inert"),
    "a text becomes a link": Case(
        swaps(
            "step-6.txt", "link:{folder}/secret/secret.txt", both(rows({}), writes("samples/step-6.txt", "x"))
        ),
        "report",
        "safe",
    ),
    "a text becomes a pipe": Case(
        swaps("step-6.txt", "pipe:", both(rows({}), writes("samples/step-6.txt", "x"))), "report", "safe"
    ),
    "samples becomes a link": Case(
        swaps("step-6.txt", "parent:{folder}/secret", both(rows({}), writes("samples/step-6.txt", "x"))),
        "report",
        "safe",
    ),
    "the configuration becomes a link": Case(
        swaps("config.yaml", "link:{folder}/secret/config.yaml"), "sample", "safe"
    ),
    "the record becomes a link": Case(swaps("run.json", "link:{folder}/secret/run.json"), "show", "refused"),
    "the record becomes a folder": Case(swaps("run.json", "folder:"), "show", "refused"),
    "weights become a link": Case(
        swaps("weights.safetensors", "link:{folder}/secret/secret.txt"), "sample", "refused"
    ),
    "weights vanish": Case(swaps("weights.safetensors", "gone:"), "sample", "refused"),
    "weights become shorter": Case(swaps("weights.safetensors", "shorter:"), "sample", "refused"),
    "weights become another file": Case(
        swaps("weights.safetensors", "{folder}/secret/secret.txt".replace("{folder}", "file:{folder}")),
        "sample",
        "refused",
    ),
    "the spec becomes a pipe": Case(swaps("spec.json", "pipe:"), "sample", "refused"),
    "rows become a link": Case(
        swaps("evaluation.jsonl", "link:{folder}/secret/secret.txt", rows({})), "report", "safe"
    ),
}
CASES = {**SAMPLES, **REPORTED, **NAMED, **HELD}
