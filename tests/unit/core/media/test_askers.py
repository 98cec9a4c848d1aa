"""Nobody asks whether data are texts or images: the medium, or the spec, is asked what one needs to know."""

import ast
from pathlib import Path

import genkit
from genkit.core.media import MEDIA

ROOT = Path(genkit.__file__).parent
# Where media and specs are declared: they may know what they are.
OWN = ("core/media/", "core/spec.py", "core/array_spec.py", "core/codecs/")
SPECS = {"ArraySpec", "TokenSpec", "DataSpec", "Medium", "TextMedium", "ImageMedium"}
SPECS |= {"ArrayCodec", "PixelCodec", "PatchCodec"}
DECLARED = {"TEXT", "IMAGE"}


def names(node):
    """Every name and attribute in an expression, and every text."""
    found = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    found |= {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)}
    return found | {inner.value for inner in ast.walk(node) if isinstance(inner, ast.Constant)}


def is_name(node):
    """Whether an expression is a medium, or how it is called."""
    if isinstance(node, ast.Attribute) and node.attr in ("name", "one", "many"):
        node = node.value
    return (isinstance(node, ast.Name) and node.id == "medium") or (
        isinstance(node, ast.Attribute) and node.attr == "medium"
    )


def asks(node):
    """Whether a piece of code asks which medium, or which class of spec or codec, it has before it."""
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("isinstance", "issubclass")
    ):
        return bool(names(node.args[1]) & SPECS)
    if isinstance(node, ast.MatchClass):
        return bool(names(node.cls) & SPECS)
    if isinstance(node, ast.Compare):
        sides = (node.left, *node.comparators)
        named = any(names(side) & {*MEDIA.built_in, "texts", "images"} for side in sides)
        return any(names(side) & DECLARED for side in sides) or (named and any(map(is_name, sides)))
    return isinstance(node, ast.Attribute) and node.attr == "is_text"


def questions(source):
    return [node.lineno for node in ast.walk(ast.parse(source)) if asks(node)]


def test_nobody_asks_whether_data_are_texts_or_images():
    asked = {}
    for path in ROOT.rglob("*.py"):
        place = path.relative_to(ROOT).as_posix()
        if not place.startswith(OWN) and (lines := questions(path.read_text(encoding="utf-8"))):
            asked[place] = lines
    assert asked == {}


def test_such_questions_are_noticed():
    for asked in (
        "if spec.is_text: pass",
        "isinstance(spec, TokenSpec)",
        "isinstance(self.spec.codec, (codecs.PixelCodec, CharCodec))",
        "spec.medium is IMAGE",
        "spec.medium == image.IMAGE",
        "spec.medium.name == 'text'",
        "'image' == spec.medium.name",
        "medium.many in ('texts',)",
        "match spec:\n    case ArraySpec(): pass",
    ):
        assert questions(asked), asked
    for plain in (
        "spec.kind == 'tokens'",
        "spec.array is None",
        "'tokens' in medium.budgets",
        "group == 'texts'",
        "'texts' in medium.offers",
    ):
        assert not questions(plain), plain
