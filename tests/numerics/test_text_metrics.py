"""Measures of texts against sacrebleu, mauve-text, scipy, searches by hand; intervals against simulation."""

import warnings

import numpy as np
import pytest
from scipy import stats

from genkit.diagnostics import symptoms
from genkit.diagnostics.general_rules import RULES
from genkit.metrics import bits as likelihood
from genkit.metrics import copying, value_intervals, wording
from genkit.metrics.mauve import compute, mauve, ngram_features
from genkit.metrics.ngrams import known_grams, ngrams, word_pieces, words
from genkit.system.errors import DataError

LETTERS = list("abcdef   ")


def random_texts(n: int, length: int, seed: int) -> list[str]:
    generator = np.random.default_rng(seed)
    return ["".join(generator.choice(LETTERS, length)) for _ in range(n)]


def by_name(measures):
    return {measure.metric: measure for measure in measures}


# ---------------------------------------------------------------------- words


def test_words_are_runs_marks_and_chinese_characters():
    assert words("It's 42, 我喜欢 naïve_x!") == ["It", "'", "s", "42", ",", "我", "喜", "欢", "naïve_x", "!"]


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_pieces_of_a_source_give_its_words(size):
    whole = "to be or not to be, that is the question\n" * 3
    pieces = [whole[i : i + size] for i in range(0, len(whole), size)]
    found = [token for part in word_pieces(pieces, 0) for token in part]
    assert found == words(whole)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_known_grams_are_those_of_a_set(order):
    source, texts = random_texts(1, 600, 0)[0], [words(t) for t in random_texts(5, 80, 1)]
    there = set(ngrams(words(source), order))
    pieces = [source[i : i + 50] for i in range(0, len(source), 50)]
    for tokens, known in zip(texts, known_grams(texts, pieces, order), strict=True):
        assert known.tolist() == [gram in there for gram in ngrams(tokens, order)]


# ---------------------------------------------------------------------- values


def test_distinct_counts_within_groups():
    texts = random_texts(60, 40, 0)
    measure = by_name(wording.distinct(texts))["distinct_2"]
    expected = []
    for start in range(0, 60, 20):
        grams = [g for t in texts[start : start + 20] for g in ngrams(words(t), 2)]
        expected.append(len(set(grams)) / len(grams))
    assert measure.value == pytest.approx(np.mean(expected))
    low, high = stats.t.interval(0.95, 2, np.mean(expected), stats.sem(expected))
    assert (measure.low, measure.high) == (pytest.approx(low), pytest.approx(high))


def test_self_bleu_is_sacrebleus_of_each_text_against_the_others():
    from sacrebleu import sentence_bleu

    texts = random_texts(60, 60, 3)
    one = texts[:20]
    scores = [
        sentence_bleu(
            " ".join(words(t)), [" ".join(words(o)) for o in one if o is not t], tokenize="none"
        ).score
        for t in one
    ]
    same = wording.self_bleu(one * 3)
    assert same.value == pytest.approx(np.mean(scores), rel=1e-5)


def test_mauve_is_mauve_texts():
    from mauve import compute_mauve

    generator = np.random.default_rng(0)
    p, q = (generator.standard_normal((80, 4)).astype(np.float32) + shift for shift in (0, 0.5))
    found = mauve(q, p, "numbers")
    theirs = compute_mauve(
        p_features=p, q_features=q, num_buckets=found.protocol["buckets"], verbose=False, seed=25
    )
    assert found.value == pytest.approx(theirs.mauve, rel=1e-5)
    assert found.low <= found.value <= found.high
    assert compute(p, p, 3) == pytest.approx(1.0)


def longest(one: str, source: str) -> int:
    return max(
        (j - i for i in range(len(one)) for j in range(i + 1, len(one) + 1) if one[i:j] in source), default=0
    )


@pytest.mark.parametrize("piece", [1, 7, 5000])
def test_the_longest_copied_span_is_the_longest_common_substring(piece, monkeypatch):
    monkeypatch.setattr(copying, "PIECE", 64)
    source = "".join(random_texts(40, 60, 0))
    texts = [*random_texts(10, 30, 1), source[100:140], "", "zzz", "x" + source[500:520] + "yz"]
    pieces = [source[i : i + piece] for i in range(0, len(source), piece)]
    found = copying.longest_spans(texts, lambda: pieces)
    assert found.tolist() == [longest(t, source) for t in texts]


def test_copying_notices_a_memoriser_and_not_held_out_text():
    source = " ".join(random_texts(100, 60, 0))
    held_out, fresh = random_texts(40, 60, 1), random_texts(40, 60, 2)
    copies = [source[i * 50 : i * 50 + 60] for i in range(40)]
    honest = by_name(copying.copied_spans(fresh, held_out, lambda: [source]))
    copied = by_name(copying.copied_spans(copies, held_out, lambda: [source]))
    assert copied["copied_whole"].value == 1
    assert copied["copied_span_above"].value == 1
    assert honest["copied_whole"].value == 0
    assert honest["copied_span_above"].low < 0.05 < honest["copied_span_above"].high
    assert honest["copied_span_excess"].low < 0 < honest["copied_span_excess"].high
    assert copied["copied_span_excess"].low > 40
    assert by_name(copying.novelty(copies, lambda: [source]))["copied_8grams"].value > 0.9
    assert by_name(copying.novelty(fresh, lambda: [source]))["novel_4grams"].value > 0.5


@pytest.mark.parametrize(
    ("said", "is_loop"),
    [
        ("a b c d " * 3, True),
        ("so it began no no no no no no no no no no no no", True),
        ("no no no", False),
        ("a b c d e f g h i j k l m n o p q r s t", False),
        ("a b c d " * 3 + "and then it went on in quite another way", False),
        ("a bit of dust " * 3 + "a b", True),  # cut within a word
        ("a bit of dust " * 3 + "a bite", False),
    ],
)
def test_loops(said, is_loop):
    assert wording.loops(words(said)) is is_loop


def test_collapse_repetition_and_noise_stand_in_the_right_order():
    generator = np.random.default_rng(0)
    vocabulary = [f"w{i}" for i in range(400)]
    chances = 1 / np.arange(1, 401)

    def drawn(n: int) -> list[str]:
        return [" ".join(generator.choice(vocabulary, 30, p=chances / chances.sum())) for _ in range(n)]

    real, other = drawn(80), drawn(80)
    collapsed = [real[i % 2] for i in range(80)]
    looping = [" ".join(t.split()[:5] * 6) for t in other]

    def value(measures, name):
        return by_name(measures)[name].value

    assert (
        value(wording.distinct(collapsed), "distinct_2") < 0.2 < value(wording.distinct(other), "distinct_2")
    )
    assert wording.self_bleu(collapsed).value > 90 > wording.self_bleu(other).value
    assert wording.repeated(looping).value > 0.7
    assert wording.looping(looping).value == 1
    assert wording.looping(other).value == 0
    overlap = [wording.vocabulary_overlap(texts, real).value for texts in (other, collapsed, ["zz"] * 80)]
    assert overlap[0] > overlap[1] > overlap[2] == 0
    features = [ngram_features(texts) for texts in (real, other, collapsed, ["zz zz"] * 80)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        similar, twice, noise = (compute(f, features[0], 3) for f in features[1:])
    assert similar > 0.8 > twice > noise


# ---------------------------------------------------------------------- likelihood


def test_likelihoods_in_every_unit():
    values = -np.random.default_rng(0).gamma(4, 2, 500)
    nats, bits = likelihood.example_measures(values, "bound", 64, 5)
    low, high = stats.t.interval(0.95, 499, -values.mean(), stats.sem(values))
    assert (nats.low, nats.value, nats.high) == pytest.approx((low, -values.mean(), high))
    assert bits.value == pytest.approx(nats.value / 64 / np.log(2))
    assert nats.protocol["k"] == bits.protocol["k"] == 5
    per_token, perplexity, per_byte = likelihood.token_measures(values, 1000, 8, "chars")
    assert perplexity.value == pytest.approx(np.exp(per_token.value))
    assert per_byte.value == pytest.approx(-values.sum() / np.log(2) / 1000)
    assert likelihood.uniform_measures(64, 256)[1].value == 8


def test_unigrams_are_frequencies():
    train, tokens = np.array([0, 0, 1]), np.array([0, 1, 2])
    found = likelihood.unigram_log_likelihoods(train, tokens, 3)
    assert np.exp(found) == pytest.approx([3 / 6, 2 / 6, 1 / 6])


# ---------------------------------------------------------------------- too few


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: wording.distinct(["a"] * 59), "distinct_4 need at least 60 texts; there are 59"),
        (lambda: wording.self_bleu(["a"] * 59), "self_bleu needs at least 60"),
        (lambda: wording.repeated(["a b c d"] * 19), "at least 20"),
        (lambda: wording.vocabulary_overlap(["a"] * 60, ["a"] * 59), "at least 60"),
        (lambda: copying.copied_spans(["a"] * 20, ["a"] * 19, lambda: ["a"]), "20 held-out texts"),
        (lambda: mauve(np.zeros((59, 2)), np.zeros((60, 2)), "x"), "mauve needs at least 60"),
        (lambda: likelihood.example_measures(np.zeros(9), "exact", 1, None), "at least 10"),
        (lambda: likelihood.token_measures(np.zeros(499), 1, 1, "chars"), "at least 500"),
    ],
)
def test_too_few_are_refused_with_the_least_number(call, said):
    with pytest.raises(DataError, match=said):
        call()


# ---------------------------------------------------------------------- coverage


def covered(draw, truth: float, times: int = 1000) -> float:
    """How often the 95 % interval of `draw(generator)` holds the truth."""
    generator = np.random.default_rng(0)
    return float(np.mean([low <= truth <= high for _, low, high in (draw(generator) for _ in range(times))]))


def test_intervals_cover_what_they_name():
    """Means, ratios, shares and differences at the numbers of texts that a panel has."""

    def ratio(generator):
        wholes = generator.integers(20, 60, 200)
        return value_intervals.ratio(generator.binomial(wholes, 0.3), wholes)

    def rare(chance):
        """Parts that are mostly 0, of a mean of 10 where they are not, of wholes of 40."""
        return lambda g: value_intervals.rare(
            (g.random(300) < chance) * g.gamma(4, 2.5, 300), np.full(300, 40)
        )

    for chance in (0.015, 0.1, 0.9):
        assert 0.92 < covered(rare(chance), chance * 10 / 40) < 0.98
    assert (
        covered(lambda g: value_intervals.mean((g.random(300) < 0.015) * g.gamma(4, 2.5, 300)), 0.15) < 0.92
    )
    assert 0.92 < covered(lambda g: value_intervals.mean(g.gamma(3, 1, 100)), 3.0) < 0.98
    assert 0.92 < covered(ratio, 0.3) < 0.98
    assert 0.92 < covered(lambda g: value_intervals.share(g.binomial(500, 0.04), 500), 0.04) < 0.98
    assert (
        0.92
        < covered(lambda g: value_intervals.difference(g.gamma(3, 1, 100), g.gamma(2, 1, 60)), 1.0)
        < 0.98
    )


def test_nothing_found_in_many_is_not_nothing_for_certain():
    """The upper end is that of a share of none."""
    value, low, high = value_intervals.rare(np.zeros(300), np.full(300, 40))
    assert (value, low) == (0, 0)
    assert high == pytest.approx(value_intervals.share(0, 300)[2])


def test_intervals_of_grouped_measures_cover_their_expectation():
    """Distinct n-grams of 20 texts, at 200 texts of a known source."""
    chances = 1 / np.arange(1, 61)
    chances = chances / chances.sum()

    def draw(generator, n):
        return [" ".join(map(str, row)) for row in generator.choice(60, (n, 8), p=chances)]

    def interval(generator):
        measure = wording.distinct(draw(generator, 200), orders=(1,))[0]
        return measure.value, measure.low, measure.high

    # Of 160 words drawn independently, Σ 1 - (1 - p)^160 are expected to be distinct.
    truth = float((1 - (1 - chances) ** 160).sum() / 160)
    assert 0.92 < covered(interval, truth, 400) < 0.98


def test_intervals_of_a_running_text_cover_in_spite_of_dependence():
    """A stationary sequence whose neighbours are correlated, as tokens are."""

    def interval(generator):
        noise = generator.standard_normal(5200)
        values = np.convolve(noise, np.full(10, 0.3), "valid")[:5000] - 2
        measure = likelihood.token_measures(values, 50_000, 1, "chars")[0]
        return measure.value, measure.low, measure.high

    assert 0.92 < covered(interval, 2.0, 400) < 0.98


def bigrams(text: str, block: int = 2000, every: int = 10) -> np.ndarray:
    """Nats of each character of a text given the one before it, by counts in every tenth block of it."""
    ids = np.unique(list(text), return_inverse=True)[1].astype(np.int64)
    pairs, size = ids[:-1] * 256 + ids[1:], ids.max() + 1
    taught = np.arange(len(pairs)) // block % every == 0
    both = np.bincount(pairs[taught], minlength=256 * 256)
    single = np.bincount(ids[:-1][taught], minlength=256)
    nats = -np.log((both[pairs] + 0.1) / (single[ids[:-1]] + 0.1 * size))
    return nats[~taught]


def windows_held(nats: np.ndarray, length: int, interval) -> float:
    """How often the interval of one stretch of the text holds the mean of all of it."""
    starts = np.linspace(0, len(nats) - length, 200).astype(int)
    found = [interval(nats[start : start + length]) for start in starts]
    return float(np.mean([low <= nats.mean() <= high for _, low, high in found]))


def test_intervals_of_a_real_text_hold_what_the_rest_of_it_says(data_dir):
    """A cheap model reads a tenth of the plays; each part of 75,000 characters says how likely all are."""
    nats = bigrams((data_dir / "tinyshakespeare.txt").read_text(encoding="utf-8"))

    def ours(part: np.ndarray) -> tuple[float, ...]:
        measure = likelihood.token_measures(-part, len(part), 1, "chars")[0]
        return measure.value, measure.low, measure.high

    def naive(part: np.ndarray) -> tuple[float, ...]:
        return value_intervals.mean(part[: len(part) // 50 * 50].reshape(50, -1).mean(1))

    assert windows_held(nats, 75_000, naive) < 0.75  # fifty stretches taken for independent ones
    assert 0.92 <= windows_held(nats, 75_000, ours) <= 0.98


def test_intervals_cover_means_of_long_memory():
    """Fractional Gaussian noise, whose mean over L varies as L^(2H - 2): from independent to lasting."""

    def noise(generator: np.random.Generator, n: int, hurst: float) -> np.ndarray:
        lags = np.arange(n, dtype=np.float64)
        correlation = (
            abs(lags + 1) ** (2 * hurst) - 2 * lags ** (2 * hurst) + abs(lags - 1) ** (2 * hurst)
        ) / 2
        power = np.fft.fft(np.concatenate((correlation, correlation[:0:-1]))).real.clip(min=0)
        drawn = generator.standard_normal((2, len(power)))
        return np.fft.fft(np.sqrt(power / len(power)) * (drawn[0] + 1j * drawn[1])).real[:n]

    for hurst, least in ((0.5, 0.93), (0.7, 0.89)):
        held = covered(lambda g, h=hurst: value_intervals.running(noise(g, 4000, h), np.ones(4000)), 0.0, 300)
        assert least <= held <= 0.985, hurst
    fixed = covered(lambda g: value_intervals.mean(noise(g, 4000, 0.7).reshape(50, -1).mean(1)), 0.0, 300)
    assert fixed < 0.75


def test_documents_are_what_varies_where_there_are_enough():
    """Documents of unequal length, each with a level of its own: bits per byte is a ratio over documents."""
    generator = np.random.default_rng(0)
    lengths = generator.integers(20, 200, 60)
    documents = np.repeat(np.arange(60), lengths)
    nats = np.repeat(generator.normal(2, 0.3, 60), lengths) + generator.normal(0, 1, len(documents))
    sizes = generator.integers(1, 5, len(documents))
    found = likelihood.token_measures(-nats, int(sizes.sum()), 1, "bpe", sizes, documents)
    for measure, wholes, unit in ((found[0], np.ones(len(nats)), 1.0), (found[2], sizes, np.log(2))):
        parts, counts = (np.bincount(documents, weights=values) for values in (nats, wholes))
        value = parts.sum() / counts.sum()
        spread_ = np.std(parts - value * counts, ddof=1) / counts.mean() / np.sqrt(60)
        half = stats.t.ppf(0.975, 59) * spread_
        expected = np.array([value, value - half, value + half]) / unit
        assert (measure.value, measure.low, measure.high) == pytest.approx(tuple(expected)), measure.metric
        assert "documents" in measure.interval


def test_a_short_running_text_has_no_interval():
    values = -np.random.default_rng(0).gamma(4, 2, 5000)
    for measure in likelihood.token_measures(values, 49_999, 8, "chars"):
        assert (measure.low, measure.high, measure.interval) == (None, None, "")
    few = np.repeat(np.arange(19), 5000 // 19 + 1)[:5000]
    assert likelihood.token_measures(values, 49_999, 8, "chars", None, few)[0].low is None


# ---------------------------------------------------------------------- what a training is told meanwhile

WORDS = ["red", "green", "blue", "white", "black", "amber", "pink", "cyan", "teal", "navy", "gold", "grey"]
KINDS = {
    "one of two words a line": ["yes", "no"],
    "one of three words a line": ["yes", "no", "maybe"],
    "a word a line": WORDS,
    "couplets": [f"{a} {b}, {c} {a}" for a in WORDS for b in WORDS for c in WORDS],
    "verses without blanks": [a + b for a in "山川去接漢江東曾伴隋侯醉" for b in "中歌繞夜梁珠宛轉舞嬌春"],
}


@pytest.mark.parametrize("lines", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("length", [96, 200, 203])
def test_findings_and_measures_agree_on_loops(lines, length):
    """Also where lines are short, and where a text ends within a word."""
    draw = np.random.default_rng(5)
    real = ["\n".join(draw.choice(lines, 200))[:length] for _ in range(60)]
    circles = [(line + "\n") * 200 for line in draw.choice([line for line in lines if len(line) < 20], 60)]
    circles = [found[:length] for found in circles]
    (loop,) = [rule for rule in RULES if rule.code == "repetition_loops"]
    for texts, expected in ((real, False), (circles, True)):
        ids = [np.array([ord(character) for character in found]) for found in texts]
        other = [np.array([ord(character) for character in found]) for found in real[8:16]]
        share = symptoms.looping(ids[:8], other)
        assert (share > loop.threshold) is expected, share
        assert (wording.looping(texts).value > 0.5) is expected
        assert (wording.looping(texts).value < 0.05) is not expected


def test_what_repeats_itself_anyway_is_not_judged():
    real = [np.tile([1, 2, 3], 32)] * 8
    assert symptoms.looping(real, real) is None
    assert symptoms.looping([np.arange(96)] * 8, [np.arange(96)] * 8) == 0
    assert symptoms.looping([np.ones(96, int)] * 8, [np.arange(96)] * 8) == pytest.approx(88 / 89)
