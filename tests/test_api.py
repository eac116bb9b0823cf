"""The public face: what `import confcodec` gives, and that docs/api.md is true."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import confcodec
from confcodec import errors
from tests.codec.test_plugin import path
from tests.paths import ROOT

__all__ = ["path"]  # a fixture
PAGE = (ROOT / "docs/api.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def modules_after(code: str) -> set[str]:
    """What a fresh process has imported after some code."""
    asked = f"{code}; import sys; print(*sys.modules)"
    command = [sys.executable, "-c", asked]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


def test_import_brings_nothing_heavy() -> None:
    there = modules_after("import confcodec")
    assert "confcodec" in there
    heavy = {"torch", "numpy", "asyncio", "argparse", "logging", "confcodec.errors"}
    assert not there & heavy


def test_the_codec_class_comes_without_torch() -> None:
    there = modules_after("from confcodec import *; Codec.load('jpeg')")
    assert "numpy" in there
    assert "torch" not in there


def test_the_loopback_process_is_started_before_anything_heavy_is_imported() -> None:
    there = modules_after("import confcodec.cli, confcodec.call.loopback.child")
    assert "confcodec.call.options.call" in there
    assert not there & {"torch", "numpy", "aiortc", "PIL", "cv2"}


def test_every_public_name_is_there_and_all_errors_are_among_them() -> None:
    for name in confcodec.__all__:
        assert getattr(confcodec, name) is not None
        assert name in dir(confcodec)
    kinds = {n for n, kind in vars(errors).items() if isinstance(kind, type)}
    assert kinds <= set(confcodec.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Kodec'"):
        _ = confcodec.Kodec  # type: ignore[attr-defined]


def test_type_checkers_learn_that_there_are_types() -> None:
    assert (ROOT / "confcodec/py.typed").exists()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == [
        "confcodec"
    ]


def test_every_example_of_the_page_runs(
    path: Path,
) -> None:
    assert len(EXAMPLES) >= 8
    names: dict[str, object] = {}
    own = next(code for code in EXAMPLES if "class Deflate" in code)
    (path / "own.py").write_text(f"import numpy as np\n{own}")
    for code in EXAMPLES:
        exec(compile(code, "docs/api.md", "exec"), names)


def test_the_page_names_everything_public() -> None:
    for name in confcodec.__all__:
        assert f"{name}" in PAGE


def test_the_codecs_of_the_page_are_those_there_are() -> None:
    from confcodec.codec.registry import CHOICES

    line = next(part for part in PAGE.split("\n  - ") if part.startswith("`name`"))
    assert set(re.findall(r"`([a-z0-9-]+)`", line)) - {"name", "imagecodecs"} == set(
        CHOICES
    )
