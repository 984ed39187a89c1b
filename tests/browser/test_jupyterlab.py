"""The lessons in a real JupyterLab in a real browser, as a reader sees them.

With ``CHATLIB_SCREENSHOTS=FOLDER`` in the environment, each lesson is also photographed there, on a
light page and on a dark one.
"""

import asyncio
import contextlib
import html
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import pytest_asyncio
from nbformat.v4 import new_code_cell, new_notebook

from support.browsers import chromium
from support.lessons import NOTEBOOKS, first_line, is_folded, lessons
from support.processes import free_port
from support.waiting import PATIENCE, WHOLE_RUN

LESSONS = lessons()
SCREENSHOTS = os.environ.get("CHATLIB_SCREENSHOTS")
if SCREENSHOTS:
    Path(SCREENSHOTS).mkdir(parents=True, exist_ok=True)

# px, of the window; and in which widths pictures are looked at
WIDTH, HEIGHT = 1280, 1000
WIDTHS = (900, 1200, 1920)
LETTER, LEGIBLE = 12, 9  # px; how high the letters of a picture are, and how high they have to be

SETTINGS = {
    # Else only the cells on the screen are in the page.
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {
        "checkForUpdates": False,
        "doNotDisturbMode": True,
        "fetchNews": "false",
    },
    "@jupyterlab/apputils-extension/themes": {"adaptive-theme": True},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
}

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


class JupyterLab:
    """A JupyterLab with a copy of the lessons, and with nothing of its user's settings."""

    def __init__(self, folder):
        self.notebooks = folder / "notebooks"
        shutil.copytree(NOTEBOOKS, self.notebooks)
        settings = folder / "settings"
        for name, values in SETTINGS.items():
            path = settings / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))
        page = folder / "config" / "labconfig" / "page_config.json"
        page.parent.mkdir(parents=True)
        news = "@jupyterlab/apputils-extension:announcements"
        page.write_text(json.dumps({"disabledExtensions": {news: True}}))
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.token = secrets.token_hex()
        self._log = folder / "log"
        command = [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={self._port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.root_dir={self.notebooks}",
            f"--IdentityProvider.token={self.token}",
            "--LabApp.expose_app_in_browser=True",
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--allow-root")
        places = {
            "JUPYTER_CONFIG_DIR": folder / "config",
            "JUPYTER_DATA_DIR": folder / "data",
            "JUPYTER_RUNTIME_DIR": folder / "runtime",
            "JUPYTERLAB_SETTINGS_DIR": settings,
            "JUPYTERLAB_WORKSPACES_DIR": folder / "workspaces",
            "IPYTHONDIR": folder / "ipython",
        }
        environment = os.environ | {name: str(place) for name, place in places.items()}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    async def started(self):
        async with asyncio.timeout(WHOLE_RUN):
            while True:
                assert self._process.poll() is None, self._log.read_text()
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self._port)
                    writer.close()
                    await writer.wait_closed()
                    return
                await asyncio.sleep(0.05)

    async def open(self, browser, **options):
        """Return a page of a browser with room for a notebook, as on a small screen."""
        page = await browser.new_page(**options)
        page.set_default_timeout(WHOLE_RUN * 1000)
        await page.goto(f"{self.url}/lab?token={self.token}")
        await page.wait_for_function("window.jupyterapp")
        await page.evaluate("window.jupyterapp.restored")
        await page.evaluate("window.jupyterapp.shell.collapseLeft()")
        return page

    def stop(self):
        # It ends its kernels as well, for which it may take its time.
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(PATIENCE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def jupyterlab(tmp_path_factory):
    pytest.importorskip("jupyterlab")
    lab = JupyterLab(tmp_path_factory.mktemp("jupyterlab"))
    try:
        await lab.started()
        yield lab
    finally:
        lab.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page(jupyterlab):
    async with chromium() as browser:
        yield await jupyterlab.open(browser, viewport={"width": WIDTH, "height": HEIGHT})


class Notebook:
    """A notebook that is open in the browser."""

    def __init__(self, page):
        self.page = page

    async def do(self, script, argument=None):
        """Run a function of JavaScript that is given the notebook's panel and JupyterLab."""
        return await asyncio.wait_for(
            self.page.evaluate(
                f"(argument) => ({script})(window.panel, window.jupyterapp, argument)", argument
            ),
            WHOLE_RUN,
        )

    async def open(self, name):
        await self.do(
            """async (_, app, path) => {
                const panel = await app.commands.execute(
                    "docmanager:open", {path, factory: "Notebook"});
                window.panel = panel;
                await panel.context.ready;
                await panel.revealed;
                await panel.sessionContext.ready;
            }""",
            name,
        )

    async def close(self):
        await self.do(
            """async (panel) => {
                await panel.sessionContext.shutdown();
                panel.dispose();
            }"""
        )

    async def run_all(self):
        await self.do("(_, app) => app.commands.execute('notebook:run-all-cells')")
        # The command may end before the cells do. A cell has its number when it has ended.
        await self.page.wait_for_function(
            """() => [...window.panel.node.querySelectorAll(".jp-CodeCell")].every((cell) =>
                /\\d/.test(cell.querySelector(".jp-InputPrompt").innerText)
                && [...cell.querySelectorAll(".jp-OutputArea-output img")].every(
                    (picture) => picture.complete))"""
        )

    async def folds(self):
        """Return what is shown in place of the outputs of each code cell, if they are folded."""
        return await self.do(
            """(panel) => panel.content.widgets.filter((cell) => cell.model.type == "code").map(
                (cell) => cell.outputHidden
                    ? cell.node.querySelector(".jp-OutputPlaceholder").innerText.trim() : null)"""
        )

    async def forget_outputs(self):
        # The command for it would unfold them.
        await self.do(
            """(panel) => panel.content.widgets.filter((cell) => cell.model.type == "code").forEach(
                (cell) => cell.model.outputs.clear())"""
        )

    async def dialogs(self):
        return await self.page.locator(".jp-Dialog").all_inner_texts()

    async def cells(self):
        """Return the prompt, the texts and the pictures of each code cell, as in the page."""
        return await self.do(
            """(panel) => [...panel.node.querySelectorAll(".jp-CodeCell")].map((cell) => {
                const outputs = [...cell.querySelectorAll(".jp-OutputArea-output")];
                return {
                    prompt: cell.querySelector(".jp-InputPrompt").innerText,
                    texts: outputs.map((one) => one.innerText.trim()).filter(Boolean),
                };
            })"""
        )

    async def pictures(self):
        """Return the words of each picture in the page, its scale, and what is wrong with it."""
        return await self.do(
            """(panel) => {
                const page = panel.node.getBoundingClientRect();
                const outputs = [...panel.node.querySelectorAll(".jp-OutputArea-output")];
                const pictures = outputs.flatMap((one) => [...one.querySelectorAll("img, svg")]);
                return pictures.map((picture) => {
                    const area = picture.closest(".jp-OutputArea-output").getBoundingClientRect();
                    const box = picture.getBoundingClientRect();
                    const wrong = {
                        "not drawn": !picture.naturalWidth || !box.width || !box.height,
                        "out of its output": box.left < area.left || box.right > area.right
                            || box.top < area.top || box.bottom > area.bottom,
                        "out of the window": box.left < page.left || box.right > page.right
                            || box.right > window.innerWidth,
                    };
                    return {
                        words: picture.alt,
                        scale: box.width / picture.naturalWidth,
                        wrong: Object.keys(wrong).filter((what) => wrong[what]),
                    };
                });
            }"""
        )

    async def looks(self):
        """Look at the page in several widths, with the file browser open, in both schemes.

        Yields:
            The width, and the name of the scheme.
        """
        await self.do("(_, app) => { app.shell.expandLeft(); }")
        for width in WIDTHS:
            await self.page.set_viewport_size({"width": width, "height": HEIGHT})
            for scheme in ("light", "dark"):
                await self.scheme(scheme)
                yield width, scheme
        await self.scheme("light")
        await self.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        await self.do("(_, app) => { app.shell.collapseLeft(); }")

    async def scheme(self, scheme):
        await self.page.emulate_media(color_scheme=scheme)
        theme = "true" if scheme == "light" else "false"
        await self.page.wait_for_selector(f"body[data-jp-theme-light='{theme}']", state="attached")
        await self.page.wait_for_selector("#jupyterlab-splash", state="detached")

    async def unfold(self):
        await self.do("(_, app) => app.commands.execute('notebook:show-all-cell-outputs')")
        await self.page.wait_for_function(
            """() => [...window.panel.node.querySelectorAll(".jp-OutputArea img")].every(
                (picture) => picture.complete)"""
        )

    async def photograph(self, name):
        for scheme in ("light", "dark"):
            await self.scheme(scheme)
            for part in range(100):
                at_the_end = await self.do(
                    """(panel, _, part) => {
                        const all = panel.node.querySelector(".jp-WindowedPanel-outer");
                        all.scrollTop = part * (all.clientHeight - 100);
                        return all.scrollTop + all.clientHeight >= all.scrollHeight - 1;
                    }""",
                    part,
                )
                photograph = await self.page.screenshot()
                (Path(SCREENSHOTS) / f"{name}_{scheme}_{part:02}.png").write_bytes(photograph)
                if at_the_end:
                    break
        await self.scheme("light")

    async def photograph_widest(self, name):
        """Take a photograph of the page with its widest picture in the middle."""
        await self.do(
            """(panel) => [...panel.node.querySelectorAll(".jp-OutputArea-output img")]
                .reduce((one, other) => other.naturalWidth > one.naturalWidth ? other : one)
                .scrollIntoView({block: "center"})"""
        )
        photograph = await self.page.screenshot()
        (Path(SCREENSHOTS) / f"{name}.png").write_bytes(photograph)


@pytest_asyncio.fixture(loop_scope="module")
async def notebook(page):
    notebook = Notebook(page)
    yield notebook
    await notebook.close()


def texts_of(cell):
    """Return the texts that a cell's outputs have in the file, but not those of pictures."""
    texts = []
    for output in cell.outputs:
        if output.output_type == "stream":
            texts.append(output.text)
        elif output.output_type == "error":
            texts.append("\n".join(output.traceback))
        elif table := table_of(output):
            texts.append(html.unescape(re.sub(r"<[^>]*>", " ", table)))
        elif not pictures_of(output):
            texts.append(output.data["text/plain"])
    return [re.sub(r"\x1b\[[\d;]*m", "", text).strip() for text in texts if text.strip()]


def pictures_of(output):
    """Return the HTML of the picture that an output is, if it is one."""
    return [text for text in [html_of(output)] if "<img" in text]


def table_of(output):
    """Return the HTML of the table or the paragraph that an output is, if it is one."""
    return "" if pictures_of(output) else html_of(output)


def html_of(output):
    return output.get("data", {}).get("text/html", "")


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
async def test_run_all_shows_what_is_committed_under_each_cell(notebook, path):
    committed = [
        cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"
    ]
    await notebook.open(path.name)
    assert await notebook.dialogs() == []  # such as "Select Kernel"
    if SCREENSHOTS:
        await notebook.photograph(f"{path.stem}_folded")
    folds = [is_folded(cell) for cell in committed]
    assert any(folds)
    shown = await notebook.folds()
    assert [text is not None for text in shown] == folds
    for text, cell in zip(shown, committed, strict=True):
        if text and cell.outputs[0].output_type != "error":
            assert text.split() == first_line(cell.outputs[0]).split()
    await notebook.forget_outputs()
    assert [text is not None for text in await notebook.folds()] == folds
    await notebook.run_all()
    assert await notebook.dialogs() == []
    assert set(await notebook.folds()) == {None}
    shown = await notebook.cells()
    if SCREENSHOTS:
        await notebook.photograph(path.stem)
    assert [cell["prompt"] for cell in shown] == [f"[{n + 1}]:" for n in range(len(committed))]
    for cell, reference in zip(shown, committed, strict=True):
        # The page has what was printed before a picture and after it apart, the file together.
        found, wanted = "\n".join(cell["texts"]), "\n".join(texts_of(reference))
        if any(map(table_of, reference.outputs)):  # the page has tabs and the like between cells
            found, wanted = found.split(), wanted.split()
        assert found == wanted, reference.source
    await see_that_pictures_are_whole(notebook, committed, f"{path.stem}_trusted")


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
async def test_the_pictures_of_a_notebook_that_is_not_trusted_are_there(notebook, path):
    committed = [
        cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"
    ]
    await notebook.open(path.name)
    assert not await notebook.do(
        "(panel) => panel.content.widgets.some((one) => one.model.trusted)"
    )
    await notebook.unfold()
    await see_that_pictures_are_whole(notebook, committed, f"{path.stem}_not_trusted")


async def see_that_pictures_are_whole(notebook, committed, name):
    """Look at every picture in every window, and compare its words with those in the file."""
    found = [
        picture for cell in committed for output in cell.outputs for picture in pictures_of(output)
    ]
    words = [html.unescape(re.search('alt="(.*?)"', one, re.DOTALL)[1]) for one in found]
    assert all(words)
    async for width, scheme in notebook.looks():
        pictures = await notebook.pictures()
        if SCREENSHOTS:
            await notebook.photograph_widest(f"{name}_{width}_{scheme}")
        assert [picture["words"] for picture in pictures] == words
        for picture in pictures:
            assert picture["wrong"] == [], (width, scheme, picture)
            assert picture["scale"] * LETTER >= LEGIBLE, (width, scheme, picture)


WAITS = """
import asyncio
import threading
import socketio
from chatlib.lab import Lab

io = socketio.AsyncServer(async_mode="aiohttp")
io.on("fine", lambda sid: "fine")

@io.on("slow")
async def slow(sid):
    await asyncio.Event().wait()

@io.on("endless")
def endless(sid):
    while True:
        pass

lab = await Lab.open(io, timeout=300)
alice, bob = await lab.join("alice", "bob")
"""


@pytest.mark.parametrize(
    ("event", "error"), [("slow", "CancelledError"), ("endless", "BlockedLoopError")]
)
async def test_the_interrupt_button_stops_a_cell_that_waits(jupyterlab, notebook, event, error):
    sources = [
        WAITS,
        f"threading.Timer(0.5, print, ['waiting']).start()\nawait alice.call('{event}')",
        "print(await bob.call('fine'))",
    ]
    made_up = new_notebook(cells=[new_code_cell(source) for source in sources])
    made_up.metadata = nbformat.read(LESSONS[0], as_version=4).metadata
    nbformat.write(made_up, jupyterlab.notebooks / f"{event}.ipynb")
    await notebook.open(f"{event}.ipynb")
    run = "(panel, app) => { app.commands.execute('notebook:run-cell-and-select-next'); }"
    await notebook.do("(panel) => { panel.id = 'interrupt'; panel.content.activeCellIndex = 0; }")
    await notebook.do(run)
    await notebook.do(run)
    cells = notebook.page.locator("#interrupt .jp-CodeCell")
    await cells.nth(1).locator(".jp-OutputArea-output", has_text="waiting").wait_for()
    await notebook.page.locator(
        "#interrupt .jp-Toolbar-item[data-jp-item-name=interrupt] jp-button"
    ).click()
    await cells.nth(1).locator(".jp-OutputArea-output", has_text=error).wait_for()
    # After an error a kernel drops, for a moment, what it was asked to run next.
    await notebook.page.wait_for_function(
        """() => window.panel.sessionContext.session.kernel.status == "idle"
            && /2/.test(window.panel.node.querySelectorAll(".jp-InputPrompt")[1].innerText)"""
    )
    await notebook.do(run)
    await cells.nth(2).locator(".jp-OutputArea-output", has_text="fine").wait_for()
    assert await notebook.dialogs() == []
