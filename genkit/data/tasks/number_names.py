"""Numbers below 10^12 in English and in Chinese words.

English is British: `and` before what is below a hundred, a hyphen in `twenty-one`, no commas.  Chinese has
one 零 for zeros between digits that are said, none at the end of a group of four, and 十 without 一 where a
number begins with it.  2 is 两 where a number begins with it and 千, 万 or 亿 follows, and 二 elsewhere, as
usage prefers (Lü Shuxiang, 800 words of modern Chinese, under 二).
"""

from __future__ import annotations

import re

MOST = 12  # digits
ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
THOUSANDS = ((10**9, "billion"), (10**6, "million"), (1_000, "thousand"))
NUMERALS = "零一二三四五六七八九"
PLACES = ("", "十", "百", "千")
GROUPS = ((10**8, "亿"), (10**4, "万"))


def english(number: int) -> str:
    """A number in English words: `ten thousand and five`."""
    if number < 20:
        return ONES[number]
    if number < 100:
        tens, one = divmod(number, 10)
        return f"{TENS[tens]}-{ONES[one]}" if one else TENS[tens]
    for size, name in (*THOUSANDS, (100, "hundred")):
        if number >= size:
            many, rest = divmod(number, size)
            link = " and " if 0 < rest < 100 else " " if rest else ""
            return f"{english(many)} {name}{link}{english(rest) if rest else ''}"
    raise AssertionError(number)


def chinese(number: int) -> str:
    """A number in Chinese words: `一万零五`."""
    if number == 0:
        return NUMERALS[0]
    said = _said(number)
    said = said.removeprefix("一") if said.startswith("一十") else said
    return re.sub("^二(?=[千万亿])", "两", said)


def _said(number: int) -> str:
    """With 一 before every 十, and 二 for every 2."""
    for size, name in GROUPS:
        if number >= size:
            many, rest = divmod(number, size)
            gap = NUMERALS[0] if 0 < rest < size // 10 else ""
            return f"{_said(many)}{name}{gap}{_said(rest)}"
    text, before = "", 1
    for place in (3, 2, 1, 0):
        digit = number // 10**place % 10
        if digit:
            gap = NUMERALS[0] if text and not before else ""
            text += gap + NUMERALS[digit] + PLACES[place]
        before = digit
    return text


def same_english(one: str, other: str) -> bool:
    """Whether two texts say a number in the same words, with `and`, hyphens and commas or without."""

    def plain(text: str) -> list[str]:
        return re.sub(r"[\s,-]+|\band\b", " ", text.casefold()).split()

    return plain(one) == plain(other)


def same_chinese(one: str, other: str) -> bool:
    """Whether two texts say a number in the same words.

    Before 百, 千, 万 and 亿 both 两 and 二 are said, and after 零 both 十 and 一十.
    """

    def plain(text: str) -> str:
        return re.sub("两(?=[百千万亿])", "二", text.strip()).replace("零十", "零一十")

    return plain(one) == plain(other)
