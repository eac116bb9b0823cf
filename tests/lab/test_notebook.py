"""The notebook runs from its first cell to its last, and its plots are drawn."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.paths import ROOT

NOTEBOOK = ROOT / "notebooks" / "train.ipynb"


def read_notebook() -> nbformat.NotebookNode:
    text = NOTEBOOK.read_text()
    notebook: nbformat.NotebookNode = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
    return notebook


def test_the_notebook_is_kept_without_outputs() -> None:
    notebook = read_notebook()
    assert not any(cell.get("outputs") for cell in notebook.cells)


@pytest.mark.slow
@pytest.mark.timeout(900)
# What Jupyter's own libraries warn about is not ours to mend.
@pytest.mark.filterwarnings("ignore")
def test_the_notebook_runs_to_its_end_and_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "STEPS": "40",
        # Two threads wait for each other where another process has one of two cores.
        "OMP_NUM_THREADS": "1",
        "WORK": str(tmp_path / "work"),
        "VIDEOS": "",
        "CONFCODEC": "",
        "JUPYTER_PLATFORM_DIRS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    notebook = read_notebook()
    NotebookClient(notebook, timeout=850, kernel_name="python3").execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    pictures = [out for out in outputs if "image/png" in out.get("data", {})]
    assert len(pictures) == 4, "pictures, curves of the training, samples, comparison"
    texts = [out.get("text", out.get("data", {}).get("text/plain")) for out in outputs]
    text = "".join(map(str, texts))
    assert "CUDA" in text
    assert "BD-rate" in text
