"""Writes a file of prompts and answers to try `data=pairs` with: words, and the same backwards.

python tests/make_pairs.py pairs.jsonl        a JSON object a line
python tests/make_pairs.py pairs.csv          the same as a table
"""

import csv
import json
import random
import sys

LETTERS, LONGEST = "abcdefgh", 5


def some_pairs(count, seed=0):
    """Different words and their answers."""
    drawn = random.Random(seed)
    words = set()
    while len(words) < count:
        words.add("".join(drawn.choices(LETTERS, k=drawn.randint(2, LONGEST))))
    return [(f"{word} backwards", word[::-1]) for word in sorted(words)]


def main(path, count=4000):
    with open(path, "w", encoding="utf-8", newline="") as file:
        if path.endswith(".csv"):
            csv.writer(file).writerows([("prompt", "answer"), *some_pairs(count)])
        else:
            file.writelines(
                json.dumps({"prompt": prompt, "answer": answer}) + "\n"
                for prompt, answer in some_pairs(count)
            )


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
