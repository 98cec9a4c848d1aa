"""A small Chinese corpus about colours and fruit, made by a grammar: about 4,000 sentences of some 36,000.

The grammar's language is finite and most of it is held back, so one can ask of a model trained on the corpus
not only whether its sentences are grammatical but whether it has made up any of its own.
"""

from __future__ import annotations

import itertools
import random
import re
from functools import cache

SHADES = ("", "浅", "深", "淡", "亮", "暗")
HUES = (
    "红色",
    "橙色",
    "黄色",
    "绿色",
    "青色",
    "蓝色",
    "紫色",
    "粉色",
    "白色",
    "黑色",
    "灰色",
    "棕色",
)
PEOPLE = ("我", "你", "他", "她", "妈妈", "爸爸", "老师", "我的朋友")
FRUIT = (
    "苹果",
    "香蕉",
    "葡萄",
    "西瓜",
    "草莓",
    "桃子",
    "梨",
    "橙子",
    "柠檬",
    "樱桃",
    "芒果",
    "菠萝",
    "荔枝",
    "李子",
    "石榴",
    "蓝莓",
)
TASTES = ("美味", "香甜", "多汁", "清爽", "新鲜", "可口", "好吃", "健康")
THINGS = (
    "天空",
    "大海",
    "草地",
    "森林",
    "雪山",
    "夕阳",
    "月光",
    "玫瑰",
    "树叶",
    "沙滩",
    "晚霞",
    "春天",
    "秋天",
    "夜晚",
    "火焰",
    "云朵",
)
TIMES = ("今天", "昨天", "早上", "下午", "晚上", "昨晚", "中午", "周末")

# A rule is a sequence of sets of words; its language is their product.  The number: sentences in the corpus.
Rule = tuple[tuple[str, ...], ...]
GRAMMAR: tuple[tuple[int, Rule], ...] = (
    (300, (PEOPLE, ("喜欢的颜色是",), SHADES, HUES, ("。",))),
    (1100, (PEOPLE, ("喜欢的颜色是像",), THINGS, ("一样的",), SHADES, HUES, ("。",))),
    (1100, (PEOPLE, ("喜欢的颜色是",), SHADES, HUES, ("，因为它让人想起",), THINGS, ("。",))),
    (80, (FRUIT, ("是一种",), TASTES, ("的水果。",))),
    (500, (FRUIT, ("和",), FRUIT, ("都是",), TASTES, ("的水果。",))),
    (300, (FRUIT, ("是",), SHADES, HUES, ("的。",))),
    (620, (PEOPLE, TIMES, ("吃了",), TASTES, ("的",), FRUIT, ("。",))),
)


@cache
def sentences() -> tuple[str, ...]:
    """The corpus: distinct sentences in a fixed random order, each ending in 。"""
    choose = random.Random(20_240_607)
    chosen: list[str] = []
    for share, rule in GRAMMAR:
        chosen += choose.sample(["".join(words) for words in itertools.product(*rule)], share)
    choose.shuffle(chosen)
    return tuple(dict.fromkeys(chosen))


@cache
def _pattern() -> re.Pattern[str]:
    rules = ("".join(f"(?:{'|'.join(map(re.escape, words))})" for words in rule) for _, rule in GRAMMAR)
    return re.compile("|".join(rules))


def parses(sentence: str) -> bool:
    """Whether the grammar makes this sentence."""
    return _pattern().fullmatch(sentence) is not None
