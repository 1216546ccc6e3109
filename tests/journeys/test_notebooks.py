"""The notebooks run from the first cell to the last, on a copy of the example."""

import shutil
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="notebooks need the extra 'notebook'")
nbclient = pytest.importorskip("nbclient", reason="notebooks need the extra 'notebook'")

ROOT = Path(__file__).parents[2]
# How many plots a notebook draws at least, where it is not mainly about them.
PLOTS = {"02_write_a_rule.ipynb": 1}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", [path.name for path in sorted((ROOT / "notebooks").glob("*.ipynb"))])
def test_the_notebook_runs_and_draws_its_plots(name, tmp_path):
    shutil.copytree(
        ROOT / "examples" / "month",
        tmp_path / "examples" / "month",
        ignore=shutil.ignore_patterns("runs", "journal.db*"),
    )
    (tmp_path / "notebooks").mkdir()
    notebook = nbformat.read(ROOT / "notebooks" / name, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(tmp_path / "notebooks")}}
    ).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    plots = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(plots) >= PLOTS.get(name, 3)
    assert outputs[-1]["data"]["text/plain"] == "[]", "the seal holds"
