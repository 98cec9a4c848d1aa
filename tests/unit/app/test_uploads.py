"""Files of visitors: bounded in number, under names that lead nowhere."""

import pytest

from genkit.app.uploads import MOST_FILES, Uploads, plain_name
from genkit.system.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("cat.png", "cat.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\cat.PNG", "cat.PNG"),
        ("..", "file"),
        ("", "file"),
        ("a\nb\0c.wav", "a_b_c.wav"),
        ("-rf.png", "rf.png"),
        ("猫.gif", "猫.gif"),
    ],
)
def test_of_a_name_a_plain_one_is_left(name, kept):
    assert plain_name(name) == kept


def test_a_long_name_is_cut_before_its_suffix():
    assert plain_name("a" * 10_000 + ".png") == "a" * 80 + ".png"


def test_a_file_is_found_by_its_key_alone_and_the_oldest_goes():
    with Uploads() as uploads:
        found_by_key(uploads)


def found_by_key(uploads):
    keys = [uploads.add("a.png", bytes([number])) for number in range(MOST_FILES + 1)]
    assert uploads.find(keys[-1][0]).read_bytes() == bytes([MOST_FILES])
    for gone in (keys[0][0], "../a", ""):
        with pytest.raises(ConfigError, match="give it again"):
            uploads.find(gone)
    assert len({uploads.find(key).parent for key, _ in keys[1:]}) == MOST_FILES
