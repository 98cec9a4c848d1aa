"""Verse: what keeps the form and what does not, of made poems and of real ones; copied stretches by hand."""

from __future__ import annotations

import re

import pytest

from genkit.data.sources.poems import FILE, poems_of
from genkit.metrics.copying import LONG, long_spans
from genkit.metrics.verse import SHARES, VerseForm, form_shares
from genkit.system.errors import Unmeasurable

FIVE = "牀前看月光，疑是地上霜。\n舉頭望山月，低頭思故鄉。"
SEVEN = "得即高歌失即休，多悲多恨謾悠悠。\n今朝有酒今朝醉，明日愁來明日愁。"
EIGHT = FIVE + "\n" + FIVE
BROKEN = {  # what is lost of (marks, couplets, one length)
    "a verse too long": (FIVE.replace("舉頭", "舉白頭"), (True, True, False)),
    "five and seven": (FIVE + "\n" + SEVEN, (True, True, False)),
    "fours": ("春眠不覺，處處聞啼。\n夜來風雨，花落知多。", (True, True, False)),
    "three couplets": (EIGHT.rsplit("\n", 1)[0], (True, False, True)),
    "one couplet": (FIVE.split("\n")[0], (True, False, True)),
    "marks exchanged": (FIVE.replace("，", "#").replace("。", "，").replace("#", "。"), (False, True, True)),
    "no last mark": (FIVE[:-1], (False, True, True)),
    "another mark": (FIVE.replace("霜。", "霜？"), (False, True, True)),
    "a line in two": (FIVE.replace("，", "，\n", 1), (False, False, True)),
    "a blank": (FIVE.replace("牀前", "牀前 "), (False, True, False)),
    "Latin letters": (FIVE.replace("月光", "AB"), (False, True, False)),
    "a byte that is no character": (FIVE.replace("月光", "月\ufffd"), (False, True, False)),
    "an empty line": (FIVE + "\n", (False, False, True)),
    "nothing": ("", (False, False, False)),
}


@pytest.mark.parametrize("poem", [FIVE, SEVEN, EIGHT, SEVEN + "\n" + SEVEN])
def test_verse_keeps_its_form(poem):
    assert VerseForm.of(poem).kept


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_verse_does_not(name):
    text, parts = BROKEN[name]
    form = VerseForm.of(text)
    assert not form.kept
    assert (form.marked, form.counted, form.even) == parts


def test_shares_are_counted_with_intervals():
    texts = [FIVE] * 30 + [SEVEN] * 5 + [BROKEN["three couplets"][0]] * 4 + [BROKEN["nothing"][0]]
    shares = {measure.metric: measure for measure in form_shares(texts)}
    assert [*shares] == [*SHARES]
    assert [m.value for m in shares.values()] == pytest.approx([35 / 40, 39 / 40, 35 / 40, 39 / 40])
    # Wilson's score by hand: (p + z²/2n ± z √(p(1 - p)/n + z²/4n²)) / (1 + z²/n), z = 1.96.
    assert (shares["form_share"].low, shares["form_share"].high) == pytest.approx(
        (0.73894, 0.94539), abs=2e-4
    )
    with pytest.raises(Unmeasurable, match="at least 20 texts; there are 19"):
        form_shares(texts[:19])


def test_copied_verses_are_those_of_more_than_twelve_characters():
    """By Python's own search; a couplet of five is twelve characters, and may recur."""
    source = ["\n\n".join([FIVE, SEVEN[:20]]), SEVEN[20:] + "\n\n"]  # in pieces that cut a poem
    couplet, more = FIVE[:12], FIVE[:13]
    texts = [
        couplet,
        more,
        f"{SEVEN[:11]}新",
        SEVEN[14:28],
        SEVEN.translate(str.maketrans("，。", "、；")),
        "新" * 30,
    ] * 4
    longest = LONG + 1
    copied = [any(t[i : i + longest] in "".join(source) for i in range(len(t) - LONG)) for t in texts]
    assert copied[:6] == [False, True, False, True, False, False]
    measure = long_spans(texts, lambda: iter(source))
    assert measure.value == sum(copied) / len(texts) == 2 / 6
    assert measure.low < 1 / 3 < measure.high
    assert long_spans(["春"] * 20, lambda: iter(source)).value == 0.0
    with pytest.raises(Unmeasurable, match="at least 20"):
        long_spans(texts[:3], lambda: iter(source))


# ---------------------------------------------------------------------- the poems themselves


@pytest.fixture(scope="module")
def real(data_dir):
    if not (data_dir / FILE).is_file():
        pytest.skip("GENKIT_DATA_DIR holds no tang_poems.txt")
    return poems_of((data_dir / FILE).read_text(encoding="utf-8"))


def test_real_poems_keep_the_form_and_the_rest_mixes_two_lengths(real):
    kept = [VerseForm.of(poem).kept for poem in real]
    assert len(real) == 29_469
    assert sum(kept) / len(kept) >= 0.995
    others = [poem for poem, own in zip(real, kept, strict=True) if not own]
    lengths = [{len(verse) for verse in re.split("[，。\n]+", poem) if verse} for poem in others]
    assert len(others) == 134
    assert all(own == {5, 7} for own in lengths)


def test_real_poems_in_another_order_or_cut_do_not_keep_it(real):
    some = [poem for poem in real[:2_000] if VerseForm.of(poem).kept]
    assert not any(VerseForm.of(poem[1:]).kept for poem in some)
    assert not any(VerseForm.of(poem[:-1]).kept for poem in some)
    assert not any(VerseForm.of(poem.replace("\n", "")).kept for poem in some)
    assert not any(VerseForm.of(poem[::-1]).kept for poem in some)
