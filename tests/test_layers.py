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
