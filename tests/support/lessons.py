"""The lessons: where they are, and how they are executed."""

import re
from pathlib import Path
from urllib.parse import unquote

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
# The README shows the picture that the cell with this in it draws.
README_PICTURE = NOTEBOOKS / "pictures" / "broadcast.svg"
README_PHOTOGRAPH = NOTEBOOKS / "pictures" / "notebook_and_page.png"
README_LESSON = NOTEBOOKS / "03_broadcast.ipynb"
README_CELL = 'await carol.emit("others"'
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CELL_TIMEOUT = 20  # seconds


def lessons() -> list[Path]:
    """Return the lessons, in order."""
    return sorted(NOTEBOOKS.glob("*.ipynb"))


def executed(path: Path, passes: int = 1) -> list[str]:
    """Return a notebook's text with outputs, after each of several passes in one new kernel."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    texts = []
    with client.setup_kernel():
        for _ in range(passes):
            before = client.code_cells_executed
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)
            _count_from_one(notebook, before)
            notebook.metadata = METADATA
            texts.append(nbformat.writes(notebook) + "\n")
    return texts


def _count_from_one(notebook: nbformat.NotebookNode, before: int) -> None:
    """Take from all execution counts the number of cells that were executed ``before``."""

    def earlier(match: re.Match[str]) -> str:
        return f"In[{int(match[1]) - before}]"

    for cell in notebook.cells:
        for counted in [cell, *cell.get("outputs", [])]:
            if counted.get("execution_count"):
                counted.execution_count -= before
            if "traceback" in counted:
                counted.traceback = [re.sub(r"In\[(\d+)\]", earlier, t) for t in counted.traceback]


def readme_picture() -> str:
    """Return the picture that the README shows, as the lesson has it."""
    notebook = nbformat.read(README_LESSON, as_version=4)
    [cell] = [cell for cell in notebook.cells if README_CELL in cell.source]
    [picture] = [o.data["text/html"] for o in cell.outputs if o.output_type == "display_data"]
    return svg_of(picture)


def svg_of(picture: str) -> str:
    """Return the SVG document in a picture's HTML."""
    found = re.search(r"src='data:image/svg\+xml;charset=utf-8,([^']*)'", picture)
    if not found:
        raise ValueError(f"There is no SVG document in {picture[:80]!r}.")
    return unquote(found[1])


def is_folded(cell):
    return "jupyter" in cell.metadata


def first_line(output):
    """Return what JupyterLab shows of an output that is folded; of a picture, its source."""
    data = output.get("data", {})
    text = output.get("text") or data.get("text/html") or data.get("text/plain") or ""
    return next(filter(None, map(str.rstrip, text.split("\n"))), "")
