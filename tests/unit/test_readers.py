"""Who opens and parses files: `system.plain`, and few others, each for a reason.  Read from the code."""

import ast
from pathlib import Path

import pytest

import genkit

ROOT = Path(genkit.__file__).parent
# What opens a file for reading, or makes values of a text, and where each may stand: file:function, and why.
OURS = "our own file beside the code"
BUILT = "it was made a line before, by this process"
DIGEST = "weights with a known digest"
MEMORY = "bytes in memory"
CHECKED = "its header was looked at, and it is a plain file"
ALLOWED = {
    "open": {
        "system/plain.py:open_file": "the reader",
        "system/storage.py:written": "writes",
        "training/history.py:_append": "writes",
        "data/sources/arrays.py:*": "writes",
        "data/packing.py:*": "a packed array of the cache, memory-mapped or written",
        "data/arrays/npy.py:*": "a member of an archive that is open",
        "system/executables.py:_is_arrays": "a member of an archive, its first 4096 bytes",
        "data/sources/published.py:_idx": "a published file of the data folder",
        "study/running.py:_job": BUILT,
        "cli/commands/__init__.py:_offering": "what pip has installed, a megabyte at most",
        "study/running.py:_lines": BUILT,
        "system/wave_files.py:*": MEMORY,
        "system/films.py:film": MEMORY,
        "cli/sound_stream.py:header": MEMORY,
        "data/video/compressed.py:_opened": "a video in a file that the reader has opened, of a stated kind",
    },
    "os.open": {
        "system/plain.py:open_file": "the reader",
        "system/plain.py:_open_below": "the reader",
        "system/storage.py:*": "a folder or a file to be locked or flushed",
        "cli/__init__.py:*": "the null device",
        "data/audio/formats.py:*": "the null device",
    },
    "read_text": {
        "report/page.py:rendered": OURS,
        "core/references.py:known": OURS,
        "data/sources/published.py:*": "a published file of the data folder",
        "training/memory.py:of_machine": "what the system says of itself",
        "training/checkpointing.py:peak_memory": "what the system says of this process",
    },
    "read_bytes": {
        "metrics/bundled.py:*": OURS,
        "data/sources/glyphs.py:*": OURS,
        "app/web.py:*": OURS,
        "metrics/dnsmos.py:*": DIGEST,
    },
    "Image.open": {
        "data/arrays/folders.py:*": "pictures of a person's own folder, plain files alone",
        "data/video/animated_pictures.py:opened_image": "of a video, in files that the reader has opened",
        "data/sources/glyphs.py:drawn": OURS,
        "data/sources/hub.py:_open_cell": "pictures of a table, of bytes that the reader gave",
    },
    "np.load": {"data/packing.py:open_array": "a packed array of the cache, never a pickle"},
    "safe_open": {
        **{"runs/verification.py:_code": CHECKED, "evaluation/array_quality.py:cached": CHECKED},
        **{"interop/model_folder.py:read": CHECKED, "interop/model_folder.py:_check_tied": CHECKED},
    },
    "load_file": {
        "runs/checkpoints.py:_load_tensors": CHECKED,
        "metrics/weight_files.py:read_weights": CHECKED,
    },
    "torch.load": {"metrics/weight_files.py:read_weights": "tensors alone, of a file that the reader opened"},
    "json.loads": {
        "system/plain.py:parse_json": "the reader",
        "system/fork_server.py:asked": "what the process that started this one writes",
        "system/template_worker.py:main": "what the process that started this one writes",
    },
    "yaml.load": {"system/plain.py:parse_yaml": "the reader"},
}
# Whoever calls one of these does so nowhere: they execute what they read, or read without bounds.
NOWHERE = (
    *("json.load", "yaml.safe_load", "yaml.full_load", "yaml.unsafe_load", "yaml.load_all", "OmegaConf.load"),
    *("pickle.load", "pickle.loads", "np.fromfile", "np.genfromtxt", "np.loadtxt", "eval", "exec"),
    *("joblib.load", "marshal.loads", "shelve.open", "os.system", "pd.read_pickle"),
)
METHODS = ("read_text", "read_bytes")
FILES = sorted(ROOT.rglob("*.py"))


def called(node: ast.Call) -> str:
    """`json.loads` for the call of a function; the last name alone for what is called on an expression."""
    function = node.func
    if isinstance(function, ast.Attribute):
        if function.attr in METHODS or not isinstance(function.value, ast.Name):
            return function.attr
        return f"{function.value.id}.{function.attr}"
    return function.id if isinstance(function, ast.Name) else ""


def calls(tree: ast.Module):
    """Every call with the name of the function that it stands in."""

    def walk(node, inside):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                yield called(child), inside, child
            here = child.name if isinstance(child, ast.FunctionDef) else inside
            yield from walk(child, here)

    yield from walk(tree, "")


def readers(path: Path) -> set[str]:
    """Names in a file that are the reader's, or functions of its own, and so are no opening themselves."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in (
            "genkit.system.plain",
            "genkit.data.text.streams",
        ):
            found |= {alias.asname or alias.name for alias in node.names}
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_opened_and_parsed_by_the_reader_alone(path):
    place = str(path.relative_to(ROOT))
    tree, own = ast.parse(path.read_text(encoding="utf-8")), readers(path)
    for name, inside, node in calls(tree):
        bare = isinstance(node.func, ast.Name)
        if bare and name in own:
            continue
        if name.endswith(".open") and name.split(".")[0] not in ("os", "Image", "gzip", "io"):
            name = "open"
        name = {"gzip.open": "open", "io.open": "open"}.get(name, name)
        where = f"{place}:{node.lineno} calls {name} in {inside or 'the module'}"
        assert name not in NOWHERE or (name == "eval" and not bare), where  # (a module's own eval())
        if name in ALLOWED:
            assert {f"{place}:{inside}", f"{place}:*"} & set(ALLOWED[name]), (
                f"{where}: use genkit.system.plain"
            )


def test_what_is_allowed_is_still_there():
    """An entry that nothing needs is an opening that nobody watches."""
    there: dict[str, set[str]] = {}
    for path in FILES:
        place = str(path.relative_to(ROOT))
        for name, inside, _ in calls(ast.parse(path.read_text(encoding="utf-8"))):
            name = "open" if name.endswith("open") and name not in ALLOWED else name
            there.setdefault(name, set()).update({f"{place}:{inside}", f"{place}:*"})
    for name, places in ALLOWED.items():
        assert set(places) <= there.get(name, set()), f"{name}: {set(places) - there.get(name, set())}"


# Rooms whose files name other files.  What is joined to a folder is a word of the code, a name by `inside`,
# or one of these, which are numbers or were held against a pattern before.
NAMING = ("runs/studies.py", "study/", "report/", "runs/manifests.py", "runs/verification.py")
KNOWN = {
    *("f'step-{step}'", "f'step-{steps[-1]}'", "f'{number:04d}.yaml'", "f'{number:04d}.json'"),
    *("f'{name}.svg'", "f'{name}.png'", "f'{manifests.TRAINER}.json'", "manifests.TRAINER"),
    *("f'{arm}.yaml'", "declaration.name"),  # by the patterns of a declaration
    *("which", "str(name)", "name"),  # pointers, steps, and our own folders of a plan
    "f'step-{member.step}'",  # a whole number of a record
    "f'card{suffix}'",  # those of a medium
    "place[0]",  # of a path that was found below the folder
}


def test_a_name_out_of_a_file_is_joined_to_a_folder_by_inside_alone():
    seen = set()
    for path in FILES:
        place = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            joins = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
            number = joins and ast.unparse(node).startswith("float(")
            if not joins or not place.startswith(NAMING) or number or "len(" in ast.unparse(node):
                continue
            said = ast.unparse(node.right)
            word = isinstance(node.right, ast.Constant) or said.split(".")[-1].isupper()
            assert word or said in KNOWN, f"{place}:{node.lineno} joins {said}: use plain.inside"
            seen.add(said)
    assert seen >= KNOWN, f"nothing joins {KNOWN - seen} any more"
