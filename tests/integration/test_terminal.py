"""A folder whose every name holds terminal escapes and markup is looked at, packed and trained on."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.integration.conftest import QUICK

ESCAPE = "\x1b]0;x\x07"


def plain(*shown):
    for text in shown:
        assert not {"\x1b", "\x07"} & set(text)
        assert "Traceback" not in text


@pytest.fixture
def pictures(tmp_path):
    """Two classes and a damaged picture, all with such names."""
    folder = tmp_path / "pictures"
    for kind in ("a", "b"):
        place = folder / f"{kind}{ESCAPE}[red]"
        place.mkdir(parents=True)
        for i in range(20):
            pixels = np.full((8, 8, 3), i * 5 + (kind == "b"), np.uint8)
            Image.fromarray(pixels).save(place / f"{i}{ESCAPE}zz[blink].png")
    (place / f"bad{ESCAPE}[bold].png").write_bytes(b"no picture")
    return folder


def test_a_folder_of_escapes(pictures, genkit, tmp_path):
    places = [f"paths.cache_dir={tmp_path / 'cache'}", f"paths.runs_dir={tmp_path / 'runs'}"]
    data = [
        "data=image_folder",
        f"data.path={pictures}",
        "data.size=8",
        "data.max_bad=0.5",
        "data.on_bad=skip",
    ]
    for verb in ("look", "check", "pack", "show"):
        more = [f"out={tmp_path / 'shown.png'}"] if verb == "show" else []
        code, out, err = genkit("data", verb, *data, places[0], *more)
        plain(out, err)
        assert code in (0, 4), err
    words = ["model=vae", "model.network=mlp", "model.hidden=8", *QUICK, "budget.steps=1", *data, *places]
    code, out, err = genkit("train", *words, "name=a")
    plain(out, err)
    assert code == 0, err


def test_a_record_of_escapes(trained, genkit, tmp_path):
    import shutil

    run = shutil.copytree(trained("vae"), tmp_path / "runs" / "run")
    record = json.loads((run / "run.json").read_text())
    said = f"{ESCAPE}[/red][bold]"
    record |= {"status": f"diverged{said}", "reason": said, "name": said, "model": said, "data": said}
    (run / "run.json").write_text(json.dumps(record))
    for words in (["runs"], ["runs", "run=run"], ["compare", "run=run", f"run={run}"], ["verify", "run=run"]):
        code, out, err = genkit(*words, f"paths.runs_dir={run.parent}")
        plain(out, err)
        assert code != 1, err


def test_a_damaged_run_and_a_renamed_one_are_listed(trained, genkit, tmp_path):
    import shutil

    runs = tmp_path / "runs"
    for name in ("renamed", "damaged", "sound"):
        shutil.copytree(trained("vae"), runs / name)
    (runs / "damaged" / "run.json").write_text("{")
    code, out, err = genkit("runs", f"paths.runs_dir={runs}")
    assert code == 0, err
    first = [line.split()[0] for line in out.splitlines() if line.strip()]
    assert {"renamed", "sound"} <= set(first)
    assert "vae" not in first
    assert "damaged" in out + err
