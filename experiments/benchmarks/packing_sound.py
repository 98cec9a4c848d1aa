"""How fast an hour of recordings is packed, and what memory that takes.

    python experiments/benchmarks/packing_sound.py [out=packing_sound.json] [minutes=60]

The hour is made first (decaying tones over noise): three files of 44.1 kHz in stereo, as WAV and, where the
extra `audio` is there, as FLAC and MP3, which become windows of 4,096 samples at 16 kHz; and WAV files of
half a second at 8 kHz, as spoken words are.  Each is packed in a process of its own: all that it takes from
reading the folder's names on, without the start of Python; its memory is the peak of the process (Linux's
VmHWM, of what is mapped, too), less what it had before.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.io import wavfile

PACK = """
import json, sys, time
from genkit import config
from genkit.core.spec import View
from genkit.data import open_dataset
cfg = config.compose("train", sys.argv[1:])
import genkit.data.views, scipy.signal
def most():
    said = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(said["VmHWM"].split()[0]) / 1024
open("/proc/self/clear_refs", "w").write("5")  # the peak is what there is now
before, started, used = most(), time.perf_counter(), time.process_time()
dataset = open_dataset(cfg.data, cfg.paths.by_name, View("arrays", axes=1))
seconds, used, memory = time.perf_counter() - started, time.process_time() - used, most() - before
again = time.perf_counter()
open_dataset(cfg.data, cfg.paths.by_name, View("arrays", axes=1))
print(json.dumps({"seconds": seconds, "of_a_core": used, "again": time.perf_counter() - again,
    "clips": sum(dataset.counts.values()), "MB": memory}))
"""


def sounds(generator: np.random.Generator, seconds: float, rate: int, channels: int) -> np.ndarray:
    """Tones that die away, over noise, int16 (n, channels)."""
    time = np.arange(int(seconds * rate)) / rate
    made = 0.01 * generator.standard_normal((len(time), channels))
    tones = np.exp(-4 * (time % 0.5)) * np.sin(2 * np.pi * 110 * 2 ** (np.floor(time * 2) % 36 / 12) * time)
    return np.round((made + 0.4 * tones[:, None]).clip(-1, 1) * 32_767).astype(np.int16)


def long_ones(folder: Path, suffix: str, minutes: float) -> list[str]:
    generator = np.random.default_rng(0)
    folder.mkdir()
    for i in range(3):
        samples = sounds(generator, minutes * 20, 44_100, 2)
        if suffix == "wav":
            wavfile.write(folder / f"{i}.wav", 44_100, samples)
        else:
            import soundfile

            soundfile.write(folder / f"{i}.{suffix}", samples, 44_100)
    return ["data.rate=16000", "data.length=4096", "data.fit=windows", "data.channels=1"]


def short_ones(folder: Path, minutes: float) -> list[str]:
    generator = np.random.default_rng(0)
    for i in range(int(minutes * 120)):
        (folder / str(i % 10)).mkdir(parents=True, exist_ok=True)
        wavfile.write(folder / str(i % 10) / f"{i:05}.wav", 8000, sounds(generator, 0.5, 8000, 1)[:, 0])
    return ["data.length=4096"]


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    minutes, rows = float(given.get("minutes", 60)), []
    kinds = ["wav", *(["flac", "mp3"] if importlib.util.find_spec("soundfile") else []), "short"]
    for kind in kinds:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "sounds"
            knobs = short_ones(folder, minutes) if kind == "short" else long_ones(folder, kind, minutes)
            paths = [f"data.path={folder}", f"paths.cache_dir={place}/cache"]
            ran = subprocess.run(
                [sys.executable, "-c", PACK, "data=audio_folder", *paths, *knobs],
                capture_output=True,
                text=True,
                check=True,
            )
            rows.append({"kind": kind, "minutes": minutes, **json.loads(ran.stdout)})
    table = Table("recordings", "clips", "packed, s", "of a core, s", "opened again, s", "memory, MB")
    for row in rows:
        numbers = (f"{row[key]:.1f}" for key in ("seconds", "of_a_core", "again", "MB"))
        table.add_row(row["kind"], f"{row['clips']:,}", *numbers)
    Console().print(table)
    if "out" in given:
        Path(given["out"]).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
