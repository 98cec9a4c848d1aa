"""A label that is asked for is a name, or a number where no name is one; whatever else is refused."""

import pytest

from genkit.core.conditions import class_number, label_conditions
from genkit.system.errors import ConfigError

TEN = tuple(sorted(map(str, range(1, 11))))  # folders 1 … 10 in their order: 1, 10, 2, …
PETS = ("cat", "dog", "mouse")


@pytest.mark.parametrize(
    ("label", "classes", "name"),
    [("1", TEN, "1"), ("10", TEN, "10"), ("2", TEN, "2"), ("dog", PETS, "dog"), ("0", PETS, "cat"),
     ("2", PETS, "mouse"), ("7", tuple("0123456789"), "7"), ("-1", ("-1", "1"), "-1"),
     ("²", ("²", "a"), "²")],
)  # fmt: skip
def test_a_name_is_a_name_and_a_number_a_number(label, classes, name):
    assert classes[class_number(label, classes)] == name
    assert label_conditions({"label": [label, None]}, classes) == [classes.index(name), None]


@pytest.mark.parametrize(
    ("label", "classes", "said"),
    [("0", TEN, "go by names with numbers: 1, 10, 2"), ("11", TEN, "go by names with numbers"),
     ("0", ("1", "cat"), "go by names with numbers"),
     ("3", PETS, "it has 3, numbered from 0: cat, dog, mouse"),
     ("-1", PETS, "numbered from 0"), ("²", PETS, "numbered from 0"), ("٣", PETS, "numbered from 0"),
     ("1.0", PETS, "numbered from 0"), ("", PETS, "numbered from 0"), ("9" * 5000, PETS, "numbered from 0"),
     ("dgo", PETS, "Did you mean dog?"), ("²", TEN, "go by names with numbers")],
)  # fmt: skip
def test_what_is_neither_is_refused_with_what_there_is(label, classes, said):
    with pytest.raises(ConfigError) as refused:
        class_number(label, classes)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 300
