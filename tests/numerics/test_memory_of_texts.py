"""What measuring and packing a long text keep in memory does not grow with the text."""

import subprocess
import sys
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

from genkit.core.codecs import CharCodec
from genkit.core.spec import TokenSpec
from genkit.data.dataset import TokenWindows
from genkit.evaluation.text_quality import TextQuality
from genkit.metrics.bits import token_counts, unigram_log_likelihoods

SPEC = TokenSpec(CharCodec.of("abcde"))
SIZES = (20_000_000, 60_000_000)  # tokens


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Mapped from a file, as packed ones are; 2 in the second half, else 0."""
    file = tmp_path_factory.mktemp("texts") / "t"
    found = np.memmap(file, np.uint16, "w+", shape=(SIZES[-1],))
    found[len(found) // 2 :] = 2
    return {size: found[len(found) - size :] for size in SIZES}


def grown(work):
    """Bytes that the larger text takes more than the smaller one."""
    peaks = []
    for size in SIZES:
        tracemalloc.start()
        work(size)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    return peaks[1] - peaks[0]


def test_frequencies_of_a_long_text_are_counted_part_by_part(texts):
    def work(size):
        found = unigram_log_likelihoods(texts[size], np.array([0, 1, 2]), 5)
        counts = np.array([size - 30_000_000 if size > 30_000_000 else 0, 0, min(size, 30_000_000)])
        np.testing.assert_allclose(found, np.log((counts + 1) / (size + 5)), rtol=1e-12)

    assert grown(work) < 1e6


def test_counts_are_those_of_the_whole():
    tokens = np.random.default_rng(0).integers(0, 7, 3_000_001).astype(np.uint16)
    assert token_counts(tokens, 9).tolist() == [int((tokens == i).sum()) for i in range(9)]
    assert token_counts(tokens[:0], 9).tolist() == [0] * 9


def test_real_and_unigram_texts_beside_samples_take_what_they_hold(texts):
    def work(size):
        examples = TokenWindows(texts[size], 8, moving=False)
        dataset = SimpleNamespace(spec=SPEC, split=lambda part: examples)
        beside = TextQuality(SimpleNamespace(dataset=dataset), SPEC, ["abc" * 32] * 50, 96)
        assert {len(text) for text in beside.real("validation")} == {96}
        assert len(beside.unigrams()) == 50

    assert grown(work) < 20e6  # 96 bytes a token would be 3.8 GB, one of 8 bytes 320 MB


CHILD = """
import resource, sys
from genkit.data.text.tokenisers import train_bpe
from genkit.data.text.readings import Reading
line = "the {} of {} goes on, {} and on; "
words = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in "lmnrst"]
def pieces(size):
    done = 0
    while done < size:
        numbers = ((j, 3 * j, j * j) for j in range(8000))
        made = "".join(line.format(*(words[(7 * i + done) % 150] for i in three)) for three in numbers)
        yield made
        done += len(made)
size = int(sys.argv[1])
codec = train_bpe(pieces(size), 400)
count = sum(len(ids) for _, ids in Reading(codec, None).ids("train", pieces(size)))
assert count > size / 8
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_byte_pairs_of_a_long_text_are_learnt_and_read_part_by_part():
    peaks = []
    for size in (1_000_000, 6_000_000):
        run = subprocess.run(
            [sys.executable, "-c", CHILD, str(size)], capture_output=True, text=True, check=True
        )
        peaks.append(int(run.stdout) * 1024)
    assert peaks[1] - peaks[0] < 25e6  # a list of ids alone would take 8 bytes a byte
