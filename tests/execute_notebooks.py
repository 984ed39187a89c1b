"""Execute the lessons anew, in place: ``python tests/execute_notebooks.py [NOTEBOOK ...]``.

Run twice, it changes nothing: what differs from run to run, or from one machine to the next, is not
written.
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CELL_TIMEOUT = 20  # seconds


def lessons() -> list[Path]:
    """Return the lessons, in order."""
    return sorted(NOTEBOOKS.glob("*.ipynb"))


def executed(path: Path) -> str:
    """Return a notebook's text with outputs from an execution in a new kernel."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    notebook.metadata = METADATA
    return nbformat.writes(notebook) + "\n"


def main(arguments: list[str]) -> None:
    for path in [Path(argument) for argument in arguments] or lessons():
        text = executed(path)
        print("unchanged" if path.read_text(encoding="utf-8") == text else "changed", path.name)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
