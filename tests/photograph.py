"""Take the README's picture of a notebook and a page side by side: ``python tests/photograph.py``.

Both are live: the notebook in JupyterLab, the page at the notebook's own server.
"""

import asyncio
import base64
import os
import re
import tempfile
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from browser.test_jupyterlab import JupyterLab, Notebook
from chatlib.client_script import VARIABLE
from support import npm
from support.browsers import chromium
from support.chat_pages import ChatPage
from support.lessons import METADATA, README_PHOTOGRAPH
from support.waiting import WHOLE_RUN

OPEN = """
from chatlib import ChatServer
from chatlib.lab import Lab

lab = await Lab.open(ChatServer().io)
alice, bob = [await lab.join(name, auth={"name": name}) for name in ("alice", "bob")]
lab.url  # open it in a browser
"""
FORGET = """
await lab.clear()  # Dave has joined
"""
ANSWER = """
await alice.emit("message", {"text": "Welcome, Dave!", "others": True})
await lab.show()
"""
NOTEBOOK, PHONE = {"width": 860, "height": 815}, {"width": 340, "height": 815}
SHARPNESS = 1.5  # pixels of the photograph for one of the page
SIDE_BY_SIDE = """
<body style="margin: 0; display: inline-flex; gap: 16px; background: #e4e7ec; padding: 16px">
{}
</body>
"""
IMAGE = '<img src="data:image/png;base64,{}" style="border-radius: 6px; width: {}px">'


async def main():
    """Photograph them, and return the picture."""
    npm.node()
    os.environ[VARIABLE] = str(npm.PACKAGES / "socket.io-client" / "dist")
    with tempfile.TemporaryDirectory() as folder:
        jupyterlab = JupyterLab(Path(folder))
        try:
            await jupyterlab.started()
            async with chromium() as browser:
                return await photograph(browser, jupyterlab)
        finally:
            jupyterlab.stop()


async def photograph(browser, jupyterlab):
    """Photograph a notebook and a page while they chat."""
    cells = [new_code_cell(source.strip()) for source in (OPEN, FORGET, ANSWER)]
    nbformat.write(
        new_notebook(cells=cells, metadata=METADATA), jupyterlab.notebooks / "chat.ipynb"
    )
    context = await browser.new_context(viewport=NOTEBOOK, device_scale_factor=SHARPNESS)
    page = await jupyterlab.open(context)
    notebook = Notebook(page)
    await notebook.open("chat.ipynb")
    run = "(panel, app) => app.commands.execute('notebook:run-cell-and-select-next')"
    await notebook.do(run)
    [shown] = (await notebook.cells())[0]["texts"]
    phone = await browser.new_context(viewport=PHONE, device_scale_factor=SHARPNESS)
    tab = await ChatPage.open(phone, re.search(r"http:[^']*", shown)[0])
    await tab.join("dave")
    await notebook.do(run)
    await tab.say("Hello from a browser!")
    await tab.hears("Hello from a browser!")
    await notebook.do(run)
    await tab.hears("Welcome, Dave!")
    both = [
        (await page.locator(".jp-NotebookPanel").screenshot(), NOTEBOOK),
        (await tab.page.screenshot(), PHONE),
    ]
    images = (IMAGE.format(base64.b64encode(png).decode(), size["width"]) for png, size in both)
    frame = await (await browser.new_context(device_scale_factor=SHARPNESS)).new_page()
    await frame.set_content(SIDE_BY_SIDE.format("".join(images)))
    return await frame.locator("body").screenshot()


if __name__ == "__main__":
    README_PHOTOGRAPH.write_bytes(asyncio.run(asyncio.wait_for(main(), WHOLE_RUN)))
