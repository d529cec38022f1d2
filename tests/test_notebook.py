"""Test of the notebook: it runs from the top, and what is committed holds no sounds."""

from __future__ import annotations

from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).resolve().parent.parent / "examples" / "first_steps.ipynb"
LARGEST = 200_000
"""Bytes of the notebook as it is committed."""


def test_the_notebook_is_small():
    assert NOTEBOOK.stat().st_size < LARGEST


@pytest.mark.slow
def test_the_notebook_runs():
    nbformat = pytest.importorskip("nbformat", reason="needs nbclient, of the extra dev")
    nbclient = pytest.importorskip("nbclient", reason="needs nbclient, of the extra dev")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    place = {"metadata": {"path": str(NOTEBOOK.parent)}}
    nbclient.NotebookClient(notebook, timeout=120, resources=place).execute()
    same = [cell for cell in notebook.cells if "array_equal" in cell.source]
    assert same[0].outputs[0]["data"]["text/plain"] == "True"
