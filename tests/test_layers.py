"""The layers stay apart: every module's imports against the rules of the design."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "confcodec"
ASYNC = {"asyncio", "aiohttp", "aiortc", "aioice", "uvloop"}
ARRAYS = {"torch", "numpy", "constriction", "cv2", "PIL", "av"}
INPUT_OUTPUT = {"socket", "time", "threading", "subprocess", "os", "pathlib", "random"}

FORBIDDEN = {
    "codec": ASYNC
    | {"confcodec.wire", "confcodec.media", "confcodec.call", "confcodec.lab"},
    "wire": ASYNC
    | ARRAYS
    | INPUT_OUTPUT
    | {"confcodec.codec", "confcodec.media", "confcodec.call", "confcodec.lab"},
    "media": ASYNC
    | {"torch", "constriction", "confcodec.wire", "confcodec.call", "confcodec.lab"},
    "call": {"torch", "constriction", "confcodec.lab"},
    "lab": set(),
}
LABORATORY = {"imagecodecs", "matplotlib", "tensorboard", "bjontegaard", "scipy"}

MODULES = sorted(ROOT.rglob("*.py"))


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


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_nothing_its_layer_may_not_know(path: Path) -> None:
    layer = path.relative_to(ROOT).parts[0]
    used = imports(path)
    assert not used & FORBIDDEN.get(layer, set())
    if layer != "lab":
        # Two of the classic codecs are there only where the extras are.
        extras = LABORATORY - ({"imagecodecs"} if path.name == "classic.py" else set())
        assert not used & extras, "only confcodec/lab needs the extras"
    if layer in ("codec", "lab") and path.name != "entropy.py":
        assert "constriction" not in used, "only entropy imports constriction"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300


KNOWN_CIRCLES = {
    frozenset(f"confcodec.call.{name}" for name in names)
    for names in [("answering", "console", "host", "wishes")]
} | {
    frozenset(f"confcodec.lab.{name}" for name in names)
    for names in [
        ("checkpoint", "run_log", "train", "trainer"),
        ("freeze", "freeze_cae"),
    ]
}
"""Those that there still are; none may be added."""


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
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
    assert circles(import_graph()) <= KNOWN_CIRCLES


def test_a_circle_through_three_modules_would_be_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": set()}
    assert circles(graph) == {frozenset("abc")}
