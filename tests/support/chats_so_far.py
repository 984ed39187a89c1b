"""The chat that grows from lesson to lesson, and how it is run as a program of its own."""

import re
import sys

import nbformat

from support.lessons import lessons
from support.processes import Process, free_port

HEADING = "## The chat so far"
LAST_LINE = re.compile(r"`(web\.run_app\(app, host=\"localhost\", port=(\d+)\))`")
LESSONS = ["01", "02", "03", "04", "05"]


def chat_so_far(number):
    """Return the cell of a lesson, and the line that its text adds to make a program of it."""
    [path] = [path for path in lessons() if path.name.startswith(number)]
    cells = nbformat.read(path, as_version=4).cells
    [place] = [n for n, cell in enumerate(cells) if cell.source.startswith(HEADING)]
    text, cell = cells[place : place + 2]
    assert cell.cell_type == "code"
    assert "chat.py" in text.source
    return cell.source, LAST_LINE.search(text.source)


class Program(Process):
    """A lesson's chat, running as its text says, but on a free port."""

    def __init__(self, number, folder):
        port = free_port()
        source, last = chat_so_far(number)
        program = f"{source}\n{last[1].replace(last[2], str(port))}\n"
        folder.joinpath("chat.py").write_text(program, encoding="utf-8")
        self.url = f"http://127.0.0.1:{port}"
        super().__init__([sys.executable, "-u", "chat.py"], folder)

    async def started(self):
        await self.printed("Running on")
