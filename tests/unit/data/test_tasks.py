"""Tasks made by rule: answers beside those of something that did not make them, no question in two parts."""

from __future__ import annotations

import calendar
import re
from collections import Counter
from datetime import date, datetime

import pytest

from genkit.core.pairs import Pair
from genkit.data.task_knobs import DatesKnobs, ListsKnobs, NumeralsKnobs, SumsKnobs, TaskKnobs
from genkit.data.tasks.dates import WORDINGS, dates, ordinal, right_date, short_ordinal, year_in_words
from genkit.data.tasks.judges import judge_of
from genkit.data.tasks.lists import THINGS, lists, right_summary
from genkit.data.tasks.number_names import chinese, english
from genkit.data.tasks.numerals import numerals, right_numeral
from genkit.data.tasks.sums import right_sum, sums
from genkit.system.errors import ConfigError

SMALL = {"train": 4_000, "held_out": 500}
TASKS = {
    "sums": (sums, SumsKnobs(**SMALL)),
    "reversed sums": (sums, SumsKnobs(**SMALL, reversed=True)),
    "padded sums": (sums, SumsKnobs(**SMALL, padded=True)),
    "numerals": (numerals, NumeralsKnobs(**SMALL)),
    "dates": (dates, DatesKnobs(**SMALL)),
    "lists": (lists, ListsKnobs(**SMALL)),
}


@pytest.fixture(params=list(TASKS))
def task(request):
    return TASKS[request.param]


# ---------------------------------------------------------------------- parts


def test_parts_have_as_many_as_are_asked_for_and_share_no_question(task):
    make, data = task
    parts = make(data)
    assert {part: len(pairs) for part, pairs in parts.items()} == {
        "train": 4_000,
        "validation": 500,
        "test": 500,
    }
    prompts = Counter(pair.prompt for pairs in parts.values() for pair in pairs)
    assert set(prompts.values()) == {1}
    right = judge_of(data).right
    assert all(right(pair, pair.answer) for pairs in parts.values() for pair in pairs)
    assert make(data) == parts


def test_what_judges_depends_on_the_seed_and_not_on_how_much_is_learnt_from(task):
    make, data = task
    parts = make(data)
    more = make(type(data)(**{**knobs(data), "train": 6_000}))
    assert (more["test"], more["validation"]) == (parts["test"], parts["validation"])
    other = make(type(data)(**{**knobs(data), "seed": 1}))
    assert other["test"] != parts["test"]


def knobs(data: TaskKnobs) -> dict[str, object]:
    return {name: getattr(data, name) for name in data.__struct_fields__}


def owners(parts, key):
    """The parts that have a question with each key."""
    found: dict[object, set[str]] = {}
    for part, pairs in parts.items():
        for pair in pairs:
            found.setdefault(key(pair), set()).add(part)
    return found


def test_no_part_asks_what_another_asks_in_other_words():
    """a + b and b + a, a number of other languages, a day in other words, a list in another order."""
    of = {
        "sums": lambda pair: frozenset(pair.prompt.rstrip("=").split("+")),
        "numerals": lambda pair: value(pair),
        "dates": lambda pair: pair.answer,
        "lists": lambda pair: tuple(sorted(pair.prompt.rstrip(": ").split(", "))),
    }
    for name, key in of.items():
        make, data = TASKS[name]
        assert all(len(parts) == 1 for parts in owners(make(data), key).values()), name


def test_more_questions_than_there_are_are_refused_in_one_line():
    with pytest.raises(
        ConfigError, match=r"data\.train=500 and twice data\.held_out=10 are more .*: \d\d were found"
    ):
        sums(SumsKnobs(digits=1, train=500, held_out=10))
    assert len(sums(SumsKnobs(digits=1, train=60, held_out=10))["train"]) == 60


# ---------------------------------------------------------------------- sums


@pytest.mark.parametrize(
    ("more", "asked", "answer"),
    [
        ({}, r"(0|[1-9]\d*)\+(0|[1-9]\d*)=", r"0|[1-9]\d*"),
        ({"reversed": True}, r"(0|[1-9]\d*)\+(0|[1-9]\d*)=", r"0|\d*[1-9]"),
        ({"padded": True}, r"(\d{3})\+(\d{3})=", r"\d{4}"),
        ({"padded": True, "reversed": True}, r"(\d{3})\+(\d{3})=", r"\d{4}"),
    ],
)
def test_sums_are_written_as_asked(more, asked, answer):
    for pair in sums(SumsKnobs(**SMALL, **more))["test"]:
        a, b = map(int, re.fullmatch(asked, pair.prompt).groups())
        assert re.fullmatch(answer, pair.answer)
        assert int(pair.answer[::-1] if "reversed" in more else pair.answer) == a + b < 1_999


def test_sums_of_single_digits_are_learnt_and_lengths_are_as_likely():
    parts = sums(SumsKnobs(train=4_000, held_out=900))
    learnt = {pair.prompt for pair in parts["train"]}
    assert {f"{a}+{b}=" for a in range(10) for b in range(10)} <= learnt
    lengths = Counter(len(pair.prompt.split("+")[0]) for pair in parts["test"])
    assert min(lengths.values()) > 200
    assert set(lengths) == {1, 2, 3}


@pytest.mark.parametrize(
    ("answer", "plain", "backwards"),
    [("168", True, False), ("861", False, True), ("0168", True, False), ("8610", False, True)]
    + [(wrong, False, False) for wrong in ("", "169", "16 8", "168+", "-168", "١٦٨", "1e2", "168.0", "²")]
    + [(" 168\n", True, False)],
)
def test_a_sum_is_judged_by_its_value(answer, plain, backwards):
    pair = Pair("123+45=", "168")
    assert right_sum(SumsKnobs(), pair, answer) is plain
    assert right_sum(SumsKnobs(reversed=True), pair, answer) is backwards


# ---------------------------------------------------------------------- numerals

KNOWN = {
    0: ("zero", "零"),
    10: ("ten", "十"),
    12: ("twelve", "十二"),
    21: ("twenty-one", "二十一"),
    101: ("one hundred and one", "一百零一"),
    110: ("one hundred and ten", "一百一十"),
    200: ("two hundred", "二百"),
    215: ("two hundred and fifteen", "二百一十五"),
    1_000: ("one thousand", "一千"),
    1_001: ("one thousand and one", "一千零一"),
    1_010: ("one thousand and ten", "一千零一十"),
    1_100: ("one thousand one hundred", "一千一百"),
    2_000: ("two thousand", "两千"),
    2_222: ("two thousand two hundred and twenty-two", "两千二百二十二"),
    10_005: ("ten thousand and five", "一万零五"),
    10_050: ("ten thousand and fifty", "一万零五十"),
    10_500: ("ten thousand five hundred", "一万零五百"),
    12_000: ("twelve thousand", "一万二千"),
    20_000: ("twenty thousand", "两万"),
    100_000: ("one hundred thousand", "十万"),
    100_010: ("one hundred thousand and ten", "十万零一十"),
    110_000: ("one hundred and ten thousand", "十一万"),
    200_200: ("two hundred thousand two hundred", "二十万零二百"),
    305_040: ("three hundred and five thousand and forty", "三十万五千零四十"),
    1_000_001: ("one million and one", "一百万零一"),
    10_203_000: ("ten million two hundred and three thousand", "一千零二十万三千"),
    100_000_000: ("one hundred million", "一亿"),
    100_010_000: ("one hundred million ten thousand", "一亿零一万"),
    220_000_000: ("two hundred and twenty million", "两亿二千万"),
    1_000_000_001: ("one billion and one", "十亿零一"),
}
UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
)
TENS = "? ? twenty thirty forty fifty sixty seventy eighty ninety"
ENGLISH = {word: number for number, word in enumerate([*UNITS.split(), "seventeen", "eighteen", "nineteen"])}
ENGLISH |= {word: 10 * number for number, word in enumerate(TENS.split())}


def read_english(text: str) -> int:
    """A number that is read word by word, as one hears it."""
    total = group = 0
    for word in re.split(r"[\s-]+|(?<=\s)and\s", text):
        if word in ENGLISH:
            group += ENGLISH[word]
        elif word == "hundred":
            group *= 100
        elif word in ("thousand", "million", "billion"):
            total += group * {"thousand": 10**3, "million": 10**6, "billion": 10**9}[word]
            group = 0
        else:
            assert word in ("and", "", None), word
    return total + group


def read_chinese(text: str) -> int:
    """A number that is read character by character: a unit multiplies what was said since a larger one."""
    total = group = digit = 0
    for mark in text:
        if mark in "零一二两三四五六七八九":
            digit = "零一二三四五六七八九".find(mark.replace("两", "二"))
        elif mark in "十百千":
            group += (digit or 1) * {"十": 10, "百": 100, "千": 1_000}[mark]
            digit = 0
        else:
            group, digit = group + digit, 0
            total = (total + group) * 10**8 if mark == "亿" else total + group * 10**4
            group = 0
    return total + group + digit


def value(pair: Pair) -> int:
    """The number of a question, by whichever of its sides is easiest to read."""
    text = pair.prompt.partition(" in ")[0]
    return int(text) if text.isdigit() else read_english(text) if text.isascii() else read_chinese(text)


def test_numbers_are_named_as_they_are():
    for number, names in KNOWN.items():
        assert (english(number), chinese(number)) == names


def test_every_name_is_read_back_as_its_number():
    numbers = [
        *range(12_000),
        *(10**k * n + m for k in range(4, 12) for n in (1, 2, 9) for m in (0, 1, 20, 300)),
    ]
    for number in numbers:
        assert read_english(english(number)) == number
        assert read_chinese(chinese(number)) == number
        assert not re.search(
            "零零|零$|两(?![千万亿])|.两|^一十", chinese(number).replace("零", "", number == 0)
        )


def test_numerals_are_translated_from_every_language_to_every_other():
    parts = numerals(NumeralsKnobs(**SMALL, digits=7))
    ways = Counter()
    for pair in parts["test"]:
        text, _, target = pair.prompt.partition(" in ")
        source = "digits" if text.isdigit() else "English" if text.isascii() else "Chinese"
        read = {"digits: ": int, "English: ": read_english, "Chinese: ": read_chinese}[target]
        assert read(pair.answer) == value(pair)
        assert 100 <= value(pair) < 10**7
        ways[source, target.rstrip(": ")] += 1
    assert len(ways) == 6
    assert min(ways.values()) > 50
    two = numerals(NumeralsKnobs(**SMALL, languages=("english", "chinese")))
    assert not any(re.search(r"\d|digits", pair.prompt + pair.answer) for pair in two["train"])


@pytest.mark.parametrize(
    ("number", "target", "said", "is_right"),
    [
        (10_005, "digits", "10005", True),
        (10_005, "digits", "10,005", True),
        (10_005, "digits", "10006", False),
        (10_005, "digits", "一万零五", False),
        (1_234, "English", "one thousand two hundred and thirty-four", True),
        (1_234, "English", "One thousand, two hundred thirty four", True),
        (1_234, "English", "twelve hundred and thirty-four", False),
        (1_234, "English", "one thousand two hundred and thirty", False),
        (2_200, "Chinese", "两千二百", True),
        (2_200, "Chinese", "二千两百", True),
        (2_220, "Chinese", "两千二百两十", False),
        (2_002, "Chinese", "两千零两", False),
        (1_010, "Chinese", "一千零十", True),
        (10_005, "Chinese", "一万五", False),
        (10_005, "Chinese", "10005", False),
        (10_005, "Chinese", "", False),
    ],
)
def test_a_numeral_is_judged_by_what_it_says(number, target, said, is_right):
    answer = {"digits": str, "English": english, "Chinese": chinese}[target](number)
    assert right_numeral(Pair(f"? in {target}: ", answer), said) is is_right


# ---------------------------------------------------------------------- dates

FORMS = ("%d %B %Y", "%B %d, %Y", "%d %b %Y", "%d-%b-%Y", "%b %d %Y", "%Y, %B %d", "%A, %d %B %Y")


def test_dates_are_what_the_standard_library_reads():
    """Of the wordings that it can read, each question of the whole set."""
    read = 0
    for pair in dates(DatesKnobs(**SMALL))["train"]:
        words = pair.prompt.removeprefix("What day is ").removesuffix("? ")
        plain = re.sub(r"(?<=\d)(st|nd|rd|th)\b( of| day of)?|\b(the|in|year) ", "", words).replace(
            "the ", ""
        )
        for form in FORMS:
            try:
                found = datetime.strptime(plain, form).date()
            except ValueError:
                continue
            assert found.isoformat() == pair.answer, pair
            read += form != FORMS[-1] or found.strftime("%A") in words
    assert read > 2_000


def test_every_day_in_every_wording_by_hand():
    said = [words(date(2000, 2, 29)) for words in WORDINGS]
    assert said == [
        "the twenty-ninth of February, 2000",
        "the twenty-ninth of February two thousand",
        "the 29th of February 2000",
        "the 29th day of February in the year 2000",
        "February 29, 2000",
        "February 29th, 2000",
        "February the twenty-ninth, two thousand",
        "29 February 2000",
        "29th February 2000",
        "29 Feb 2000",
        "29-FEB-2000",
        "Feb 29 2000",
        "2000, February 29",
        "Tuesday, 29 February 2000",
        "the day after 28 February 2000",
        "the day before 1 March 2000",
        None,
        "the last day of February 2000",
        "the last of February, two thousand",
    ]
    assert WORDINGS[15](date(1900, 2, 28)) == "the day before 1 March 1900"
    assert WORDINGS[17](date(1900, 2, 28)) == "the last day of February 1900"
    assert WORDINGS[16](date(1987, 3, 1)) == "the first day of March 1987"
    assert WORDINGS[14](date(1987, 1, 1)) == "the day after 31 December 1986"


def test_only_leap_years_have_a_29th_of_february():
    """Of every day that is asked for as the last of its month."""
    pairs = dates(DatesKnobs(train=30_000, held_out=500))["train"]
    asked = [re.search(r"the last (?:day )?of (\w+),? (\d{4})\?", pair.prompt) for pair in pairs]
    ends = {(match[1], int(match[2])): pair.answer for match, pair in zip(asked, pairs, strict=True) if match}
    assert len(ends) > 500
    for (month, year), answer in ends.items():
        number = list(calendar.month_name).index(month)
        assert answer == f"{year}-{number:02}-{calendar.monthrange(year, number)[1]:02}"


def test_ordinals_and_years_in_words():
    first = "first second third fifth eighth ninth twelfth thirteenth twentieth twenty-first twenty-second"
    assert [ordinal(n) for n in (1, 2, 3, 5, 8, 9, 12, 13, 20, 21, 22)] == first.split()
    assert [ordinal(n) for n in (30, 31)] == ["thirtieth", "thirty-first"]
    short = "1st 2nd 3rd 4th 11th 12th 13th 21st 22nd 23rd 30th 31st"
    assert [short_ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 30, 31)] == short.split()
    assert [year_in_words(year) for year in (1900, 1905, 1987, 2000, 2005, 2010, 2100, 1066)] == [
        *("nineteen hundred", "nineteen oh five", "nineteen eighty-seven", "two thousand"),
        *("two thousand and five", "twenty ten", "twenty-one hundred", "ten sixty-six"),
    ]


def test_days_are_of_the_years_that_are_asked_for():
    data = DatesKnobs(train=3_000, held_out=100, first_year=1582, last_year=1600)
    years = [int(pair.answer[:4]) for pairs in dates(data).values() for pair in pairs]
    assert (min(years), max(years)) == (1582, 1600)


@pytest.mark.parametrize(
    ("said", "is_right"),
    [("1987-03-03", True), (" 1987-03-03 ", True), ("19870303", True), ("1987-W10-2", True)]
    + [(wrong, False) for wrong in ("1987-03-04", "1987-3-3", "03.03.1987", "1987-02-30", "", "1987-03-03x")],
)
def test_a_date_is_judged_as_a_day(said, is_right):
    assert right_date(Pair("?", "1987-03-03"), said) is is_right


# ---------------------------------------------------------------------- lists


def test_lists_of_one_thing_are_learnt_from_and_never_asked():
    parts = lists(ListsKnobs(**SMALL))
    alone = {part: {pair.answer for pair in pairs if "," not in pair.answer} for part, pairs in parts.items()}
    assert len(alone["train"]) == 8 * 12
    assert not alone["validation"] | alone["test"]


def test_lists_are_counted_in_the_order_of_what_comes_first():
    for pair in lists(ListsKnobs(**SMALL, items=9, kinds=5, different=3))["train"]:
        items = pair.prompt.removesuffix(": ").split(", ")
        assert 1 <= len(items) <= 9
        assert {*items} <= {*list(THINGS)[:5]}
        assert 1 <= len({*items}) <= 3
        counts = [part.split(" ") for part in pair.answer.split(", ")]
        singular = {many: one for one, many in THINGS.items()}
        assert [
            (items.count(singular.get(thing, thing)), singular.get(thing, thing)) for _, thing in counts
        ] == [(int(number), singular.get(thing, thing)) for number, thing in counts]
        assert [singular.get(thing, thing) for _, thing in counts] == list(dict.fromkeys(items))
        assert all((number == "1") == (thing in THINGS) for number, thing in counts)


@pytest.mark.parametrize(
    ("said", "is_right"),
    [("2 plums, 1 fig", True), ("1 fig, 2 plums", True), ("2 plums and 1 fig", True)]
    + [("2 plum,1 figs", True)]
    + [(wrong, False) for wrong in ("2 plums", "3 figs", "2 plums, 1 fig, 1 nut", "1 plum, 1 plum, 1 fig")]
    + [
        (wrong, False)
        for wrong in ("", "plums, fig", "2 plums, 1 fig,", "2 plums, 0 nuts, 1 fig", "02 plums, 1 fig")
    ],
)
def test_a_summary_is_judged_by_its_counts(said, is_right):
    assert right_summary(Pair("plum, fig, plum: ", "2 plums, 1 fig"), said) is is_right
