"""The layers stay apart: every module's imports against the rules of the design."""

import ast
from pathlib import Path

import pytest

from tests.paths import ROOT

PACKAGE = ROOT / "confcodec"
ASYNC = {"asyncio", "aiohttp", "aiortc", "aioice", "uvloop"}
ARRAYS = {"torch", "numpy", "constriction", "cv2", "PIL", "av"}
INPUT_OUTPUT = {"socket", "time", "threading", "subprocess", "os", "pathlib", "random"}
NETWORKS = {"torch", "constriction"}

LAYERS = {
    "machine": ASYNC | ARRAYS,
    "codec": ASYNC,
    "wire": ASYNC | ARRAYS | INPUT_OUTPUT,
    "media": ASYNC | NETWORKS,
    "files": ASYNC | NETWORKS,
    "transport": ARRAYS,
    "rooms": ARRAYS,
    "call": NETWORKS,
    "server": NETWORKS,
    "lab": set[str](),
}
"""The folders, each with the libraries that it may not know. One imports those above it alone."""
APART = {"wire": {"machine", "codec"}, "transport": {"codec", "media", "files"}}
APART["rooms"] = APART["transport"]
"""Folders that know nothing of some above them: the network knows bytes alone."""
BELOW = {"errors", "shipped_files"}
"""Modules beside the folders that any may import."""
ABOVE = {"__init__", "__main__", "cli", "verbs"}
"""Modules beside the folders that join them."""
MOST_MODULES = 16
"""In a folder, its `__init__` counted."""
LABORATORY = {"imagecodecs", "matplotlib", "tensorboard", "bjontegaard", "scipy"}

MODULES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Every module a file imports, each with its parents."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            found |= {".".join(parts[: i + 1]) for i in range(len(parts))}
    return found


def forbidden(layer: str) -> set[str]:
    """What modules of a folder may not import, ours and others'."""
    order = list(LAYERS)
    ours = set(order[order.index(layer) + 1 :]) | APART.get(layer, set()) | ABOVE
    return LAYERS[layer] | {f"confcodec.{name}" for name in ours - {"__init__"}}


@pytest.mark.parametrize(
    "path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_a_module_imports_nothing_its_layer_may_not_know(path: Path) -> None:
    place = path.relative_to(PACKAGE).parts
    used = imports(path)
    if len(place) > 1:
        assert not used & forbidden(place[0])
    else:
        assert path.stem in BELOW | ABOVE, "give a new module a folder, or a rule"
        above = {f"confcodec.{name}" for name in (*LAYERS, *ABOVE)}
        assert path.stem in ABOVE or not used & above
    if place[0] != "lab":
        # Two of the classic codecs are there only where the extras are.
        extras = LABORATORY - ({"imagecodecs"} if "classic" in place else set())
        assert not used & extras, "only confcodec/lab needs the extras"
    if place[0] in ("codec", "lab") and path.name != "entropy.py":
        assert "constriction" not in used, "only entropy imports constriction"


def test_every_folder_is_a_layer_and_none_is_crowded() -> None:
    folders = {path.parent for path in MODULES}
    layers = {f.relative_to(PACKAGE).parts[0] for f in folders if f != PACKAGE}
    assert layers == set(LAYERS)
    for folder in folders:
        modules = sorted(path.name for path in folder.glob("*.py"))
        assert len(modules) <= MOST_MODULES, f"{folder.name} holds {modules}"


@pytest.mark.parametrize(
    "path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_a_module_is_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def import_graph() -> dict[str, set[str]]:
    """Which modules each imports itself, in functions and for types too; no parents."""
    named = {module_name(path): path for path in MODULES}
    graph: dict[str, set[str]] = {}
    for name, path in named.items():
        wanted: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                wanted |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                full = {
                    alias.name: f"{node.module}.{alias.name}" for alias in node.names
                }
                wanted |= {f if f in named else node.module for f in full.values()}
        graph[name] = (wanted & named.keys()) - {name}
    return graph


def circles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """Its strongly connected components of two modules or more (Tarjan, 1972)."""
    found: set[frozenset[str]] = set()
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    path: list[str] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        path.append(name)
        for other in graph[name]:
            if other not in order:
                visit(other)
            if other in path:
                low[name] = min(low[name], low[other])
        if low[name] == order[name]:
            component = frozenset(path[path.index(name) :])
            del path[path.index(name) :]
            if len(component) > 1:
                found.add(component)

    for name in graph:
        if name not in order:
            visit(name)
    return found


def test_no_imports_run_in_a_circle() -> None:
    assert circles(import_graph()) == set()


def test_a_circle_through_three_modules_would_be_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": set()}
    assert circles(graph) == {frozenset("abc")}
