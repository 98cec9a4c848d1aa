"""Small data to talk with and to listen to: dialogues about words, and tones."""

import numpy as np
from scipy.io import wavfile

LENGTH = 64  # samples of a tone


def talk(i):
    word = "abcdefgh"[i % 8] + "abcdefgh"[i // 8 % 8]
    said = [("user", word), ("assistant", word[::-1]), ("user", f"{word} again"), ("assistant", word * 2)]
    return {"messages": [{"role": role, "content": content} for role, content in said]}


def write_tones(folder, length=LENGTH):
    """Two classes of 40 tones."""
    generator = np.random.default_rng(0)
    for name, period in (("low", 32), ("high", 8)):
        (folder / name).mkdir(parents=True)
        for i in range(40):
            tone = np.sin(2 * np.pi * (np.arange(length) / period + generator.random())) * 20_000
            wavfile.write(folder / name / f"{i}.wav", 8000, tone.astype(np.int16))
