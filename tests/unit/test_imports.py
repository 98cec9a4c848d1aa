"""Who may import whom: the arrows of the architecture, read from the code."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import genkit

ROOT = Path(genkit.__file__).parent
GROUND = {"core"}
ALLOWED = {
    "core": set(),
    "nn": set(),
    "config": {"core"},
    "decoding": {"core", "nn"},
    "families": {"core", "nn", "decoding"},
    "data": {"core"},
    "metrics": {"core"},
    "statistics": set(),
    "studies": {"core", "runs"},
    "report": {"core", "naming", "runs", "rows", "statistics", "studies"},
    "study": {
        "studies",
        *("core", "config", "data", "naming", "runs", "rows", "sampling", "training", "evaluation"),
        "statistics",
    },
    "export": {"core", "config", "nn"},
    "runs": {"core"},
    "manifests": {"core"},
    "checkpoints": {"core", "manifests", "runs"},
    "sampling": {"core", "config", "runs", "checkpoints"},
    "foreign": {"core"},
    "verifying": {"core", "foreign", "config", "data", "runs", "manifests"},
    "scoring": {"core", "data", "decoding"},
    "rows": {"core", "runs"},
    "naming": {"core"},
    "evaluation": {
        *("core", "config", "data", "decoding", "metrics", "naming", "runs", "checkpoints", "rows"),
        *("sampling", "scoring"),
    },
    "selecting": {"core", "data", "metrics"},
    "callbacks": {"core", "runs", "boards"},
    "recording": {"core", "runs", "checkpoints"},
    "sessions": {"core", "config", "runs"},
    "slurm": {"core"},
    "ranks": {"core", "runs"},
    "processes": {"core"},
    "findings": set(),
    "known": {"core", "data"},
    "symptoms": {"core", "known"},
    "health": {"core", "runs", "findings", "known", "symptoms"},
    "strict": {"core", "runs", "findings", "health"},
    "histories": {"core", "runs"},
    "boards": {"core", "config", "runs", "histories", "studies"},
    "assembling": {
        *("core", "config", "data", "runs", "checkpoints", "callbacks", "recording", "health", "histories"),
        *("selecting", "known", "strict", "processes", "boards"),
    },
    "memory": {"core", "data", "sampling"},
    "training": {
        *("core", "config", "data", "runs", "checkpoints", "assembling", "recording", "sampling", "export"),
        *("memory", "slurm", "ranks", "strict", "sessions"),
    },
    "explaining": {"core"},
    "verbs": {"core", "explaining"},
    "testing": {"core", "checkpoints"},
    "cli": {
        *("core", "config", "data", "runs", "rows", "sampling", "training", "export", "scoring", "verbs"),
        *("evaluation", "naming", "report", "statistics", "ranks", "study", "slurm", "verifying"),
    },
    "__init__": {"core", "cli", "training", "sampling", "evaluation"},
    "__main__": {"cli"},
}


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


def test_families_do_not_know_each_other():
    for path, here in FILES.items():
        if here == "families":
            assert not {name for name in imports(path) if name.startswith("genkit.families")}, path


def test_there_is_no_circle():
    graph = {here: set() for here in FILES.values()}
    for path, here in FILES.items():
        graph[here] |= {room(name) for name in imports(path)} - {here, "__init__"}
    TopologicalSorter(graph).prepare()


def test_nothing_outside_families_and_registry_names_a_family():
    for path, here in FILES.items():
        if here == "families" or path.name == "registry.py":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        compared = [node for node in ast.walk(tree) if isinstance(node, ast.Compare | ast.Match)]
        for node in compared:
            constants = {c.value for c in ast.walk(node) if isinstance(c, ast.Constant)}
            assert not constants & {"gpt", "dcgan", "vae"}, f"{path}:{node.lineno}"
