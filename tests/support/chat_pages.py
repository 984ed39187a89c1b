"""The page of the chat in a browser, by what people see of it."""

from support.waiting import TIMEOUT


class ChatPage:
    """A tab with the chat.

    Attributes:
        page: Playwright's page.
        problems: What the browser complained of, such as a policy that is not kept.
    """

    def __init__(self, page):
        self.page = page
        self.problems = []
        page.set_default_timeout(TIMEOUT * 1000)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", self._note)

    def _note(self, message):
        if message.type == "error" and not _asks_once_more(message):
            self.problems.append(message.text)

    @classmethod
    async def open(cls, context, url):
        """Open a tab."""
        tab = cls(await context.new_page())
        await tab.page.goto(url)
        return tab

    async def join(self, name, passcode=None):
        await self.page.fill("#name", name)
        if passcode:
            if not await self.page.is_visible("#passcode"):  # it is asked for, first
                await self.page.click("#join button")
            await self.page.fill("#passcode", passcode)
        await self.page.click("#join button")
        await self.page.wait_for_selector("#state.connected")

    async def enter(self, room):
        """Join a room, wait until the server has let this tab in, and write to it from now on."""
        await self.page.fill("#room", room)
        await self.page.press("#room", "Enter")
        here = self.page.locator("#rooms button[aria-busy=false]")
        await here.get_by_text(f"Leave {room}", exact=True).wait_for()

    async def write_to(self, name):
        """Choose whom to write to: ``Everyone``, ``Room tea``, ``Only Bob``."""
        await self.page.select_option("#to", label=name)

    async def say(self, text):
        await self.page.fill("#text", text)
        await self.page.press("#text", "Enter")

    async def hears(self, text):
        """Wait until a message is shown."""
        await self.page.locator("#log .text").get_by_text(text, exact=True).wait_for()

    async def sees(self, text):
        """Wait until this is shown anywhere."""
        await self.page.get_by_text(text).first.wait_for()

    async def said(self):
        """Return all messages, from the top to the bottom."""
        return await self.page.locator("#log .text").all_inner_texts()


def _asks_once_more(message):
    # Whoever leaves while it polls may have asked already for more of a session that has ended.
    return "/socket.io/?" in message.location["url"] and "status of 400" in message.text
