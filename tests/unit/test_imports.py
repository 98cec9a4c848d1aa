"""Who may import whom, and that no two things share a name: the rooms of the house, read from the code."""

import ast
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import genkit
from genkit.cli.commands import BUILT_IN, HIDDEN

ROOT = Path(genkit.__file__).parent
# Each room, and the rooms that it may import.
ALLOWED = {
    "system": set(),
    "nn": set(),
    "statistics": set(),
    "core": {"system"},
    "generation": {"core", "nn"},
    "interop": {"core", "nn", "system"},
    "families": {"core", "nn", "generation", "system"},
    "data": {"core", "system"},
    "metrics": {"core", "nn", "system"},  # nn: the distance of spectra by which models are trained, too
    "config": {"core", "data", "families", "interop", "system"},  # data: the knobs of datasets
    "runs": {"config", "core", "data", "system"},  # data: whether packed folders are as they were
    "inference": {"families", "runs", "data", "generation", "config", "core", "nn", "system"},
    "diagnostics": {"runs", "data", "core", "system"},  # data: the examples that samples may be copies of
    "training": {  # nn: whose products layers are
        *("inference", "diagnostics", "metrics", "data", "runs", "interop", "config", "core", "nn", "system"),
    },
    "evaluation": {"inference", "metrics", "data", "runs", "generation", "config", "core", "system"},
    "study": {
        *("training", "evaluation", "inference", "families", "metrics", "data", "runs", "config", "core"),
        "system",
    },
    "report": {"runs", "metrics", "statistics", "config", "core", "system"},
    "testing": {"runs", "core", "system"},
    "cli": {
        *("study", "report", "training", "evaluation", "inference", "interop", "statistics", "metrics"),
        *("families", "data", "runs", "config", "core", "system"),
    },
    "app": {"cli", "inference", "runs", "core", "system"},
    "library": {
        *("cli", "training", "evaluation", "study", "report", "inference", "families", "data", "runs"),
        *("statistics", "config", "core", "system"),
    },
    "__init__": {"library", "metrics", "core", "system"},
    "__main__": {"cli"},
}
# What is asked before anything heavy is imported.
WITHOUT_TORCH = (
    *("system/errors.py", "runs/__init__.py", "families/__init__.py", "config/", "report/"),
    *("cli/__init__.py", "library/", "core/knobs.py", "data/dataset_knobs.py"),
    *("data/example_knobs.py", "data/clip_knobs.py", "data/text_knobs.py", "data/pair_knobs.py"),
    "core/representations/",
    *("families/gpt_knobs.py", "families/dcgan_knobs.py", "families/vae_knobs.py"),
    *("families/codes_knobs.py", "families/flow_knobs.py"),
    *(
        "interop/architecture.py",
        "interop/architectures.py",
        "interop/pretrained.py",
        "interop/model_json.py",
    ),
    *("interop/rotary_json.py", "interop/gated_decoder.py", "interop/tokenizer_json.py"),
    *("interop/gpt", "interop/llama.py", "interop/mistral.py", "interop/qwen", "nn/transformer_config.py"),
)
LONGEST = 350  # lines of a file
COMMANDS = (*BUILT_IN, *HIDDEN)


def imports(path: Path) -> set[str]:
    """Full names of our modules that a file imports anywhere, functions and type checks included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] == "genkit"}


def room(name: str) -> str:
    """The room of a module: its folder below genkit, or its own name."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ALLOWED else "__init__"


FILES = {path: path.relative_to(ROOT).parts[0].removesuffix(".py") for path in ROOT.rglob("*.py")}


def test_every_room_is_known_and_every_arrow_is_allowed():
    wrong = []
    for path, here in FILES.items():
        assert here in ALLOWED, f"{path}: a new room needs its arrows in this test"
        for name in imports(path):
            there = room(name)
            if there not in {here, "__init__"} and there not in ALLOWED[here]:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong


def test_every_arrow_that_is_allowed_is_used():
    used = defaultdict(set)
    for path, here in FILES.items():
        used[here] |= {room(name) for name in imports(path)}
    assert {here: rooms - used[here] for here, rooms in ALLOWED.items() if rooms - used[here]} == {}


def test_families_do_not_know_each_other():
    for path, here in FILES.items():
        if here == "families" and path.name != "__init__.py":
            assert not {name for name in imports(path) if name.startswith("genkit.families")}, path


def test_there_is_no_circle():
    graph = {here: set() for here in FILES.values()}
    for path, here in FILES.items():
        graph[here] |= {room(name) for name in imports(path)} - {here, "__init__"}
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("place", WITHOUT_TORCH)
def test_what_is_asked_first_imports_no_torch(place):
    paths = [path for path in FILES if str(path.relative_to(ROOT)).startswith(place)]
    assert paths
    for path in paths:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:  # what a function imports, it imports when it is called
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            heavy = {name.split(".")[0] for name in names} & {"torch", "torchvision", "pytorch_lightning"}
            assert not heavy, f"{path}:{node.lineno}"


def test_nothing_outside_families_names_a_family():
    for path, here in FILES.items():
        if here == "families":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        compared = [node for node in ast.walk(tree) if isinstance(node, ast.Compare | ast.Match)]
        for node in compared:
            constants = {c.value for c in ast.walk(node) if isinstance(c, ast.Constant)}
            assert not constants & {"gpt", "dcgan", "vae", "codes", "flow"}, f"{path}:{node.lineno}"


def test_what_lightning_does_not_promise_is_known_to_one_file():
    inside = ("_lightning_optimizers", "_signal_connector", "_batches_that_stepped", "fit_loop")
    texts = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in FILES}
    knowing = {name for name, text in texts.items() if any(word in text for word in inside)}
    assert knowing == {"training/lightning.py"}


def test_no_two_files_share_a_name():
    """But for a command of the command line, whose file is called as the command."""
    places = defaultdict(list)
    for path, here in FILES.items():
        if path.stem not in ("__init__", "__main__") and not (here == "cli" and path.stem in COMMANDS):
            places[path.stem].append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_no_two_classes_share_a_name():
    places = defaultdict(list)
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_what_a_package_offers_is_not_hidden_by_a_module_of_its_own():
    """To import a module sets its name in the package, over whatever had it before."""
    for path in FILES:
        if path.name != "__init__.py":
            continue
        below = {entry.stem for entry in path.parent.iterdir() if not entry.name.startswith("__")}
        offered = set()
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                offered.add(node.name)
            elif isinstance(node, ast.ImportFrom):
                offered |= {alias.asname or alias.name for alias in node.names}
        assert not offered & below, path


def test_no_file_is_a_drawer():
    lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in FILES}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}
