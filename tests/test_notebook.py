"""The notebook of the documentation, executed as a user would: workers, a store, training, a bar in text."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import pytest

import spinlab

NOTEBOOK = Path(__file__).parents[1] / "docs" / "gallery" / "first_steps.ipynb"


@pytest.fixture
def client(tmp_path, monkeypatch):
    """A kernel of this interpreter, which imports this package."""
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    path = os.pathsep.join([str(Path(spinlab.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    kernels = tmp_path / "jupyter" / "kernels" / "python3"
    kernels.mkdir(parents=True)
    argv = f'["{sys.executable}", "-m", "ipykernel_launcher", "-f", "{{connection_file}}"]'
    (kernels / "kernel.json").write_text(f'{{"argv": {argv}, "display_name": "here", "language": "python"}}')
    resources = {"metadata": {"path": str(tmp_path)}}
    return nbclient.NotebookClient(nbformat.read(NOTEBOOK, 4), timeout=300, resources=resources)


def test_the_notebook_runs(client):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the client's own packages
        notebook = client.execute()
    text = "".join(
        output.get("text", "") + str(output.get("data", {}).get("text/plain", ""))
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    )
    assert "Warning" not in text, text  # tqdm has no widgets here, and does not complain
    assert "training: 100%" in text
    assert "120 points of __main__:point that another function of this name computed" in text
    assert 'changed="redo"' in text


def test_the_notebook_is_kept_without_output():
    nbformat = pytest.importorskip("nbformat")
    for cell in nbformat.read(NOTEBOOK, 4).cells:
        assert not cell.get("outputs")
        assert not cell.get("execution_count")
